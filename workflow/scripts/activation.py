"""Activation times of one patient in all scenarios."""

from einthoven.config.activation import Activation
from einthoven.config.scenarios import read_scenario
from einthoven.electrophysiology.scenarios import activate
from einthoven.electrophysiology.scenarios.kinds import scenario_of
from einthoven.patient.patient import Patient
from einthoven.run.job import run


def main(input, output, params, log):
    patient = Patient.of_files(
        mesh=input.mesh, fibers=input.fibers, purkinje=input.purkinje, anatomy=input.anatomy
    )
    config = Activation.model_validate(params.section)
    for name, path in zip(params.scenarios, output, strict=True):
        scenario = scenario_of(name, read_scenario(params.definitions[name]))
        activation = activate(patient, scenario, config)
        activation.save(path)
        log.info("%s: last activation at %.1f ms", name, activation.total_ms)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

"""Activation times of one patient in all scenarios."""

from einthoven.config.models import Activation
from einthoven.electrophysiology.scenarios import activate
from einthoven.patient.patient import Patient
from einthoven.run.job import run


def main(input, output, params, log):
    patient = Patient.of_files(mesh=input.mesh, fibers=input.fibers, purkinje=input.purkinje)
    config = Activation.model_validate(params.section)
    for scenario, path in zip(params.scenarios, output, strict=True):
        activation = activate(patient, scenario, config)
        activation.save(path)
        log.info("%s: last activation at %.1f ms", scenario, activation.total_ms)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

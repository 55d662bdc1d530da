"""Activation times of one patient in all scenarios."""

from einthoven.app.run.job import run
from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.scenarios import read_scenario
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.scenarios.kinds import scenario_of


def main(input, output, params, log):
    used = ("mesh", "fibers", "purkinje", "anatomy", "substrate", "beat")
    stages = {k: getattr(input, k) for k in used}
    patient = Patient.of_files(**stages)
    config = ActivationSettings.model_validate(params.section)
    for name, path in zip(params.scenarios, output, strict=True):
        scenario = scenario_of(name, read_scenario(params.definitions[name]))
        activation = activate(patient, scenario, config)
        activation.save(path)
        log.info("%s: last activation at %.1f ms", name, activation.total_ms)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

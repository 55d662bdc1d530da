"""Activation times of one patient in one scenario."""

from einthoven.config.models import Activation
from einthoven.electrophysiology.scenarios import activate
from einthoven.patient.patient import Patient
from einthoven.run.job import run


def main(input, output, params, log):
    patient = Patient.of_files(mesh=input.mesh, fibers=input.fibers, purkinje=input.purkinje)
    activation = activate(patient, params.scenario, Activation.model_validate(params.section))
    activation.save(output[0])
    log.info("%s: last activation at %.1f ms", params.scenario, activation.total_ms)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

"""Surfaces, electrodes and pose of one patient."""

from einthoven.anatomy.body import build_anatomy
from einthoven.config.models import Anatomy
from einthoven.patient.parameters import PatientParameters
from einthoven.run.job import run


def main(input, output, params, log):
    parameters = PatientParameters.load(input.cohort)
    anatomy = build_anatomy(parameters, Anatomy.model_validate(params.section))
    anatomy.save(output[0])
    log.info("%d faces", len(anatomy.faces))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

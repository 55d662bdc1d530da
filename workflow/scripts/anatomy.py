"""Surfaces, electrodes and pose of one patient."""

from einthoven.app.run.job import run
from einthoven.base.config.augmentation import AugmentationSettings
from einthoven.base.config.models import AnatomySettings
from einthoven.body.anatomy.body import build_anatomy
from einthoven.data.patient.parameters import PatientParameters


def main(input, output, params, log):
    parameters = PatientParameters.load(input.cohort)
    config = AnatomySettings.model_validate(params.section)
    anatomy = build_anatomy(
        parameters, config, AugmentationSettings.model_validate(params.augmentation)
    )
    anatomy.save(output[0])
    log.info("%d faces", len(anatomy.faces))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

"""Points around the surfaces of one patient with their signed distances."""

from einthoven.app.run.job import run
from einthoven.base.config.models import SdfSampleSettings
from einthoven.data.patient.anatomy import Anatomy
from einthoven.learning.samples.sdf import sdf_samples


def main(input, output, params, log):
    anatomy, config = Anatomy.load(input.anatomy), SdfSampleSettings.model_validate(params.section)
    samples = sdf_samples(anatomy, config)
    samples.save(output[0])
    log.info("%d samples", len(samples.sdf))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

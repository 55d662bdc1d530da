"""Surfaces of further anatomies for the encoder, as samples of their signed distances."""

from einthoven.app.run.job import run
from einthoven.base.config.models import AnatomySettings, CohortSettings, SdfSampleSettings
from einthoven.base.core.files import save_arrays
from einthoven.learning.samples.shapes import draw_chunk


def main(input, output, params, log):
    chunk = int(params.chunk.lstrip("c"))
    arrays = draw_chunk(
        chunk,
        CohortSettings.model_validate(params.cohort),
        AnatomySettings.model_validate(params.anatomy),
        SdfSampleSettings.model_validate(params.sdf_samples),
    )
    save_arrays(output[0], arrays, chunk=params.chunk)
    log.info("%d shapes of %d samples", *arrays["sdf"].shape[:2])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

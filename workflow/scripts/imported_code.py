"""Shape code of one imported patient by one trained encoder."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.data.patient.samples import SdfSamples
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.encoders.imported_code import ImportedCode


def main(input, output, params, log):
    encoder, samples = DeepSdfEncoder.load(Path(input.model).parent), SdfSamples.load(input.sdf)
    code = ImportedCode.of_samples(encoder, samples.sdf_points, samples.sdf)
    code.save(output[0], samples.patient)
    check = code.check
    shown = ", ".join(f"{name} {value:.2f}" for name, value in check.values.items())
    log.info("%s", shown)
    if not check.in_distribution:
        log.warning("unlike the patients of the training: %s", "; ".join(check.reasons))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

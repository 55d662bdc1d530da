"""Train one encoder and give every patient a code."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.learning.encoders.train import encoder_class, train_encoder
from einthoven.numerics.training.machine import Machine


def main(input, output, params, log):
    train_encoder(
        params.encoder,
        encoder_class(params.encoder).config_class.model_validate(params.section),
        input.samples,
        Path(output.model).parent,
        input.shapes,
        Machine.from_environment(),
    )
    log.info("trained %s", params.encoder)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

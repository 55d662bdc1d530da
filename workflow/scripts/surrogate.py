"""Train one surrogate of the lead field."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.learning.encoders.base import surfaces_of_files
from einthoven.learning.encoders.train import encoder_class
from einthoven.learning.surrogate.networks import network_class
from einthoven.learning.surrogate.train import train_surrogate
from einthoven.numerics.training.machine import Machine


def main(input, output, params, log):
    folder = Path(input.encoder).parent
    curve = train_surrogate(
        params.model,
        network_class(params.model).config_class.model_validate(params.section),
        encoder_class(params.encoder).load(folder, surfaces_of_files(input.anatomies)),
        input.store,
        Path(output.model).parent,
        Machine.from_environment(),
    )
    log.info("last epoch: %s", curve[-1])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

"""Train one network that images from the ECG."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.imaging.corpus.simulations import Simulations, joined
from einthoven.imaging.networks.error_table import Training
from einthoven.imaging.networks.imaging_task import train_network
from einthoven.numerics.training.machine import Machine


def main(input, output, params, log):
    config = ImagingTrainingSettings.model_validate(params.section)
    corpus = joined([Simulations.load(file) for file in input])
    training = Training.of(params.training)
    split, folder = training.rows(corpus, config), Path(output.model).parent
    machine = Machine.from_environment()
    _, curve = train_network(training.network, corpus, split, config, folder, machine)
    log.info("trained on %s; last epoch: %s", split.caption, curve[-1])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

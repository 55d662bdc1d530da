"""Errors of all networks that image from the ECG."""

from pathlib import Path

from einthoven.config.imaging_training import ImagingTraining
from einthoven.core.files import write_json
from einthoven.imaging.simulations import Simulations, joined
from einthoven.imaging.trainings import evaluated, table
from einthoven.run.job import run


def main(input, output, params, log):
    config = ImagingTraining.model_validate(params.section)
    folders = [Path(model).parent for model in input.models]
    corpus = joined([Simulations.load(file) for file in input.simulations])
    metrics = evaluated(corpus, config, folders)
    write_json(output[0], metrics)
    log.info("%d networks\n%s", len(folders), table(metrics))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

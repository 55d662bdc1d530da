"""Errors of all networks that image from the ECG."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.base.core.files import write_json
from einthoven.imaging.corpus.simulations import Simulations, joined
from einthoven.imaging.networks.error_table import evaluated, table


def main(input, output, params, log):
    config = ImagingTrainingSettings.model_validate(params.section)
    folders = [Path(model).parent for model in input.models]
    corpus = joined([Simulations.load(file) for file in input.simulations])
    metrics = evaluated(corpus, config, folders)
    write_json(output[0], metrics)
    log.info("%d networks\n%s", len(folders), table(metrics))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

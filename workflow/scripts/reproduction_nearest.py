"""Errors of the nearest training beat on the tests of the imaging networks."""

from einthoven.app.run.job import run
from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.base.core.files import write_json
from einthoven.imaging.corpus.simulations import Simulations, joined
from einthoven.imaging.networks.nearest import nearest_figures


def main(input, output, params, log):
    config = ImagingTrainingSettings.model_validate(params.section)
    found = nearest_figures(joined([Simulations.load(file) for file in input]), config)
    write_json(output[0], found)
    log.info("nearest beat: %s", {test: row["at_error_ms"] for test, row in found.items()})


if "snakemake" in globals():
    run(main, globals()["snakemake"])

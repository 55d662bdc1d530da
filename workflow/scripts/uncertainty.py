"""Calibration of an ensemble's SD on validation patients."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.base.core.files import write_json
from einthoven.learning.encoders.base import surfaces_of_files
from einthoven.learning.encoders.train import encoder_class
from einthoven.learning.surrogate.calibration import calibrate
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.learning.surrogate.split_samples import SplitSamples


def main(input, output, params, log):
    folder = Path(input.encoder).parent
    encoder = encoder_class(params.encoder).load(folder, surfaces_of_files(input.anatomies))
    surrogate = SurrogateEnsemble.load(input.surrogate, params.model)
    found = calibrate(surrogate, SplitSamples(input.store, encoder, "val"))
    write_json(output[0], found)
    log.info("%s", found)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

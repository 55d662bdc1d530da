"""Search a surrogate's settings with Optuna; judged on validation patients only."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.base.core.files import write_json
from einthoven.learning.encoders.base import surfaces_of_files
from einthoven.learning.encoders.train import encoder_class
from einthoven.learning.surrogate.networks import network_class
from einthoven.learning.surrogate.train import search_surrogate
from einthoven.numerics.training.machine import Machine


def main(input, output, params, log):
    folder = Path(input.encoder).parent
    encoder = encoder_class(params.encoder).load(folder, surfaces_of_files(input.anatomies))
    config = network_class(params.model).config_class.model_validate(params.section)
    machine = Machine.from_environment()
    best = search_surrogate(params.model, config, encoder, input.store, params.n_trials, machine)
    write_json(output[0], best.to_json())
    log.info("best validation error %.2f degrees: %s", best.value, best.config)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

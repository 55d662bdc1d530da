"""Search a surrogate's settings with Optuna; judged on validation patients only."""

import tempfile
from dataclasses import asdict
from pathlib import Path

from einthoven.core.files import write_json
from einthoven.encoders.surfaces import stage_file_surfaces
from einthoven.encoders.train import load_encoder
from einthoven.run.job import run
from einthoven.surrogate.train import train_surrogate
from einthoven.training.machine import Machine
from einthoven.training.search import Span, search

SPACE = {
    "learning_rate": Span(5e-4, 1e-2, log=True),
    "lambda_cos": Span(0.1, 30.0, log=True),
    "frequency_scale": Span(0.1, 2.0, log=True),
    "points_per_batch": [128, 256, 512],
}


def main(input, output, params, log):
    patients, folder = Path(input.anatomies[0]).parents[1], Path(input.encoder).parent
    encoder = load_encoder(params.encoder, folder, stage_file_surfaces(patients))

    def validation_error(section):
        with tempfile.TemporaryDirectory() as out:
            curve = train_surrogate(params.model, encoder, input.store, out, section,
                                    machine=Machine.from_environment())  # fmt: skip
        log.info("%s -> %s", {key: section[key] for key in SPACE if key in section}, curve[-1])
        return curve[-1]["val_angular_error_deg"]

    section = params.section
    space = {key: SPACE[key] for key in SPACE if key in section}
    best = search(validation_error, section, space, n_trials=params.n_trials, seed=section["seed"])
    write_json(output[0], asdict(best))
    log.info("best validation error %.2f degrees: %s", best.value, best.section)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

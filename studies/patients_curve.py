"""Errors against the number of training anatomies: the published network, and the refraction model.

    python studies/patients_curve.py train --results DIR --config FILE --json OUT
        [--networks theirs ours] [--sizes 25 50 100 200] [--theirs-epochs N] [--ours-epochs N]
    python studies/patients_curve.py draw OUT [OUT ..] --figure FILE

`train` trains each network on the first 25, 50, .. training patients of a finished run, with the
run's DeepSDF code (it saw all training patients, whatever the size) and equal epochs, so that the
steps go with the patients, and judges it on the validation and on the test patients. `draw` puts
several of its files on one plot, and prints the slope of theirs, and the number of patients at
which theirs, continued along its last slope, has the error of ours with the fewest.
"""

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from generalisation import errors, spread
from learning import PUBLISHED, WHOLE, train
from learning_data import LearningRun

from einthoven.base.config import load
from einthoven.base.config.models import Config
from einthoven.base.core.files import read_json, write_json
from einthoven.learning.surrogate.split_samples import PatientSample

SIZES = (25, 50, 100, 200)
SEED = 1


class CurveNetwork(NamedTuple):
    """A network of the curve."""

    trained_as: str
    """Name in `learning.train`."""
    section: str
    """Its section of the config."""
    title: str
    marker: str


KINDS = {
    "theirs": CurveNetwork(PUBLISHED, "mlp", "published network", "s--"),
    "ours": CurveNetwork(WHOLE, "refraction", "refraction model", "o-"),
}


def with_epochs(config: Config, section: str, epochs: int) -> Config:
    """The config with another number of epochs of one network; 0: its own."""
    if not epochs:
        return config
    changed = getattr(config, section).model_copy(update={"epochs": epochs})
    return config.model_copy(update={section: changed})


def point(
    name: str, size: int, samples: Mapping[str, Sequence[PatientSample]], config: Config
) -> dict[str, Any]:
    """Errors of one training on the first `size` training patients, degrees: mean and SD."""
    start = time.process_time()
    given = {"train": samples["train"][:size], "val": samples["val"]}
    network, curve, _ = train(KINDS[name].trained_as, given, config, SEED, 1)
    found = {split: spread(errors(network, list(samples[split]))) for split in ("val", "test")}
    seconds = time.process_time() - start
    return {"network": name, "patients": size, "epochs": len(curve), **found,
            "training_loss": curve[-1]["loss"], "core_seconds": seconds}  # fmt: skip


def measure(options: argparse.Namespace) -> None:
    """Train and judge; the file is written after each training."""
    config = load(options.config)
    run = LearningRun(options.results, config)
    samples = {split: run.samples(split) for split in ("train", "val", "test")}
    about = {f"n_{split}": len(rows) for split, rows in samples.items()}
    rows: list[dict[str, Any]] = []
    for name in options.networks:
        epochs = getattr(options, f"{name}_epochs")
        settings = with_epochs(config, KINDS[name].section, epochs)
        for size in options.sizes:
            rows.append(point(name, size, samples, settings))
            print(rows[-1], flush=True)
            write_json(options.json, about | {"rows": rows})


def of_network(rows: Iterable[Mapping[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Sizes [size] and test errors [size, 2] (mean, SD; degrees) of one network, by size."""
    mine = sorted((row["patients"], *row["test"]) for row in rows if row["network"] == name)
    table = np.array(mine, dtype=float).reshape(-1, 3)
    return table[:, 0], table[:, 1:]


def continued(sizes: np.ndarray, mean: np.ndarray, goal: float) -> tuple[float, float]:
    """Slope of the logarithm of the error over that of the last two sizes, and the size at `goal`.

    The size is infinite where the error no longer falls.
    """
    slope = float(np.diff(np.log(mean[-2:]))[0] / np.diff(np.log(sizes[-2:]))[0])
    if slope >= 0:
        return slope, float("inf")
    return slope, float(sizes[-1] * (goal / mean[-1]) ** (1 / slope))


def draw(options: argparse.Namespace) -> None:
    """One plot of all files, and the continued slope of theirs."""
    rows = [row for path in options.files for row in read_json(path)["rows"]]
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, kind in KINDS.items():
        sizes, error = of_network(rows, name)
        grey = "0.1" if name == "ours" else "0.45"
        axes.errorbar(sizes, error[:, 0], error[:, 1], fmt=kind.marker, color=grey, capsize=3,
                      label=kind.title)  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="training anatomies (1)",
             ylabel="angle to finite elements, test hearts (degrees)")  # fmt: skip
    ticks = sorted({row["patients"] for row in rows})
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.set_yticks([1, 2, 3, 4, 6, 8], ["1", "2", "3", "4", "6", "8"])
    axes.minorticks_off()
    axes.legend(frameon=False)
    figure.savefig(options.figure, dpi=150)
    sizes, theirs = of_network(rows, "theirs")
    fewest, ours = of_network(rows, "ours")
    slope, needed = continued(sizes, theirs[:, 0], float(ours[0, 0]))
    print(f"theirs falls as n^{slope:.2f}; {ours[0, 0]:.2f} degrees, which ours has of "
          f"{fewest[0]:g} anatomies, at {needed:.3g}")  # fmt: skip


def main() -> None:
    """One of the two commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    trained = commands.add_parser("train")
    trained.add_argument("--results", required=True)
    trained.add_argument("--config", required=True)
    trained.add_argument("--json", type=Path, required=True)
    trained.add_argument("--networks", nargs="+", default=list(KINDS), choices=KINDS)
    trained.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    for name in KINDS:
        trained.add_argument(f"--{name}-epochs", type=int, default=0, help="0: as in the config")
    trained.set_defaults(do=measure)
    drawn = commands.add_parser("draw")
    drawn.add_argument("files", nargs="+", type=Path)
    drawn.add_argument("--figure", type=Path, required=True)
    drawn.set_defaults(do=draw)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.do(options)


if __name__ == "__main__":
    main()

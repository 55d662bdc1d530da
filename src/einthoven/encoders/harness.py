"""What every training shares: seeds, threads, one Lightning loop and curves.

A training is a `Task`: a torch module that owns the network and its data (as buffers, so that
both move to the GPU together), draws its batches and computes its losses. `fit` runs it.
"""

import csv
import io
import math
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from einthoven.core.errors import BadInput
from einthoven.core.files import atomic
from einthoven.core.log import logger
from einthoven.core.seeds import derive_seed
from einthoven.encoders.tracking import open_tracker

Device = Literal["cpu", "gpu", "auto"]
WARM_UP = 0.02
"""Share of all steps over which the learning rate rises (cosine schedule only)."""
FLOOR = 0.005
"""The cosine schedule ends at this share of the learning rate."""


@dataclass(frozen=True)
class Schedule:
    """Length and learning rate of a training.

    `halve_after_epochs` > 0 is the paper's schedule (constant, then half, section 2.8);
    0 is a short linear warm-up followed by a cosine, which needs far fewer epochs.
    """

    epochs: int
    learning_rate: float
    halve_after_epochs: int = 0

    def factor(self, step: int, steps_per_epoch: int) -> float:
        """Share of the learning rate at an optimiser step."""
        if self.halve_after_epochs:
            return 0.5 if step >= self.halve_after_epochs * steps_per_epoch else 1.0
        total = self.epochs * steps_per_epoch
        warm_up = max(1, round(WARM_UP * total))
        if step < warm_up:
            return (step + 1) / warm_up
        done = min(1.0, (step - warm_up) / max(1, total - warm_up))
        return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done))


class Task(nn.Module, ABC):
    """Network, data and losses of one training; data are non-persistent buffers."""

    @property
    @abstractmethod
    def steps_per_epoch(self) -> int:
        """Number of batches that `batches` yields."""

    @abstractmethod
    def batches(self, generator: torch.Generator) -> Iterable[Any]:
        """Batches of one epoch, of CPU index tensors, drawn only from `generator`."""

    @abstractmethod
    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Scalar loss terms of a batch; `loss` is the one that is minimised."""

    def validate(self) -> dict[str, float]:
        """Errors on the validation patients, called without gradients; empty if there are none."""
        return {}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The optimiser's parameter groups.

        `lr_factor` scales the learning rate of a group; `muon` asks for orthogonalised steps.
        """
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr_factor": 1.0}]


@contextmanager
def seeded(seed: int, *keys: str | int) -> Iterator[None]:
    """Seed torch's global generator (layer initialisation uses it), and restore it after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, *keys))
        yield


def torch_generator(seed: int, *keys: str | int) -> torch.Generator:
    """A CPU generator that depends only on the seed and the keys."""
    return torch.Generator().manual_seed(derive_seed(seed, *keys))


@contextmanager
def torch_threads(n_threads: int) -> Iterator[None]:
    """Run torch on `n_threads` cores; sums, and so the last bits, depend on this number."""
    if n_threads < 1:
        raise BadInput(f"n_threads = {n_threads}; expected at least 1")
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(
    task: Task,
    schedule: Schedule,
    *,
    seed: int,
    name: str,
    curve_path: str | Path | None = None,
    validate_every: int = 10,
    n_threads: int = 1,
    device: Device = "cpu",
    tracking_uri: str = "",
    parameters: dict[str, Any] | None = None,
) -> list[dict[str, float]]:
    """Train a task and return one row of losses and validation errors per epoch.

    Args:
        task: network, data and losses; trained in place and left on the CPU in eval mode.
        schedule: epochs and learning rate.
        seed: of the batches; the task's weights are seeded by whoever builds it (`seeded`).
        name: of this training, for the log and the tracker, e.g. `deepsdf` or `pca-refraction`.
        curve_path: CSV of the rows (no wall times, so that it is reproducible).
        validate_every: epochs between calls of `task.validate`; 0 for never.
        n_threads: torch threads; the result is bitwise reproducible for a given number.
        device: `cpu` is deterministic; `auto` takes a GPU if there is one.
        tracking_uri: "" for no tracking, or MLflow's, e.g. `sqlite:///results/mlflow.db`.
        parameters: what the tracker records beside the curves.

    Raises:
        BadInput: the tracker cannot be opened (before any training).
        StepFailed: the loss is not a number.
    """
    # Lightning takes seconds to import, which predictions and decoders need not pay.
    from einthoven.encoders.loop import Batches, Curve, Loop, trainer

    tracker = open_tracker(tracking_uri, name, parameters or {})
    loop, curve = Loop(task, schedule), Curve(validate_every, schedule.epochs)
    started = time.monotonic()
    try:
        with torch_threads(n_threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on loader workers and logging
            trainer(schedule.epochs, device, [curve]).fit(
                loop, Batches(task, torch_generator(seed, name, "batches"))
            )
    except BaseException:
        tracker.close(failed=True)
        raise
    task.cpu().eval()
    seconds = time.monotonic() - started
    if curve_path is not None:
        write_curve(curve_path, curve.rows)
    tracker.log(curve.rows, seconds)
    tracker.close()
    logger.info("%s: %d epochs in %.0f s, loss %.4g", name, schedule.epochs, seconds,
                curve.rows[-1]["loss"])  # fmt: skip
    return curve.rows


def write_curve(path: str | Path, rows: list[dict[str, float]]) -> None:
    """Write one CSV line per epoch; validation columns stay empty where they were not computed."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in rows)
    with atomic(path) as temporary:
        temporary.write_text(text.getvalue())

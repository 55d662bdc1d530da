"""What every training shares: seeds, threads, one Lightning loop and curves.

A training is a `Task`: a torch module that owns the network and its data (as buffers, so that
both move to the GPU together), draws its batches and computes its losses. `fit` runs it.
"""

import csv
import hashlib
import io
import json
import math
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from einthoven.core.errors import BadInput
from einthoven.core.files import atomic
from einthoven.core.log import logger
from einthoven.core.seeds import derive_seed
from einthoven.training.machine import ONE_CORE, Device, Machine
from einthoven.training.precision import Precision
from einthoven.training.resume import Progress
from einthoven.training.tensors import arrays_sha256, source_sha256
from einthoven.training.tracking import open_tracker

WARM_UP = 0.02
"""Share of all steps over which the learning rate rises (cosine schedule only)."""
FLOOR = 0.005
"""The cosine schedule ends at this share of the learning rate."""


@dataclass(frozen=True)
class Schedule:
    """Length, learning rate, averaging and precision of a training.

    `halve_after_epochs` > 0 is the paper's schedule (constant, then half, section 2.8);
    0 is a short linear warm-up followed by a cosine, which needs far fewer epochs.
    `ema_decay` > 0 yields the moving average of the weights, not the last ones.
    """

    epochs: int
    learning_rate: float
    halve_after_epochs: int = 0
    ema_decay: float = 0.0
    precision: Precision = 32

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Self:
        """Those keys of a config section that make a schedule.

        Raises:
            KeyError: a key without a default is missing.
        """
        return cls(
            **{
                f.name: section[f.name]
                for f in fields(cls)
                if f.name in section or f.default is MISSING
            }
        )

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
        """Batches of one epoch, of CPU tensors, drawn only from `generator`, in another thread."""

    @abstractmethod
    def losses(self, batch: Any) -> dict[str, Tensor]:
        """Scalar loss terms; `loss` is minimised."""

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
    folder: str | Path | None = None,
    validate_every: int = 10,
    machine: Machine = ONE_CORE,
    parameters: Mapping[str, Any] | None = None,
) -> list[dict[str, float]]:
    """Train a task and return one row of losses and validation errors per epoch.

    A training that was killed goes on from its checkpoint in `folder`, to the same bytes on a
    CPU. A loss that jumps and does not return is undone, with half the learning rate from there.

    Args:
        task: network, data and losses; trained in place and left on the CPU in eval mode.
        schedule: epochs, learning rate, averaging, precision.
        seed: of the batches; the task's weights are seeded by whoever builds it (`seeded`).
        name: of this training, for the log and the tracker, e.g. `deepsdf` or `pca-refraction`.
        folder: for `curve.csv`, the rows (no wall times, so that it is reproducible), and for
            the checkpoint, which the caller discards (`progress.discard`) when all is written.
        validate_every: epochs between calls of `task.validate`; 0 for never.
        machine: threads, device, tracking.
        parameters: settings and checksums of the data: what the tracker records beside the
            curves, and what a checkpoint must agree with.

    Raises:
        BadInput: the tracker cannot be opened (before any training), or 16-mixed on a CPU.
        StepFailed: the loss is not a number or jumps again and again.
    """
    _check_precision(schedule, machine.device)
    # Lightning takes seconds to import, which predictions and decoders need not pay.
    from einthoven.training.loop import Batches, Loop, trainer

    settings = dict(parameters or {})
    place = None if folder is None else Path(folder)
    key = _key(
        task, schedule, seed, name, validate_every, machine.n_threads, machine.device, settings
    )
    progress = Progress.load(place, key)
    tracker = open_tracker(machine.tracking_uri, name, settings)
    started = time.monotonic()
    try:
        with torch_threads(machine.n_threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on loader workers and logging
            batches = Batches(task, torch_generator(seed, name, "batches"))
            loop = Loop(task, schedule, batches, progress, validate_every)
            if progress.epoch < schedule.epochs:
                trainer(machine.device, schedule.precision).fit(loop, batches)
            loop.end()
    except BaseException:
        tracker.close(failed=True)
        raise
    seconds = time.monotonic() - started
    if place is not None:
        write_curve(place / "curve.csv", progress.rows)
    tracker.log(progress.rows, seconds)
    tracker.close()
    logger.info("%s: %d epochs in %.0f s, loss %.4g", name, schedule.epochs, seconds,
                progress.rows[-1]["loss"])  # fmt: skip
    return progress.rows


def _check_precision(schedule: Schedule, device: Device) -> None:
    """Refuse what Lightning would silently replace, or end with a traceback.

    Raises:
        BadInput: see `fit`.
    """
    on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
    if schedule.precision == "16-mixed" and on_cpu:
        raise BadInput("precision = 16-mixed needs a GPU; take 32 or bf16-mixed on a CPU")


def _key(task: Task, schedule: Schedule, *settings: Any) -> str:
    """Hash of all that a training's result depends on: a checkpoint of another one is refused.

    The weights at the start say much of it: seed, architecture, scales of the data.
    """
    start = [tensor.detach().cpu().numpy() for tensor in task.state_dict().values()]
    packages = {type(task).__module__.rpartition(".")[0], "einthoven.encoders"}
    about = {
        "start": arrays_sha256(*start),
        "schedule": asdict(schedule),
        "settings": settings,
        "code": [source_sha256(p) for p in sorted(packages) if p.startswith("einthoven.")],
        "torch": torch.__version__,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def write_curve(path: str | Path, rows: list[dict[str, float]]) -> None:
    """Write one CSV line per epoch; validation columns stay empty where they were not computed."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in rows)
    with atomic(path) as temporary:
        temporary.write_text(text.getvalue())

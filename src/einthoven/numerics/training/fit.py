"""Training of any task, from its start or from a checkpoint, to weights and a learning curve."""

import csv
import hashlib
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic
from einthoven.base.core.log import logger
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.resume import Progress
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.task import Task, torch_threads
from einthoven.numerics.training.tensors import arrays_sha256, source_sha256
from einthoven.numerics.training.tracking import tracked


@dataclass(frozen=True)
class TrainingRun:
    """Name, seed and files of a training."""

    name: str
    """Name in the log and the tracker."""
    seed: int
    """Seed of the batches; the caller that builds the task seeds its weights (`seeded`)."""
    folder: Path | None = None
    """Folder of `curve.csv` (no wall times, so that it is reproducible) and of the
    checkpoint, which the caller discards (`resume.discard`) once all outputs are written."""
    validate_every: int = 10
    """Epochs between calls of `task.validate`; 0 for never."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Settings and checksums of the data; the tracker records them, and a checkpoint must have the
    same."""


def fit(
    task: Task, schedule: Schedule, run: TrainingRun, machine: Machine = ONE_CORE
) -> list[dict[str, float]]:
    """Train a task and return one row of losses and validation errors per epoch.

    An interrupted training resumes from its checkpoint in `run.folder`, with bitwise the same
    result on a CPU. If the loss jumps and does not return, the training rolls back and halves the
    learning rate.

    Args:
        task: network, data and losses; trained in place and left on the CPU in eval mode.
        schedule: epochs, learning rate, averaging, precision.
        run: name, seed, files.
        machine: threads, device, tracking.

    Raises:
        BadInput: the tracker cannot be opened (before any training), or 16-mixed on a CPU.
        StepFailed: the loss is not finite or jumps repeatedly.
    """
    on_cpu = machine.device == "cpu" or not torch.cuda.is_available()
    if schedule.precision == "16-mixed" and on_cpu:  # Lightning would fall back to bf16-mixed
        raise BadInput("precision = 16-mixed needs a GPU; use 32 or bf16-mixed on a CPU")
    # Lightning takes seconds to import, which predictions and decoders should not pay.
    from einthoven.numerics.training.loop import Batches, Loop, trainer

    progress = Progress.load(run.folder, _key(task, schedule, run, machine))
    with tracked(machine.tracking_uri, run.name, run.parameters) as record:
        started = time.monotonic()
        with torch_threads(machine.n_threads), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning's advice on loader workers and logging
            batches = Batches(task, torch.Generator().manual_seed(run.seed))
            loop = Loop(task, schedule, batches, progress, run.validate_every)
            if progress.epoch < schedule.epochs:
                trainer(machine.device, schedule.precision).fit(loop, batches)
            loop.end()
        seconds = time.monotonic() - started
        if run.folder is not None:
            write_curve(run.folder / "curve.csv", progress.rows)
        record(progress.rows, seconds)
    logger.info("%s: %d epochs in %.0f s, loss %.4g", run.name, schedule.epochs, seconds,
                progress.rows[-1]["loss"])  # fmt: skip
    return progress.rows


def _key(task: Task, schedule: Schedule, run: TrainingRun, machine: Machine) -> str:
    """Hash of all that a training's result depends on; other checkpoints are refused.

    The initial weights stand for seed, architecture and scales of the data.
    """
    start = [tensor.detach().cpu().numpy() for tensor in task.state_dict().values()]
    packages = {type(task).__module__.rpartition(".")[0], "einthoven.numerics.training"}
    about = {
        "start": arrays_sha256(*start),
        "schedule": asdict(schedule),
        "run": [run.name, run.seed, run.validate_every, dict(run.parameters)],
        "machine": [machine.n_threads, machine.device],
        "code": [source_sha256(p) for p in sorted(packages) if p.startswith("einthoven.")],
        "torch": torch.__version__,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def write_curve(path: str | Path, rows: list[dict[str, float]]) -> None:
    """Write one CSV line per epoch; validation columns are empty where they were not computed."""
    names = dict.fromkeys(name for row in rows for name in row)
    with atomic(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(names), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in rows)

"""The Lightning loop behind `fit`: batches, optimiser, schedule, restarts, curve."""

import logging
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import lightning
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch import Tensor

from einthoven.base.config.learning import Precision
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.log import logger
from einthoven.numerics.training.averaging import Ema
from einthoven.numerics.training.machine import Device
from einthoven.numerics.training.muon import Muon
from einthoven.numerics.training.precision import autocast_only, perceptrons
from einthoven.numerics.training.resume import PATIENCE, Progress, TrainingSnapshot
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.task import Task

CLIP_NORM = 1.0
AHEAD = 2
"""Number of batches prepared while one is in use."""
CHECKPOINT_S = 300.0
"""Seconds between checkpoints; an interrupted training loses at most this and the current epoch."""


class Batches:
    """Re-iterable view of a task's batches: one pass is one epoch.

    A separate thread draws them, in order and never beyond the epoch, so that between epochs the
    state of the generator is complete.
    """

    def __init__(self, task: Task, generator: torch.Generator):
        self.task, self.generator = task, generator

    def __len__(self) -> int:
        return self.task.steps_per_epoch

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.task.batches(self.generator))
        with ThreadPoolExecutor(1) as thread:
            ahead = deque(thread.submit(next, batches, None) for _ in range(AHEAD))
            while (batch := ahead.popleft().result()) is not None:
                ahead.append(thread.submit(next, batches, None))
                yield batch


class Loop(lightning.LightningModule):
    """The only Lightning module. `progress` counts its epochs and may be rolled back."""

    def __init__(
        self,
        task: Task,
        schedule: Schedule,
        batches: Batches,
        progress: Progress,
        validate_every: int,
    ):
        super().__init__()
        self.task, self.schedule, self.batches = task, schedule, batches
        self.progress, self.validate_every = progress, validate_every
        self.sums: dict[str, Tensor] = {}
        self.reduced = list(perceptrons(task))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, or Muon if a parameter group asks for it."""
        groups = self.task.parameter_groups()
        for group in groups:
            group["lr"] = self.schedule.learning_rate * group.pop("lr_factor", 1.0)
            group["initial_lr"] = group["lr"]
        if any(group.get("muon") for group in groups):
            return Muon(groups)
        return torch.optim.Adam(groups, foreach=True)

    def on_train_start(self) -> None:
        """Start or resume from `progress`."""
        self.saved = time.monotonic()
        self.ema = Ema(self.task, self.schedule.ema_decay)
        if self.progress.last is None:
            self.progress.keep(self.snapshot())
        else:
            self.restore(self.progress.last)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set the learning rate, a function of the step and of the restarts without any state."""
        factor = self.factor(batch_idx)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = group["initial_lr"] * factor

    def training_step(self, batch: Any, _index: int) -> Tensor:
        """Loss of one batch; its terms are summed for the learning curve."""
        with autocast_only(self.reduced, self.device.type):
            terms = self.task.losses(batch)
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()
        return terms["loss"]

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update the averaged weights."""
        self.ema.update()

    def on_train_epoch_end(self) -> None:
        """Add a row to the curve; validate and save when due, or roll back.

        Raises:
            StepFailed: the loss jumped, or was not finite, too often.
        """
        progress, last_step = self.progress, self.task.steps_per_epoch - 1
        rate = self.schedule.learning_rate * self.factor(last_step)
        row = {"epoch": float(progress.epoch + 1), **self.epoch_means(), "learning_rate": rate,
               "restarts": float(progress.restarts)}  # fmt: skip
        progress.rows.append(row)
        if progress.diverged():
            self.roll_back()
            return
        done = progress.epoch == self.schedule.epochs
        if self.validate_every and (done or progress.epoch % self.validate_every == 0):
            row |= self.validated()
        if progress.epoch % PATIENCE == 0:
            progress.keep(self.snapshot())
        if done or time.monotonic() > self.saved + CHECKPOINT_S:
            progress.save(self.snapshot())
            self.saved = time.monotonic()
        self.trainer.should_stop = done

    def factor(self, index: int) -> float:
        """Factor on the learning rate at batch `index` of this epoch; each restart halves it."""
        steps = self.task.steps_per_epoch
        step = self.progress.epoch * steps + index
        return self.schedule.factor(step, steps) * 0.5**self.progress.restarts

    def epoch_means(self) -> dict[str, float]:
        """Means of the loss terms since the last call."""
        sums, self.sums = self.sums, {}
        return {name: float(value) / self.task.steps_per_epoch for name, value in sums.items()}

    def validated(self) -> dict[str, float]:
        """Errors on the validation patients, with the averaged weights if there are any."""
        self.task.eval()
        with torch.no_grad(), self.ema.in_place():
            errors = self.task.validate()
        self.task.train()
        return {name: float(error) for name, error in errors.items()}

    def roll_back(self) -> None:
        """Roll back after a jump of the loss, and halve the learning rate."""
        bad, rate = self.progress.rows[-1], self.schedule.learning_rate
        snapshot = self.progress.roll_back()
        if snapshot is None:
            raise StepFailed(
                f"training diverged: loss is {bad['loss']:.4g} in epoch {bad['epoch']:.0f} after "
                f"{self.progress.restarts} restarts; lower learning_rate ({rate:g})"
            )
        logger.warning("loss jumped to %.4g by epoch %d; back to epoch %d with half the learning "
                       "rate", bad["loss"], bad["epoch"], snapshot.epoch)  # fmt: skip
        self.restore(snapshot)

    def snapshot(self) -> TrainingSnapshot:
        """A copy of all that changes."""
        states = {
            "weights": self.task.state_dict(),
            "means": self.ema.averaged.state_dict(),
            "optimizer": self.trainer.optimizers[0].state_dict(),
            "batches": self.batches.generator.get_state(),
            "precision": self.trainer.precision_plugin.state_dict(),
        }
        return TrainingSnapshot(self.progress.epoch, deepcopy(states))

    def take(self, snapshot: TrainingSnapshot) -> None:
        """Weights and their means of a snapshot."""
        self.task.load_state_dict(snapshot.states["weights"])
        self.ema = Ema(self.task, self.schedule.ema_decay)
        self.ema.averaged.load_state_dict(snapshot.states["means"])

    def restore(self, snapshot: TrainingSnapshot) -> None:
        """Be again as `snapshot` was."""
        self.take(snapshot)
        optimizer = deepcopy(snapshot.states["optimizer"])  # its tensors are changed in place
        self.trainer.optimizers[0].load_state_dict(optimizer)
        self.batches.generator.set_state(snapshot.states["batches"])
        self.trainer.precision_plugin.load_state_dict(snapshot.states["precision"])

    def end(self) -> None:
        """Leave the task as it was in the last epoch, with averaged weights if there are."""
        assert self.progress.last is not None
        self.task.cpu()
        self.take(self.progress.last)
        self.ema.into_weights()
        self.task.eval()


def trainer(device: Device, precision: Precision) -> lightning.Trainer:
    """Lightning's trainer without its own end, logging, checkpoints and summaries."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return lightning.Trainer(
        max_epochs=-1,
        accelerator=device,
        devices=1,
        precision=precision,
        plugins=[LightningEnvironment()],  # under SLURM Lightning would look at its tasks
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        gradient_clip_val=CLIP_NORM,
        num_sanity_val_steps=0,
    )

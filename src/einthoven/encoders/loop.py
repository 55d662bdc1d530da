"""The one Lightning loop behind `harness.fit`: batches, optimiser, schedule, curve."""

import logging
import math
import sys
from collections.abc import Iterator
from typing import Any, cast

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from einthoven.core.errors import StepFailed
from einthoven.encoders.harness import Device, Schedule, Task
from einthoven.encoders.muon import Muon

CLIP_NORM = 1.0


class Batches:
    """Re-iterable view of a task's batches: one pass is one epoch."""

    def __init__(self, task: Task, generator: torch.Generator):
        self.task, self.generator = task, generator

    def __len__(self) -> int:
        return self.task.steps_per_epoch

    def __iter__(self) -> Iterator[Any]:
        yield from self.task.batches(self.generator)


class Loop(lightning.LightningModule):
    """The one Lightning module: the optimiser, the schedule, running means of the losses."""

    def __init__(self, task: Task, schedule: Schedule):
        super().__init__()
        self.task, self.schedule = task, schedule
        self.sums: dict[str, Tensor] = {}

    def training_step(self, batch: Any, _index: int) -> Tensor:
        """Loss of one batch; its terms are summed for the curve."""
        terms = self.task.losses(batch)
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach()
        return terms["loss"]

    def epoch_means(self) -> dict[str, float]:
        """Means of the loss terms since the last call."""
        means = {k: float(v) / self.task.steps_per_epoch for k, v in self.sums.items()}
        self.sums = {}
        return means

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam, or Muon if a group asks for it, and the schedule per step."""
        groups = self.task.parameter_groups()
        for group in groups:
            group["lr"] = self.schedule.learning_rate * group.pop("lr_factor", 1.0)
        optimizer: torch.optim.Optimizer
        if any(group.get("muon") for group in groups):
            optimizer = Muon(groups)
        else:
            optimizer = torch.optim.Adam(groups, foreach=True)
        steps = self.task.steps_per_epoch
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: self.schedule.factor(step, steps)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


class Curve(lightning.Callback):
    """Collects one row an epoch; stops at the first loss that is not a number."""

    def __init__(self, validate_every: int, epochs: int):
        self.rows: list[dict[str, float]] = []
        self.validate_every, self.epochs = validate_every, epochs

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Add a row; validate when it is time.

        Raises:
            StepFailed: the loss is not a number.
        """
        loop = cast(Loop, pl_module)
        epoch = trainer.current_epoch + 1
        row = {"epoch": float(epoch), **loop.epoch_means()}
        if not math.isfinite(row["loss"]):
            raise StepFailed(
                f"training diverged: loss is {row['loss']} in epoch {epoch}; "
                f"lower learning_rate ({loop.schedule.learning_rate:g})"
            )
        if self.validate_every and (epoch % self.validate_every == 0 or epoch == self.epochs):
            loop.task.eval()
            with torch.no_grad():
                row |= loop.task.validate()
            loop.task.train()
        self.rows.append(row)


def trainer(epochs: int, device: Device, callbacks: list[Any]) -> lightning.Trainer:
    """Lightning's trainer without its own logging, checkpoints and summaries."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return lightning.Trainer(
        max_epochs=epochs,
        accelerator=device,
        devices=1,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        gradient_clip_val=CLIP_NORM,
        num_sanity_val_steps=0,
    )

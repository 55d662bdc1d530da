"""Training for a time, not for a number of epochs, and the task of the geometry networks."""

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from benchmark_data import BenchmarkHeart, Truth
from benchmark_networks import GeometryInputs, GeometryNetwork
from torch import Tensor

from einthoven.base.core.log import logger
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.learning.surrogate.losses import relative_error
from einthoven.numerics.training.muon import Muon
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.task import Task

CLIP_NORM = 1.0
N_VALIDATIONS = 10
FINE = 10_000
"""Parts of the budget at which the learning rate changes."""


class Budget(NamedTuple):
    """Budget of every model: seconds of processor time for its steps, and a seed."""

    seconds: float
    seed: int


class Trained(NamedTuple):
    """Cost of a training."""

    n_steps: int
    seconds: float
    val_angle_deg: float
    """Validation error of the weights that were kept: the best of `N_VALIDATIONS`."""


def train_for(task: Task, learning_rate: float, budget: Budget) -> Trained:
    """Train until the time is up, and keep the weights that are best on validation patients.

    Drawing batches counts, validation does not. The learning rate rises and falls as in
    `training.schedule`, by the share of the time that is spent.
    """
    groups = task.parameter_groups()
    for group in groups:
        group["lr"] = group["initial_lr"] = learning_rate * group.pop("lr_factor", 1.0)
    optimizer = Muon(groups) if any("muon" in g for g in groups) else torch.optim.Adam(groups)
    schedule, spent, n_steps = Schedule(FINE, learning_rate), 0.0, 0
    generator = torch.Generator().manual_seed(budget.seed)
    best, kept, validated = float("inf"), deepcopy(task.state_dict()), 0
    batches = _endless(task, generator)
    while spent < budget.seconds:
        start, share = time.process_time(), spent / budget.seconds
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * schedule.factor(int(FINE * share), 1)
        optimizer.zero_grad()
        task.losses(next(batches))["loss"].backward()
        torch.nn.utils.clip_grad_norm_(task.parameters(), CLIP_NORM)
        optimizer.step()
        n_steps += 1
        spent += time.process_time() - start
        if spent >= (validated + 1) / N_VALIDATIONS * budget.seconds:
            validated = int(spent / budget.seconds * N_VALIDATIONS)
            with torch.no_grad():
                angle = task.validate()["val_angular_error_deg"]
            logger.info("%.0f s, step %d: validation %.2f deg", spent, n_steps, angle)
            if angle < best:
                best, kept = angle, deepcopy(task.state_dict())
    task.load_state_dict(kept)
    return Trained(n_steps, spent, best)


def _endless(task: Task, generator: torch.Generator) -> Iterator[Any]:
    while True:
        yield from task.batches(generator)


class GeometryTask(Task):
    """Some electrodes at some points of a few patients at a time."""

    learning_rate = 0.002
    points, electrodes, patients = 384, 4, 4

    def __init__(self, network: GeometryNetwork, exact: bool, splits: Sequence[Sequence[Truth]]):
        super().__init__()
        self.network, (self.train_samples, self.validation) = network, (
            [(inputs_of(heart, exact), grad) for heart, grad in split] for split in splits
        )  # fmt: skip

    @property
    def steps_per_epoch(self) -> int:
        """Every training patient occurs once in an epoch."""
        return -(-len(self.train_samples) // self.patients)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[GeometryInputs, Tensor]]:
        """Random points and electrodes of patients in random order."""
        order = torch.randperm(len(self.train_samples), generator=generator)
        for chosen in order.split(self.patients):
            inputs, grads = [], []
            for index in chosen.tolist():
                given, grad = self.train_samples[index]
                points = torch.randint(grad.shape[1], (self.points,), generator=generator)
                some = torch.randperm(len(grad), generator=generator)[: self.electrodes]
                inputs.append(given.at(points, some))
                grads.append(grad[some][:, points])
            yield GeometryInputs.stack(inputs), torch.stack(grads)

    def losses(self, batch: tuple[GeometryInputs, Tensor]) -> dict[str, Tensor]:
        """The relative error, as of the operator."""
        return {"loss": relative_error(self.network(batch[0]), batch[1])}

    def validate(self) -> dict[str, float]:
        """Mean angle at about as many points of the validation patients as in a batch."""
        angles = []
        for given, grad in self.validation:
            some = thinned(grad.shape[1], self.points)
            predicted = predict(self.network, given.at(some), self)
            angles.append(angular_error_deg(predicted.numpy(), grad[:, some].numpy()).mean())
        return {"val_angular_error_deg": float(np.mean(angles))}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The network's own."""
        return self.network.parameter_groups()


def inputs_of(heart: BenchmarkHeart, exact: bool) -> GeometryInputs:
    """Inputs with the solved torso as first guess, or with the formula of a point source."""
    return heart.with_incident() if exact else heart.general


def thinned(n_points: int, about: int) -> slice:
    """Every so-many-th point."""
    return slice(None, None, max(1, n_points // about))


@torch.no_grad()
def predict(network: GeometryNetwork, given: GeometryInputs, task: Any) -> Tensor:
    """Gradients [electrode, point, 3] 1/mm^2 of one heart, a few electrodes at a time."""
    few, found = thinned(len(given.local), task.points), []
    for start in range(0, len(given.electrodes), task.electrodes):
        one = given.at(slice(None), slice(start, start + task.electrodes))
        batch, context = (GeometryInputs.stack([part]) for part in (one, one.at(few)))
        found.append(network(batch, context)[0])
    return torch.cat(found)

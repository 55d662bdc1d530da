"""Training of networks for infarcts, each on a part of the recorded backgrounds."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import derive_seed
from einthoven.imaging.infarct.infarct_network import KIND, InfarctNetwork, InfarctTargets
from einthoven.imaging.infarct.pairs import InfarctPairs
from einthoven.imaging.infarct.training_beats import TrainingBeats
from einthoven.numerics.training.fit import TrainingRun, fit
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.task import Task, seeded, torch_threads

BATCH, RECORDED = 64, 16
"""Simulated beats of a batch; recorded ones, as many without and with a scar's change."""
LEARNING_RATE, EMA_DECAY = 2e-3, 0.998
EPOCHS = 12


class InfarctBatch(NamedTuple):
    """Beats, their truth, and the seed of noise and gains."""

    ecg: Tensor
    truth: InfarctTargets
    seed: int


class InfarctTask(Task):
    """One pass over all simulated beats is one epoch."""

    def __init__(self, network: InfarctNetwork, beats: TrainingBeats, val: TrainingBeats):
        super().__init__()
        self.network, self.beats, self.val = network, beats, val

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches."""
        return max(1, len(self.beats.ecg) // BATCH)

    def batches(self, generator: torch.Generator) -> Iterator[InfarctBatch]:
        """Simulated beats in random order, and new recorded ones in each batch."""
        order = torch.randperm(len(self.beats.ecg), generator=generator)
        for chosen in order.split(BATCH)[: self.steps_per_epoch]:
            seed = int(torch.randint(2**31, (), generator=generator))
            ecg, truth = self.beats.simulated(np.sort(chosen.numpy()))
            if len(self.beats.backgrounds):
                others = self.beats.recorded(RECORDED, np.random.default_rng(seed))
                ecg = torch.cat([ecg, others[0]])
                truth = InfarctTargets(*(torch.cat(pair) for pair in zip(truth, others[1])))
            yield InfarctBatch(ecg, truth, seed)

    def losses(self, batch: InfarctBatch) -> dict[str, Tensor]:
        """Loss of the network."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(batch.seed)
            return {"loss": self.network.loss(batch.ecg, batch.truth)}

    def validate(self) -> dict[str, float]:
        """Loss in hearts of split val."""
        device = self.network.margins.device
        truth = InfarctTargets(*(values.to(device) for values in self.val.truth))
        ecg = torch.as_tensor(self.val.ecg, device=device)
        return {"val_loss": float(self.network.loss(ecg, truth))}


def train_infarct_network(
    pairs: InfarctPairs,
    backgrounds: np.ndarray | None,
    seed: int,
    epochs: int = EPOCHS,
    folder: str | Path | None = None,
    machine: Machine = ONE_CORE,
) -> tuple[InfarctNetwork, list[dict[str, float]]]:
    """A network trained on the hearts of split train, its intervals calibrated on those of val.

    Args:
        pairs: of all hearts. backgrounds: [person, 12, 500] mV of healthy people, as
            `TrainingBeats`; None: simulated beats alone. seed: of weights and batches.
        epochs: passes over the pairs. folder: of curve and checkpoint.

    Raises:
        BadInput: no pairs of split train or val, or backgrounds of another shape.
        StepFailed: training diverged.
    """
    parts = {name: pairs.rows(pairs.split == name) for name in ("train", "val")}
    if empty := [name for name, part in parts.items() if not len(part)]:
        raise BadInput(f"pairs: no hearts of split {', '.join(empty)}; more patients?")
    train, val = TrainingBeats.of(parts["train"], backgrounds), TrainingBeats.of(parts["val"])
    with seeded(seed, KIND, "weights"):
        network = InfarctNetwork()
    with torch_threads(machine.n_threads), torch.no_grad(), seeded(seed, KIND, "scales"):
        ecg = torch.as_tensor(train.ecg)
        if len(train.backgrounds):
            some = train.recorded(len(ecg) // 4, np.random.default_rng(derive_seed(seed, KIND)))
            ecg = torch.cat([ecg, some[0]])
        network.fit_scales(ecg)
    run = TrainingRun(KIND, derive_seed(seed, KIND, "batches"), Path(folder) if folder else None,
                      validate_every=max(1, epochs // 4))  # fmt: skip
    schedule = Schedule(epochs, LEARNING_RATE, ema_decay=EMA_DECAY)
    curve = fit(InfarctTask(network, train, val), schedule, run, machine)
    with torch_threads(machine.n_threads):
        network.eval().calibrate(torch.as_tensor(val.ecg), val.truth)
    return network, curve

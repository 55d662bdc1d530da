"""Training of the amortised posterior on simulated beats, and its calibration on other hearts."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.core.files import write_json
from einthoven.core.seeds import derive_seed
from einthoven.imaging.posterior.calibration import widening
from einthoven.imaging.posterior.network import N_POINTS, PosteriorNetwork, Unknowns
from einthoven.imaging.posterior.posterior import KIND, Posterior, save_posterior
from einthoven.imaging.posterior.settings import PosteriorSettings
from einthoven.training.fit import Run, fit
from einthoven.training.machine import ONE_CORE, Machine
from einthoven.training.resume import discard
from einthoven.training.schedule import Schedule
from einthoven.training.task import Task, seeded, torch_threads
from einthoven.training.tensors import arrays_sha256

WATCHED = 512
"""Validation beats, evenly spaced, whose log-likelihood is in the curve."""
N_DRAWS = 399
"""Per beat of the calibration."""
EMA_DECAY = 0.998


@dataclass(frozen=True)
class SimulatedBeats:
    """Beats with all that the posterior is about.

    Attributes:
        ecg: [beat, 12, 500] mV. measures: [beat, measure].
        activation_time: [beat, 75] ms. parameters: [beat, parameter], NaN where there is none.
        pattern: [beat] names.
        measure_names, parameter_names, pattern_names: of the columns and classes.
    """

    ecg: np.ndarray
    measures: np.ndarray
    activation_time: np.ndarray
    parameters: np.ndarray
    pattern: np.ndarray
    measure_names: tuple[str, ...]
    parameter_names: tuple[str, ...]
    pattern_names: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.ecg)
        check.finite("activation_time", self.activation_time)
        check.shape("activation_time", self.activation_time, (n, N_POINTS))
        check.shape("parameters", self.parameters, (n, len(self.parameter_names)))
        check.shape("measures", self.measures, (n, len(self.measure_names)))
        if unknown := sorted(set(map(str, self.pattern)) - set(self.pattern_names)):
            raise BadInput(f"pattern: {', '.join(unknown)} not among {self.pattern_names}")

    def unknowns(self, rows: np.ndarray) -> Unknowns:
        """Of some beats, as tensors."""
        pattern = [self.pattern_names.index(str(name)) for name in self.pattern[rows]]
        return Unknowns(
            torch.as_tensor(self.activation_time[rows].astype(np.float32)),
            torch.as_tensor(self.parameters[rows].astype(np.float32)),
            torch.tensor(pattern),
        )

    def inputs(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """ECG and measures of some beats, as tensors."""
        ecg, measures = self.ecg[rows], self.measures[rows]
        return torch.as_tensor(ecg.astype(np.float32)), torch.as_tensor(measures.astype(np.float32))


class Rows(NamedTuple):
    """Which beats are for what; `val` are of hearts that are not trained on."""

    train: np.ndarray
    val: np.ndarray


class Batch(NamedTuple):
    """Inputs, targets, and the seed of noise and of hidden measures."""

    ecg: Tensor
    measures: Tensor
    unknowns: Unknowns
    seed: int


class PosteriorTask(Task):
    """Minus the mean log-density of what was simulated, given its ECG."""

    def __init__(self, network: PosteriorNetwork, beats: SimulatedBeats, rows: Rows):
        super().__init__()
        self.network, self.beats, self.rows = network, beats, rows

    @property
    def steps_per_epoch(self) -> int:
        """Every beat occurs once in an epoch; what is left of the last batch is dropped."""
        return max(1, len(self.rows.train) // self.network.config.batch)

    def batches(self, generator: torch.Generator) -> Iterator[Batch]:
        """Beats in random order."""
        order = torch.randperm(len(self.rows.train), generator=generator)
        for chosen in order.split(self.network.config.batch)[: self.steps_per_epoch]:
            seed = int(torch.randint(2**31, (), generator=generator))
            rows = np.sort(self.rows.train[chosen.numpy()])
            yield Batch(*self.beats.inputs(rows), self.beats.unknowns(rows), seed)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Of one batch, of ECGs with noise and of other amplitudes."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(batch.seed)
            config = self.network.config
            gain = torch.exp(config.log_gain_sd * torch.randn(len(batch.ecg), 1, 1))
            noise = config.noise_mv * torch.randn_like(batch.ecg)
            mixture = self.network(gain * batch.ecg + noise, batch.measures)
        return {"loss": -self.network.log_prob(mixture, batch.unknowns).mean()}

    def validate(self) -> dict[str, float]:
        """Minus the mean log-density of hearts that are not trained on, and the mean's error."""
        rows = self.rows.val[:: max(1, len(self.rows.val) // WATCHED)]
        if not len(rows):
            return {}
        mixture, unknowns = self.network(*self.beats.inputs(rows)), self.beats.unknowns(rows)
        median = self.network.draw(mixture, 99, 0).activation_time.median(dim=1).values
        error = (median - unknowns.activation_time).abs().mean()
        found = -self.network.log_prob(mixture, unknowns).mean()
        return {"val_loss": float(found), "val_at_error_ms": float(error)}


def train_posterior(
    beats: SimulatedBeats,
    rows: Rows,
    config: PosteriorSettings,
    folder: str | Path,
    machine: Machine = ONE_CORE,
) -> Posterior:
    """Train, calibrate on the hearts of `rows.val`; write model, calibration, curve and card.

    Raises:
        BadInput: no beats, or too few of `rows.val` to calibrate on.
        StepFailed: training diverged.
    """
    folder, started = Path(folder), time.monotonic()
    sizes = len(beats.parameter_names), len(beats.pattern_names)
    with seeded(config.seed, KIND, "weights"):
        network = PosteriorNetwork(config, beats.measure_names, *sizes)
    with torch_threads(machine.n_threads), torch.no_grad(), seeded(config.seed, KIND, "scales"):
        network.fit(*beats.inputs(rows.train), beats.unknowns(rows.train))
    sha256 = arrays_sha256(beats.activation_time[rows.train], rows.train)
    run = Run(KIND, derive_seed(config.seed, KIND, "batches"), folder,
              validate_every=max(1, config.epochs // 20),
              parameters=config.model_dump(mode="json") | {"data_sha256": sha256})  # fmt: skip
    schedule = Schedule(config.epochs, config.learning_rate, ema_decay=EMA_DECAY)
    fit(PosteriorTask(network, beats, rows), schedule, run, machine)
    names = beats.measure_names, beats.parameter_names, beats.pattern_names
    bare = Posterior(network.eval(), np.ones(N_POINTS), *names)
    drawn = drawn_times(bare, beats, rows.val)
    posterior = Posterior(network, widening(drawn, beats.activation_time[rows.val]), *names)
    card = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "epochs": config.epochs,
        "train_seconds": time.monotonic() - started,
        "n_simulations": len(rows.train),
        "n_calibration": len(rows.val),
        "data_sha256": sha256,
    }
    save_posterior(posterior, folder, card)
    write_json(folder / "card.json", card)
    discard(folder)
    return posterior


def drawn_times(posterior: Posterior, beats: SimulatedBeats, rows: np.ndarray) -> np.ndarray:
    """Draws of the activation times of some beats, [beat, draw, 75] ms."""
    parts = [
        posterior.draw(*beats.inputs(some), N_DRAWS).activation_time.numpy()
        for some in np.array_split(rows, max(1, len(rows) // 64))
    ]
    return np.concatenate(parts)

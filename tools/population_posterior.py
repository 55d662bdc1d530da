"""Posterior of people's parameters, and the population that explains them, for `fit_population.py`.

An emulator learns simulated beats from parameters and bodies. Each person's posterior is drawn by
randomise-then-optimise (Bardsley 2014, doi:10.1137/140964023) in many bodies, with the population
as the prior; the mean over people is the next population (expectation maximisation). What is drawn
is simulated, so that the last word is never the emulator's. At last a classifier of people against
draws reweights them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from population_beats import AMPLITUDE, BODIES, NAMES
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from einthoven.base.core.names import INDEPENDENT_ROWS
from einthoven.physics.ecg.features import TRACE_MS

N = len(NAMES)
WINDOWS = ((-8.0, 26.0, 1, 0.05), (26.0, 100.0, 1, 0.10), (100.0, 452.0, 4, 0.035))
"""Early QRS, QRS, ST and T: from, until (ms), samples averaged, SD of error and noise (mV)."""
INDEPENDENT_SHARE = 1.0 / 8.0
"""Residuals of neighbouring samples are correlated; by it the squares are reduced."""
COMPONENTS, WIDTH, UNIT_LIMIT = 70, 384, 3.2
AMPLITUDE_SD, USUAL_AMPLITUDE = 0.30, 0.97
"""SD of the logarithm of the amplitude; amplitude of the basis, in units of the prior's centre."""
SHRUNK, KEPT, WIDEST = 0.9, 0.85, 1.15
"""Factors of a population's mean and covariance and its largest SD: the prior's, at one SD."""
FEATURE_L2, LEAST_EFFECTIVE = 0.05, 500.0


class SimulatedBeats(NamedTuple):
    """Simulated beats: unit [beat, variable], body [beat], trace [beat, 12, time], features."""

    unit: np.ndarray
    body: np.ndarray
    trace: np.ndarray
    features: np.ndarray


def weighted_rows(traces: np.ndarray) -> np.ndarray:
    """Traces [beat, 12, TRACE_MS] mV in units of the error: [beat, row]."""
    leads, parts = traces[:, INDEPENDENT_ROWS], list[np.ndarray]()
    for start, end, group, sd in WINDOWS:
        part = leads[:, :, (start < TRACE_MS) & (end >= TRACE_MS)]
        part = part[:, :, : part.shape[2] // group * group]
        mean = part.reshape(*part.shape[:2], -1, group).mean(axis=3)
        parts.append(mean.reshape(len(traces), -1) / sd)
    return np.sqrt(INDEPENDENT_SHARE) * np.concatenate(parts, axis=1)


class EmulatorNetwork(torch.nn.Module):
    """Components of a beat of unit amplitude from parameters, heart and body."""

    def __init__(self, n_bodies: int) -> None:
        super().__init__()
        self.hearts = torch.nn.Embedding(n_bodies // BODIES, 16)
        self.bodies = torch.nn.Embedding(n_bodies, 16)
        layers, width = list[torch.nn.Module](), N - 1 + 32
        for _ in range(3):
            layers += [torch.nn.Linear(width, WIDTH), torch.nn.SiLU()]
            width = WIDTH
        self.layers = torch.nn.Sequential(*layers, torch.nn.Linear(WIDTH, COMPONENTS))
        self.kept = torch.tensor([k for k in range(N) if k != AMPLITUDE])

    def forward(self, unit: torch.Tensor, body: torch.Tensor) -> torch.Tensor:
        """Components [beat, COMPONENTS] of unit [beat, variable] in body [beat]."""
        place = self.hearts(body // BODIES), self.bodies(body)
        return self.layers(torch.cat([unit[:, self.kept] / 1.3, *place], dim=1))


def amplitude(unit: torch.Tensor) -> torch.Tensor:
    """Amplitude relative to that of the basis, of standardised variables."""
    return torch.exp(AMPLITUDE_SD * unit[..., AMPLITUDE]) / USUAL_AMPLITUDE


@dataclass(frozen=True, eq=False)
class Emulator:
    """A trained network with the mean, the basis and the scale of its components."""

    network: EmulatorNetwork
    mean: np.ndarray
    basis: np.ndarray
    scale: float

    @classmethod
    def train(
        cls, beats: SimulatedBeats, people: np.ndarray, n_bodies: int, epochs: int = 26
    ) -> "Emulator":
        """Train on simulated beats; the basis is that of beats and people [person, row]."""
        torch.manual_seed(0)
        rng = np.random.default_rng(0)
        unit, body = torch.tensor(beats.unit).float(), torch.tensor(beats.body)
        rows = weighted_rows(beats.trace) / amplitude(unit).numpy()[:, None]
        some = rows[rng.permutation(len(rows))[:2500]]
        joint = np.concatenate([some, np.repeat(people, 4, axis=0)])
        mean = some.mean(axis=0)
        basis = np.linalg.svd(joint - mean, full_matrices=False)[2][:COMPONENTS]
        wanted = (rows - mean) @ basis.T
        scale = float(wanted.std(axis=0).max())
        target = torch.tensor(wanted / scale).float()
        size = target.square().sum(dim=1)
        weight = 1.0 / (1.0 + size / size.median())  # giants do not matter for people
        network, n_steps = EmulatorNetwork(n_bodies), epochs * (len(rows) // 256 + 1)
        optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=n_steps)
        for _ in range(epochs):
            for batch in torch.tensor(rng.permutation(len(rows))).split(256):
                residual = network(unit[batch], body[batch]) - target[batch]
                loss = (residual.square().sum(dim=1) * weight[batch]).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
        return cls(network.requires_grad_(False), mean, basis, scale)

    def posterior(
        self, people: np.ndarray, population: "Population", chains: int, seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draws for people [person, row] in random bodies.

        Returns:
            unit [person, chain, variable], body [person, chain], cost [person, chain].
        """
        rng, n_bodies = np.random.default_rng(seed), self.network.bodies.num_embeddings
        count = len(people) * chains
        body = torch.tensor(rng.integers(0, n_bodies, count))
        noisy = np.repeat(people @ self.basis.T, chains, axis=0)
        wanted = torch.tensor(noisy + rng.standard_normal(noisy.shape)).float()
        middle = torch.tensor(self.mean @ self.basis.T).float()
        factor = torch.tensor(np.linalg.cholesky(population.covariance)).float()
        mean = torch.tensor(population.mean).float()
        start = torch.tensor(rng.standard_normal((count, N))).float()
        free = start.clone().requires_grad_(True)
        optimiser, steps = torch.optim.Adam([free], 0.08), 160
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, 0.005)
        for _ in range(steps):
            unit = mean + free @ factor.T
            found = self.network(unit.clamp(-UNIT_LIMIT, UNIT_LIMIT), body) * self.scale + middle
            misfit = (found * amplitude(unit)[:, None] - wanted).square().sum(dim=1)
            cost = misfit + (free - start).square().sum(dim=1)
            outside = (unit.abs() - 3.0).clamp(min=0.0).square().sum(dim=1)
            optimiser.zero_grad()
            (cost + 10.0 * outside).sum().backward()
            optimiser.step()
            schedule.step()
        shape = (len(people), chains)
        drawn = unit.detach().numpy().clip(-UNIT_LIMIT, UNIT_LIMIT)
        return (drawn.reshape(*shape, N), body.numpy().reshape(shape),
                cost.detach().numpy().reshape(shape))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Population:
    """A normal distribution of standardised variables."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def prior(cls) -> "Population":
        """The prior itself."""
        return cls(np.zeros(N), np.eye(N))

    @classmethod
    def of_draws(cls, unit: np.ndarray) -> "Population":
        """The population of draws [draw, variable], drawn a little towards the prior."""
        covariance = np.cov(unit.T)
        factor = np.minimum(1.0, WIDEST / np.sqrt(np.diag(covariance)))
        narrowed = covariance * np.outer(factor, factor)
        return cls(SHRUNK * unit.mean(axis=0), KEPT * narrowed + 0.5 * (1 - KEPT) * np.eye(N))


def chosen(cost: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Chains [person, n], those in bodies that explain the person more often."""
    share = np.exp(-(cost - cost.min(axis=1, keepdims=True)) / 6.0)
    share /= share.sum(axis=1, keepdims=True)
    return np.array([rng.choice(len(row), n, p=row) for row in share])


def person_weights(beats: SimulatedBeats, people: np.ndarray, effective: float) -> np.ndarray:
    """Weights [person, beat] by how well true simulations, scaled, resemble each person's beat.

    A likelihood tempered so far that `effective` beats count for each person.
    """
    rows = weighted_rows(beats.trace)
    norms, own = (rows**2).sum(axis=1), (people**2).sum(axis=1)
    scale = np.sqrt(own[:, None] / norms)
    misfit = own[:, None] + scale**2 * norms - 2.0 * scale * (people @ rows.T)
    return np.array([_tempered(-row / own[k], effective) for k, row in enumerate(misfit)])


def classifier_weights(
    features: np.ndarray, people: np.ndarray, base: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Weights [beat] of simulated features that bring them to people's [person, feature].

    Args:
        base: [beat] weights so far. rng: of the scale's sample.
    """
    middle = np.nanmedian(people, axis=0)
    filled = [np.where(np.isfinite(each), each, middle) for each in (features, people)]
    low, high = filled[1].min(axis=0), filled[1].max(axis=0)
    ours, theirs = (np.clip(x, 1.5 * low - 0.5 * high, 1.5 * high - 0.5 * low) for x in filled)
    some = ours[rng.choice(len(ours), min(300, len(ours)), replace=False)]
    unit = StandardScaler().fit(np.concatenate([some, theirs])).transform
    ours, theirs = (np.hstack([z, np.clip(z**2, 0.0, 6.0)]) for z in (unit(ours), unit(theirs)))
    weight = np.concatenate([base / base.sum() * len(theirs), np.ones(len(theirs))])
    label = np.repeat([0, 1], [len(ours), len(theirs)])
    model = LogisticRegression(C=FEATURE_L2, max_iter=500)
    score = model.fit(np.vstack([ours, theirs]), label, weight).decision_function(ours)
    return _tempered(score, min(LEAST_EFFECTIVE, 0.3 * len(ours)), base)


def _tempered(score: np.ndarray, effective: float, base: np.ndarray | None = None) -> np.ndarray:
    """Weights exp(t score), t as large as leaves `effective` of them, at most 1000."""
    low, high = 1e-3, 1e3 if base is None else 1.0
    weight = np.ones(len(score)) if base is None else base
    found = weight / weight.sum()
    for _ in range(40):
        middle = np.sqrt(low * high)
        tried = weight * np.exp(middle * (score - score.max()))
        tried /= tried.sum()
        if 1.0 / (tried**2).sum() > effective:
            low, found = middle, tried
        else:
            high = middle
    return found

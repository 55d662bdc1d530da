"""Beats drawn for any closed surface: a training set where none was measured.

Waves of one speed from random foci over the surface, slowed and hastened from place to place, with
one waveform. What a wave within the wall, a fibre or a Purkinje tree would do is not in them.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.geodesic import geodesic_distances
from einthoven.base.geometry.laplacian_modes import laplacian_modes
from einthoven.inverse.baselines.bayes.training import TrainingSet
from einthoven.inverse.methods.activation.waveform import Waveform
from einthoven.inverse.problem.double_layer import double_layer
from einthoven.inverse.problem.inverse_problem import SourceSurface

N_SITES = 200
"""Places of foci."""
N_SMOOTH = 30
"""Modes in which speeds and durations vary over the heart."""
UNEVEN_SPEED = 0.15
"""SD of the logarithm of the arrival time over the heart, about that of one speed."""
UNEVEN_DURATION = 0.05
"""SD over the heart, as a share of the duration."""


@dataclass(frozen=True)
class DrawnBeats(TrainingSet):
    """Settings of the draws; times as shares of the recording, drawn uniformly."""

    n_beats: int = 150
    seed: int = 0
    max_foci: int = 3
    onset: tuple[float, float] = (-0.05, 0.3)
    """Of the first focus; the others start up to half a crossing later."""
    crossing: tuple[float, float] = (0.2, 0.8)
    """From the focus to the farthest place."""
    duration: tuple[float, float] = (0.25, 1.0)
    """Of the action potential."""
    upstroke: tuple[float, float] = (0.003, 0.01)
    """Width."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """What the potentials are."""

    @abstractmethod
    def operator(self, surface: SourceSurface) -> np.ndarray | None:
        """From action potentials to potentials on the surface: [node, node]; None: the same."""

    @property
    def description(self) -> str:
        """Number, kind and seed."""
        return f"{self.n_beats} drawn beats ({self.kind}, seed {self.seed})"

    def beats(self, surface: SourceSurface, time: np.ndarray) -> Iterator[np.ndarray]:
        """Draw.

        Raises:
            BadInput: fewer than two beats or no focus.
        """
        check.between("n_beats", self.n_beats, 2, np.inf)
        check.between("max_foci", self.max_foci, 1, N_SITES)
        rng = generator(self.seed, "beats", self.kind)
        # uniform by area: a finer part of the mesh has no more foci
        share = surface.areas / surface.areas.sum()
        sites = rng.choice(len(share), size=N_SITES, p=share)
        distances = geodesic_distances(surface.points, surface.faces, sites)
        modes = laplacian_modes(surface.points, surface.faces, N_SMOOTH)
        # the constant left out, the smoothest strongest; SD 1 over the heart
        smooth = modes.functions[:, 1:] / modes.eigenvalues[1:]
        smooth /= np.sqrt(share @ np.sum(smooth**2, axis=1))
        operator = self.operator(surface)
        for _ in range(self.n_beats):
            sources = self._draw(rng, distances, smooth, time)
            yield sources if operator is None else operator @ sources

    def _draw(
        self, rng: np.random.Generator, distances: np.ndarray, smooth: np.ndarray, time: np.ndarray
    ) -> np.ndarray:
        """Action potentials between 0 and 1: [node, time]."""
        window = float(np.ptp(time))
        crossing, duration, upstroke, onset = (
            window * rng.uniform(*limits)
            for limits in (self.crossing, self.duration, self.upstroke, self.onset)
        )
        foci = rng.integers(len(distances), size=rng.integers(1, self.max_foci + 1))
        later = crossing * rng.uniform(0, 0.5, size=len(foci))
        later[0] = 0.0
        arrival = (later[:, None] + distances[foci] * crossing / distances.max()).min(axis=0)
        uneven = smooth @ rng.normal(size=(smooth.shape[1], 2))
        activation = time[0] + onset + arrival * np.exp(UNEVEN_SPEED * uneven[:, 0])
        durations = duration * (1 + UNEVEN_DURATION * uneven[:, 1])
        waveform = Waveform(upstroke, duration / 25, duration / 5)
        return waveform.values(time, activation, durations)


@dataclass(frozen=True)
class ActionPotentials(DrawnBeats):
    """Transmembrane potentials, 1 mV high: what the Aliev-Panfilov problems call u."""

    @property
    def kind(self) -> str:
        """Name."""
        return "action potentials"

    def operator(self, surface: SourceSurface) -> np.ndarray | None:
        """None: they are the sources."""
        return None


@dataclass(frozen=True)
class Electrograms(DrawnBeats):
    """Unipolar epicardial electrograms of the same beats: see `double_layer`."""

    @property
    def kind(self) -> str:
        """Name."""
        return "electrograms of an equivalent double layer"

    def operator(self, surface: SourceSurface) -> np.ndarray | None:
        """Of the double layer."""
        return double_layer(surface.points, surface.faces)

"""Beats drawn for any closed surface: a training set where none was measured.

Waves of one speed start from random foci and run over the surface, with arrival times and durations
that vary smoothly. They share one waveform. Waves within the wall, fibres and a Purkinje tree are
left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.geodesic import geodesic_distances
from einthoven.base.geometry.laplacian_modes import laplacian_modes
from einthoven.inverse.methods.activation.waveform import Waveform
from einthoven.inverse.problem.double_layer import double_layer
from einthoven.inverse.problem.inverse_problem import SourceSurface

N_SITES = 200
"""Places of foci."""
N_SMOOTH = 30
"""Modes in which arrival times and durations vary over the heart."""
ARRIVAL_SD = 0.15
"""SD of the logarithm of the arrival time over the heart, about that of one speed."""
DURATION_SD = 0.05
"""SD over the heart, as a share of the duration."""
Limits = tuple[float, float]


@dataclass(frozen=True)
class DrawnBeats:
    """Settings of the draws; times are uniform between limits, as shares of the recording."""

    electrograms: bool = False
    """Unipolar epicardial electrograms by `double_layer`; False: action potentials, 1 mV high (u of
    the Aliev-Panfilov problems)."""
    n_beats: int = 150
    """Number of beats."""
    seed: int = 0
    """Seed of the draws."""
    max_foci: int = 3
    """Most foci of a beat."""
    onset: Limits = (-0.05, 0.3)
    """Onset of the first focus; the others start up to half a crossing later."""
    crossing: Limits = (0.2, 0.8)
    """Time from the focus to the farthest place."""
    duration: Limits = (0.25, 1.0)
    """Duration of the action potential."""
    upstroke: Limits = (0.003, 0.01)
    """Width of the upstroke."""

    @property
    def kind(self) -> str:
        """Name of the potentials, for tables."""
        return (
            "electrograms of an equivalent double layer"
            if self.electrograms
            else "action potentials"
        )

    def beats(self, surface: SourceSurface, time: np.ndarray) -> Iterator[np.ndarray]:
        """Draw beats [node, time] mV at times [time] ms, one after the other.

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
        layer = double_layer(surface.points, surface.faces) if self.electrograms else None
        for _ in range(self.n_beats):
            sources = self._draw(rng, distances, smooth, time)
            yield sources if layer is None else layer @ sources

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
        activation = time[0] + onset + arrival * np.exp(ARRIVAL_SD * uneven[:, 0])
        durations = duration * (1 + DURATION_SD * uneven[:, 1])
        waveform = Waveform(upstroke, duration / 25, duration / 5)
        return waveform.values(time, activation, durations)

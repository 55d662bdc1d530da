"""First guess of places and onsets of waves: waves of the model, shifted in time to fit."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.signal

from einthoven.base.geometry.sampling import farthest_points
from einthoven.inverse.methods.variational.control import DURATION, Control, StimulusSources
from einthoven.inverse.methods.variational.model_error import ProjectedPotentials
from einthoven.inverse.methods.variational.stepping import heun
from einthoven.inverse.methods.variational.trajectory import LARGEST_STEP, Dynamics

SPEEDS = (0.7, 0.83, 1.0, 1.2, 1.44)
"""Trial speeds, as multiples of the model's."""
COARSE_STEP = 1.0
"""Step of a single wave's onset, in time units."""
MORE_STEP = 1.5
"""Step of the onsets of further waves, in time units."""
MORE_CANDIDATES = 40
"""Number of trial nodes for further waves; farthest points are nested."""
LEAST_SHARE = 0.02
"""Least share of the nodes that a further wave reaches first."""
N_COMPONENTS = 40
"""Number of components of the recording in the search."""


class Guess(NamedTuple):
    """A wave that explains the recording best."""

    candidates: tuple[int, ...]
    """Candidates of the library, one per source."""
    onsets: tuple[float, ...]
    """Onsets in time units, one per source."""
    speed: float
    """Speed as a multiple of the model's."""
    gain: float
    """Potential of u = 1."""
    explained: float
    """Share of the recording's power."""


@dataclass(frozen=True)
class Library:
    """Waves of the model from many nodes, as arrival times and one template in time."""

    dynamics: Dynamics
    control: Control
    """Control with one source, whose constants and width are those of the waves."""
    n_candidates: int

    @cached_property
    def centres(self) -> np.ndarray:
        """Places of candidates: [candidate, 3] mm."""
        points = self.control.surface.points
        outermost = np.linalg.norm(points - points.mean(axis=0), axis=1).argmax()
        return farthest_points(points, points[outermost], min(self.n_candidates, len(points)))

    @cached_property
    def arrivals(self) -> np.ndarray:
        """Arrival times after the onset at each candidate: [node, candidate] time units."""
        dt = min(LARGEST_STEP, self.dynamics.interval / self.dynamics.steps(self.control))
        n = len(self.centres)
        width = np.full(n, self.control.sources.log_widths[0])
        maps = replace(self.control, sources=StimulusSources(self.centres, np.zeros(n), width)).maps
        u, v, arrival = np.zeros_like(maps), np.zeros_like(maps), np.full(maps.shape, np.inf)
        for q in range(int(self._longest / dt)):
            courses = [np.exp(-0.5 * ((q + k) * dt / DURATION - 6) ** 2) for k in (0, 1)]
            before = u.copy()
            pair = np.array([maps * course for course in courses])
            heun(self.dynamics.matrix, self.control.parameters, pair, dt, u, v)
            new = np.isinf(arrival) & (u >= 0.5)
            arrival[new] = (q + (0.5 - before[new]) / (u[new] - before[new])) * dt - 6 * DURATION
            if np.isfinite(arrival).all():
                break
        return np.where(np.isinf(arrival), self._longest, arrival)

    @property
    def _longest(self) -> float:
        """Upper bound of the time in which a wave passes the surface, time units."""
        d, k, a, _ = self.control.base
        speed = np.sqrt(d * k / 2) * max(1 - 2 * a, 0.1)
        return float(4 * np.linalg.norm(np.ptp(self.control.surface.points, axis=0)) / speed)

    @cached_property
    def template(self) -> tuple[np.ndarray, np.ndarray]:
        """Times after arrival, and the mean u of the nodes reached first."""
        arrival = self.arrivals[:, 0]
        early = np.argsort(arrival, kind="stable")[len(arrival) // 10 : len(arrival) // 3]
        after = np.arange(-3.0, 2 * self.dynamics.window + 10, 2 * LARGEST_STEP)
        times = np.arange(-3.0, after[-1] + arrival[early].max(), 2 * LARGEST_STEP)
        one = replace(self.control.sources, centres=self.centres[:1], onsets=np.zeros(1))
        u = replace(self.dynamics, times=times).solution(replace(self.control, sources=one))
        traces = [np.interp(after + arrival[i], times, u[i], left=0.0) for i in early]
        return after, np.mean(traces, axis=0)

    def wave(self, arrival: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Wave u of nodes reached at `arrival`, by the template's nearest sample: [node, time]."""
        after, u = self.template
        index = np.rint((times - arrival[:, None] - after[0]) / (after[1] - after[0]))
        return u[np.clip(index, 0, len(u) - 1).astype(int)]

    def arrival(self, guess: Guess) -> np.ndarray:
        """Arrival time of the first wave: [node] time units; inf without a source."""
        first = np.full(len(self.arrivals), np.inf)
        for candidate, onset in zip(guess.candidates, guess.onsets):
            first = np.minimum(first, onset + self.arrivals[:, candidate] / guess.speed)
        return first


@dataclass(frozen=True)
class LibrarySearch:
    """A recording on a coarse time grid against a library."""

    library: Library
    recording: ProjectedPotentials

    @cached_property
    def _coarse(self) -> tuple[np.ndarray, np.ndarray]:
        """Times and data [component, time] of the coarse grid."""
        times = self.library.dynamics.times
        coarse = np.arange(times[0], times[-1] + 1e-9, COARSE_STEP)
        data = self.recording.data[:N_COMPONENTS]
        return coarse, np.array([np.interp(coarse, times, row) for row in data])

    def first(self) -> Guess:
        """Best single wave over all candidates, speeds and onsets.

        Onsets lie between half a record before its begin and its end.
        """
        coarse, data = self._coarse
        window = coarse[-1] - coarse[0]
        clock = np.arange(-window, 1.5 * window, COARSE_STEP)
        guesses = []
        for speed in SPEEDS:
            for candidate, arrival in enumerate(self.library.arrivals.T):
                wave = self.library.wave(arrival / speed, clock)
                model = self.recording.reduced[:N_COMPONENTS] @ wave
                k, gain, share = best_shift(data, model)
                onset = coarse[0] - clock[k]
                guesses.append(Guess((candidate,), (onset,), speed, gain, share))
        return max(guesses, key=lambda guess: guess.explained)

    def one_more(self, guess: Guess) -> Guess:
        """Guess with another source, after which each in turn is searched again."""
        best = self._next(guess)
        for j in range(len(best.candidates)):
            others = best._replace(
                candidates=best.candidates[:j] + best.candidates[j + 1 :],
                onsets=best.onsets[:j] + best.onsets[j + 1 :],
            )
            best = max(best, self._next(others), key=lambda each: each.explained)
        return best

    def _next(self, guess: Guess) -> Guess:
        """Guess with the source that explains most."""
        library, (coarse, data) = self.library, self._coarse
        reduced, known = self.recording.reduced[:N_COMPONENTS], library.arrival(guess)
        wave = library.wave(np.minimum(known, 1e6), coarse)
        model, power = reduced @ wave, np.sum(data**2)
        best = None
        for candidate, travel in enumerate(library.arrivals.T[:MORE_CANDIDATES]):
            for onset in np.arange(coarse[0] - 5, coarse[-1], MORE_STEP):
                arrival = onset + travel / guess.speed
                earlier = arrival < np.minimum(known, coarse[-1])
                if np.mean(earlier) < LEAST_SHARE:
                    break
                change = library.wave(arrival[earlier], coarse) - wave[earlier]
                changed = model + reduced[:, earlier] @ change
                product, norm = np.sum(changed * data), np.sum(changed**2)
                share = float(product**2 / norm / power)
                if best is None or share > best.explained:
                    best = Guess(
                        (*guess.candidates, candidate), (*guess.onsets, float(onset)),
                        guess.speed, float(product / norm), share,
                    )  # fmt: skip
        return best or guess


def best_shift(data: np.ndarray, model: np.ndarray) -> tuple[int, float, float]:
    """Best fit of gain * model [component, longer time], shifted, to data [component, time].

    Column of `model` that meets column 0 of `data`, gain, share.
    """
    n = data.shape[1]
    product = scipy.signal.fftconvolve(model, data[:, ::-1], mode="valid", axes=1).sum(axis=0)
    power = np.convolve(np.sum(model**2, axis=0), np.ones(n), mode="valid")
    power = np.maximum(power, 1e-6 * power.max())
    share = product**2 / power / np.sum(data**2)
    k = int(np.argmax(share))
    return k, float(product[k] / power[k]), float(share[k])

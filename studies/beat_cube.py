"""Beats of a known heart as points of the unit cube, and their likelihood given an ECG.

`BeatParameters.draw` reads uniform numbers; a point of the cube is these numbers. So the cube's
uniform measure is the prior of the corpus, whatever section `imaging` says.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
from cube_chains import CubeCoordinates, Seen

from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.imaging.corpus.beat_parameters import MAX_SITES, BeatParameters
from einthoven.imaging.corpus.corpus import N_TIMES
from einthoven.imaging.corpus.simulator import SimulatedBeat, Simulator
from einthoven.physics.ecg.leads import twelve_lead

REMEMBERED = 400
"""Activations that are kept, as moves of the cells leave them."""
PARTS = ("side", "z", "phi", "depth")
"""Coordinates of a site, in the order of `StimulusSite.draw`."""
UNREAD = "site_delay_ms"
"""Drawn by `BeatParameters.draw` and not used."""


class CubePoint:
    """A generator whose uniform numbers are the coordinates of a point, in their order."""

    def __init__(self, point: np.ndarray):
        self._rest = iter(np.minimum(point, np.nextafter(1.0, 0.0)).tolist())

    def random(self) -> float:
        """The next coordinate."""
        return float(next(self._rest))

    def uniform(self, low: Any, high: Any, size: int | None = None) -> Any:
        """As `Generator.uniform`."""
        shape = np.broadcast(low, high).shape if size is None else (size,)
        if not shape:
            return low + (high - low) * self.random()
        drawn = np.array([self.random() for _ in range(int(np.prod(shape)))])
        return low + (high - low) * drawn.reshape(shape)

    def choice(self, values: Sequence[Any], p: Sequence[float] | None = None) -> Any:
        """As `Generator.choice` of one value."""
        ends = np.cumsum(np.full(len(values), 1 / len(values)) if p is None else p)
        last = len(values) - 1
        return values[min(int(np.searchsorted(ends, self.random(), side="right")), last)]


def names_of(section: ImagingSettings) -> list[str]:
    """Names [coordinate], in the order in which `BeatParameters.draw` reads them."""
    sites = [f"site{k + 1}_{part}" for k in range(MAX_SITES) for part in PARTS]
    delays = [f"delay{k}" for k in range(1, MAX_SITES)]
    return ["is_paced", "pattern", *section.ranges, *delays, *sites, "cv_rv", "i_kr", "cycle"]


def beat_at(section: ImagingSettings, point: np.ndarray) -> BeatParameters:
    """The beat of a point [coordinate]."""
    return BeatParameters.draw(section, cast(np.random.Generator, CubePoint(point)))


def columns_of(section: ImagingSettings, *some: str) -> np.ndarray:
    """Coordinates of names."""
    names = names_of(section)
    return np.array([names.index(name) for name in some])


def coordinates_of(section: ImagingSettings) -> CubeCoordinates:
    """What is moved together."""

    def at(*some: str) -> np.ndarray:
        return columns_of(section, *some)

    delays = [f"delay{k}" for k in range(1, MAX_SITES)]
    smooth = [*(name for name in section.ranges if name != UNREAD), "cv_rv", *delays]
    sites = [f"site{k + 1}" for k in range(MAX_SITES)]
    places = [at(f"{site}_z", f"{site}_phi") for site in sites]
    whole = [at(*(f"{site}_{part}" for part in PARTS)) for site in sites]
    discrete = [at(f"{site}_{part}") for site in sites for part in ("side", "depth")]
    return CubeCoordinates(
        smooth=at(*smooth),
        periodic=at(*(f"{site}_phi" for site in sites)),
        places=(*places, *places, *(at(name) for name in smooth)),
        blocks=(at("is_paced", "pattern"), at("i_kr", "cycle"), *discrete, *whole),
    )


@dataclass(frozen=True, eq=False)
class BeatHeart:
    """A heart whose beats are simulated."""

    simulator: Simulator
    section: ImagingSettings
    forward: str
    _taus: "OrderedDict[Hashable, np.ndarray]" = field(default_factory=OrderedDict)

    def beat(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ECG [8, 500] mV of the independent leads, and activation [75] ms, of a point."""
        beat = self._simulated(beat_at(self.section, point))
        ecg = twelve_lead(STANDARD_ELECTRODES, beat.potentials[self.forward])[INDEPENDENT_ROWS]
        return ecg, beat.activation_time

    def places(self, point: np.ndarray) -> tuple[int, ...]:
        """Nodes of a point's sites."""
        return tuple(map(self.simulator.node, beat_at(self.section, point).sites))

    def _simulated(self, case: BeatParameters) -> SimulatedBeat:
        nodes = tuple((self.simulator.node(site), site.time_ms) for site in case.sites)
        key = (case.pattern, nodes, case.cv_fiber, case.cv_transverse, case.cv_lv_endocardium,
               case.cv_rv_endocardium, case.cv_tree)  # fmt: skip
        if key in self._taus:
            return self.simulator.beat(case, self._taus[key])
        beat = self.simulator.simulate(case)
        self._taus[key] = beat.tau
        if len(self._taus) > REMEMBERED:
            self._taus.popitem(last=False)
        return beat


@dataclass(frozen=True, eq=False)
class GivenEcg:
    """Posterior of the beats of a known heart given an ECG with white noise."""

    heart: BeatHeart
    ecg: np.ndarray
    """[8, 500] mV."""
    noise_mv: float
    """SD of each sample."""
    window_ms: int = N_TIMES
    """How much of the ECG is known."""
    bin_ms: int = 1
    """Means of so many samples are known instead of each."""

    @cached_property
    def coordinates(self) -> CubeCoordinates:
        """What is moved together."""
        return coordinates_of(self.heart.section)

    def active(self, point: np.ndarray) -> np.ndarray:
        """All but sites and delays that the pattern does not have."""
        n = len(beat_at(self.heart.section, point).sites)
        found = np.ones(len(point), bool)
        found[self._idle[n]] = False
        return found

    @cached_property
    def _idle(self) -> list[np.ndarray]:
        """Coordinates that beats of 0 to 3 sites do not read."""
        at = self.heart.section
        delays = [f"delay{k}" for k in range(1, MAX_SITES)]
        return [
            columns_of(
                at, UNREAD, *(delays if n < 2 else ()),
                *(f"site{k + 1}_{part}" for k in range(n, MAX_SITES) for part in PARTS),
            )
            for n in range(MAX_SITES + 1)
        ]  # fmt: skip

    def see(self, point: np.ndarray) -> Seen:
        """Residual of the ECG [8 x 500], and the map [75] ms."""
        return self.of(*self.heart.beat(point))

    def of(self, ecg: np.ndarray, activation_time: np.ndarray) -> Seen:
        """The same of a simulated beat."""
        bins = self.window_ms // self.bin_ms
        off = (ecg - self.ecg)[:, : bins * self.bin_ms].reshape(len(ecg), bins, -1)
        # a mean of n samples has 1/sqrt(n) of their noise
        residual = off.mean(axis=2) * np.sqrt(self.bin_ms) / self.noise_mv
        return Seen(residual.ravel(), activation_time)

"""First guess of a beat: waves of one speed over the surface from several foci."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.geodesic import geodesic_distances
from einthoven.base.geometry.sampling import farthest_points
from einthoven.inverse.methods.activation.beat import ActivationWave
from einthoven.inverse.methods.activation.waveform import Waveform
from einthoven.inverse.problem.inverse_problem import SourceSurface

SPANS = (0.1, 0.2, 0.4, 0.7)
"""Trial times to cross the heart, as shares of the recording."""
DURATIONS = (0.2, 0.4, 0.8, 1.6)
"""Trial durations of the action potential, as shares of the recording."""
ONSETS = (0.0, 0.1, 0.2, 0.4)
"""Trial onsets, as shares of the recording."""
UPSTROKES = 100
"""Length of the recording in widths of the upstroke, on which the misfit hardly depends."""
NEVER = 10.0
"""Duration, as a share of the recording, of a beat whose recovery comes after it."""
SHORTEST, LONGEST = 0.02, 2.0
"""Limits of the time to cross the heart and of the duration, as shares of the recording."""
N_COMPONENTS = 12
"""Number of components of the body potentials that are compared; others are mostly noise."""
N_TIMES = 50
N_PATCHES = 400
"""Number of patches of nodes that are activated together."""
MAX_EVALUATIONS = 200


@dataclass(frozen=True)
class Route:
    """Waves of one speed from several foci."""

    foci: tuple[int, ...]
    """Foci as rows of `RouteSearch.distances`."""
    onsets: tuple[float, ...]
    """ms."""
    speed: float
    """mm/ms."""
    duration: float
    """ms."""

    @property
    def vector(self) -> np.ndarray:
        """Continuous unknowns: onsets, and logarithms of speed and duration."""
        return np.r_[self.onsets, np.log([self.speed, self.duration])]

    def moved_to(self, vector: np.ndarray) -> "Route":
        """Route of the same foci with other continuous unknowns."""
        speed, duration = np.exp(vector[-2:]).tolist()
        return Route(self.foci, tuple(vector[:-2].tolist()), speed, duration)


@dataclass(frozen=True)
class RouteSearch:
    """Body potentials in their strongest components, and distances on the heart."""

    transfer: np.ndarray
    """[component, patch]."""
    body: np.ndarray
    """[component, time] mV."""
    time: np.ndarray
    """[time] ms, strided."""
    distances: np.ndarray
    """[site, patch] mm."""
    sites: np.ndarray
    """[site] nodes."""

    @cached_property
    def window(self) -> float:
        """Length of the recording, ms."""
        return float(np.ptp(self.time))

    def activation(self, route: Route) -> np.ndarray:
        """Activation times of a route: [patch] ms."""
        return first_arrival(route, self.distances[list(route.foci)])

    def waveform(self, route: Route) -> Waveform:
        """Waveform that recovers in a tenth of the duration, or of the recording if shorter."""
        duration = min(route.duration, self.window)
        return Waveform(self.window / UPSTROKES, duration / 20, duration / 5)

    def fitted(self, route: Route) -> tuple[float, float]:
        """Least misfit over all amplitudes, as a share of |body|^2, and that amplitude in mV.

        An amplitude below zero is no beat. The misfit is then that of no wave.
        """
        activation = self.activation(route)
        duration = np.full(len(activation), route.duration)
        shape = self.transfer @ self.waveform(route).values(self.time, activation, duration)
        along, energy = np.vdot(shape, self.body), np.vdot(shape, shape)
        if along <= 0:
            return 1.0, 0.0
        return float(1 - along**2 / energy / np.vdot(self.body, self.body)), float(along / energy)

    def bounds(self, n_onsets: int) -> list[tuple[float, float]]:
        """Bounds of `Route.vector`, which hold a recovery that is not in the recording."""
        start, across = self.time[0], float(self.distances.max())
        onset = (start - LONGEST * self.window, start + self.window)
        speed = across / (LONGEST * self.window), across / (SHORTEST * self.window)
        duration = SHORTEST * self.window, LONGEST * self.window
        return [onset] * n_onsets + [tuple(np.log(pair).tolist()) for pair in (speed, duration)]

    def misfit(self, route: Route) -> float:
        """Misfit of a route, see `fitted`."""
        return self.fitted(route)[0]

    def best(self, routes: Iterable[Route]) -> Route:
        """The route of least misfit."""
        return min(routes, key=self.misfit)

    def without_recovery_if_as_good(self, route: Route, gain: float) -> Route:
        """Route with a recovery long after the recording, unless that fits worse by `gain`."""
        lasting = replace(route, duration=NEVER * self.window)
        return lasting if self.misfit(lasting) < (1 + gain) * self.misfit(route) else route

    def refined(self, route: Route) -> Route:
        """Route with the best continuous unknowns near those of `route` (Nelder-Mead)."""
        first = route.vector
        scale = np.r_[np.full(len(first) - 2, 0.05 * self.window), 0.2, 0.2]
        simplex = np.vstack([first, first + np.diag(scale)])
        options = {"initial_simplex": simplex, "maxfev": MAX_EVALUATIONS, "xatol": 1e-3}
        optimum = minimize(
            lambda x: self.misfit(route.moved_to(x)),
            first,
            method="Nelder-Mead",
            bounds=self.bounds(len(route.onsets)),
            options=options,
        )
        return route.moved_to(optimum.x)


@dataclass(frozen=True)
class FastestRoute:
    """Foci added one by one, each at the place of least misfit, until it falls less than `gain`.

    References:
        van Dam et al., Ann Biomed Eng 37:1739 (2009), doi:10.1007/s10439-009-9747-6, "fastest route
        algorithm"; there the foci are compared by correlation and start at one time.
    """

    n_sites: int = 100
    """Number of trial places of foci."""
    max_foci: int = 6
    gain: float = 0.05
    """Share by which another focus must lower the misfit."""

    def beat(
        self, transfer: np.ndarray, body: np.ndarray, surface: SourceSurface, time: np.ndarray
    ) -> ActivationWave:
        """First guess; arguments as of `BeatProblem.of`.

        Raises:
            BadInput: no wave explains any of the potentials.
        """
        search = self.search(transfer, body, surface, time)
        sites = range(len(search.distances))
        few = sites[: max(len(sites) // 6, 1)]
        route = search.refined(search.best(first_routes(search, few)))
        route = search.refined(search.best([replace(route, foci=(k,)) for k in sites]))
        for _ in range(self.max_foci - 1):
            more = search.best(
                replace(route, foci=(*route.foci, k), onsets=(*route.onsets, onset * search.window))
                for k, onset in product(sites, ONSETS)
            )
            more = search.refined(more)
            if search.misfit(more) > (1 - self.gain) * search.misfit(route):
                break
            route = more
        route = search.without_recovery_if_as_good(route, self.gain)
        _, amplitude = search.fitted(route)
        if amplitude <= 0:
            raise BadInput(
                "body_potentials: no wave over the heart explains them; is the sign right?"
            )
        foci = search.sites[list(route.foci)]
        activation = first_arrival(route, geodesic_distances(surface.points, surface.faces, foci))
        duration = np.full(len(activation), route.duration)
        return ActivationWave(activation, duration, search.waveform(route), amplitude)

    def search(
        self, transfer: np.ndarray, body: np.ndarray, surface: SourceSurface, time: np.ndarray
    ) -> RouteSearch:
        """Reduced problem for the trial of routes; arguments as `beat`."""
        directions, _, _ = np.linalg.svd(body, full_matrices=False)
        strongest = directions[:, :N_COMPONENTS]
        stride = max(len(time) // N_TIMES, 1)
        points = surface.points
        chosen = farthest_points(points, points[0], min(self.n_sites, len(points)))
        sites = cdist(chosen, points).argmin(axis=1)
        centres = farthest_points(points, points[0], min(N_PATCHES, len(points)))
        patch = cdist(points, centres).argmin(axis=1)
        together = sp.csr_array((np.ones(len(points)), (np.arange(len(points)), patch)))
        at_centres = cdist(centres, points).argmin(axis=1)
        return RouteSearch(
            (strongest.T @ transfer) @ together,
            strongest.T @ body[:, ::stride],
            time[::stride],
            geodesic_distances(points, surface.faces, sites)[:, at_centres],
            sites,
        )


def first_arrival(route: Route, distances: np.ndarray) -> np.ndarray:
    """Arrival time of the first wave: [place] ms, from distances [focus, place] mm."""
    return (np.array(route.onsets)[:, None] + distances / route.speed).min(axis=0)


def first_routes(search: RouteSearch, sites: Iterable[int]) -> Iterable[Route]:
    """Coarse grid of single foci, speeds, durations and onsets."""
    across = float(search.distances.max())
    for k, span, duration, onset in product(sites, SPANS, DURATIONS, ONSETS):
        span_ms = span * search.window
        yield Route(
            (k,),
            (onset * search.window + search.time[0],),
            across / span_ms,
            duration * search.window,
        )

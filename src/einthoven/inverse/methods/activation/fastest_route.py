"""First guess of a beat: waves of one speed over the surface from a few foci."""

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
"""Time to cross the heart, tried as shares of the recording."""
DURATIONS = (0.2, 0.4, 0.8, 1.6)
"""Of the action potential, tried as shares of the recording."""
ONSETS = (0.0, 0.1, 0.2, 0.4)
"""Tried as shares of the recording."""
UPSTROKES = 100
"""Widths of the upstroke in a recording: no unknown, as the misfit hardly depends on it."""
NEVER = 10.0
"""Duration, as a share of the recording, of a beat whose recovery it does not hold."""
SHORTEST, LONGEST = 0.02, 2.0
"""Limits of the time to cross the heart and of the duration, as shares of the recording."""
N_COMPONENTS = 12
"""Of the body potentials that are compared: the others hold noise or little."""
N_TIMES = 50
N_PATCHES = 400
"""Of nodes that are activated together."""
MAX_EVALUATIONS = 200


@dataclass(frozen=True)
class Route:
    """Waves from foci, all of one speed."""

    foci: tuple[int, ...]
    """Rows of `RouteSearch.distances`."""
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
        """The same foci with other continuous unknowns."""
        speed, duration = np.exp(vector[-2:]).tolist()
        return Route(self.foci, tuple(vector[:-2].tolist()), speed, duration)


@dataclass(frozen=True)
class RouteSearch:
    """Body potentials in their strongest components, and all distances that are needed."""

    transfer: np.ndarray
    """[component, patch]."""
    body: np.ndarray
    """[component, time] mV."""
    time: np.ndarray
    """[time] ms, thinned."""
    distances: np.ndarray
    """[site, patch] mm."""
    sites: np.ndarray
    """[site] nodes."""

    @cached_property
    def window(self) -> float:
        """Length of the recording, ms."""
        return float(np.ptp(self.time))

    def activation(self, route: Route) -> np.ndarray:
        """[patch] ms."""
        return first_arrival(route, self.distances[list(route.foci)])

    def waveform(self, route: Route) -> Waveform:
        """Recovery in a tenth of the duration, or of the recording if that is shorter."""
        duration = min(route.duration, self.window)
        return Waveform(self.window / UPSTROKES, duration / 20, duration / 5)

    def fitted(self, route: Route) -> tuple[float, float]:
        """Least misfit over all amplitudes, as a share of |body|^2, and that amplitude in mV.

        An amplitude below zero is no beat: the misfit is then that of no wave at all.
        """
        activation = self.activation(route)
        duration = np.full(len(activation), route.duration)
        shape = self.transfer @ self.waveform(route).values(self.time, activation, duration)
        along, energy = np.vdot(shape, self.body), np.vdot(shape, shape)
        if along <= 0:
            return 1.0, 0.0
        return float(1 - along**2 / energy / np.vdot(self.body, self.body)), float(along / energy)

    def bounds(self, n_onsets: int) -> list[tuple[float, float]]:
        """Of `Route.vector`: where recovery lies beyond the recording, only these hold it."""
        start, across = self.time[0], float(self.distances.max())
        onset = (start - LONGEST * self.window, start + self.window)
        speed = across / (LONGEST * self.window), across / (SHORTEST * self.window)
        duration = SHORTEST * self.window, LONGEST * self.window
        return [onset] * n_onsets + [tuple(np.log(pair).tolist()) for pair in (speed, duration)]

    def misfit(self, route: Route) -> float:
        """See `fitted`."""
        return self.fitted(route)[0]

    def best(self, routes: Iterable[Route]) -> Route:
        """The route of least misfit."""
        return min(routes, key=self.misfit)

    def without_recovery_if_as_good(self, route: Route, gain: float) -> Route:
        """The route with a recovery long after the recording, unless that fits much less well."""
        lasting = replace(route, duration=NEVER * self.window)
        return lasting if self.misfit(lasting) < (1 + gain) * self.misfit(route) else route

    def refined(self, route: Route) -> Route:
        """The best continuous unknowns near those of `route` (Nelder-Mead)."""
        first = route.vector
        scale = np.r_[np.full(len(first) - 2, 0.05 * self.window), 0.2, 0.2]
        simplex = np.vstack([first, first + np.diag(scale)])
        options = {"initial_simplex": simplex, "maxfev": MAX_EVALUATIONS, "xatol": 1e-3}
        found = minimize(
            lambda x: self.misfit(route.moved_to(x)),
            first,
            method="Nelder-Mead",
            bounds=self.bounds(len(route.onsets)),
            options=options,
        )
        return route.moved_to(found.x)


@dataclass(frozen=True)
class FastestRoute:
    """Foci added one by one, each where it lowers the misfit most, until it hardly falls.

    References:
        van Dam 2009, doi:10.1007/s10439-009-9747-6, "fastest route algorithm"; there the foci are
        compared by correlation and all start at once.
    """

    n_sites: int = 100
    """Places of foci that are tried."""
    max_foci: int = 6
    gain: float = 0.05
    """A focus more must lower the misfit by this share."""

    def beat(
        self, transfer: np.ndarray, body: np.ndarray, surface: SourceSurface, time: np.ndarray
    ) -> ActivationWave:
        """First guess.

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
        of_foci = search.sites[list(route.foci)]
        activation = first_arrival(
            route, geodesic_distances(surface.points, surface.faces, of_foci)
        )
        duration = np.full(len(activation), route.duration)
        return ActivationWave(activation, duration, search.waveform(route), amplitude)

    def search(
        self, transfer: np.ndarray, body: np.ndarray, surface: SourceSurface, time: np.ndarray
    ) -> RouteSearch:
        """The reduced problem that all routes are tried on."""
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
    """Time of the first wave, distances [focus, place] mm -> [place] ms."""
    return (np.array(route.onsets)[:, None] + distances / route.speed).min(axis=0)


def first_routes(search: RouteSearch, sites: Iterable[int]) -> Iterable[Route]:
    """A coarse grid of single foci, speeds, durations and onsets."""
    across = float(search.distances.max())
    for k, span, duration, onset in product(sites, SPANS, DURATIONS, ONSETS):
        span_ms = span * search.window
        yield Route(
            (k,),
            (onset * search.window + search.time[0],),
            across / span_ms,
            duration * search.window,
        )

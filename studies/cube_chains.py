"""Draws from a posterior whose prior is uniform in the unit cube, by many Markov chains.

Near a mode Laplace's approximation proposes: as a whole (Tierney 1994, independence chain,
doi:10.1214/aos/1176325750), and by steps of its covariance. Small steps of single coordinates and
draws of whole blocks anew reach what has no derivatives. Each move leaves the posterior invariant
by the rule of Metropolis and Hastings, however bad the approximation is.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

ANEW, STEPPED, PLACED = 0.45, 0.75, 0.88
"""Cumulated shares of draws of the approximation, of steps of its covariance and of local steps;
the rest draws a block anew."""
TINIEST, WIDEST = -3.5, -0.5
"""Logarithms to base 10 of the least and the largest SD of a local step, in widths of the cube."""
PRIOR_PRECISION = 12.0
"""Of a uniform coordinate of width 1."""
DIFFERENCE = 0.01
"""Step of the derivatives, in widths of the cube."""


class Seen(NamedTuple):
    """What is known of a point."""

    residual: np.ndarray
    """[value] in units of the noise; the log-likelihood is minus half its square."""
    output: np.ndarray
    """What is wanted of the point, such as its activation map."""

    @property
    def log_likelihood(self) -> float:
        """Up to a constant."""
        return -0.5 * float(self.residual @ self.residual)


@dataclass(frozen=True)
class CubeCoordinates:
    """Which coordinates of the cube are moved together."""

    smooth: np.ndarray
    """Coordinates in which the likelihood has derivatives."""
    periodic: np.ndarray
    """Continuous coordinates whose 0 and 1 are the same."""
    places: tuple[np.ndarray, ...]
    """Continuous coordinates that make local steps together."""
    blocks: tuple[np.ndarray, ...]
    """Coordinates that are drawn anew together."""


class CubePosterior(Protocol):
    """A likelihood on the cube."""

    @property
    def coordinates(self) -> CubeCoordinates:
        """What is moved together."""

    def active(self, point: np.ndarray) -> np.ndarray:
        """Which coordinates [coordinate] of a point the likelihood reads."""

    def see(self, point: np.ndarray) -> Seen:
        """The likelihood at a point."""


class Tangent(NamedTuple):
    """Derivatives at a point, and Laplace's approximation there."""

    coordinates: np.ndarray
    """[column] the smooth and active ones."""
    jacobian: np.ndarray
    """[value, column] of the residual."""
    point: np.ndarray
    """[coordinate]."""
    residual: np.ndarray
    """[value] at the point."""

    @property
    def laplace(self) -> "Laplace":
        """The approximation."""
        precision = self.jacobian.T @ self.jacobian
        precision += PRIOR_PRECISION * np.eye(len(precision))
        at = self.point[self.coordinates]
        pull = self.jacobian.T @ self.residual + PRIOR_PRECISION * (at - 0.5)
        mean = at - np.linalg.solve(precision, pull)
        return Laplace(self.coordinates, mean, np.linalg.cholesky(precision))


class Laplace(NamedTuple):
    """A normal density of some coordinates."""

    coordinates: np.ndarray
    """[column]."""
    mean: np.ndarray
    """[column]."""
    factor: np.ndarray
    """[column, column] Cholesky factor of the precision."""

    def deviation(self, rng: np.random.Generator) -> np.ndarray:
        """A draw [column] less the mean."""
        return np.linalg.solve(self.factor.T, rng.standard_normal(len(self.mean)))

    def log_density(self, point: np.ndarray) -> float:
        """At a point [coordinate], up to a constant."""
        white = self.factor.T @ (point[self.coordinates] - self.mean)
        return -0.5 * float(white @ white)

    def wider(self, factor: float) -> "Laplace":
        """SDs times a factor."""
        return self._replace(factor=self.factor / factor)


def tangent(posterior: CubePosterior, point: np.ndarray, seen: Seen) -> Tangent:
    """Derivatives at a point by one difference for each coordinate, towards the cube's middle."""
    smooth = posterior.coordinates.smooth
    chosen = smooth[posterior.active(point)[smooth]]
    columns = []
    for c in chosen:
        step = DIFFERENCE if point[c] < 0.5 else -DIFFERENCE
        near = point.copy()
        near[c] += step
        columns.append((posterior.see(near).residual - seen.residual) / step)
    return Tangent(chosen, np.array(columns).T, point.copy(), seen.residual)


class Chains(NamedTuple):
    """Draws of several chains."""

    outputs: np.ndarray
    """[chain, draw, ...]."""
    log_likelihood: np.ndarray
    """[chain, draw]."""
    accepted: float
    """Share of the moves."""

    @property
    def draws(self) -> np.ndarray:
        """[chain x draw, ...] outputs of all."""
        return self.outputs.reshape(-1, *self.outputs.shape[2:])


def run_chains(
    posterior: CubePosterior,
    near: Laplace,
    start: np.ndarray,
    n: tuple[int, int],
    rng: np.random.Generator,
) -> Chains:
    """Chains that start about a point; the first half of their draws is left out.

    Args:
        posterior: likelihood on the cube.
        near: the approximation that proposes. start: [coordinate], all but what `near` draws.
        n: chains, and sweeps, of which the second half is kept.
        rng: of all draws.
    """
    n_chains, n_sweeps = n
    points = np.tile(start, (n_chains, 1))
    for point in points:
        point[near.coordinates] = np.clip(near.mean + near.deviation(rng), 0.0, 1.0)
    seen = [posterior.see(point) for point in points]
    outputs, likelihoods, accepted = [], [], 0
    for k in range(n_sweeps):
        for i, point in enumerate(points):
            idle = ~posterior.active(point)
            point[idle] = rng.random(int(idle.sum()))  # the likelihood does not read them
            proposed, correction = _proposal(posterior, point, near, rng)
            if proposed is None:
                continue
            found = posterior.see(proposed)
            gain = found.log_likelihood - seen[i].log_likelihood + correction
            if np.log(rng.random()) < gain:
                points[i], seen[i], accepted = proposed, found, accepted + 1
        if k >= n_sweeps // 2:
            outputs.append([one.output for one in seen])
            likelihoods.append([one.log_likelihood for one in seen])
    return Chains(np.array(outputs).swapaxes(0, 1), np.array(likelihoods).T,
                  accepted / (n_chains * n_sweeps))  # fmt: skip


def r_hat(groups: np.ndarray) -> np.ndarray:
    """Gelman and Rubin's ratio [...] of chains [chain, draw, ...]; 1: they say the same."""
    n = groups.shape[1]
    within = groups.var(axis=1, ddof=1).mean(axis=0)
    between = groups.mean(axis=1).var(axis=0, ddof=1)
    found: np.ndarray = np.sqrt((n - 1) / n + between / np.maximum(within, 1e-300))
    return found


def _proposal(
    posterior: CubePosterior, point: np.ndarray, near: Laplace, rng: np.random.Generator
) -> tuple[np.ndarray | None, float]:
    """A proposal, None outside the cube, and the logarithm of its density there over here."""
    known, active, draw = posterior.coordinates, posterior.active(point), rng.random()
    found, columns = point.copy(), near.coordinates
    places = [place for place in known.places if active[place].all()]
    blocks = [block for block in known.blocks if active[block].all()]
    if draw < ANEW:
        found[columns] = near.mean + near.deviation(rng)
        if ((found[columns] < 0) | (found[columns] > 1)).any():
            return None, 0.0
        return found, near.log_density(point) - near.log_density(found)
    if draw < STEPPED:
        factor = 2.38 / np.sqrt(len(columns)) * 10 ** rng.uniform(-0.5, 0.2)
        found[columns] += factor * near.deviation(rng)
    elif draw < PLACED or not blocks:
        moved = places[rng.integers(len(places))]
        found[moved] += 10 ** rng.uniform(TINIEST, WIDEST) * rng.standard_normal(len(moved))
    else:
        moved = blocks[rng.integers(len(blocks))]
        found[moved] = rng.random(len(moved))
        return found, 0.0
    return _inside(found, known.periodic), 0.0


def _inside(points: np.ndarray, periodic: np.ndarray) -> np.ndarray:
    """Points [..., coordinate] reflected at the walls of the cube, or wrapped around it."""
    found = 1.0 - np.abs(points % 2.0 - 1.0)
    found[..., periodic] = points[..., periodic] % 1.0
    return found

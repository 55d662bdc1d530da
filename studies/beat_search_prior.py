"""The most probable beat of a known heart given its ECG, found from draws of the prior.

Gauss-Newton steps in what has derivatives (speeds, delays, conductivities, durations). In between,
sites are tried elsewhere: each trial is simulated once, and its residual is judged after the best
linear change of all else. Starts from the best prior draws of each kind of pattern compete.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from beat_cube import PARTS, GivenEcg, beat_at, columns_of
from cube_chains import Seen, Tangent, tangent
from scipy.optimize import lsq_linear

STARTS_OF_EACH = 2
ROUNDS = ((8, 3), (4, 6))
"""Rounds of the competition: starts that are left, and steps of each."""
LAST_STEPS, AT_ONCE = 60, 12
"""Steps after the rounds, in turns of the best start that still improves."""
WAITS = 4
"""Steps without an improvement after which a start is given up."""
FITS = 1.05
"""Residual in units of the noise, root mean square, that noise alone explains."""
TRUST = 0.2
"""Largest step of a coordinate, in widths of the cube."""
N_TRIALS = 10
"""Sites tried in a step."""
KINDS = ("conducted", "paced-1", "paced-2", "paced-3")


class Bank(NamedTuple):
    """Draws of the prior on one heart."""

    points: np.ndarray
    """[beat, coordinate]."""
    ecgs: np.ndarray
    """[beat, 8, 500] mV."""
    kinds: np.ndarray
    """[beat] of `KINDS`."""


@dataclass
class BeatGuess:
    """A beat of the search."""

    point: np.ndarray
    seen: Seen
    waited: int = 0
    """Steps since it last improved."""

    @property
    def cost(self) -> float:
        """Minus the log-likelihood."""
        return -self.seen.log_likelihood

    @property
    def fits(self) -> bool:
        """Whether noise alone explains the residual."""
        return bool(np.sqrt(np.square(self.seen.residual).mean()) < FITS)


def most_probable(target: GivenEcg, bank: Bank, rng: np.random.Generator) -> BeatGuess:
    """The best beat that the search finds; it reads the ECG and the prior alone."""
    nothing = np.empty(0)
    order = np.argsort([-target.of(ecg, nothing).log_likelihood for ecg in bank.ecgs])
    starts = [order[bank.kinds[order] == kind][:STARTS_OF_EACH] for kind in KINDS]
    guesses = [_guess(target, bank.points[k]) for k in np.concatenate(starts)]
    for n_kept, n_steps in ROUNDS:
        guesses = sorted(guesses, key=lambda one: one.cost)[:n_kept]
        for guess in guesses:
            improve(target, guess, n_steps, rng)
            if guess.fits:
                return guess
    left = LAST_STEPS
    while left > 0 and (moving := [one for one in guesses if one.waited < WAITS]):
        best = min(moving, key=lambda one: one.cost)
        left -= improve(target, best, min(AT_ONCE, left), rng)
        if best.fits:
            return best
    return min(guesses, key=lambda one: one.cost)


def improve(target: GivenEcg, guess: BeatGuess, n_steps: int, rng: np.random.Generator) -> int:
    """Steps of the search, in place; how many until it fits or is given up."""
    for k in range(n_steps):
        before = guess.cost
        near = tangent(target, guess.point, guess.seen)
        _step(target, guess, near)
        _try_elsewhere(target, guess, near, rng)
        guess.waited = 0 if before - guess.cost > 1.0 else guess.waited + 1
        if guess.waited >= WAITS or guess.fits:
            return k + 1
    return n_steps


def _guess(target: GivenEcg, point: np.ndarray) -> BeatGuess:
    return BeatGuess(point.copy(), target.see(point))


def _step(target: GivenEcg, guess: BeatGuess, near: Tangent) -> None:
    """A Gauss-Newton step within the cube, halved until it improves."""
    step, _ = _best_change(guess.point, guess.seen.residual, near)
    for factor in (1.0, 0.5, 0.2, 0.05):
        if _accept(target, guess, _moved(guess.point, near, factor * step)):
            return


def _try_elsewhere(
    target: GivenEcg, guess: BeatGuess, near: Tangent, rng: np.random.Generator
) -> None:
    """Other sites, patterns and conditions: the two most promising are taken if they improve."""
    trials = []
    for point in _trials(target, guess.point, rng):
        step, cost = _best_change(point, target.see(point).residual, near)
        trials.append((cost, point, step))
    for cost, point, step in sorted(trials, key=lambda trial: trial[0])[:2]:
        if cost < guess.cost:
            # the derivatives are those of the old place: a part of the step may be better
            any(_accept(target, guess, _moved(point, near, part * step)) for part in (1.0, 0.3))


def _accept(target: GivenEcg, guess: BeatGuess, point: np.ndarray) -> bool:
    seen = target.see(point)
    if -seen.log_likelihood < guess.cost:
        guess.point, guess.seen = point, seen
        return True
    return False


def _moved(point: np.ndarray, near: Tangent, step: np.ndarray) -> np.ndarray:
    found = point.copy()
    found[near.coordinates] = np.clip(found[near.coordinates] + step, 0.0, 1.0)
    return found


def _best_change(
    point: np.ndarray, residual: np.ndarray, near: Tangent
) -> tuple[np.ndarray, float]:
    """The linear change [column] of least cost within the cube and `TRUST`, and that cost."""
    q, r = np.linalg.qr(near.jacobian)
    onto, at = q.T @ residual, point[near.coordinates]
    low, high = np.maximum(-TRUST, -at) - 1e-9, np.minimum(TRUST, 1.0 - at) + 1e-9
    found = lsq_linear(r, -onto, (low, high))
    return found.x, float(found.cost + (residual @ residual - onto @ onto) / 2)


def _trials(target: GivenEcg, point: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Points with another site, condition or pattern."""
    section, case = target.heart.section, beat_at(target.heart.section, point)
    condition = columns_of(section, "i_kr", "cycle")
    found = point.copy()
    found[condition] = rng.random(2)
    yield found
    found = point.copy()
    found[columns_of(section, "pattern")] = rng.random()
    yield found
    if not case.sites:
        return
    sites = [columns_of(section, *(f"site{k + 1}_{part}" for part in PARTS))
             for k in range(len(case.sites))]  # fmt: skip
    known = {target.heart.places(point)}
    for _ in range(4 * N_TRIALS):
        found = _elsewhere(point, sites, rng)
        if (nodes := target.heart.places(found)) not in known:
            known.add(nodes)
            yield found
        if len(known) > N_TRIALS:
            return


def _elsewhere(
    point: np.ndarray, sites: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """One site moved, at another depth or side, drawn anew, or exchanged with another."""
    found, draw = point.copy(), rng.random()
    site = sites[rng.integers(len(sites))]
    side, z, phi, depth = site
    if draw < 0.1 and len(sites) > 1:
        one, other = rng.choice(len(sites), 2, replace=False)
        found[sites[one]], found[sites[other]] = point[sites[other]], point[sites[one]]
    elif draw < 0.2:
        found[site] = rng.random(4)
    else:
        sd = 10 ** rng.uniform(-1.8, -0.8)
        found[z] = np.clip(found[z] + sd * rng.standard_normal(), 0.0, 1.0)
        found[phi] = (found[phi] + sd * rng.standard_normal()) % 1.0
        if rng.random() < 0.25:
            found[depth] = rng.random()
        if rng.random() < 0.05:
            found[side] = rng.random()
    return found

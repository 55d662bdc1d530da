"""Physiologies of people whose QRS on a given heart is that of an ECG, without any derivative.

An ensemble smoother with multiple data assimilation (Emerick and Reynolds 2013,
doi:10.1016/j.cageo.2012.03.011): draws of the population are moved a few times towards the ECG, by
the regression of their own ECGs on their parameters. So each stays a likely person. Time 0 of the
ECG is a parameter; its amplitude is free, as conductivities and the torso's fat are unknown.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from einthoven.imaging.twin.people_heart import PeopleHeart, qrs_people

START_SD_MS = 4.0
"""SD of the first activation about the time that the screening found."""
SAMPLE_MS = 2
"""Samples that the smoother sees; a QRS has nothing above 250 Hz."""
ALIKE_SAMPLES = 10.0
"""Samples over which model errors are taken as one, as they last for several ms."""


@dataclass(frozen=True)
class PeopleSearch:
    """Settings of the smoother, which plays `n_steps` times as many beats as there are draws."""

    n_steps: int = 3
    noise_share: float = 0.03
    """SD of model errors over the ECG's peak."""
    seed: int = 1


class LikelyPerson(NamedTuple):
    """A physiology on a heart."""

    misfit: float
    """Norm of the residual over that of the ECG, at the best gain."""
    deviation: np.ndarray
    """[variable] SD of `qrs_people`, independent."""
    start_ms: float
    """First activation on the ECG's sample axis."""
    tau: np.ndarray
    """[node] ms from the ECG's first sample."""
    log_gain: float
    """Logarithm of the ECG's amplitude over the simulated one."""

    def later(self, ms: float) -> "LikelyPerson":
        """The same person in an ECG that begins so much earlier."""
        return self._replace(start_ms=self.start_ms + ms, tau=self.tau + ms)


def placed(ecg: np.ndarray, start_ms: float, n_times: int) -> np.ndarray:
    """A simulated QRS [8, time] on an axis of n_times samples where it starts at `start_ms`."""
    own, time = np.arange(ecg.shape[1]), np.arange(float(n_times)) - start_ms
    return np.array([np.interp(time, own, row, left=0.0) for row in ecg])


def best_gain(played: np.ndarray, ecg: np.ndarray) -> float:
    """Factor, above zero, by which a simulated ECG is most like a given one."""
    return max(float((played * ecg).sum() / max((played * played).sum(), 1e-12)), 1e-3)


def people_like(
    heart: PeopleHeart,
    ecg: np.ndarray,
    start_ms: float,
    draws: tuple[np.ndarray, np.ndarray],
    settings: PeopleSearch,
    rng: np.random.Generator,
) -> LikelyPerson:
    """The most probable person of an ensemble that was moved towards an ECG.

    Args:
        heart: plays the beats.
        ecg: [8, time] mV, baseline at zero, 1 ms per sample.
        start_ms: expected first activation, from the first sample.
        draws: deviations [draw, variable] that begin, and their ECGs [draw, 8, N_TIMES] mV.
        settings: of the smoother. rng: of its perturbations.
    """
    people, wanted = qrs_people(), ecg[:, ::SAMPLE_MS].ravel()
    noise = settings.noise_share * float(np.abs(ecg).max()) * np.sqrt(ALIKE_SAMPLES)
    members = np.c_[draws[0], rng.standard_normal(len(draws[0]))]
    played = list(draws[1])
    best: tuple[float, np.ndarray] = (np.inf, members[0])
    for step in range(settings.n_steps + 1):
        seen = np.array([_seen(one, row[-1], ecg, start_ms) for one, row in zip(played, members)])
        costs = np.square((seen - wanted) / noise).sum(axis=1) + np.square(members).sum(axis=1)
        first = int(costs.argmin())
        if costs[first] < best[0]:
            best = float(costs[first]), members[first].copy()
        if step < settings.n_steps:
            members = _moved(members, seen, wanted, noise * np.sqrt(settings.n_steps), rng)
            played = [heart.play(people.at(row[:-1])).ecg for row in members]
    return _person(heart, ecg, start_ms, best[1])


def _seen(played: np.ndarray, late: float, ecg: np.ndarray, start_ms: float) -> np.ndarray:
    """Samples [sample] that the smoother compares, at the best gain."""
    there = placed(played, start_ms + START_SD_MS * late, ecg.shape[1])
    return (best_gain(there, ecg) * there)[:, ::SAMPLE_MS].ravel()


def _moved(
    members: np.ndarray,
    seen: np.ndarray,
    wanted: np.ndarray,
    noise: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Members after one step, in the space of the ensemble."""
    apart = (seen - seen.mean(axis=0)) / (noise * np.sqrt(len(members) - 1))
    left, values, right = np.linalg.svd(apart, full_matrices=False)
    innovation = (wanted - seen) / noise + rng.standard_normal(seen.shape)
    weights = (innovation @ right.T * (values / (1 + values**2))) @ left.T
    centred = (members - members.mean(axis=0)) / np.sqrt(len(members) - 1)
    found: np.ndarray = members + weights @ centred
    return found


def _person(
    heart: PeopleHeart, ecg: np.ndarray, start_ms: float, member: np.ndarray
) -> LikelyPerson:
    own = heart.play(qrs_people().at(member[:-1]))
    start = start_ms + START_SD_MS * float(member[-1])
    there = placed(own.ecg, start, ecg.shape[1])
    gain = best_gain(there, ecg)
    misfit = float(np.linalg.norm(gain * there - ecg) / np.linalg.norm(ecg))
    return LikelyPerson(misfit, member[:-1], start, own.tau + start, float(np.log(gain)))

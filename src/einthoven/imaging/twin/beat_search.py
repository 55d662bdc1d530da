"""Search for simulated beats on a given heart whose ECG is most similar to a recorded one.

A simulated beat has some twenty parameters: pattern, sites, speeds, conductivities. Cases from the
section's ranges, or from a posterior, are simulated on the heart. The best ones are improved by
differential evolution within a pattern (Storn and Price 1997, doi:10.1023/A:1008202821328).
`twin.fit_twin` starts from the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import track
from einthoven.base.core.names import INDEPENDENT_LEADS, INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.imaging.corpus.beat_parameters import MAX_SITES, PARAMETERS, BeatParameters
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.physics.ecg.leads import twelve_lead

JITTER = {
    "cv_fiber": 0.01, "cv_transverse": 0.01, "cv_lv_endocardium": 0.02, "cv_rv_endocardium": 0.02,
    "cv_tree": 0.03, "sigma_il": 0.006, "sigma_it": 0.001,
    "z": 0.015, "cos": 0.03, "sin": 0.03, "rho": 0.06, "time_ms": 1.0,
}  # fmt: skip
"""Least SD of a child's difference from its parent, by parameter or column of each site."""
SITE = "site"
CROSSING = (0.3, 0.9)
"""Range of the factor on the difference of two other parents."""


@dataclass(frozen=True)
class SearchSettings:
    """Settings of the search, which simulates `n_first + n_generations * n_children` beats."""

    n_first: int = 150
    n_generations: int = 4
    n_children: int = 50
    n_kept: int = 15
    largest_log_gain: float = 0.1
    """Largest logarithmic gain of the amplitudes."""
    largest_shift_ms: int = 0
    """Largest shift of the ECG's time 0."""
    seed: int = 1


class Candidate(NamedTuple):
    """A simulated beat of the search."""

    misfit: float
    """Norm of the residual of the ECG over the norm of the given one."""
    case: BeatParameters
    tau: np.ndarray
    """[node] ms on the time axis of the given ECG."""
    times: np.ndarray
    """[75] ms, tau at the recording points."""
    log_gain: float


@dataclass(frozen=True, eq=False)
class TwinTarget:
    """A heart and the ECG to fit."""

    simulator: Simulator
    """Simulator of the heart."""
    forward: str
    """Name of its forward model."""
    ecg: np.ndarray
    """[8, time] mV of the independent leads."""
    time: np.ndarray
    """[time] whole ms, step 1."""
    settings: SearchSettings
    """Settings of the search."""

    def candidate(self, case: BeatParameters) -> Candidate:
        """Simulate one case; its shift and gain are those of least misfit."""
        beat = self.simulator.simulate(case)
        ecg = twelve_lead(STANDARD_ELECTRODES, beat.potentials[self.forward])[INDEPENDENT_ROWS]
        largest, limit = self.settings.largest_shift_ms, self.settings.largest_log_gain
        best = (np.inf, 0, 0.0)
        for shift in range(-largest, largest + 1):
            sample = (self.time - shift).astype(int)
            shifted = ecg[:, sample.clip(0, ecg.shape[1] - 1)] * (sample >= 0)
            ratio = (shifted * self.ecg).sum() / max((shifted * shifted).sum(), 1e-12)
            log_gain = float(np.clip(np.log(max(ratio, 1e-3)), -limit, limit))
            misfit = float(np.linalg.norm(np.exp(log_gain) * shifted - self.ecg))
            best = min(best, (misfit, shift, log_gain))
        misfit, shift, log_gain = best
        return Candidate(misfit / float(np.linalg.norm(self.ecg)), beat.case, beat.tau + shift,
                         beat.activation_time + shift, log_gain)  # fmt: skip


def search(
    target: TwinTarget, first: Sequence[BeatParameters], section: ImagingSettings
) -> list[Candidate]:
    """The best beats, best first; the search begins with the cases `first`.

    Raises:
        BadInput: no case, an ECG whose shape does not fit, or a flat one.
    """
    check.shape("ecg", check.finite("ecg", target.ecg), (len(INDEPENDENT_LEADS), len(target.time)))
    if not np.ptp(target.ecg) > 0:
        raise BadInput("ecg: flat in all leads; give an ECG with a QRS")
    if not first:
        raise BadInput("first: no case to begin with; give at least one")
    settings, rng = target.settings, generator(target.settings.seed, "imaging", "twin")

    def best(candidates: list[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=lambda candidate: candidate.misfit)[: settings.n_kept]

    pool = best([target.candidate(within(case, section)) for case in first])
    for _ in track(range(settings.n_generations), "search of beats, generation"):
        parents = [candidate.case for candidate in pool]
        children = [child(parents, section, rng) for _ in range(settings.n_children)]
        pool = best(pool + [target.candidate(case) for case in children])
    return pool


def posterior_beats(pattern: np.ndarray, parameters: np.ndarray) -> list[BeatParameters]:
    """Cases of posterior draws, at 1000 ms and with whole I_Kr.

    pattern [draw] names; parameters [draw, parameter] as `PARAMETERS`, NaN for absent sites.
    """
    values = np.array(parameters, float)
    for name, value in (("cycle_length_ms", 1000.0), ("i_kr_factor", 1.0)):
        values[:, PARAMETERS.index(name)] = value
    for k in range(1, MAX_SITES + 1):
        column = PARAMETERS.index(f"{SITE}{k}_nu")
        values[:, column] = np.sign(values[:, column])
    return [BeatParameters.of_row(str(name), row) for name, row in zip(pattern, values)]


def child(
    parents: Sequence[BeatParameters], section: ImagingSettings, rng: np.random.Generator
) -> BeatParameters:
    """A parent plus part of the difference of two others of its pattern, and noise."""
    parent = parents[int(rng.integers(len(parents)))]
    rows = [case.row for case in parents if case.pattern == parent.pattern]
    moves, values = np.array(_SDS), parent.row
    step = moves * rng.standard_normal(len(values))
    if len(rows) > 2:
        first, second = rng.choice(len(rows), 2, replace=False)
        step += rng.uniform(*CROSSING) * (moves > 0) * (rows[first] - rows[second])
    return within(BeatParameters.of_row(parent.pattern, values + step), section)


def within(case: BeatParameters, section: ImagingSettings) -> BeatParameters:
    """The case with speeds, conductivities and sites clipped to the section's ranges."""
    values = dict(zip(PARAMETERS, case.row))
    slowest, fastest = section.cv_fiber_mm_per_ms
    fiber = min(max(case.cv_fiber, slowest), fastest)
    across = [fiber * ratio for ratio in section.transverse_ratio]
    ranges: dict[str, Sequence[float]] = {
        "cv_fiber": section.cv_fiber_mm_per_ms,
        "cv_transverse": across,
        "cv_lv_endocardium": section.cv_endocardium_mm_per_ms,
        "cv_rv_endocardium": section.cv_endocardium_mm_per_ms,
        "cv_tree": section.cv_tree_mm_per_ms,
        "sigma_il": section.sigma_il_s_per_m,
        "sigma_it": section.sigma_it_s_per_m,
        "apd_mean_ms": section.apd_mean_ms,
    }
    for k in range(1, len(case.sites) + 1):
        ranges |= {f"{SITE}{k}_z": (0.0, 1.0), f"{SITE}{k}_rho": (0.0, 1.0)}
        ranges[f"{SITE}{k}_time_ms"] = section.site_delay_ms if k > 1 else (0.0, 0.0)
    values |= {name: min(max(values[name], low), high) for name, (low, high) in ranges.items()}
    return BeatParameters.of_row(case.pattern, np.array(list(values.values())))


_SDS = [JITTER.get(name.partition("_")[2] if name.startswith(SITE) else name, 0.0)
        for name in PARAMETERS]  # fmt: skip

"""Beats of the simulator's family whose ECG on a given heart is most like the one to be explained.

A map has thousands of values, a simulated beat some twenty parameters: pattern, sites, speeds,
conductivities. Cases drawn from the section's ranges, or from a posterior, are played on the heart
itself; the best are bred (differential evolution, Storn and Price 1997,
doi:10.1023/A:1008202821328, within a pattern). What comes out is where `twin.fit_twin` starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
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
"""SD of what a child differs from its parents by, at least; of a site's columns for each site."""
SITE = "site"
CROSSING = (0.3, 0.9)
"""Share of the difference of two parents that a third one's child takes."""


@dataclass(frozen=True)
class SearchSettings:
    """Of the search; it plays `n_first + n_generations * n_children` beats."""

    n_first: int = 150
    n_generations: int = 4
    n_children: int = 50
    n_kept: int = 15
    largest_log_gain: float = 0.1
    """Amplitudes may be scaled by so much."""
    largest_shift_ms: int = 0
    """Time 0 of the ECG may be off by so much."""
    seed: int = 1


class Candidate(NamedTuple):
    """A beat that was played."""

    misfit: float
    """Norm of the difference of the ECGs over that of the given one."""
    case: BeatParameters
    tau: np.ndarray
    """[node] ms on the time axis of the given ECG."""
    times: np.ndarray
    """[75] ms, tau at the recording points."""
    log_gain: float


@dataclass(frozen=True, eq=False)
class TwinTarget:
    """A heart and the ECG that its beats are compared with.

    Attributes:
        simulator: of the heart. forward: which of its forward models is compared.
        ecg: [8, time] mV of the independent leads. time: [time] whole ms, step 1.
        settings: of the search.
    """

    simulator: Simulator
    forward: str
    ecg: np.ndarray
    time: np.ndarray
    settings: SearchSettings

    def play(self, case: BeatParameters) -> Candidate:
        """One case, with the shift and the gain that fit best."""
        beat = self.simulator.simulate(case)
        ecg = twelve_lead(STANDARD_ELECTRODES, beat.potentials[self.forward])[INDEPENDENT_ROWS]
        largest, limit = self.settings.largest_shift_ms, self.settings.largest_log_gain
        best = (np.inf, 0, 0.0)
        for shift in range(-largest, largest + 1):
            at = (self.time - shift).astype(int)
            own = ecg[:, at.clip(0, ecg.shape[1] - 1)] * (at >= 0)
            ratio = (own * self.ecg).sum() / max((own * own).sum(), 1e-12)
            log_gain = float(np.clip(np.log(max(ratio, 1e-3)), -limit, limit))
            misfit = float(np.linalg.norm(np.exp(log_gain) * own - self.ecg))
            best = min(best, (misfit, shift, log_gain))
        misfit, shift, log_gain = best
        return Candidate(misfit / float(np.linalg.norm(self.ecg)), beat.case, beat.tau + shift,
                         beat.activation_time + shift, log_gain)  # fmt: skip


def search(
    stage: TwinTarget, first: Sequence[BeatParameters], section: ImagingSettings
) -> list[Candidate]:
    """The best beats, best first.

    Args:
        stage: heart and ECG.
        first: cases to begin with, as many as there are.
        section: whose ranges children keep to.

    Raises:
        BadInput: no case, an ECG whose shape does not fit, or a flat one.
    """
    check.shape("ecg", check.finite("ecg", stage.ecg), (len(INDEPENDENT_LEADS), len(stage.time)))
    if not np.ptp(stage.ecg) > 0:
        raise BadInput("ecg: flat in all leads; there is no QRS to fit")
    if not first:
        raise BadInput("first: no case to begin with")
    settings, rng = stage.settings, generator(stage.settings.seed, "imaging", "twin")

    def best(candidates: list[Candidate]) -> list[Candidate]:
        return sorted(candidates, key=lambda found: found.misfit)[: settings.n_kept]

    pool = best([stage.play(within(case, section)) for case in first])
    for _ in range(settings.n_generations):
        parents = [found.case for found in pool]
        children = [child(parents, section, rng) for _ in range(settings.n_children)]
        pool = best(pool + [stage.play(case) for case in children])
    return pool


def posterior_beats(
    pattern: np.ndarray, parameters: np.ndarray, names: tuple[str, ...]
) -> list[BeatParameters]:
    """Cases of draws of a posterior, at the usual rate and with whole I_Kr.

    Args:
        pattern: [draw] names. parameters: [draw, parameter], NaN where a pattern has no such site.
        names: [parameter], those of `beat_parameters.PARAMETERS` in any order.

    Raises:
        BadInput: a parameter is missing.
    """
    if missing := [name for name in PARAMETERS if name not in names]:
        raise BadInput(f"parameters: no {', '.join(missing)}; of another simulator?")
    values = np.array(parameters[:, [names.index(name) for name in PARAMETERS]], float)
    for name, value in (("cycle_length_ms", 1000.0), ("i_kr_factor", 1.0)):
        values[:, PARAMETERS.index(name)] = value
    for k in range(1, MAX_SITES + 1):
        column = PARAMETERS.index(f"{SITE}{k}_nu")
        values[:, column] = np.sign(values[:, column])
    return [BeatParameters.of_row(str(name), row) for name, row in zip(pattern, values)]


def child(
    parents: Sequence[BeatParameters], section: ImagingSettings, rng: np.random.Generator
) -> BeatParameters:
    """A parent moved along the difference of two others of its pattern, and a little at random."""
    one = parents[int(rng.integers(len(parents)))]
    alike = [case.row for case in parents if case.pattern == one.pattern]
    moves, values = np.array(_SDS), one.row
    step = moves * rng.standard_normal(len(values))
    if len(alike) > 2:
        rows = rng.choice(len(alike), 2, replace=False)
        step += rng.uniform(*CROSSING) * (moves > 0) * (alike[rows[0]] - alike[rows[1]])
    return within(BeatParameters.of_row(one.pattern, values + step), section)


def within(case: BeatParameters, section: ImagingSettings) -> BeatParameters:
    """The case with speeds, conductivities and sites inside the section's ranges."""
    values = dict(zip(PARAMETERS, case.row))
    fiber = _held(case.cv_fiber, section.cv_fiber_mm_per_ms)
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
    values |= {name: _held(values[name], ends) for name, ends in ranges.items()}
    return BeatParameters.of_row(case.pattern, np.array(list(values.values())))


def _held(value: float, ends: Sequence[float]) -> float:
    low, high = ends
    return float(min(max(value, low), high))


_SDS = [JITTER.get(name.partition("_")[2] if name.startswith(SITE) else name, 0.0)
        for name in PARAMETERS]  # fmt: skip

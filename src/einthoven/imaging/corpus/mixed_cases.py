"""Simulated beats with waves and cells between those of drawn people."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.core.seeds import generator
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_mixtures import BodyBeats, MixedBeat
from einthoven.imaging.corpus.beat_parameters import DURATIONS, BeatParameters, draw_beats

MIXED_SHARE = 0.5
"""Probability that a simulated beat has wave (sinus) and cells (all patterns) of a mixture."""
SPEEDS = ("cv_fiber", "cv_transverse", "cv_lv_endocardium", "cv_rv_endocardium", "cv_tree")
UNKNOWN_CELLS: dict[str, Any] = dict.fromkeys(DURATIONS, np.nan)
UNKNOWN_WAVE: dict[str, Any] = dict.fromkeys(SPEEDS, np.nan)


def beats_to_simulate(
    section: ImagingSettings, patient: Patient, drawn: str | Path | None
) -> list[BeatParameters]:
    """Beats of a patient for networks that image.

    Args:
        section: imaging. patient: with mesh.
        drawn: file of the patient's `BodyBeats`, for mixtures; None: there are none.

    Raises:
        BadInput: as `BodyBeats.load`.
    """
    cases = draw_beats(section, patient.name, section.simulations_per_patient)
    if not drawn:
        return cases
    beats = BodyBeats.load(drawn, len(patient.heart.points))
    return with_mixtures(cases, beats, section.seed)


def with_mixtures(
    cases: Sequence[BeatParameters], beats: BodyBeats, seed: int
) -> list[BeatParameters]:
    """Simulated beats of which `MIXED_SHARE` have the cells, sinus also the wave, of mixtures.

    Args:
        cases: of one patient, in the order of `draw_beats`. beats: of the patient.
        seed: of the draws.
    """
    found = []
    for k, case in enumerate(cases):
        rng = generator(seed, beats.patient, "imaging", k, "mixture")
        found.append(_mixed(case, beats, rng) if rng.random() < MIXED_SHARE else case)
    return found


def _mixed(case: BeatParameters, beats: BodyBeats, rng: np.random.Generator) -> BeatParameters:
    mixed = MixedBeat.draw(beats.beats, rng)
    if case.pattern != "sinus":
        return replace(case, mixed=replace(mixed, tau=None), **UNKNOWN_CELLS)
    return replace(case, mixed=mixed, early=(), sigma_il=mixed.sigma_il, sigma_it=mixed.sigma_it,
                   **UNKNOWN_CELLS, **UNKNOWN_WAVE)  # fmt: skip

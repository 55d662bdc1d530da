"""Features of delineated beats: a flat table with the units in the names.

`q_ms_v1` is the duration of the Q wave in V1, `t_mv_v5` the amplitude of the T wave in V5. Depths
of Q and S are positive, as electrocardiographs print them; times count from the QRS onset. An
absent wave has amplitude and duration zero, as in the normal limits of Rijnbeek 2014; what cannot
be measured is NaN.
"""

import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic
from einthoven.base.core.log import track
from einthoven.base.core.names import LEADS
from einthoven.data.patient.stages import Ecg
from einthoven.physics.ecg.beats import AveragedBeat
from einthoven.physics.ecg.delineation.delineate import Delineation, LeadBeat, delineate

Q_LEADS = ("I", "II", "V4", "V5", "V6")
"""Leads checked for a wide Q wave."""
UPRIGHT_T_LEADS = ("I", "II", "V3", "V4", "V5", "V6")
"""Leads in which the T wave of a healthy adult is upright; in aVR it is inverted."""


TRACE_MS = np.arange(-50.0, 501.0, 2.0)
"""Times of a trace, from the QRS onset."""


@dataclass(frozen=True, eq=False)
class EcgSample:
    """Beats of one patient, or of one file.

    Attributes:
        name: p0000, or the name of the file.
        beats: scenario (sinus, lbbb, ...; recording for a file) -> twelve leads, mV.
        sex: female or male, None if unknown. age_years: None if unknown.
    """

    name: str
    beats: Mapping[str, AveragedBeat]
    sex: str | None = None
    age_years: float | None = None

    @classmethod
    def of_ecg(cls, ecg: Ecg, sex: str | None = None) -> Self:
        """The simulated beats of a patient."""
        cycles: Sequence[float | None] = ecg.cycle_length_ms or [None] * len(ecg.scenario)
        return cls(ecg.patient, {
            str(scenario): AveragedBeat(np.asarray(signal, np.float64), ecg.time, cycle, 1)
            for scenario, signal, cycle in zip(ecg.scenario, ecg.ecg, cycles, strict=True)
        }, sex, ecg.age_years)  # fmt: skip


@dataclass(frozen=True, eq=False)
class FeatureRow:
    """Features of one beat.

    Attributes:
        name, scenario, sex: as in `EcgSample`.
        values: feature with its unit -> value, NaN where it cannot be measured.
        trace: [12, time] mV from the level at the QRS onset, at `TRACE_MS`; NaN outside the record.
        rr_ms: cycle length of a recording or a drawn person, None for a single beat.
        age_years: None if unknown.
    """

    name: str
    scenario: str
    values: dict[str, float]
    sex: str | None
    trace: np.ndarray
    rr_ms: float | None = None
    age_years: float | None = None


def _amplitude(*names: str) -> Callable[[LeadBeat], float]:
    def value(lead: LeadBeat) -> float:
        wave = lead.wave(*names)
        return abs(wave.amplitude_mv) if wave else 0.0

    return value


def _duration(*names: str) -> Callable[[LeadBeat], float]:
    def value(lead: LeadBeat) -> float:
        wave = lead.wave(*names)
        return wave.duration_ms if wave else 0.0

    return value


LEAD_FEATURES: dict[str, Callable[[LeadBeat], float]] = {
    "q_mv": _amplitude("Q", "QS"),
    "q_ms": _duration("Q", "QS"),
    "r_mv": _amplitude("R"),
    "r_ms": _duration("R"),
    "s_mv": _amplitude("S", "QS"),
    "s_ms": _duration("S", "QS"),
    "r2_mv": _amplitude("R'"),
    "s2_mv": _amplitude("S'"),
    "r_fraction": lambda lead: lead.r_fraction,
    "j_mv": lambda lead: lead.j_mv,
    "st60_mv": lambda lead: lead.st60_mv,
    "t_mv": lambda lead: lead.t.amplitude_mv if lead.t else 0.0,
    "t2_mv": lambda lead: lead.t.second_mv if lead.t else 0.0,
}
"""Features of each lead; the feature's name ends with the lead's."""


def feature_name(kind: str, lead: str) -> str:
    """Name of a feature of one lead: t_mv_v5."""
    return f"{kind}_{lead.lower()}"


def _sokolow_lyon(found: Delineation) -> float:
    """S in V1 + the higher R of V5 and V6, mV."""
    leads = found.leads
    return leads["V1"].s_mv + max(leads["V5"].r_mv, leads["V6"].r_mv)


BEAT_FEATURES: dict[str, Callable[[Delineation], float]] = {
    "p_ms": lambda found: found.p_ms,
    "pr_ms": lambda found: found.pr_ms,
    "qrs_ms": lambda found: found.qrs_ms,
    "qt_ms": lambda found: found.qt_ms,
    "t_peak_to_end_ms": lambda found: found.t_peak_to_end_ms,
    "p_axis_deg": lambda found: found.p_axis_deg,
    "qrs_axis_deg": lambda found: found.qrs_axis_deg,
    "t_axis_deg": lambda found: found.t_axis_deg,
    "qrs_t_angle_deg": lambda found: found.qrs_t_angle_deg,
    "transition": lambda found: found.transition,
    "sokolow_lyon_mv": _sokolow_lyon,
    "q_widest_ms": lambda found: max(_duration("Q", "QS")(found.leads[lead]) for lead in Q_LEADS),
}
"""Features of all leads together."""
T_TIMES = ("t_peak_ms", "t_end_ms", "t_peak_to_end_ms")
"""Times in each lead, from the QRS onset."""
FEATURES = (
    *BEAT_FEATURES,
    *(feature_name(kind, lead) for lead in LEADS for kind in ("p_mv", *LEAD_FEATURES, *T_TIMES)),
)
"""Names of all features in their order."""
UNITS = {"ms": "ms", "mv": "mV", "deg": "deg"}
"""Part of a feature's name -> its unit; the others are dimensionless."""


def unit_of(feature: str) -> str:
    """Unit of a feature, 1 if dimensionless."""
    return next((UNITS[part] for part in feature.split("_") if part in UNITS), "1")


LABELS = {
    "p_ms": "P duration", "pr_ms": "PR", "p_axis_deg": "P axis", "p_mv": "P",
    "qrs_ms": "QRS duration", "qt_ms": "QT", "t_peak_to_end_ms": "T peak to T end",
    "qrs_axis_deg": "QRS axis", "t_axis_deg": "T axis", "qrs_t_angle_deg": "angle of QRS and T",
    "transition": "lead where R = S", "sokolow_lyon_mv": "Sokolow-Lyon",
    "q_widest_ms": "widest Q", "q_mv": "Q", "q_ms": "Q duration", "r_mv": "R",
    "r_ms": "R duration", "s_mv": "S", "s_ms": "S duration", "r2_mv": "R'", "s2_mv": "S'",
    "r_fraction": "R / (R + S)", "j_mv": "level at J", "st60_mv": "level at J + 60 ms",
    "t_mv": "T", "t2_mv": "second peak of T", "t_peak_ms": "T peak", "t_end_ms": "T end",
}  # fmt: skip
"""Feature without its lead -> words."""


def label_of(feature: str) -> str:
    """Words for a feature with its lead and unit: "T peak in V2, ms" for t_peak_ms_v2."""
    kind, _, last = feature.rpartition("_")
    lead = next((lead for lead in LEADS if lead.lower() == last), None)
    words = LABELS.get(kind if lead else feature, feature)
    unit = unit_of(feature)
    return f"{words}{f' in {lead}' if lead else ''}{'' if unit == '1' else f', {unit}'}"


def beat_features(found: Delineation) -> dict[str, float]:
    """All features of one beat, in the order of `FEATURES`."""
    values = {name: of(found) for name, of in BEAT_FEATURES.items()}
    p_mv = found.p.amplitudes_mv if found.p else np.full(len(LEADS), np.nan)
    for lead, p_peak in zip(LEADS, p_mv):
        beat = found.leads[lead]
        values[feature_name("p_mv", lead)] = float(p_peak)
        values |= {feature_name(kind, lead): of(beat) for kind, of in LEAD_FEATURES.items()}
        values |= _t_times(found, beat)
    return values


def measured(
    ecg: np.ndarray, time: np.ndarray, cycles: Sequence[float] | None = None
) -> np.ndarray:
    """Features of simulated beats: [scenario, feature], NaN where not measurable.

    A beat that cannot be delineated has only NaN.

    Args:
        ecg: [scenario, 12, time] mV. time: [time] ms. cycles: [scenario] ms from beat to beat.
    """
    values = np.full((len(ecg), len(FEATURES)), np.nan)
    rates: Sequence[float | None] = cycles or [None] * len(ecg)
    for row, beat, cycle in zip(values, np.asarray(ecg, np.float64), rates, strict=True):
        with suppress(BadInput):
            row[:] = list(beat_features(delineate(beat, time, cycle)).values())
    return values


def _t_times(found: Delineation, beat: LeadBeat) -> dict[str, float]:
    """Peak, end and their distance of a lead's T wave, from the QRS onset."""
    peak = beat.t.peak_ms - found.onset_ms if beat.t else math.nan
    end = beat.t.end_ms - found.onset_ms if beat.t else math.nan
    times = zip(T_TIMES, (peak, end, end - peak), strict=True)
    return {feature_name(kind, beat.lead): value for kind, value in times}


def has_normal_r_in_v1(values: dict[str, float]) -> bool:
    """Whether V1 starts with an r wave that its S wave exceeds."""
    return values["q_mv_v1"] == 0 and values["r_mv_v1"] > 0 and values["r_fraction_v1"] < 0.5


def has_concordant_t(values: dict[str, float]) -> bool:
    """Whether the T wave is upright in I, II and V3 to V6, and inverted in aVR."""
    upright = all(values[feature_name("t_mv", lead)] > 0 for lead in UPRIGHT_T_LEADS)
    return upright and values["t_mv_avr"] < 0


def feature_row(sample: EcgSample, scenario: str) -> FeatureRow:
    """Features and trace of one beat of a sample.

    Raises:
        BadInput: as `delineate`.
    """
    beat = sample.beats[scenario]
    delineation = delineate(beat.ecg, beat.time, beat.rr_ms)
    from_onset = beat.time - delineation.onset_ms
    trace = [
        np.interp(TRACE_MS, from_onset, lead, left=np.nan, right=np.nan)
        - delineation.leads[name].baseline_mv
        for name, lead in zip(LEADS, beat.ecg)
    ]
    values, sex, age = beat_features(delineation), sample.sex, sample.age_years
    return FeatureRow(sample.name, scenario, values, sex, np.array(trace), beat.rr_ms, age)


def feature_table(
    samples: Iterable[EcgSample], scenarios: Sequence[str] | None = None
) -> tuple[list[FeatureRow], dict[str, str]]:
    """Features of all beats of all samples.

    Args:
        samples: patients or files.
        scenarios: default: all.

    Returns:
        rows; "name, scenario" -> why it could not be delineated.
    """
    rows, failed = list[FeatureRow](), dict[str, str]()
    for sample in track(samples, "features of the ECG, sample"):
        for scenario in sample.beats:
            if scenarios is not None and scenario not in scenarios:
                continue
            try:
                rows.append(feature_row(sample, scenario))
            except BadInput as problem:
                failed[f"{sample.name}, {scenario}"] = str(problem)
    return rows, failed


def save_table(path: str | Path, rows: Sequence[FeatureRow]) -> None:
    """Write the table as CSV, atomically: patient, scenario, sex, then a column per feature.

    Features that cannot be measured are empty cells.
    """
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", "scenario", "sex", *(rows[0].values if rows else ())])
        for row in rows:
            cells = ["" if math.isnan(v) else f"{v:.6g}" for v in row.values.values()]
            writer.writerow([row.name, row.scenario, row.sex or "", *cells])

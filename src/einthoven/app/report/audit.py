"""Section of the report: the ECGs of the test patients against published limits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.app.evaluation.audit import table, worst_first
from einthoven.app.evaluation.limits import limits_for
from einthoven.app.evaluation.sexes import sex_table, statement
from einthoven.app.report.page import PageSection, Picture, Table
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic
from einthoven.base.core.names import LEADS
from einthoven.base.core.percentiles import band_of
from einthoven.base.plots.mean_ecg import (
    CohortEcg,
    WaveLimits,
    audit_figure,
    limits_figure,
    mean_ecg_figure,
)
from einthoven.physics.ecg.features import TRACE_MS, FeatureRow, feature_name, label_of

KINDS = (".png", ".svg", ".pdf")
WAVES = {"r_mv": 1.0, "s_mv": -1.0, "t_mv": 1.0}
"""Amplitudes that are drawn, with the sign that the features lack."""
MEAN_CAPTION = (
    "Mean ECG of the test patients and the band that holds 96 % of them at each time. Brackets: "
    "published limits of the amplitudes of R, S and T, where a source gives any. Small squares are "
    "40 ms by 0.1 mV."
)


def audit_sections(metrics: Mapping[str, Any], rows: Sequence[FeatureRow]) -> list[PageSection]:
    """Mean ECG, table and picture; nothing where the metrics hold no audit.

    Args:
        metrics: of metrics.json.
        rows: features of the same patients' beats.
    """
    found = metrics.get("ecg_audit")
    if not found or not found["n"]:
        return []
    header, lines = table(found)
    text = (
        f"{found['n']} test patients in scenario {found['scenario']}, finite elements, delineated "
        "as recorded ECGs are, beside the limits of healthy adults (of the patient's sex, where "
        "it is known and a source tells them apart): "
        f"{_percent(found['share_inside'])} of all {found['n_pairs']} pairs of patient and feature "
        "lie between the 2nd and the 98th percentile, "
        f"{_percent(found['share_inside_clinical'])} within the limits of textbooks. An r wave "
        f"that S exceeds in V1: {_percent(found['r_v1_share'])}; T waves upright in I, II, V3 to "
        f"V6 and inverted in aVR: {_percent(found['t_concordant_share'])}. SMD: standardised mean "
        "difference. The worst feature is first. The limits and their sources are in "
        "docs/explanation/normal-ecgs.md."
    )
    content: list[Table | Picture] = []
    if judged := [row for row in rows if row.scenario == found["scenario"]]:
        content.append(Picture(mean_ecg_figure(cohort_ecg(judged)), MEAN_CAPTION))
    content.append(Table(header, lines))
    if positions := audit_positions(found):
        band = band_of(found["n"]).name
        caption = f"The patients' median, and {band}, between the published limits."
        content.append(Picture(limits_figure(positions, audit_labels(found)), caption))
    if differences := found["sex_differences"]:
        content.append(Table(*sex_table(differences), caption=statement(differences)))
    return [PageSection("Electrocardiograms against published limits", text, content)]


def audit_positions(found: Mapping[str, Any]) -> dict[str, list[float]]:
    """Feature's label -> band and median of its position between the limits, if it has limits."""
    entries = worst_first(found).items()
    return {label_of(name): entry["position"] for name, entry in entries if entry["position"]}


def audit_labels(found: Mapping[str, Any]) -> dict[str, str]:
    """Feature's label -> share inside the limits, and their source."""
    return {
        label_of(
            name
        ): f"{_percent(entry['share_inside'])} inside, {entry['source'].partition(',')[0]}"
        for name, entry in worst_first(found).items()
        if entry["position"]
    }


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.0%}"


def cohort_ecg(rows: Sequence[FeatureRow]) -> CohortEcg:
    """Traces of some beats, one per patient, with the published limits of R, S and T."""
    traces = np.stack([row.trace for row in rows])
    limits = [row for lead in LEADS for wave in WAVES for row in _wave_limits(rows, lead, wave)]
    return CohortEcg(TRACE_MS, traces, [row.sex for row in rows], limits)


def _wave_limits(rows: Sequence[FeatureRow], lead: str, wave: str) -> list[WaveLimits]:
    """Published limits of a wave in a lead: for each sex if both are present and differ."""
    sexes: list[str | None] = [*sorted({row.sex for row in rows if row.sex})] or [None]
    by_sex = {sex: limits_for(feature_name(wave, lead), sex) for sex in sexes}
    if len({row and (row.bounds, row.centre) for row in by_sex.values()}) == 1:
        by_sex = {None: by_sex[sexes[0]]}
    time, sign = _peak_ms(rows, lead, wave), WAVES[wave]

    def signed(value: float | None) -> float | None:
        return None if value is None else sign * value

    return [
        WaveLimits(lead, time, signed(row.low), signed(row.high), signed(row.centre), row.kind, sex)
        for sex, row in by_sex.items()
        if row is not None
    ]


def _peak_ms(rows: Sequence[FeatureRow], lead: str, wave: str) -> float:
    """Time of a wave's peak in the cohort: the median T peak, or the mean ECG's R or S."""
    if wave == "t_mv":
        peaks = [row.values[feature_name("t_peak_ms", lead)] for row in rows]
        return float(np.nanmedian(peaks))
    in_qrs = (TRACE_MS >= 0) & (TRACE_MS <= np.median([row.values["qrs_ms"] for row in rows]))
    mean = np.mean([row.trace[LEADS.index(lead)][in_qrs] for row in rows], axis=0)
    return float(TRACE_MS[in_qrs][(WAVES[wave] * mean).argmax()])


def write_audit_figure(
    path: str | Path, rows: Sequence[FeatureRow], found: Mapping[str, Any]
) -> None:
    """Draw the mean ECG with its band, and the features between their limits, as one picture.

    Args:
        path: .png, .svg or .pdf.
        rows: rows of which `found` is the audit.

    Raises:
        BadInput: an unknown picture format.
    """
    path = Path(path)
    if path.suffix not in KINDS:
        raise BadInput(f"{path}: a picture must end in {', '.join(KINDS)}")
    cohort = cohort_ecg([row for row in rows if row.scenario == found["scenario"]])
    title = (
        f"{found['n']} ECGs, {found['scenario']}: mean and {band_of(found['n']).name}; below: the "
        "same band and the median of each feature between its published limits"
    )
    positions, labels = audit_positions(found), audit_labels(found)
    figure = audit_figure(cohort, positions, labels, title)
    with atomic(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:])

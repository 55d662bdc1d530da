"""Section of the report: the ECGs of the test patients against published limits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.files import atomic
from einthoven.ecg.features import TRACE_MS, FeatureRow
from einthoven.evaluation.audit import table, worst_first
from einthoven.plots.ecg_audit import audit_figure, limits_figure
from einthoven.report.page import Picture, Section, Table

KINDS = (".png", ".svg", ".pdf")


def audit_sections(metrics: Mapping[str, Any]) -> list[Section]:
    """Table and picture; nothing where the metrics hold no audit."""
    found = metrics.get("ecg_audit")
    if not found or not found["n"]:
        return []
    header, rows = table(found)
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
        "docs/physiology.md."
    )
    content: list[Table | Picture] = [Table(header, rows)]
    if positions := audit_positions(found):
        caption = (
            "2nd to 98th percentile of the patients and their median between the published limits."
        )
        content.append(Picture(limits_figure(positions, audit_labels(found)), caption))
    return [Section("Electrocardiograms against published limits", text, content)]


def audit_positions(found: Mapping[str, Any]) -> dict[str, list[float]]:
    """Feature -> percentiles of its place between the limits, where it has limits."""
    entries = worst_first(found).items()
    return {name: entry["position"] for name, entry in entries if entry["position"]}


def audit_labels(found: Mapping[str, Any]) -> dict[str, str]:
    """Feature -> share inside, and by whose limits."""
    return {
        name: f"{_percent(entry['share_inside'])} inside, {entry['source'].partition(',')[0]}"
        for name, entry in worst_first(found).items()
        if entry["position"]
    }


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.0%}"


def write_audit_figure(
    path: str | Path, rows: Sequence[FeatureRow], found: Mapping[str, Any]
) -> None:
    """Mean ECG with its band, and the features between their limits, as one picture.

    Args:
        path: .png, .svg or .pdf.
        rows: of which `found` is the audit.

    Raises:
        BadInput: a kind of picture that is not known.
    """
    path = Path(path)
    if path.suffix not in KINDS:
        raise BadInput(f"{path}: a picture must end in {', '.join(KINDS)}")
    traces = np.stack([row.trace for row in rows if row.scenario == found["scenario"]])
    title = (
        f"{found['n']} ECGs, {found['scenario']}: mean and 2 to 98 %; below: 2nd, 50th and 98th "
        "percentile of each feature between its published limits"
    )
    positions, labels = audit_positions(found), audit_labels(found)
    figure = audit_figure(TRACE_MS, traces, positions, labels, title)
    with atomic(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:])

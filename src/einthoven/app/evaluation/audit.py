"""Features of a cohort's ECGs against the published limits of healthy adults, by sex."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.app.evaluation.limits import SEXES, FeatureLimits, limits_for
from einthoven.app.evaluation.sexes import sex_differences
from einthoven.base.core.errors import BadInput
from einthoven.base.core.percentiles import band_of
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.features import (
    EcgSample,
    FeatureRow,
    feature_table,
    has_concordant_t,
    has_normal_r_in_v1,
    label_of,
)

NORMAL_AXIS_DEG = (-30.0, 90.0)


@dataclass(frozen=True)
class Judged:
    """Values of one feature with the limits for each patient's sex, if there are any."""

    values: np.ndarray
    sexes: Sequence[str | None]
    limits: Sequence[FeatureLimits | None]

    @classmethod
    def of(cls, feature: str, rows: Sequence[FeatureRow]) -> "Judged":
        """Values of all rows in which the feature could be measured."""
        known = [row for row in rows if np.isfinite(row.values[feature])]
        return cls(
            np.array([row.values[feature] for row in known]),
            [row.sex for row in known],
            [limits_for(feature, row.sex) for row in known],
        )

    def inside(self, kind: str) -> np.ndarray:
        """Whether each value that has limits of a kind lies within them."""
        pairs = [
            (value, limits.bounds)
            for value, limits in zip(self.values, self.limits)
            if limits and limits.bounds and limits.kind == kind
        ]
        return np.array([low <= value <= high for value, (low, high) in pairs], dtype=bool)

    def standardised_difference(self) -> float | None:
        """Mean distance from the healthy centre over the pooled SD; None without limits.

        With one centre it is (mean - centre) / sqrt((s^2 + sd^2) / 2), as in audits of synthetic
        ECGs; each patient is compared with the centre of the same sex.
        """
        known = [
            (value - limits.middle, limits.spread)
            for value, limits in zip(self.values, self.limits)
            if limits and limits.middle is not None and limits.spread is not None
        ]
        if not known:
            return None
        distance, spread = np.array(known).T
        pooled = np.sqrt((distance.var() + (spread**2).mean()) / 2)
        return float(distance.mean() / pooled)

    def positions(self) -> list[float] | None:
        """Ends of the band and median of the position between limits: 0 at low, 1 at high."""
        places = [
            (value - limits.bounds[0]) / (limits.bounds[1] - limits.bounds[0])
            for value, limits in zip(self.values, self.limits)
            if limits and limits.bounds and limits.bounds[1] > limits.bounds[0]
        ]
        return _band_and_median(places) if places else None


def audit(
    rows: Sequence[FeatureRow], scenario: str, failed: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Compare the features of one scenario with limits; QRS durations of all scenarios.

    Args:
        rows: of `ecg.features.feature_table`.
        scenario: the one to which the limits of healthy people apply.
        failed: file or beat that could not be read or delineated -> reason.

    Returns:
        n, share_inside (of all pairs of patient and feature with percentiles), n_pairs,
        share_inside_clinical (limits of textbooks), by_feature (worst first), qrs_ms by sex and
        scenario, r_v1_share, t_concordant_share, axis_normal_share, sex_differences, failed.

    Raises:
        BadInput: no beat of that scenario.
    """
    judged = [row for row in rows if row.scenario == scenario]
    if not judged:
        known = ", ".join(sorted({row.scenario for row in rows})) or "none"
        why = "".join(f"; {name}: {text}" for name, text in list((failed or {}).items())[:1])
        raise BadInput(f"no ECG of scenario {scenario!r}; there are {known}{why}")
    features = {name: Judged.of(name, judged) for name in judged[0].values}
    found = {kind: np.concatenate([f.inside(kind) for f in features.values()])
             for kind in ("percentile", "clinical")}  # fmt: skip
    entries = {name: _entry(one) for name, one in features.items() if len(one.values)}
    axes = features["qrs_axis_deg"].values
    return {
        "n": len(judged),
        "n_by_sex": {sex: sum(row.sex == sex for row in judged) for sex in SEXES},
        "scenario": scenario,
        "share_inside": _share(found["percentile"]),
        "n_pairs": len(found["percentile"]),
        "share_inside_clinical": _share(found["clinical"]),
        "by_feature": dict(sorted(entries.items(), key=_badness)),
        "qrs_ms": _qrs_by_sex(rows),
        "r_v1_share": _share([has_normal_r_in_v1(row.values) for row in judged]),
        "t_concordant_share": _share([has_concordant_t(row.values) for row in judged]),
        "sex_differences": sex_differences(rows, scenario),
        "axis_normal_share": _share((axes >= NORMAL_AXIS_DEG[0]) & (axes <= NORMAL_AXIS_DEG[1])),
        "failed": dict(failed or {}),
    }


def cohort_audit(
    patients: Iterable[Patient], sheets: Iterable[str | Path], scenario: str = "sinus"
) -> dict[str, Any]:
    """`audit` of simulated patients; if none has a beat, n is zero and all else missing.

    Args:
        patients: with ECGs.
        sheets: results/cohort/{patient}.json of all of them.
        scenario: as for `audit`.
    """
    sexes = {sheet.patient: sheet.sex for sheet in map(PatientParameters.load, sheets)}
    samples = [EcgSample.of_ecg(patient.ecg, sexes[patient.name]) for patient in patients]
    rows, failed = feature_table(samples)
    if any(row.scenario == scenario for row in rows):
        return audit(rows, scenario, failed)
    return {"n": 0, "scenario": scenario, "failed": failed}


def _entry(judged: Judged) -> dict[str, Any]:
    """One feature's entry."""
    by_sex = {sex or "any": limits for sex, limits in zip(judged.sexes, judged.limits) if limits}
    limits = next(iter(by_sex.values()), None)
    centres = {sex: row.middle for sex, row in by_sex.items() if row.middle is not None}
    entry = _distribution(judged.values)
    if limits is None:
        return entry | {"limits": None, "source": None, "share_inside": None, "smd": None}
    sources = dict.fromkeys(source for row in by_sex.values() for source in row.sources)
    return entry | {
        "limits": {sex: row.bounds for sex, row in by_sex.items() if row.bounds} or None,
        "centre": centres or None,
        "kind": limits.kind,
        "source": "; ".join(sources),
        "share_inside": _share(judged.inside(limits.kind)),
        "smd": judged.standardised_difference(),
        "position": judged.positions(),
    }


def _distribution(values: Sequence[float] | np.ndarray) -> dict[str, Any]:
    """Number of values, their median and the ends of their band (`core.percentiles`)."""
    low, median, high = _band_and_median(values)
    return {"n": len(values), "median": median, "low": low, "high": high}


def _band_and_median(values: Sequence[float] | np.ndarray) -> list[float]:
    """Lower end of the band, median, upper end."""
    band = band_of(len(values))
    return np.percentile(values, [band.low, 50.0, band.high]).tolist()


def _badness(item: tuple[str, Mapping[str, Any]]) -> tuple[float, float, str]:
    """Sort key, worst first: few inside, then large differences; last those without limits."""
    name, entry = item
    inside = 2.0 if entry["share_inside"] is None else entry["share_inside"]
    return inside, -abs(entry["smd"] or 0.0), name


def _qrs_by_sex(rows: Sequence[FeatureRow]) -> dict[str, dict[str, Any]]:
    """Sex (and all) -> scenario -> distribution of the QRS duration."""
    groups = {"all": list(rows)} | {sex: [r for r in rows if r.sex == sex] for sex in SEXES}
    by_sex: dict[str, dict[str, Any]] = {}
    for sex, some in groups.items():
        for scenario in dict.fromkeys(row.scenario for row in some):
            values = [row.values["qrs_ms"] for row in some if row.scenario == scenario]
            by_sex.setdefault(sex, {})[scenario] = _distribution(values)
    return by_sex


def _share(flags: Sequence[bool] | np.ndarray) -> float | None:
    return float(np.mean(flags)) if len(flags) else None


def worst_first(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Features with limits or a healthy centre, in their order, which JSON files do not keep."""
    known = {name: entry for name, entry in found["by_feature"].items() if entry["source"]}
    return dict(sorted(known.items(), key=_badness))


def table(found: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text of the features that have limits or a healthy centre."""
    band = band_of(max((entry["n"] for entry in worst_first(found).values()), default=0)).name
    header = ["feature", "n", "median", band, "limits", "healthy", "inside", "SMD", "source"]
    rows = []
    for name, entry in worst_first(found).items():
        limits = [f"{low:g} to {high:g}" for low, high in (entry["limits"] or {}).values()]
        inside, smd = entry["share_inside"], entry["smd"]
        rows.append([
            label_of(name), str(entry["n"]), f"{entry['median']:.3g}",
            f"{entry['low']:.3g} to {entry['high']:.3g}", _named(entry["limits"], limits),
            _named(entry["centre"], [f"{c:g}" for c in (entry["centre"] or {}).values()]),
            "-" if inside is None else f"{inside:.0%}", "-" if smd is None else f"{smd:+.2f}",
            entry["source"],
        ])  # fmt: skip
    return header, rows


def _named(by_sex: Mapping[str, Any] | None, texts: Sequence[str]) -> str:
    """Texts with their sexes, unless all are the same."""
    if not by_sex:
        return "-"
    if len(set(texts)) == 1:
        return texts[0]
    return ", ".join(f"{text} ({sex})" for sex, text in zip(by_sex, texts))

"""Goals for the ECGs of a cohort of healthy virtual patients, and whether they are met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from breakthroughs import EpicardialArrival

from einthoven.app.evaluation.audit import NORMAL_AXIS_DEG, audit
from einthoven.physics.ecg.features import FeatureRow, has_concordant_t, has_normal_r_in_v1

SINUS = "sinus"
Predicate = Callable[[dict[str, float]], bool]
"""Goals for the features of one beat."""


@dataclass(frozen=True, eq=False)
class CohortFeatures:
    """Features of all scenarios, and the epicardium in sinus rhythm, of a cohort.

    Attributes:
        rows: of `ecg.features.feature_table`.
        epicardium: patient -> arrival of the wave in sinus rhythm.
    """

    rows: Sequence[FeatureRow]
    epicardium: Mapping[str, EpicardialArrival]

    @cached_property
    def found(self) -> dict[str, Any]:
        """The audit of sinus rhythm."""
        return audit(self.rows, SINUS)

    def of(self, scenario: str, sex: str | None = None) -> list[FeatureRow]:
        """Rows of a scenario, of one sex or all."""
        return [r for r in self.rows if r.scenario == scenario and sex in (None, r.sex)]

    def share(self, scenario: str, predicate: Predicate) -> float | None:
        """Share of a scenario's beats with a property; None without beats."""
        flags = [predicate(row.values) for row in self.of(scenario)]
        return float(np.mean(flags)) if flags else None

    def median(self, scenario: str, feature: str, sex: str | None = None) -> float | None:
        """Median where the feature could be measured; None where it never could."""
        values = np.array([row.values[feature] for row in self.of(scenario, sex)])
        known = values[np.isfinite(values)]
        return float(np.median(known)) if len(known) else None


def within(feature: str, low: float, high: float) -> Predicate:
    """Whether a feature lies in a range; what cannot be measured does not."""
    return lambda values: bool(low <= values[feature] <= high)


def is_lbbb_in_v1(values: dict[str, float]) -> bool:
    """QS or rS: no R', and S exceeds R (Surawicz 2009, 10.1161/CIRCULATIONAHA.108.191095)."""
    return values["r2_mv_v1"] == 0 and values["r_fraction_v1"] < 0.5


def is_lbbb_in_v6(values: dict[str, float]) -> bool:
    """A broad R without q: its peak comes 60 ms or more after the onset, so it lasts longer."""
    return values["q_mv_v6"] == 0 and values["r_fraction_v6"] > 0.5 and values["r_ms_v6"] >= 60


def is_rbbb_in_v1(values: dict[str, float]) -> bool:
    """An R' that exceeds the first R, or one R without S (Surawicz 2009)."""
    first, second = values["r_mv_v1"], values["r2_mv_v1"]
    return (second > first > 0) or (second == 0 and values["r_fraction_v1"] == 1)


def is_rbbb_in_v6(values: dict[str, float]) -> bool:
    """An S that lasts longer than R or than 40 ms (Surawicz 2009), in V6 and in I."""
    return all(values[f"s_ms_{x}"] > min(40.0, values[f"r_ms_{x}"]) for x in ("i", "v6"))


def _r_exceeds_s(values: dict[str, float]) -> bool:
    return values["r_fraction_v5"] > 0.5 and values["r_fraction_v6"] > 0.5


def _n_breakthroughs(cohort: CohortFeatures) -> list[int]:
    return [len(arrival.breakthroughs) for arrival in cohort.epicardium.values()]


def _first_anterior_rv(cohort: CohortFeatures) -> float | None:
    times = [arrival.first_anterior_rv_ms for arrival in cohort.epicardium.values()]
    known = [time for time in times if time is not None]
    return float(np.median(known)) if known else None


@dataclass(frozen=True)
class Goal:
    """One figure with the range that it should lie in.

    Attributes:
        name: with its unit, or a share. low, high: inclusive; None for no limit.
        of: takes the figure; None where the cohort cannot tell it.
        about: what it is.
    """

    name: str
    low: float | None
    high: float | None
    of: Callable[[CohortFeatures], float | None]
    about: str

    def judged(self, cohort: CohortFeatures) -> dict[str, Any]:
        """value, low, high, met (None where there is no value), about."""
        value = self.of(cohort)
        met = None if value is None else bool(
            (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        )  # fmt: skip
        known = {key: its for key, its in asdict(self).items() if key in ("low", "high", "about")}
        return known | {"value": value, "met": met}


def _share(
    name: str, about: str, predicate: Predicate, low: float = 0.95, scenario: str = SINUS
) -> Goal:
    return Goal(name, low, None, lambda cohort: cohort.share(scenario, predicate), about)


def _median(
    name: str, about: str, feature: str, limits: tuple[float, float], sex: str | None = None
) -> Goal:
    return Goal(name, *limits, lambda cohort: cohort.median(SINUS, feature, sex), about)


def _duration(scenario: str, low: float, high: float) -> list[Goal]:
    """Median and share of a scenario's QRS durations."""
    name = f"qrs_{scenario}"
    return [
        Goal(f"{name}_ms", low, high, lambda cohort: cohort.median(scenario, "qrs_ms"),
             f"median QRS duration, {scenario}"),
        _share(f"{name}_share", f"QRS {low:g} to {high:g} ms, {scenario}",
               within("qrs_ms", low, high), scenario=scenario),
    ]  # fmt: skip


# QRS durations are those of recordings delineated by the same rules: healthy men of PTB-XL have 101
# ms in the median, women 90 (82 to 120 and 77 to 105), complete LBBBs 151 to 192 ms
GOALS: tuple[Goal, ...] = (
    Goal("share_inside", 0.95, None, lambda cohort: cohort.found["share_inside"],
         "pairs of patient and feature inside the 2nd to 98th percentile"),
    _median("qrs_male_ms", "median QRS duration, men", "qrs_ms", (96, 106), "male"),
    _median("qrs_female_ms", "median QRS duration, women", "qrs_ms", (85, 95), "female"),
    _share("qrs_78_to_120_share", "QRS 78 to 120 ms", within("qrs_ms", 78, 120), 1.0),
    _share("axis_share", "QRS axis -30 to +90 degrees", within("qrs_axis_deg", *NORMAL_AXIS_DEG)),
    _share("r_v1_share", "r in V1 that S exceeds", has_normal_r_in_v1, 0.90),
    _share("transition_share", "R = S between V2 and V5", within("transition", 2, 5), 0.90),
    _share("r_over_s_v5_v6_share", "R/S > 1 in V5 and V6", _r_exceeds_s),
    _share("q_width_share", "no Q wider than 30 ms in I, II, V4 to V6",
           within("q_widest_ms", 0, 30)),
    _share("t_concordant_share", "T upright in I, II, V3 to V6, inverted in aVR",
           has_concordant_t),
    _share("t_v5_share", "T in V5 0.2 to 0.6 mV", within("t_mv_v5", 0.2, 0.6)),
    _median("t_v5_mv", "median T in V5", "t_mv_v5", (0.3, 0.45)),
    _share("t_peak_to_end_share", "T peak to T end 63 to 112 ms",
           within("t_peak_to_end_ms", 63, 112)),
    _median("t_peak_to_end_ms", "median T peak to T end", "t_peak_to_end_ms", (63, 112)),
    _share("qt_share", "QT 350 to 450 ms", within("qt_ms", 350, 450)),
    _median("qt_ms", "median QT", "qt_ms", (350, 450)),
    *_duration("lbbb", 140, 185),
    _share("lbbb_v1_share", "LBBB: QS or rS in V1", is_lbbb_in_v1, scenario="lbbb"),
    _share("lbbb_v6_share", "LBBB: broad R without q in V6", is_lbbb_in_v6, scenario="lbbb"),
    *_duration("rbbb", 120, 165),
    _share("rbbb_v1_share", "RBBB: R' over r, or R alone, in V1", is_rbbb_in_v1, scenario="rbbb"),
    _share("rbbb_v6_share", "RBBB: broad S in I and V6", is_rbbb_in_v6, scenario="rbbb"),
    *_duration("crt", 140, 200),
    Goal("breakthroughs_share", 0.95, None,
         lambda cohort: _mean_of([3 <= n <= 5 for n in _n_breakthroughs(cohort)]),
         "3 to 5 epicardial breakthroughs"),
    Goal("breakthroughs", 3, 5, lambda cohort: _median_of(_n_breakthroughs(cohort)),
         "median number of epicardial breakthroughs"),
    Goal("first_anterior_rv_ms", 7, 25, _first_anterior_rv,
         "median of the first breakthrough on the front of the RV"),
    Goal("latest_epicardial_ms", 63, 96,
         lambda cohort: _median_of([a.latest_ms for a in cohort.epicardium.values()]),
         "median of the last activation of the epicardium"),
    Goal("latest_basal_share", 0.95, None,
         lambda cohort: _mean_of([a.latest_z > 2 / 3 for a in cohort.epicardium.values()]),
         "last activation of the epicardium in its basal third"),
)  # fmt: skip
"""Goals of the project for healthy adults in sinus rhythm, bundle branch block and CRT; where
none was stated for a share it is 95 %. On the epicardium: Wyndham 1979."""


def _mean_of(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _median_of(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def judge(cohort: CohortFeatures) -> dict[str, dict[str, Any]]:
    """Goal -> value, low, high, met, about."""
    return {goal.name: goal.judged(cohort) for goal in GOALS}


def goals_table(judged: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of text, goals that are not met first."""
    rows = []
    for name, its in sorted(judged.items(), key=lambda item: bool(item[1]["met"])):
        ends = ["" if end is None else f"{end:g}" for end in (its["low"], its["high"])]
        goal = f">= {ends[0]}" if not ends[1] else " to ".join(ends)
        value = "-" if its["value"] is None else f"{its['value']:.3g}"
        met = {True: "yes", False: "NO", None: "-"}[its["met"]]
        rows.append([name, value, goal, met, its["about"]])
    return ["figure", "value", "goal", "met", "what it is"], rows

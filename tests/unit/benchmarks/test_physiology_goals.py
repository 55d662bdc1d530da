"""Goals: figures of beats that are known by construction."""

import numpy as np
import pytest
from breakthroughs import Breakthrough, EpicardialArrival
from helpers.ecg import COMPLEXES, synthetic_beat, time_axis
from physiology_goals import GOALS, CohortFeatures, goals_table, judge

from einthoven.physics.ecg.beats import AveragedBeat
from einthoven.physics.ecg.features import EcgSample, feature_table

TIME = time_axis()
LBBB = {
    "I": ((120, 0.9),), "II": ((130, 0.8),), "V1": ((25, 0.1), (115, -1.3)),
    "V2": ((140, -2.0),), "V3": ((30, 0.3), (110, -1.6)), "V4": ((70, 0.6), (70, -0.8)),
    "V5": ((140, 1.2),), "V6": ((140, 1.4),),
}  # fmt: skip
RBBB = COMPLEXES | {
    "I": ((50, 0.7), (80, -0.3)), "V1": ((25, 0.2), (35, -0.5), (70, 0.8)),
    "V6": ((50, 1.0), (80, -0.3)),
}  # fmt: skip


def beat(**changes):
    return AveragedBeat(synthetic_beat(TIME, **changes), TIME, None, 1)


def arrival(n, first=17.0, latest=77.0, z=0.9):
    front = (0.0, -1.0, 0.0)
    places = [Breakthrough(k, first + 5 * k, 0.5, 0.0, 1.0, front) for k in range(n)]
    return EpicardialArrival(tuple(places), latest, z)


def cohort(**beats):
    samples = [EcgSample(f"p{k:04d}", beats, sex) for k, sex in enumerate(("female", "male"))]
    rows, failed = feature_table(samples)
    assert not failed
    return CohortFeatures(rows, {"p0000": arrival(4), "p0001": arrival(6, 30.0)})


def test_names_are_unique_and_ranges_in_order():
    names = [goal.name for goal in GOALS]
    assert len(set(names)) == len(names)
    assert all(goal.low is not None for goal in GOALS)
    assert all(goal.high is None or goal.low <= goal.high for goal in GOALS)


def test_a_healthy_beat_meets_what_it_was_made_for():
    found = judge(cohort(sinus=beat(), lbbb=beat(complexes=LBBB), rbbb=beat(complexes=RBBB)))
    met = {name: its["met"] for name, its in found.items()}
    for name in ("axis", "r_v1", "transition", "r_over_s_v5_v6", "q_width", "t_concordant",
                 "t_v5", "qt", "qrs_78_to_120"):  # fmt: skip
        assert met[f"{name}_share"], name
    assert found["t_v5_mv"]["value"] == pytest.approx(0.4, abs=0.01)
    assert found["qrs_male_ms"]["value"] == pytest.approx(98, abs=2)
    for name in ("lbbb_v1", "lbbb_v6", "rbbb_v1", "rbbb_v6"):
        assert found[f"{name}_share"]["value"] == 1, name
    # of the two hearts one has four breakthroughs, the other six
    assert found["breakthroughs_share"]["value"] == 0.5
    assert found["breakthroughs"]["value"] == 5
    assert found["first_anterior_rv_ms"]["value"] == np.median([17, 30])
    assert met["latest_epicardial_ms"] and met["latest_basal_share"]
    # a scenario that nobody has is neither met nor missed
    assert found["qrs_crt_ms"]["value"] is found["qrs_crt_ms"]["met"] is None


def test_a_normal_beat_has_no_bundle_branch_block_and_an_upside_down_one_nothing():
    normal = judge(cohort(sinus=beat(), lbbb=beat(), rbbb=beat()))
    for name in ("lbbb_v6_share", "rbbb_v1_share", "rbbb_v6_share"):
        assert normal[name]["value"] == 0, name
    wrong = judge(cohort(sinus=AveragedBeat(-beat().ecg, TIME, None, 1), lbbb=beat(complexes=RBBB)))
    for name in ("axis", "r_v1", "r_over_s_v5_v6", "q_width", "t_concordant", "t_v5"):
        assert wrong[f"{name}_share"]["met"] is False, name
    assert wrong["lbbb_v1_share"]["value"] == 0


def test_table_has_what_is_not_met_first():
    header, rows = goals_table(judge(cohort(sinus=beat())))
    assert len(rows) == len(GOALS) and all(len(row) == len(header) for row in rows)
    met = [row[3] for row in rows]
    assert met == sorted(met, key=lambda text: text == "yes")

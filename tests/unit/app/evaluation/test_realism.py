"""The judge of realism on groups whose differences are known in closed form."""

import numpy as np
import pytest
from scipy.stats import norm

from einthoven.app.evaluation.realism import classifiers, judge
from einthoven.app.evaluation.realism.areas import placements
from einthoven.app.evaluation.realism.classifiers import cross_validated_area
from einthoven.app.evaluation.realism.differences import (
    LARGEST_SMD,
    SD_PER_IQR,
    difference,
    median_abs_smd,
    median_spread_ratio,
    most_telling,
    probability_of_more,
)
from einthoven.app.evaluation.realism.discrepancy import mean_discrepancy
from einthoven.app.evaluation.realism.groups import (
    compared,
    feature_sets,
    lead_of,
    wave_of,
)
from einthoven.app.evaluation.realism.judge import halves_areas, judge_realism
from einthoven.app.evaluation.realism.matching import match
from einthoven.app.evaluation.realism.people import LEAST_PEOPLE, PeopleEcgs
from einthoven.base.core.errors import BadInput
from einthoven.physics.ecg.features import FEATURES, TRACE_MS, FeatureRow


@pytest.fixture(autouse=True)
def fewer_trees_and_halves(monkeypatch):
    monkeypatch.setattr(classifiers, "N_TREES", 20)
    monkeypatch.setattr(judge, "N_HALVES", 4)


NAMES = ("qrs_ms", "t_axis_deg", "r_mv_v5", "t_mv_v5", "j_mv_v2")


def people(label, values, rates=None, ages=None, sexes=None, names=NAMES):
    """A group of given features; its traces are a T wave as high as the last but one feature."""
    n = len(values)
    wave = np.exp(-(((TRACE_MS - 300.0) / 40.0) ** 2))
    rows = [
        FeatureRow(
            f"{label}{k}", "sinus", dict(zip(names, map(float, row))),
            None if sexes is None else sexes[k], np.tile(row[-2] * wave, (12, 1)),
            None if rates is None else 60_000.0 / rates[k], None if ages is None else ages[k],
        )
        for k, row in enumerate(values)
    ]  # fmt: skip
    assert len(rows) == n
    return PeopleEcgs.of_rows(label, rows)


def gaussian(rng, n, shift=0.0):
    values = rng.normal(size=(n, len(NAMES)))
    values[:, 3] += shift
    return values


# --- classifiers


@pytest.mark.parametrize("shift", [0.5, 1.5])
def test_the_area_of_two_gaussians_is_that_of_theory(shift):
    rng = np.random.default_rng(1)
    ours, theirs = gaussian(rng, 700, shift), gaussian(rng, 700)
    area = cross_validated_area(ours, theirs, "logistic", seed=0)
    truth = norm.cdf(shift / np.sqrt(2))
    assert abs(area.auc - truth) < 3 * area.se
    low, high = area.interval
    assert low < truth < high and area.n == (700, 700)


def test_the_standard_error_is_the_sd_among_repeated_studies():
    rng = np.random.default_rng(2)
    found = [
        cross_validated_area(
            rng.normal(1.0, 1.0, (60, 1)), rng.normal(size=(40, 1)), "logistic", seed, repeats=1
        )
        for seed in range(40)
    ]
    spread = np.std([area.auc for area in found], ddof=1)
    assert 0.7 < np.mean([area.se for area in found]) / spread < 1.4


@pytest.mark.parametrize("model", ["logistic", "components", "forest"])
def test_noise_is_not_told_from_noise_though_there_are_more_values_than_people(model):
    """What is learned on test folds would make this area about one."""
    rng = np.random.default_rng(3)
    areas = [
        cross_validated_area(
            rng.normal(size=(30, 200)), rng.normal(size=(40, 200)), model, k, repeats=1
        ).auc
        for k in range(6)
    ]
    assert abs(np.mean(areas) - 0.5) < 0.1


def test_missing_values_are_filled_and_do_not_give_a_group_away():
    rng = np.random.default_rng(4)
    ours, theirs = rng.normal(size=(80, 4)), rng.normal(size=(80, 4))
    ours[::2, 1] = np.nan
    ours[:, 3] = np.nan
    theirs[:, 3] = np.nan
    area = cross_validated_area(ours, theirs, "logistic", 0)
    assert abs(area.auc - 0.5) < 3 * area.se


def test_recordings_of_one_patient_stay_in_one_fold():
    """Four recordings each of people whose features say who they are, and no more."""
    rng = np.random.default_rng(5)
    sides = [
        np.repeat(rng.normal(size=(15, 40)), 4, axis=0) + 0.01 * rng.normal(size=(60, 40))
        for _ in range(2)
    ]
    groups = np.repeat(np.arange(15), 4), np.repeat(np.arange(15, 30), 4)
    known = cross_validated_area(*sides, "forest", 0, repeats=1).auc
    unseen = cross_validated_area(*sides, "forest", 0, groups=groups, repeats=1).auc
    assert known > 0.95 and unseen < 0.75


def test_placements_are_shares_of_the_other_group():
    placed = placements(np.array([3.0, 1.0, 2.0, 2.0]), np.array([1, 1, 0, 0]))
    np.testing.assert_array_equal(placed, [1.0, 0.0, 0.5, 0.5])
    placed = placements(np.array([2.0, 2.0, 1.0]), np.array([1, 0, 0]))
    np.testing.assert_array_equal(placed, [0.75, 0.5, 1.0])
    assert np.isnan(placements(np.array([1.0, 2.0]), np.array([1, 1]))).all()


# --- single features


def test_a_difference_has_known_moments():
    ours, theirs = np.array([1.0, 2.0, 3.0, np.nan]), np.array([4.0, 6.0, 8.0])
    found = difference("t_mv_v5", ours, theirs)
    assert found.n == (3, 3) and found.medians == (2.0, 6.0) and found.sds == (1.0, 2.0)
    assert found.smd == pytest.approx(-4 / np.sqrt(2.5)) and found.spread_ratio == 0.5
    assert found.iqrs == (1.0, 2.0) and found.spread_ratio_robust == 0.5
    assert found.smd_robust == pytest.approx(SD_PER_IQR * -4 / np.sqrt(2.5))
    assert found.auc == 0.0 and difference("t_mv_v5", theirs, ours).auc == 1.0
    assert found.line.startswith("T in V5, mV: simulated 2 (SD 1), real 6 (2); SMD -2.53, alone")
    assert found.line.endswith("T: repolarisation")


def test_the_probability_of_more_counts_pairs():
    rng = np.random.default_rng(6)
    ours, theirs = rng.integers(0, 6, 40), rng.integers(1, 8, 30)
    pairs = (ours[:, None] > theirs).mean() + 0.5 * (ours[:, None] == theirs).mean()
    assert probability_of_more(ours, theirs) == pytest.approx(pairs)
    assert probability_of_more(ours, ours) == 0.5


def test_features_without_spread_have_no_ratio_and_a_bounded_difference():
    constant = difference("q_mv_i", np.full(5, 0.2), np.zeros(5))
    assert constant.smd == LARGEST_SMD and constant.spread_ratio is None
    rows = [constant, difference("q_mv_v1", np.array([0.0, 1, 2]), np.array([1.0, 2, 3]))]
    assert median_spread_ratio(rows) == 1.0
    assert median_abs_smd(rows) == pytest.approx((LARGEST_SMD + 1) / 2)
    assert median_spread_ratio([constant]) is None


def test_the_most_telling_features_are_not_one_kind_in_all_leads():
    rng = np.random.default_rng(7)
    rows = [
        difference(name, shift + rng.normal(size=50), rng.normal(size=50))
        for name, shift in [("t_mv_v4", 9), ("t_mv_v5", -8), ("t_mv_v6", 7), ("qrs_ms", 2)]
    ]
    assert [one.feature for one in most_telling(rows)] == ["t_mv_v4", "t_mv_v5", "qrs_ms"]
    assert len(most_telling(rows, 1)) == 1


# --- maximum mean discrepancy


def test_the_discrepancy_of_two_gaussians_is_that_of_theory():
    rng = np.random.default_rng(8)
    shift = 1.2
    found = mean_discrepancy(
        rng.normal(shift, 1, (1200, 1)), rng.normal(size=(1200, 1)), 0, n_permutations=99
    )
    pooled = np.sqrt(1 + shift**2 / 4)
    spread, apart = 1 / pooled, shift / pooled
    total = found.width**2 + 2 * spread**2
    truth = 2 * found.width / np.sqrt(total) * (1 - np.exp(-(apart**2) / (2 * total)))
    assert found.mmd2 == pytest.approx(truth, rel=0.12)
    assert found.p == 0.01


def test_the_discrepancy_of_equal_groups_is_zero_in_the_mean_and_its_p_is_uniform():
    rng = np.random.default_rng(9)
    found = [
        mean_discrepancy(rng.normal(size=(12, 3)), rng.normal(size=(18, 3)), k, 99)
        for k in range(150)
    ]
    values = np.array([one.mmd2 for one in found])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
    assert (values < 0).mean() > 0.3
    p = np.array([one.p for one in found])
    assert abs(p.mean() - 0.5) < 3 / np.sqrt(12 * len(p))


def test_a_value_that_nobody_measured_does_not_count():
    rng = np.random.default_rng(10)
    ours, theirs = rng.normal(size=(20, 2)), rng.normal(size=(20, 2))
    more = [np.column_stack([side, np.full(20, 3.0)]) for side in (ours, theirs)]
    plain, filled = (mean_discrepancy(*sides, 0, 99) for sides in ((ours, theirs), more))
    assert plain == filled


# --- matching


def test_partners_have_the_same_sex_and_nearly_the_same_rate_and_age():
    rng = np.random.default_rng(11)
    ours = people("ours", gaussian(rng, 20), rng.uniform(55, 65, 20), rng.uniform(30, 40, 20),
                  ["female"] * 12 + ["male"] * 8)  # fmt: skip
    theirs = people("theirs", gaussian(rng, 200), rng.uniform(50, 110, 200),
                    rng.uniform(18, 90, 200), ["female", "male"] * 100)  # fmt: skip
    found = match(ours, theirs)
    assert found.by == ("sex", "rate", "age") and not found.not_by
    assert len(found.other) == found.partners * len(found.one) >= LEAST_PEOPLE
    for quantity, width in (("rate", 10), ("age", 10), ("sex", 1e-9)):
        means = found.balance["after"][quantity]
        assert abs(means["ours"] - means["theirs"]) < width
    assert found.other.rates.max() < 75 and found.other.ages.max() < 50
    before = found.balance["before"]["rate"]
    assert before["theirs"] - before["ours"] > 10
    assert len(set(found.other.names)) == len(found.other)
    swapped = match(theirs, ours)
    assert swapped.one.names == found.other.names and swapped.other.names == found.one.names


def test_what_a_group_does_not_state_is_not_matched_and_named():
    rng = np.random.default_rng(12)
    ours = people("simulated", gaussian(rng, 15), np.full(15, 60.0))
    theirs = people("real", gaussian(rng, 60), rng.uniform(50, 90, 60), rng.uniform(18, 90, 60),
                    ["male"] * 60)  # fmt: skip
    found = match(ours, theirs)
    assert found.by == ("rate",)
    assert set(found.not_by) == {"sex", "age"}
    assert "sex not: not stated by simulated" in found.statement
    assert (np.abs(found.other.rates - 60) <= 10).all()
    nothing = match(people("simulated", gaussian(rng, 15)), theirs)
    assert nothing.by == () and len(nothing.other) == 60
    assert nothing.statement.startswith("not matched: all are compared")


def test_a_quantity_that_leaves_too_few_partners_is_given_up():
    rng = np.random.default_rng(13)
    ours = people("ours", gaussian(rng, 12), np.full(12, 60.0), np.full(12, 20.0))
    theirs = people("theirs", gaussian(rng, 30), np.full(30, 62.0), np.full(30, 70.0))
    found = match(ours, theirs)
    assert found.by == ("rate",) and "only 0 would have partners" in found.not_by["age"]


# --- groups


def test_waves_and_names_of_all_features():
    waves = {name: wave_of(name) for name in FEATURES}
    assert set(waves.values()) <= {"P", "QRS", "ST", "T", "QRS and T"}
    for name, wave in (("t_peak_ms_v2", "T"), ("t2_mv_avr", "T"), ("transition", "QRS"),
                       ("t_axis_deg", "T"), ("s_mv_v1", "QRS"), ("st60_mv_ii", "ST"),
                       ("sokolow_lyon_mv", "QRS"), ("qt_ms", "QRS and T"),
                       ("p_mv_ii", "P"), ("pr_ms", "P")):  # fmt: skip
        assert waves.get(name, wave_of(name)) == wave, name
    assert lead_of("t_mv_avr") == "aVR" and lead_of("t_mv_i") == "I" and lead_of("qt_ms") is None
    sets = feature_sets(list(FEATURES))
    assert len(sets["features"]) == len(FEATURES) and not set(sets["qrs"]) & set(sets["t"])


def test_features_are_compared_that_both_groups_have():
    rng = np.random.default_rng(14)
    names = ("qrs_ms", "t_mv_v5", "s2_mv_i", "p_mv_ii", "t_end_ms_i")
    ours, theirs = (rng.normal(size=(20, 5)) for _ in range(2))
    ours[:, 3] = 0.0
    for values in (ours, theirs):
        values[:, 2] = 0.0
    theirs[:12, 4] = np.nan
    columns, left_out = compared(
        people("simulated", ours, names=names), people("real", theirs, names=names)
    )
    assert list(columns) == [True, True, False, False, False]
    assert left_out == {"s2_mv_i": "the same in all", "p_mv_ii": "no P wave: simulated",
                        "t_end_ms_i": "measured in few: real"}  # fmt: skip


def test_axes_are_not_cut_where_people_are():
    values = np.zeros((12, 5))
    values[:, 1] = [170, -170, 45, -130, -140, 180, 0, 1, 2, 3, 4, 5]
    found = people("real", values).features[:, 1]
    assert list(found[:6]) == [170, 190, 45, -130, 220, 180]


def test_too_few_people_are_refused():
    with pytest.raises(BadInput, match="real: 9 ECGs could be measured; .* at least 10"):
        people("real", np.zeros((9, 5)))


# --- the judge


def test_the_judge_finds_what_was_planted_and_nothing_in_halves():
    rng = np.random.default_rng(15)
    real = people("real", gaussian(rng, 120), rng.uniform(50, 90, 120))
    control = people("control", gaussian(rng, 60), rng.uniform(50, 90, 60))
    narrow = gaussian(rng, 40)
    narrow[:, 3] = 3.0 + 0.5 * narrow[:, 3]
    found = judge_realism(people("simulated", narrow, np.full(40, 65.0)), real, control, seed=2)
    assert found.telling[0].feature == "t_mv_v5" and found.telling[0].smd > 3
    assert found.telling[0].spread_ratio == pytest.approx(0.5, abs=0.12)
    summary = found.summary
    assert summary["auc_features"] > 0.97 and summary["auc_beats"] > 0.97
    assert found.areas["t_logistic"].auc > 0.97 and found.areas["qrs_logistic"].auc < 0.7
    assert abs(summary["auc_control"] - 0.5) < 0.2 and abs(summary["auc_halves"] - 0.5) < 0.15
    assert summary["mmd_p"] < 0.01 and found.found["control"]["mmd"]["p"] > 0.01
    assert 0.75 < summary["median_spread_ratio_control"] < 1.33
    assert found.found["matching"]["by"] == ["rate"]
    again = judge_realism(people("simulated", narrow, np.full(40, 65.0)), real, control, seed=2)
    assert again.found == found.found


def test_halves_of_few_people_are_not_compared():
    few = people("real", np.random.default_rng(16).normal(size=(15, 5)))
    assert halves_areas(few, np.ones(5, bool), 0) == {}

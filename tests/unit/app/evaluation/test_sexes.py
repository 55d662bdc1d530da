"""Sex differences of features that are known."""

import numpy as np
import pytest
from scipy.stats import t

from einthoven.app.evaluation.sexes import (
    AS_IN_PEOPLE,
    REVERSED,
    SMALLER_IN_WOMEN,
    STRONGER,
    UNDECIDED,
    WEAKER,
    sex_differences,
    sex_table,
    statement,
)
from einthoven.physics.ecg.features import FEATURES, FeatureRow


def rows_of(women, men, feature="qrs_ms", scenario="sinus"):
    return [
        FeatureRow(f"p{k}", scenario, {feature: value}, sex, np.zeros((12, 3)))
        for sex, values in (("female", women), ("male", men))
        for k, value in enumerate(values)
    ]


def test_the_interval_is_welchs():
    women, men = np.array([84.0, 85, 86, 90]), np.array([90.0, 92, 95])
    found = sex_differences(rows_of(women, men), "sinus")["qrs_ms"]
    errors = [values.var(ddof=1) / len(values) for values in (women, men)]
    freedom = sum(errors) ** 2 / sum(e**2 / (n - 1) for e, n in zip(errors, (4, 3)))
    half = t.ppf(0.975, freedom) * np.sqrt(sum(errors))
    difference = women.mean() - men.mean()
    assert found["difference"] == pytest.approx(difference)
    assert found["interval"] == pytest.approx((difference - half, difference + half))
    assert (found["female"], found["male"], found["published"]) == (85.5, 92, (86, 92))


@pytest.mark.parametrize(
    "shift, verdict",
    [
        (-6.0, AS_IN_PEOPLE),
        (-30.0, STRONGER),
        (6.0, REVERSED),
        (0.0, UNDECIDED),
    ],
)
def test_verdicts(shift, verdict):
    men = 92 + np.linspace(-4, 4, 9)
    found = sex_differences(rows_of(men + shift, men), "sinus")
    assert found["qrs_ms"]["verdict"] == verdict
    assert verdict in statement(found) and f"{shift:+.3g} ms" in statement(found)
    header, lines = sex_table(found)
    assert [len(line) for line in lines] == [len(header)]


def test_constants_have_no_spread():
    found = sex_differences(rows_of([80.0] * 3, [90.0] * 3), "sinus")["qrs_ms"]
    assert found["interval"] == (-10, -10) and found["verdict"] == STRONGER
    little = sex_differences(rows_of([89.0] * 3, [90.0] * 3), "sinus")["qrs_ms"]
    assert little["verdict"] == WEAKER
    only_the_sign = sex_differences(rows_of([0.1] * 3, [0.9] * 3, "r_mv_v5"), "sinus")["r_mv_v5"]
    assert only_the_sign["verdict"] == AS_IN_PEOPLE and only_the_sign["published"] is None
    same = sex_differences(rows_of([90.0] * 3, [90.0] * 3), "sinus")["qrs_ms"]
    assert same["verdict"] == UNDECIDED


def test_too_few_of_a_sex_say_nothing():
    assert sex_differences(rows_of([80.0] * 3, [90.0] * 2), "sinus") == {}
    assert sex_differences(rows_of([80.0, 81, np.nan], [90.0] * 3), "sinus") == {}
    assert sex_differences(rows_of([80.0] * 3, [90.0] * 3), "lbbb") == {}
    assert statement({}) == ""


def test_features_exist():
    assert set(SMALLER_IN_WOMEN) <= set(FEATURES)

"""The ESC/AHA criteria of infarction, rule by rule."""

import math

import pytest

from einthoven.app.evaluation.criteria import (
    called_shares,
    elevation_threshold_mv,
    infarct_criteria,
)
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.features import feature_name

KINDS = {"j_mv": 0.0, "q_mv": 0.0, "q_ms": 0.0, "r_mv": 1.0, "r_ms": 30.0, "s_mv": 0.5, "t_mv": 0.2}
NORMAL = {feature_name(kind, lead): value for kind, value in KINDS.items() for lead in LEADS}


def found(sex=None, age=None, **changes):
    return infarct_criteria(NORMAL | changes, sex, age)


def test_a_normal_ecg_is_called_nothing():
    one = found(j_mv_v2=0.14, j_mv_v3=0.14)
    assert not one.calls_acute and not one.calls_old and one.elevated == ()


@pytest.mark.parametrize("sex, age, limit", [
    ("female", 30, 0.15), ("female", None, 0.15), ("male", 39, 0.25), ("male", 40, 0.2),
    ("male", None, 0.2), (None, None, 0.2),
])  # fmt: skip
def test_more_is_asked_for_in_v2_and_v3(sex, age, limit):
    assert elevation_threshold_mv("V2", sex, age) == elevation_threshold_mv("V3", sex, age) == limit
    assert elevation_threshold_mv("V4", sex, age) == 0.1
    assert found(sex, age, j_mv_v2=limit, j_mv_v3=limit).calls_acute
    assert not found(sex, age, j_mv_v2=limit - 0.01, j_mv_v3=limit).calls_acute


def test_two_contiguous_leads_are_needed():
    assert not found(j_mv_ii=0.2).calls_acute
    assert not found(j_mv_ii=0.2, j_mv_v5=0.2).calls_acute
    assert found(j_mv_iii=0.1, j_mv_avf=0.1).has_st_elevation
    assert found(j_mv_i=0.1, j_mv_avl=0.1).has_st_elevation
    assert not found(j_mv_avr=0.3, j_mv_v1=0.3).calls_acute


def test_depression_of_v1_to_v3_is_posterior_elevation():
    depressed = {f"j_mv_v{k}": -0.05 for k in (1, 2, 3)}
    assert found(**depressed).has_posterior_signs and found(**depressed).calls_acute
    assert not found(**depressed | {"j_mv_v3": -0.04}).calls_acute
    both = found(**depressed, j_mv_v5=0.1, j_mv_v6=0.1)
    assert both.has_st_elevation and not both.has_posterior_signs


def test_q_waves_of_an_old_infarct():
    wide = {"q_mv": 0.1, "q_ms": 30.0}
    in_leads = lambda *leads: {f"{k}_{lead}": v for lead in leads for k, v in wide.items()}  # noqa: E731
    assert found(**in_leads("ii", "avf")).calls_old
    assert not found(**in_leads("iii")).calls_old and not found(**in_leads("iii", "i")).calls_old
    assert found(q_mv_v2=0.05, q_ms_v2=20.0).calls_old
    assert not found(q_mv_v2=0.05, q_ms_v2=19.0).calls_old
    assert not found(**in_leads("v1", "avr")).calls_old
    assert found(q_mv_v4=0.5, r_mv_v4=0.0, q_mv_v5=0.5, r_mv_v5=0.0).q_leads == ("V4", "V5")


def test_tall_r_in_v1_and_v2_is_a_posterior_q():
    tall = {f"{kind}_v{k}": value for k in (1, 2) for kind, value in
            {"r_mv": 0.6, "s_mv": 0.6, "r_ms": 40.0}.items()}  # fmt: skip
    assert found(**tall).calls_old and not found(**tall | {"t_mv_v1": -0.1}).calls_old


def test_what_was_not_measured_fulfils_nothing():
    unknown = infarct_criteria(dict.fromkeys(NORMAL, math.nan))
    assert not unknown.calls_acute and not unknown.calls_old
    with pytest.raises(BadInput, match="no beat"):
        called_shares([])

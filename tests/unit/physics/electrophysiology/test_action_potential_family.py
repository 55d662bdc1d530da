"""The shipped family: one cell with other I_Ks, the template among its members to the bit."""

import numpy as np
import pytest
from build_action_potential_family import FACTORS, conductances, member

from einthoven.base.config.electrophysiology import APD_MS
from einthoven.base.core.errors import BadInput
from einthoven.physics.electrophysiology.cells.family import FAMILY_DATA, Family, apd90, family
from einthoven.physics.electrophysiology.cells.template import potential, table, template


def test_members_span_the_durations_of_the_config_in_small_steps():
    members = family()
    assert members.apd90[0] <= APD_MS[0] and members.apd90[-1] >= APD_MS[1]
    assert (np.diff(members.apd90) > 0).all() and np.diff(members.apd90).max() < 6
    assert (np.diff(members.i_ks_factor) < 0).all()
    assert sorted([*FACTORS, 1.0]) == sorted(members.i_ks_factor)
    assert FAMILY_DATA.stat().st_size < 300_000


def test_the_template_is_a_member_to_the_bit():
    members = family()
    np.testing.assert_array_equal(members.v_m[members.template], table()["v_m"])
    assert members.apd90[members.template] == pytest.approx(301.6, abs=1.5)


def test_the_tool_gives_the_template_for_factor_one():
    """Few beats suffice to see that alignment and sampling are the same as the template's."""
    found = member(conductances(1.0, 1.0), 3)
    fresh = table()["v_m"]
    assert found[0] == pytest.approx(fresh[0], abs=0.3)
    upstroke = np.abs(table()["time"]) < 0.5
    assert np.abs(found - fresh)[upstroke].max() < 5  # the steepest 1 ms; a step is 7 mV
    assert apd90(table()["time"], found) == pytest.approx(301.6, abs=6)


def test_members_share_the_upstroke_and_are_at_rest_before_it():
    time, members = table()["time"], family()
    level = table()["v_m"][np.flatnonzero(time == 0)[0]]
    for v_m in members.v_m:
        assert v_m[time == 0][0] == pytest.approx(level, abs=0.05)
        assert v_m[0] == pytest.approx(table()["v_m"][0], abs=1.0)


def test_leaving_every_second_member_out_changes_little():
    """Linear mixing errs by the square of the step: a quarter of this remains between members."""
    members, worst = family(), []
    time = np.arange(-5.0, 600.0, 1.0)
    for k in range(1, len(members.apd90) - 1):
        two = Family(members.i_ks_factor[[k - 1, k + 1]], members.v_m[[k - 1, k + 1]])
        weights = two.weights(members.apd90[[k]])[0]
        mixed = sum(w * potential(time, v_m) for w, v_m in zip(weights, two.v_m))
        worst.append(np.abs(mixed - potential(time, members.v_m[k])).max())
    assert max(worst) < 3.0  # mV of 120, for a few milliseconds of late repolarisation


def test_weights_are_hat_functions_of_duration():
    members = family()
    np.testing.assert_array_equal(members.weights(members.apd90), np.eye(len(members.apd90)))
    durations = np.random.default_rng(0).uniform(members.apd90[0], members.apd90[-1], 500)
    weights = members.weights(durations)
    assert (weights >= 0).all() and ((weights > 0).sum(axis=1) <= 2).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-15)
    np.testing.assert_allclose(weights @ members.apd90, durations)


def test_a_mixture_holds_only_members_that_are_used():
    members = family()
    own = members.apd90[members.template]
    assert members.mixture(members.weights(np.full(7, own))).weights.shape == (7, 0)
    between = members.apd90[[3, 4]].mean()
    mixture = members.mixture(members.weights(np.array([own, between])))
    assert mixture.weights.shape == (2, 2)
    np.testing.assert_allclose(mixture.weights, [[0, 0], [0.5, 0.5]])
    np.testing.assert_allclose(
        mixture.v_m[0], potential(mixture.time, members.v_m[3]) - template(1.0)[1]
    )


def test_linear_steps_of_a_millisecond_follow_what_members_differ_by():
    """The second sweep takes D_k as linear between its samples."""
    members = family()
    fine = np.arange(-3.0, 700.0, 0.05)
    for v_m in members.v_m:
        mixture = members.mixture(members.weights(np.full(1, apd90(table()["time"], v_m))))
        exact = potential(fine, v_m) - potential(fine)
        coarse = mixture.weights[0] @ [np.interp(fine, mixture.time, d) for d in mixture.v_m]
        if mixture.weights.size:
            plateau = fine > 5
            assert np.abs(coarse - exact)[plateau].max() < 0.2
            assert np.trapezoid(np.abs(coarse - exact), fine) < 5  # mV ms of some 10,000


def test_durations_outside_the_family_are_refused():
    with pytest.raises(BadInput, match="apd90: 120 to 300 ms"):
        family().weights(np.array([300.0, 120.0]))
    with pytest.raises(BadInput, match="NaN"):
        family().weights(np.array([np.nan]))
    with pytest.raises(BadInput, match="not 90 % repolarised"):
        apd90(np.arange(3.0), np.array([-85.0, 20.0, 10.0]))

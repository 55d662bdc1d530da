"""Cells with a low plateau: the durations of the first family, another ST segment."""

import numpy as np
import pytest
from build_action_potential_conditions import SLOW, TOLERANCE, beat
from build_action_potential_family import aligned
from build_action_potential_plateaus import FACTORS, low_plateau
from helpers.heart import activated_patient, durations

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.core.tags import Surface
from einthoven.physics.electrophysiology.cells.condition import BASELINE, CONDITIONS
from einthoven.physics.electrophysiology.cells.family import apd90, family
from einthoven.physics.electrophysiology.cells.plateaus import (
    NOTCH_STEP_MS,
    both_plateaus,
    low_plateau_path,
    low_plateaus,
    members_of,
    shares_of,
)
from einthoven.physics.electrophysiology.cells.template import potential, table
from einthoven.physics.electrophysiology.repolarisation import node_volumes, plateau_field


def action_potential(duration, low, time):
    """V_m of one cell [time] mV."""
    shares = shares_of(np.array([float(duration)]), np.array([float(low)]))[0]
    return potential(time, shares @ both_plateaus(BASELINE).v_m)


def test_a_share_of_the_low_plateau_changes_no_duration():
    time, apd = table()["time"], family().apd90
    for duration in np.linspace(apd[0], apd[-1], 30):
        for low in (0.0, 0.3, 0.7, 1.0):
            found = apd90(time, action_potential(duration, low, time))
            assert found == pytest.approx(duration, abs=1.0)


def test_potentials_are_linear_in_the_share():
    ms, low = np.array([230.0, 301.0, 350.0]), np.array([0.25, 0.5, 1.0])
    ends = [shares_of(ms, np.full(3, end)) for end in (0.0, 1.0)]
    mixed = (1.0 - low)[:, None] * ends[0] + low[:, None] * ends[1]
    np.testing.assert_allclose(shares_of(ms, low), mixed, atol=1e-15)
    np.testing.assert_allclose(shares_of(ms, low).sum(axis=1), 1.0, atol=1e-15)
    np.testing.assert_array_equal(ends[0][:, : len(family().v_m)], family().weights(ms))
    assert not ends[0][:, len(family().v_m) :].any()


def test_notch_and_plateau_are_those_of_ventricular_cells():
    """Spike, notch and dome: subepicardium of people 10 to 30 mV deep (Nabauer 1996)."""
    time = np.arange(0.0, 200.0, 0.1)
    notch, dome = {}, {}
    for low in (0.0, 1.0):
        v_m = action_potential(300.0, low, time)
        notch[low] = v_m[(time > 3) & (time < 15)].min()
        dome[low] = v_m[time > 20].max()
        assert 5 < dome[low] - notch[low] < 30 and v_m[time < 3].max() > dome[low]
        assert -10 < notch[low] and 10 < dome[low] < 30
    assert 5 < dome[0.0] - dome[1.0] < 10 and notch[1.0] < notch[0.0] - 10
    late = (time > 60) & (time < 150)
    gap = action_potential(300.0, 0.0, time)[late] - action_potential(300.0, 1.0, time)[late]
    assert 5 < gap.min() and gap.max() < 12  # it stays during the ST segment


def test_low_plateaus_have_all_durations_in_small_steps():
    members, usual = low_plateaus(), family().apd90
    assert members.apd90[0] <= usual[0] and members.apd90[-1] >= usual[-1]
    assert (np.diff(members.apd90) > 0).all() and np.diff(members.apd90).max() < 7
    assert sorted([*FACTORS, 1.0]) == sorted(members.i_ks_factor)


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: c.name)
def test_conditions_have_the_same_cells(condition):
    members = low_plateaus(condition)
    np.testing.assert_array_equal(members.i_ks_factor, low_plateaus().i_ks_factor)
    assert (np.diff(members.apd90) > 0).all()
    both = both_plateaus(condition)
    assert both.template == family(condition).template
    assert members_of(shares_of(np.array([300.0]), np.array([0.5])), condition) is both
    assert members_of(shares_of(np.array([300.0])), condition) is family(condition)
    assert low_plateau_path(condition).stat().st_size < 120_000


@pytest.mark.parametrize("member", [0, 20, 40])
@pytest.mark.parametrize("condition", [BASELINE, CONDITIONS[4]], ids=lambda c: c.name)
def test_the_tool_makes_the_tables(condition, member):
    """The shipped states are periodic, and a last beat from them is the table."""
    cell = low_plateau(low_plateaus().i_ks_factor[member], condition.i_kr_factor)
    before = load_arrays(low_plateau_path(condition), require=("state",))["state"][member]
    after, _ = beat(before, cell, condition.cycle_length_ms)
    assert np.abs(after / before - 1)[SLOW].max() < TOLERANCE
    last = aligned(beat(before, cell, 1000.0)[1])
    found = low_plateaus(condition).v_m[member]
    np.testing.assert_allclose(found, last, atol=2.0**-9 + 1e-5)


def test_steps_follow_the_notch():
    """The second sweep takes differences as linear between samples, upstroke and notch too."""
    both, fine = both_plateaus(BASELINE), np.arange(-3.0, 700.0, 0.05)
    mixture = both.mixture(np.eye(len(both.v_m)), NOTCH_STEP_MS)
    others = np.delete(np.arange(len(both.v_m)), both.template)
    for k, difference in list(zip(others, mixture.v_m, strict=True))[-41::8]:
        exact = potential(fine, both.v_m[k]) - potential(fine)
        error = np.abs(np.interp(fine, mixture.time, difference) - exact)
        assert error[fine > 5].max() < 0.2
        assert np.trapezoid(error, fine) < 8  # mV ms of some 10,000


def test_the_field_of_plateaus():
    patient = activated_patient()
    heart, uvc = patient.heart, patient.coordinates
    volumes = node_volumes(heart)
    assert plateau_field(patient, durations()) is None
    field = lambda **own: plateau_field(patient, durations(smoothing_mm=0.0, **own))  # noqa: E731
    assert (field(plateau_mean=0.4) == 0.4).all()
    rv = field(plateau_mean=0.5, plateau_rv_to_lv=-0.3)
    assert np.average(rv, weights=volumes) == pytest.approx(0.5, abs=1e-6)
    assert rv[uvc.uvc_nu > 0].max() == pytest.approx(rv[uvc.uvc_nu < 0].max() + 0.3)
    epi = field(plateau_mean=0.5, plateau_endo_to_epi=0.2)
    outside, inside = heart.surface_nodes(Surface.EPI), heart.surface_nodes(Surface.LV_ENDO)
    assert epi[outside].min() == pytest.approx(epi[inside].max() + 0.2)
    base = field(plateau_mean=0.5, plateau_apex_to_base=-0.4)
    assert base[heart.surface_nodes(Surface.BASE)].mean() < base[heart.apex] - 0.3
    wild = plateau_field(patient, durations(plateau_mean=0.2, plateau_rv_to_lv=-3.0))
    assert wild.min() >= 0.0 and wild.max() <= 1.0 and np.ptp(wild) > 0.9


@pytest.mark.parametrize(
    ("low", "message"),
    [([1.2], "low = 1.2 is outside 0 to 1"), ([np.nan], "NaN"), ([0.1, 0.2], "expected")],
)
def test_bad_shares_are_refused(low, message):
    with pytest.raises(BadInput, match=message):
        shares_of(np.array([300.0]), np.array(low))

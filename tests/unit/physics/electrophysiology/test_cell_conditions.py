"""Cells at other rates and with less I_Kr: periodic, and as such cells are known to be."""

import numpy as np
import pytest
from build_action_potential_conditions import SLOW, TOLERANCE, beat, periodic_state
from build_action_potential_family import aligned, conductances

from einthoven.base.config.scenarios import BUILT_IN, RhythmSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.physics.electrophysiology.cells.condition import (
    BASELINE,
    CONDITIONS,
    CYCLE_LENGTHS_MS,
    I_KR_FACTORS,
    Condition,
)
from einthoven.physics.electrophysiology.cells.family import action_potential, apd90, family
from einthoven.physics.electrophysiology.cells.template import potential, table, template

OTHERS = CONDITIONS[1:]


def state_of(condition, member):
    return load_arrays(condition.path, require=("state",))["state"][member]


@pytest.mark.parametrize("condition", OTHERS, ids=lambda c: c.name)
def test_members_are_the_same_cells_in_the_order_of_their_durations(condition):
    members = family(condition)
    np.testing.assert_array_equal(members.i_ks_factor, family().i_ks_factor)
    assert members.template == family().template
    assert (np.diff(members.apd90) > 0).all() and np.diff(members.apd90).max() < 12
    assert condition.path.stat().st_size < 120_000


@pytest.mark.parametrize("member", [0, 20, 40])
@pytest.mark.parametrize("condition", OTHERS, ids=lambda c: c.name)
def test_each_beat_is_as_the_one_before(condition, member):
    """The shipped states are periodic, and a last beat from them is the table."""
    cell = conductances(family().i_ks_factor[member], condition.i_kr_factor)
    before = state_of(condition, member)
    after, _ = beat(before, cell, condition.cycle_length_ms)
    assert np.abs(after / before - 1)[SLOW].max() < TOLERANCE
    assert after[0] == pytest.approx(before[0], abs=1e-2)
    last = aligned(beat(before, cell, 1000.0)[1])
    np.testing.assert_allclose(family(condition).v_m[member], last, atol=2.0**-9 + 1e-5)


def test_the_periodic_state_is_where_pacing_leads():
    """Plain beats do not leave it, and from a displaced state it is found again."""
    condition, cell = CONDITIONS[3], conductances(1.0, 1.0)
    before = state_of(condition, 20)
    later = before.copy()
    for _ in range(20):
        later, v_m = beat(later, cell, condition.cycle_length_ms)
    time = 0.02 * np.arange(len(v_m))
    known = apd90(time, beat(before, cell, condition.cycle_length_ms)[1])
    assert apd90(time, v_m) == pytest.approx(known, abs=0.1)
    found, _ = periodic_state(table()["state"].copy(), cell, condition.cycle_length_ms)
    again = beat(found, cell, condition.cycle_length_ms)[1]
    assert apd90(time, again) == pytest.approx(known, abs=0.2)


def test_the_baseline_is_what_pacing_leads_to_as_well():
    """500 beats from the published start are within 0.3 ms of the periodic state."""
    found, _ = periodic_state(table()["state"].copy(), conductances(1.0, 1.0), 1000.0)
    v_m = aligned(beat(found, conductances(1.0, 1.0), 1000.0)[1])
    members = family()
    assert apd90(table()["time"], v_m) == pytest.approx(members.apd90[members.template], abs=0.3)


def test_quicker_beats_are_shorter_and_less_i_kr_is_longer():
    """APD restitution, and repolarisation reserve: cells with less I_Ks suffer more."""
    apd = {c: family(c).apd90 for c in CONDITIONS}
    for i_kr in I_KR_FACTORS:
        assert (apd[Condition(600.0, i_kr)] < apd[Condition(1000.0, i_kr)]).all()
    for cycle in CYCLE_LENGTHS_MS:
        whole, half, blocked = (apd[Condition(cycle, i_kr)] for i_kr in I_KR_FACTORS)
        assert (whole < half).all() and (half < blocked).all()
        assert (np.diff(blocked - whole) > 0).all()
    longest = max(members.max() for c, members in apd.items() if c.cycle_length_ms == 600)
    assert longest < 500  # every stimulus finds a cell at rest


@pytest.mark.parametrize("condition", OTHERS, ids=lambda c: c.name)
def test_a_step_of_a_millisecond_follows_what_members_differ_by(condition):
    """Members share the upstroke, where alone D_k is quick."""
    members, fine = family(condition), np.arange(-3.0, 800.0, 0.1)
    mixture = members.mixture(np.eye(len(members.v_m)))
    others = np.delete(np.arange(len(members.v_m)), members.template)
    for k, difference in zip(others[::5], mixture.v_m[::5], strict=True):
        exact = potential(fine, members.v_m[k]) - potential(fine, members.v_m[members.template])
        error = np.abs(np.interp(fine, mixture.time, difference) - exact)
        assert error[fine > 5].max() < 0.2 and np.trapezoid(error, fine) < 5


def test_the_baselines_action_potential_is_the_template_to_the_bit():
    for ours, known in zip(action_potential(BASELINE, 0.1), template(0.1)):
        assert ours.tobytes() == known.tobytes()
    time, u = action_potential(CONDITIONS[2], 0.1)
    assert u[0] == u[-1] and apd90(time, u) > 340


def test_unknown_conditions_are_refused():
    with pytest.raises(BadInput, match="cycle_length_ms = 800: there are .* for 1000, 600"):
        Condition(800.0)
    with pytest.raises(BadInput, match="i_kr_factor = 0.7: there are .* for 1, 0.5, 0"):
        Condition(1000.0, 0.7)


def test_settings_of_scenarios_are_conditions():
    for cycle in CYCLE_LENGTHS_MS:
        for i_kr in I_KR_FACTORS:
            made = RhythmSettings.model_validate(
                {"cycle_length_ms": int(cycle), "i_kr_factor": i_kr}
            )
            assert Condition(made.cycle_length_ms, made.i_kr_factor) in CONDITIONS
    for wrong in ({"cycle_length_ms": 800}, {"i_kr_factor": 0.7}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            RhythmSettings.model_validate(wrong)
    default = RhythmSettings()
    assert Condition(default.cycle_length_ms, default.i_kr_factor) == BASELINE
    conditions = {name: Condition(s.cycle_length_ms, s.i_kr_factor) for name, s in BUILT_IN.items()}
    assert {n: c.name for n, c in conditions.items() if c != BASELINE} == {
        "sinus-600": "600ms_100ikr",
        "sinus-ikr-half": "1000ms_50ikr",
        "sinus-ikr-blocked": "1000ms_0ikr",
    }

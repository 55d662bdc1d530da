"""The travelling wave's upstroke: order of the cable, and the shipped table."""

import numpy as np
import pytest
from cable import Cable
from ttp06 import CELL_TYPES

from einthoven.base.core.errors import StepFailed
from einthoven.physics.electrophysiology.cells.condition import BASELINE, CONDITIONS
from einthoven.physics.electrophysiology.cells.family import action_potential, apd90, family
from einthoven.physics.electrophysiology.cells.front import FADED_MS, added_by_coupling, wave_times
from einthoven.physics.electrophysiology.cells.template import potential, table

AT = np.arange(-3.0, 8.0, 0.02)
LEVEL = float(potential(np.zeros(1))[0])


def wave(cable: Cable) -> np.ndarray:
    """V_m of a cable at `AT`, mV."""
    time, v_m = cable.travelling(table()["state"], CELL_TYPES["epi"])
    k = int(np.flatnonzero(v_m > LEVEL)[0])
    crossed = np.interp(LEVEL, v_m[k - 1 : k + 1], time[k - 1 : k + 1])
    return np.interp(AT, time - crossed, v_m)


def test_the_cable_is_of_second_order_and_the_shipped_table_its_limit():
    shipped = potential(AT) + added_by_coupling(AT, BASELINE)
    edges = np.array([0.16, 0.08, 0.04])
    cables = [Cable(h, length_mm=4.8, at_mm=3.2, duration_ms=17.0) for h in edges]
    errors = np.array([np.sqrt(np.mean((wave(cable) - shipped) ** 2)) for cable in cables])
    assert np.polyfit(np.log(edges[1:]), np.log(errors[1:]), 1)[0] > 1.7, errors
    assert errors[-1] < 0.1 and (np.diff(errors) < 0).all()


def test_a_wave_is_the_same_at_any_diffusion():
    """Only c^2 / D is the cell's: edges and places scale with the root of D."""
    one, other = Cable(0.08, 6.4, 4.8, 0.08, 20.0), Cable(0.04, 3.2, 2.4, 0.02, 20.0)
    assert other.step_ms == pytest.approx(one.step_ms)
    np.testing.assert_allclose(wave(one), wave(other), atol=0.15)


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: c.name)
def test_coupling_slows_the_upstroke_and_takes_the_peak_but_moves_no_time(condition):
    time = wave_times(0.02)
    members = family(condition)
    still = potential(time, members.v_m[members.template])
    travelling = still + added_by_coupling(time, condition)
    steep = [np.diff(v_m).max() / 0.02 for v_m in (still, travelling)]
    assert 0.5 < steep[1] / steep[0] < 0.6
    assert 12 < still.max() - travelling.max() < 16
    for level in (LEVEL, 0.0):
        crossed = [time[np.argmax(v_m > level)] for v_m in (still, travelling)]
        assert abs(np.diff(crossed)[0]) < 0.05
    rising = (time > -2.5) & (time < 0.5)
    assert np.diff(travelling[rising]).min() > -0.02  # a foot, and no dip but of rounding
    assert added_by_coupling(np.array([-3.0, FADED_MS, 400.0]), condition).any() == 0
    # at the same level of repolarisation the duration is the same to the bit
    assert apd90(time, still) == pytest.approx(members.apd90[members.template], abs=0.05)


def test_wave_times_begin_before_the_foot_and_have_the_upstroke():
    for step in (0.02, 0.1, 1.0):
        time = wave_times(step)
        assert time[0] <= -3.0 and np.any(np.abs(time) < 1e-9)
        np.testing.assert_allclose(np.diff(time), step)
        np.testing.assert_allclose(time[-1], action_potential(BASELINE, step)[0][-1])


def test_a_wave_that_does_not_come_is_told():
    with pytest.raises(StepFailed, match="no wave reaches 4 mm"):
        Cable(0.16, duration_ms=3.0).travelling(table()["state"], CELL_TYPES["epi"])

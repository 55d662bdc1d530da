import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator
from ttp06 import CELL_TYPES, REST, STATES, pace

from einthoven.base.core.errors import BadInput
from einthoven.physics.electrophysiology.cells.template import potential, table, template


def apd90(time, v_m):
    level = v_m.max() - 0.9 * (v_m.max() - v_m[0])
    fall = np.flatnonzero((v_m[:-1] > level) & (v_m[1:] <= level))[-1]
    return time[fall]


def test_template_has_the_published_shape():
    time, v_m = template(0.01)
    assert v_m[0] == pytest.approx(-85.3, abs=0.3)
    assert apd90(time, v_m) == pytest.approx(301.6, abs=1.5)
    assert np.diff(v_m).max() / 0.01 == pytest.approx(373, abs=8)
    assert abs(time[np.diff(v_m).argmax()]) < 0.05


@pytest.mark.parametrize("dt_ms", [0.02, 0.1, 1.0, 3.0])
def test_template_starts_and_ends_at_rest_with_a_sample_at_the_upstroke(dt_ms):
    time, v_m = template(dt_ms)
    assert v_m[0] == v_m[-1] == table()["v_m"][0]
    assert np.any(np.abs(time) < 1e-9) and time[0] < 0
    np.testing.assert_allclose(np.diff(time), dt_ms)


def test_potential_is_at_rest_outside_the_beat():
    rest = table()["v_m"][0]
    np.testing.assert_array_equal(potential(np.array([-1e4, -2.0, 1000.0, 1e6])), rest)


def test_potential_is_scipys_monotone_cubic():
    known, v_m = table()["time"], table()["v_m"]
    time = np.arange(known[0], known[-1] - 60.0, 0.037)[1:]
    np.testing.assert_allclose(potential(time), PchipInterpolator(known, v_m)(time), atol=1e-12)


def test_table_is_what_the_equations_give():
    state = table()["state"].copy()
    v_m = pace(state, CELL_TYPES["epi"], False, 1, 1000.0, 0.02)
    time = (np.arange(len(v_m)) - np.diff(v_m).argmax()) * 0.02
    # The interpolation keeps the upstroke; the end fades to rest within hundredths of a millivolt.
    assert np.abs(potential(time) - v_m).max() < 0.05
    # After one more beat the cell is where it was: the 500 beats have settled.
    np.testing.assert_allclose(state, table()["state"], rtol=2e-3, atol=1e-9)


def test_a_fresh_cell_is_near_the_published_rest_and_fires():
    state = REST.copy()
    v_m = pace(state, CELL_TYPES["epi"], False, 3, 1000.0, 0.02)
    assert len(STATES) == len(REST)
    assert v_m[0] == pytest.approx(-85.4, abs=0.4)
    assert 33 < v_m.max() < 45
    assert 290 < apd90(np.arange(len(v_m)) * 0.02, v_m) < 315


def test_cell_types_order_as_published():
    apd = {}
    for cell, conductances in CELL_TYPES.items():
        v_m = pace(REST.copy(), conductances, cell == "endo", 5, 1000.0, 0.02)
        apd[cell] = apd90(np.arange(len(v_m)) * 0.02, v_m)
    assert apd["mid"] > apd["epi"] + 60
    assert apd["endo"] == pytest.approx(apd["epi"], abs=8)


def test_step_out_of_range_is_refused():
    with pytest.raises(BadInput, match="dt_ms"):
        template(0.0)

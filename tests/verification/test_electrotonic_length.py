"""Coupled cells level their durations: the length of `smooth` against a cable of them."""

import numba
import numpy as np
import pytest
from ttp06 import CELL_TYPES, REST, Conductances, advance

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import ActivationSettings
from einthoven.physics.electrophysiology.cells.family import apd90

DIFFUSIVITY = 0.154
"""mm^2/ms along fibres, which gives this cell 0.7 mm/ms (ten Tusscher and Panfilov 2006)."""
STEP_MM, STEP_MS, EVERY = 0.4, 0.02, 10


@numba.njit(cache=True)
def cable(cell, g_ks, n_steps):
    """A wave along a cable of cells with their own g_Ks [cell]: v_m [time, cell] mV."""
    n = len(g_ks)
    states = np.empty((n, len(REST)))
    for i in range(n):
        states[i] = REST
    v_m, current = np.empty((n_steps // EVERY, n)), np.zeros(n)
    for step in range(n_steps):
        v = states[:, 0].copy()
        if step % EVERY == 0:
            v_m[step // EVERY] = v
        for i in range(n):
            left, right = v[max(i - 1, 0)], v[min(i + 1, n - 1)]
            current[i] = DIFFUSIVITY / STEP_MM**2 * (left - 2.0 * v[i] + right)
        for i in range(n):
            stimulus = -52.0 if i < 5 and step * STEP_MS < 1.0 else 0.0
            own = Conductances(g_ks[i], cell.to, cell.kr, cell.cal, cell.na, cell.k_out, cell.katp)
            advance(states[i], own, False, stimulus - current[i], STEP_MS)
    return v_m


@pytest.mark.slow
def test_the_default_length_is_that_of_a_cable():
    """A step of I_Ks in the middle: APD90 = mean -+ half a step (1 - exp(-|x| / L)).

    L goes with the square root of the diffusivity, so with the speed; the default is the geometric
    mean over one direction along and two across fibres, of the speeds of the default settings.
    """
    epi, n = CELL_TYPES["epi"], 100
    v_m = cable(epi, epi.ks * np.repeat([1.0, 1.5], n // 2), 22_500)
    time = STEP_MS * EVERY * np.arange(len(v_m))
    starts = [np.diff(v).argmax() for v in v_m.T]
    duration = np.array([apd90(time - time[k], v) for k, v in zip(starts, v_m.T)])
    x = STEP_MM * (np.arange(n) - (n - 1) / 2)
    inner, lengths = np.abs(x) < 14.0, np.arange(0.5, 8.0, 0.05)

    def residual(length):
        shape = np.sign(x) * (1 - np.exp(-np.abs(x) / length))
        columns = np.stack([np.ones(n), x, shape], axis=1)[inner]
        return np.linalg.lstsq(columns, duration[inner], rcond=None)[1][0]

    along = lengths[np.argmin([residual(length) for length in lengths])]
    speeds = ActivationSettings(
        cv_fiber_mm_per_ms=0.6, cv_transverse_mm_per_ms=0.25
    )  # the published ones
    across = along * speeds.cv_transverse_mm_per_ms / speeds.cv_fiber_mm_per_ms
    print(f"L along {along:.2f}, across {across:.2f} mm, {np.ptp(duration):.0f} ms apart")
    mean = (along * across**2) ** (1 / 3)
    assert RepolarisationSettings().smoothing_mm == pytest.approx(mean, abs=0.5)

"""The front of V_m = U(t - tau) against a monodomain solution by our finite elements.

A bar of tetrahedra, 15 mm of epicardial cells of ten Tusscher and Panfilov at their steady state,
is stimulated at one end; linear elements of 0.15 mm with a lumped mass, explicit steps of 0.01 ms.
"""

from itertools import permutations, product

import numba
import numpy as np
import pytest

from einthoven.electrophysiology.cells.template import potential, table
from einthoven.electrophysiology.cells.ttp06 import CELL_TYPES, Conductances, advance
from einthoven.fem.assembly import stiffness
from einthoven.geometry.simplex import tet_volumes

EDGE_MM, N_CUBES, STEP_MS, END_MS = 0.15, 100, 0.01, 45.0
DIFFUSION = 0.08  # mm^2/ms, for a speed as that along fibres here
STIMULUS, STIMULATED_MM = -52.0, 1.0  # pA/pF for 1 ms


@numba.njit(cache=True)
def run(
    states: np.ndarray, laplacian: tuple, stimulated: np.ndarray, g: Conductances, n_steps: int
) -> np.ndarray:
    """Advance cells [node, state] coupled by a matrix (CSR, 1/ms): V_m [step, node] mV."""
    first, column, value = laplacian
    n = len(states)
    v_m, flow = np.empty((n_steps, n)), np.empty(n)
    for k in range(n_steps):
        for i in range(n):
            flow[i] = 0.0
            for j in range(first[i], first[i + 1]):
                flow[i] += value[j] * states[column[j], 0]
        for i in range(n):
            current = STIMULUS if stimulated[i] and k * STEP_MS < 1.0 else 0.0
            advance(states[i], g, False, current, STEP_MS)
            states[i, 0] -= STEP_MS * flow[i]
            v_m[k, i] = states[i, 0]
    return v_m


def bar():
    """Cubes in a row along x, six tetrahedra each: points mm, cells."""
    lattice = np.array(list(product(range(N_CUBES + 1), range(2), range(2))))
    number = {tuple(corner): k for k, corner in enumerate(lattice.tolist())}
    cells = []
    for i in range(N_CUBES):
        for order in permutations(range(3)):
            corner, cell = [i, 0, 0], [number[i, 0, 0]]
            for axis in order:
                corner[axis] += 1
                cell.append(number[tuple(corner)])
            cells.append(cell)
    return EDGE_MM * lattice.astype(float), np.array(cells)


@pytest.mark.slow
def test_the_upstroke_is_that_of_a_travelling_wave():
    points, cells = bar()
    tensors = np.broadcast_to(DIFFUSION * np.eye(3), (len(cells), 3, 3))
    matrix = stiffness(points, cells, tensors).tocsr()
    quarters = np.repeat(np.abs(tet_volumes(points, cells)) / 4, 4)
    mass = np.bincount(cells.ravel(), quarters)
    laplacian = matrix.indptr, matrix.indices, matrix.data / np.repeat(mass, np.diff(matrix.indptr))
    states = np.tile(table()["state"], (len(points), 1))
    n_steps = round(END_MS / STEP_MS)
    v_m = run(states, laplacian, points[:, 0] < STIMULATED_MM, CELL_TYPES["epi"], n_steps)

    inner = np.flatnonzero((points[:, 0] > 6) & (points[:, 0] < 12))
    time = STEP_MS * (1 + np.arange(n_steps))
    tau = time[np.diff(v_m[:, inner], axis=0).argmax(axis=0)]  # the steepest upstroke
    slope, _ = np.polyfit(points[inner, 0], tau, 1)
    assert 0.45 < 1 / slope < 0.6
    at = np.arange(-5, 25, 0.02)
    travelling = np.mean([np.interp(at, time - t, v_m[:, i]) for i, t in zip(inner, tau)], axis=0)
    still = potential(at)
    # the same instant to a tenth of a millisecond, less steep, and without the overshoot's peak
    assert abs(at[np.argmax(travelling > 0)] - at[np.argmax(still > 0)]) < 0.1
    rate = np.diff(travelling).max() / np.diff(still).max()
    assert 0.65 < rate < 0.75
    assert 15 < still.max() - travelling.max() < 18
    difference = np.abs(travelling - still)
    assert difference[(at < -1) | (at > 2)].max() < 4 and difference[at > 10].max() < 2

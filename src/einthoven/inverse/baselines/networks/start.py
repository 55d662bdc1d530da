"""Start of a training: the model's wave with the activation times of a regularised solution.

Fronts of a regularised solution are several times as wide as those of the model. A network fitted
to them has to sharpen them later, and moves them. So only the times are taken from that solution,
and the action potential from the model.
"""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from einthoven.base.metrics.activation_times import crossing_times
from einthoven.physics.electrophysiology.aliev_panfilov import (
    AlievPanfilov,
    SimulatedWave,
    Stimulus,
    simulate,
)

HALF = 0.5
"""Value of u whose first crossing is the activation."""
N_CELLS, STIMULATED, SEEN = 60, 4, 40
"""Number of nodes of the cable, of those stimulated at its end, and the node whose action potential
is taken, far from both ends, where the wave differs."""
CELL_STEP = 0.6
"""Distance of nodes of the cable, in units of sqrt(8 D / k), the width of its front."""


def plane_wave(time: np.ndarray, model: AlievPanfilov) -> SimulatedWave:
    """Action potential and recovery of a plane wave far from where it began: [1, time].

    The times are uniform and relative to the activation (u = 1/2); before them the cable is at
    rest. The diffusion only stretches it.
    """
    unit = replace(model, diffusion=1.0)
    h = CELL_STEP * np.sqrt(8 / model.k)
    chain = sp.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(N_CELLS, N_CELLS)).tolil()
    chain[0, 0] = chain[-1, -1] = -1.0  # no flux
    arrival = 2 * SEEN * h / unit.front_speed  # the wave is slower where it begins
    step = float(time[1] - time[0])
    axis = step * np.arange(int((arrival + max(time[-1], 0)) / step) + 2)
    cable = simulate(sp.csr_array(chain) / h**2, [Stimulus(np.arange(STIMULATED))], axis, unit)
    u, v = cable.u[SEEN], cable.v[SEEN]
    since = time + crossing_times(u[None], axis, HALF)[0]
    return SimulatedWave(*(np.interp(since, axis, values, left=0.0)[None] for values in (u, v)))


def start_of(potentials: np.ndarray, time: np.ndarray, model: AlievPanfilov) -> np.ndarray:
    """Start u and v of a network, [2, node, time], from a regularised solution [node, time].

    Nodes at which the solution does not reach one half stay at rest. It and the uniform time [time]
    are in units of the model.
    """
    activation = crossing_times(potentials, time, HALF)
    activation = np.where(np.isnan(activation), np.inf, activation)
    span = time[-1] - time[0]
    axis = np.arange(-span, span + (time[1] - time[0]), time[1] - time[0])
    wave = plane_wave(axis, model)
    since = (time[None] - activation[:, None]).clip(axis[0])
    return np.stack([np.interp(since, axis, values[0], left=0.0) for values in wave])

"""Solutions of the Aliev-Panfilov equation at the recorded times, with derivatives."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from einthoven.inverse.methods.variational.control import DURATION, Control
from einthoven.inverse.methods.variational.stepping import DIFFUSION, heun, heun_tangent

LARGEST_STEP = 0.1
"""Largest step in time units; its error is below that of the usual Euler steps of 0.005."""
LEAD_IN = 6 * DURATION
"""Time before the onset of a stimulus from which it is followed, time units."""


class SolutionSnapshot(NamedTuple):
    """The solution at one recorded time."""

    sample: int
    u: np.ndarray
    """[node]."""
    tangent: np.ndarray
    """[node, control of the wave] derivatives of u; no columns without `tangent`."""


@dataclass(frozen=True)
class Dynamics:
    """The equation's operator and the recorded times."""

    laplacian: sp.csr_array
    """[node, node] 1/mm^2."""
    times: np.ndarray
    """[time] in time units of the model, even."""

    @cached_property
    def matrix(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Laplacian (indptr, indices, data), for `stepping.heun`."""
        laplacian = sp.csr_array(self.laplacian)
        return laplacian.indptr, laplacian.indices, laplacian.data

    @property
    def interval(self) -> float:
        """Interval between recorded times, time units."""
        return float(self.times[1] - self.times[0])

    @property
    def window(self) -> float:
        """Length of the record, time units."""
        return float(self.times[-1] - self.times[0])

    def steps(self, control: Control) -> int:
        """Number of steps per interval, enough for accuracy and stability."""
        fastest = np.max(control.parameters[DIFFUSION] * np.abs(self.laplacian.diagonal()))
        return int(np.ceil(self.interval / min(LARGEST_STEP, 0.8 / fastest) - 1e-9))

    def run(self, control: Control, tangent: bool = False) -> Iterator[SolutionSnapshot]:
        """Iterate over the solution of a control at all recorded times."""
        n = len(self.laplacian.indptr) - 1
        u, v = np.zeros((n, 1)), np.zeros((n, 1))
        width = len(control.kinds) if tangent else 0
        tangents = np.zeros((n, width)), np.zeros((n, width))
        n_steps = self.steps(control)
        dt = self.interval / n_steps
        first = min(self.times[0], control.sources.onsets.min() - LEAD_IN)
        before = int(np.ceil((self.times[0] - first) / dt))
        n_all = before + n_steps * (len(self.times) - 1)
        grid = self.times[0] + dt * np.arange(-before, n_steps * (len(self.times) - 1) + 1)
        stimulus = control.courses(grid)[0] @ control.maps.T
        factors = control.factors(grid)
        for q in range(n_all + 1):
            if q >= before and (q - before) % n_steps == 0:
                yield SolutionSnapshot((q - before) // n_steps, u[:, 0], tangents[0])
            if q == n_all:
                break
            pair = np.ascontiguousarray(stimulus[q : q + 2, :, None])
            if tangent:
                controls = control.kinds, control.weights, factors[q : q + 2]
                equation = control.parameters, pair
                heun_tangent(self.matrix, equation, dt, (u, v), tangents, controls)
            else:
                heun(self.matrix, control.parameters, pair, dt, u, v)

    def solution(self, control: Control) -> np.ndarray:
        """Solution u: [node, time]."""
        return np.transpose([snapshot.u.copy() for snapshot in self.run(control)])

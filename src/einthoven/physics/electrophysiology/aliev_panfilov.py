"""The dimensionless model of Aliev and Panfilov on a surface, as in Zhu 2025.

du/dt = D lap u + k u (u - a)(1 - u) - u v dv/dt = (e0 + mu1 v / (u + mu2)) (-v - k u (u - a - 1))

with no flux through the edges of the surface, if it has any. u runs from 0 (rest) to 1.

References:
    Aliev, Panfilov, Chaos Solitons Fractals 7:293-301 (1996), doi:10.1016/0960-0779(95)00089-5.
    Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1, eqs. (1) to (3);
    eq. (1) prints D lap u with a further factor u, which eq. (6) does not have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput

MS_PER_UNIT = 12.9
"""Time unit of Aliev and Panfilov 1996 in a human heart."""
REAL_AXIS = 2.785
"""The classical Runge-Kutta method is stable for -REAL_AXIS < step * eigenvalue < 0."""
MAX_STEP = 0.02
"""Largest step; it keeps the error of u below 1e-5 with the parameters of Zhu 2025. Stability needs
smaller steps only if the triangles are small."""


@dataclass(frozen=True)
class AlievPanfilov:
    """Parameters of the model; defaults of Zhu 2025, section III.A."""

    a: float = 0.1
    """Threshold of excitation."""
    k: float = 8.0
    """Strength of the reaction."""
    e0: float = 0.002
    mu1: float = 0.3
    mu2: float = 0.3
    """Rate of recovery."""
    diffusion: float = 10.0
    """D, mm^2 per unit of time."""

    def __post_init__(self) -> None:
        check.between("a", self.a, 0.0, 0.5, "no wave travels beyond one half")
        for name in ("k", "mu2"):
            if getattr(self, name) <= 0:
                raise BadInput(f"{name} = {getattr(self, name):g} must be positive")
        for name in ("e0", "mu1", "diffusion"):
            if getattr(self, name) < 0:
                raise BadInput(f"{name} = {getattr(self, name):g} must not be negative")

    def reaction(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """du/dt of an isolated cell."""
        return u * (self.k * (u - self.a) * (1.0 - u) - v)

    def recovery(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """dv/dt."""
        rate = self.e0 + self.mu1 * v / (u + self.mu2)
        return rate * (-v - self.k * u * (u - self.a - 1.0))

    @property
    def front_speed(self) -> float:
        """Speed of a plane front into tissue at rest while v is zero: sqrt(k D / 2) (1 - 2 a).

        It is that of the exact travelling wave of the bistable equation, in mm per unit of time.
        """
        return float(np.sqrt(self.k * self.diffusion / 2) * (1 - 2 * self.a))

    def max_step(self, laplacian: sp.csr_array) -> float:
        """Lower bound on the largest stable step of the classical Runge-Kutta method.

        If the off-diagonal entries of the Laplacian are not negative, 0 <= u <= 1 and 0 <= v <= k
        (1 + a)^2 / 4 are invariant. There the reaction's slope is at least -k (1 - a) - v, and
        Gershgorin's circles bound the spectrum of D lap.
        """
        stiffest = self.k * (1 - self.a) + self.k * (1 + self.a) ** 2 / 4
        circles = abs(laplacian).sum(axis=1).max(initial=0.0)
        return REAL_AXIS / float(stiffest + self.diffusion * circles)


@dataclass(frozen=True)
class Stimulus:
    """Nodes at which u is set to one."""

    nodes: np.ndarray
    """[stimulated] rows of the Laplacian."""
    time: float = 0.0
    """Time of the stimulus; it acts at the first sample at or after it."""


class SimulatedWave(NamedTuple):
    """Result of `simulate`."""

    u: np.ndarray
    """[node, time] normalised potential."""
    v: np.ndarray
    """[node, time] recovery."""


def simulate(
    laplacian: sp.csr_array,
    stimuli: Sequence[Stimulus],
    time: np.ndarray,
    model: AlievPanfilov = AlievPanfilov(),
    step: float | None = None,
) -> SimulatedWave:
    """Integrate u and v [node, time] from rest by the classical Runge-Kutta method in equal steps.

    Args:
        laplacian: [node, node] 1/mm^2, of the surface: `geometry.surface_operators`.
        stimuli: nodes and times.
        time: [time] uniform; a stimulus at time[0] is in the first sample.
        model: parameters.
        step: upper limit; None: the smaller of `MAX_STEP` and half of the stable one.

    Raises:
        BadInput: no stimulus, nodes or times outside, times that are not uniform, or an unstable
            step.
    """
    time, starts = _checked(laplacian, stimuli, time)
    limit = model.max_step(laplacian)
    if step is None:
        step = min(MAX_STEP, limit / 2)
    if not 0 < step <= limit:
        raise BadInput(
            f"step = {step:g}: stable up to {limit:.3g} with this Laplacian and diffusion "
            f"{model.diffusion:g}"
        )
    spacing = float(np.diff(time).mean())
    n_steps = int(np.ceil(spacing / step - 1e-9))
    state = np.zeros((2, laplacian.shape[0]))
    u, v = np.empty((2, laplacian.shape[0], len(time)))
    for sample in range(len(time)):
        for stimulus, start in zip(stimuli, starts):
            if start == sample:
                state[0, stimulus.nodes] = 1.0
        u[:, sample], v[:, sample] = state
        if sample < len(time) - 1:
            state = _advance(state, laplacian, model, spacing / n_steps, n_steps)
    return SimulatedWave(u, v)


def _advance(
    state: np.ndarray, laplacian: sp.csr_array, model: AlievPanfilov, step: float, n_steps: int
) -> np.ndarray:
    """Some steps of the classical Runge-Kutta method; state is (u, v) [2, node]."""
    diffusion = model.diffusion * laplacian

    def rate(state: np.ndarray) -> np.ndarray:
        u, v = state
        return np.stack([diffusion @ u + model.reaction(u, v), model.recovery(u, v)])

    for _ in range(n_steps):
        first = rate(state)
        second = rate(state + step / 2 * first)
        third = rate(state + step / 2 * second)
        fourth = rate(state + step * third)
        state = state + step / 6 * (first + 2 * second + 2 * third + fourth)
    return state


def _checked(
    laplacian: sp.csr_array, stimuli: Sequence[Stimulus], time: np.ndarray
) -> tuple[np.ndarray, list[int]]:
    """Time, and the sample of each stimulus."""
    n = laplacian.shape[0]
    time = check.finite("time", check.shape("time", time, (None,))).astype(float)
    steps = np.diff(time)
    if not len(steps) or steps.min() <= 0 or np.ptp(steps) > 1e-6 * steps.mean():
        raise BadInput("time: must increase in equal steps")
    if not stimuli:
        raise BadInput("stimuli: none, so the tissue stays at rest")
    starts = []
    for stimulus in stimuli:
        nodes = np.asarray(stimulus.nodes)
        if not nodes.size or nodes.min() < 0 or nodes.max() >= n:
            raise BadInput(f"stimuli: needs nodes from 0 to {n - 1}")
        if not time[0] <= stimulus.time <= time[-1]:
            raise BadInput(f"stimuli: time {stimulus.time:g} is outside the simulated one")
        starts.append(int(np.searchsorted(time, stimulus.time - 1e-9 * steps[0])))
    return time, starts

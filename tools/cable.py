"""A cable of cells: the action potential of a travelling wave.

Monodomain in one dimension, dV/dt = D V_xx - I_ion, by central differences (no flux at the ends)
and explicit steps. V_m(t) of a wave that travels steadily is the same at any D, as V_xx is then
V_tt / c^2 and c^2 / D a number of the cell alone: a front in tissue of any conductivity has it,
where it is plane and far from borders and collisions.
"""

from dataclasses import dataclass

import numba
import numpy as np
from ttp06 import Conductances, advance

from einthoven.base.core.errors import StepFailed

STIMULUS, STIMULUS_MS = -52.0, 1.0
"""pA/pF, as `ttp06.pace` gives it."""
STIMULATED_MM = 1.0


@dataclass(frozen=True)
class Cable:
    """Length and edge of the cable; errors fall with the square of the edge.

    Attributes:
        edge_mm: between two cells. length_mm: of the cable. at_mm: where the wave is read.
        diffusion: D, mm^2/ms; the stated one gives 0.56 mm/ms.
        duration_ms: from the stimulus on.
    """

    edge_mm: float = 0.02
    length_mm: float = 6.0
    at_mm: float = 4.0
    diffusion: float = 0.08
    duration_ms: float = 70.0

    @property
    def step_ms(self) -> float:
        """0.2 edge^2 / D, less than half of what is stable."""
        return 0.2 * self.edge_mm**2 / self.diffusion

    def travelling(self, state: np.ndarray, g: Conductances) -> tuple[np.ndarray, np.ndarray]:
        """A wave from one end through cells that are all alike.

        Args:
            state: [state] of `ttp06.STATES` before the beat. g: of the epicardial cell or like it.

        Returns:
            [step] ms from the stimulus; [step] mV of the cell at `at_mm`.

        Raises:
            StepFailed: the wave does not come there.
        """
        n_cells = round(self.length_mm / self.edge_mm) + 1
        n_steps = round(self.duration_ms / self.step_ms)
        states = np.tile(np.asarray(state, float), (n_cells, 1))
        coupling = self.diffusion / self.edge_mm**2
        n_stimulated = round(STIMULATED_MM / self.edge_mm)
        where = n_stimulated, round(self.at_mm / self.edge_mm)
        v_m = _advance(states, g, (self.step_ms, coupling), n_steps, where)
        if not (np.isfinite(v_m).all() and v_m.max() > 0):
            raise StepFailed(f"{self}: no wave reaches {self.at_mm:g} mm; a longer duration?")
        return self.step_ms * np.arange(1, n_steps + 1), v_m


@numba.njit(cache=True)
def _advance(  # type: ignore[no-untyped-def]
    states, g: Conductances, constants, n_steps, where
) -> np.ndarray:
    """Advance coupled cells [cell, state] in place: V_m [step] mV of one of them."""
    (step, coupling), (n_stimulated, read) = constants, where
    n = len(states)
    v_m, flow = np.empty(n_steps), np.empty(n)
    for k in range(n_steps):
        for i in range(n):
            left, right = states[abs(i - 1), 0], states[i + 1 if i < n - 1 else n - 2, 0]
            flow[i] = coupling * (left - 2.0 * states[i, 0] + right)
        stimulated = k * step < STIMULUS_MS
        for i in range(n):
            current = STIMULUS if stimulated and i < n_stimulated else 0.0
            advance(states[i], g, False, current, step)
            states[i, 0] += step * flow[i]
        v_m[k] = states[read, 0]
    return v_m

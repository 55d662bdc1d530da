"""Bound on the ECG error by the gradient error (Dokuchaev 2026, section 2.6), as numbers."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bound:
    """Both sides of ||V - V^||^2 <= C_Vm ||grad(Z - Z^)||^2, for each (scenario and) electrode."""

    left: np.ndarray
    """[electrode] mV^2 ms."""
    right: np.ndarray
    """[electrode] mV^2 ms."""

    @property
    def holds(self) -> np.ndarray:
        """[electrode] whether the inequality holds, up to round-off."""
        return self.left <= self.right * (1.0 + 1e-9)

    @property
    def sharpness(self) -> np.ndarray:
        """[electrode] left over right, in [0, 1] where the bound holds; 1 is equality."""
        return self.left / self.right


def activation_bound(
    source_energy: np.ndarray,
    volume: np.ndarray,
    grad_error: np.ndarray,
    potential_error: np.ndarray,
    dt: float,
) -> Bound:
    """Both sides [scenario, electrode] of the bound for V_m = U(t - tau), from `source_energy`.

    Args:
        source_energy: [scenario] C_Vm in mS^2 mV^2 ms / mm.
        volume: [cell] mm^3.
        grad_error: [electrode, cell, 3] grad(Z - Z^) in kOhm/mm.
        potential_error: [scenario, electrode, time] V - V^ in mV.
        dt: time step in ms.
    """
    error = np.einsum("eci,eci,c->e", grad_error, grad_error, volume, optimize=True)
    left = dt * np.square(potential_error, dtype=np.float64).sum(axis=-1)
    return Bound(left=left, right=np.multiply.outer(source_energy, error))

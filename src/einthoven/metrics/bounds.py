"""The bound on the ECG error by the gradient error (Dokuchaev 2026, section 2.6), as numbers."""

from dataclasses import dataclass

import numpy as np

from einthoven.core.check import finite, shape


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
    """Both sides of the bound for V_m = U(t - tau), from C_Vm of `ecg.forward.source_energy`.

    Args:
        source_energy: [scenario] C_Vm in mS^2 mV^2 ms / mm.
        volume: [cell] mm^3.
        grad_error: [electrode, cell, 3] grad(Z - Z^) in kOhm/mm.
        potential_error: [scenario, electrode, time] V - V^ in mV.
        dt: time step in ms.

    Returns:
        Sides of shape [scenario, electrode].
    """
    error = np.einsum("eci,eci,c->e", grad_error, grad_error, volume, optimize=True)
    left = dt * np.square(potential_error, dtype=np.float64).sum(axis=-1)
    return Bound(left=left, right=np.multiply.outer(source_energy, error))


def cauchy_schwarz(
    source: np.ndarray,
    volume: np.ndarray,
    grad_error: np.ndarray,
    potential_error: np.ndarray,
    dt: float,
) -> Bound:
    """Both sides of the Cauchy-Schwarz bound for piecewise constant fields on cells.

    Args:
        source: [time, cell, 3] G_i grad V_m in mS mV / mm^2.
        volume: [cell] mm^3.
        grad_error: [electrode, cell, 3] grad(Z - Z^) in kOhm/mm.
        potential_error: [electrode, time] V - V^ in mV, at the same times.
        dt: time step in ms.

    Raises:
        BadInput: shapes do not fit or a value is not finite.
    """
    n_time, n_cell = np.asarray(source).shape[:2]
    source = shape("source", finite("source", source), (n_time, n_cell, 3))
    volume = shape("volume", finite("volume", volume), (n_cell,))
    grad_error = shape("grad_error", finite("grad_error", grad_error), (None, n_cell, 3))
    potential_error = shape(
        "potential_error", finite("potential_error", potential_error), (len(grad_error), n_time)
    )
    constant = dt * np.einsum("tci,tci,c->", source, source, volume, optimize=True)
    bound = activation_bound(np.atleast_1d(constant), volume, grad_error, potential_error[None], dt)
    return Bound(left=bound.left[0], right=bound.right[0])

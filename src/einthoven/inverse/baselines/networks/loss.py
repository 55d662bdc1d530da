"""The losses of Zhu 2025, eqs. (4) to (9), by their names.

Both are lists of residuals whose squares sum to the loss, for least squares.

References:
    Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from einthoven.inverse.baselines.networks.collocation import Derivatives, Point
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov

NEGLIGIBLE = 1e-3
"""Singular values of the transfer below this share of the largest are left out of L_D."""
POLE_MARGIN = 0.5
"""Bound of u in epsilon(u, v), as a share of its pole at u = -mu2."""


def r_u(d: Derivatives, model: AlievPanfilov) -> Tensor:
    """Residual of eq. (6): [point]."""
    reaction = model.k * d.u * (1 - d.u) * (d.u - model.a)
    return d.du_dt - model.diffusion * d.laplacian - reaction + d.u * d.v


def r_v(d: Derivatives, model: AlievPanfilov) -> Tensor:
    """Residual of eq. (7): [point]."""
    held = d.u.clamp_min(-POLE_MARGIN * model.mu2)
    epsilon = model.e0 + model.mu1 * d.v / (held + model.mu2)
    return d.dv_dt - epsilon * (-d.v - model.k * d.u * (d.u - model.a - 1))


def r_b(d: Derivatives) -> Tensor | None:
    """Residual of eq. (8): [point]; None: the scheme has no boundary."""
    return d.flux


def ep_residuals(d: Derivatives, point: Point, model: AlievPanfilov) -> list[Tensor]:
    """Residuals whose squares sum to L_EP, eq. (9), of points with weights: [point] each."""
    share = (point.weight / len(point.weight)).sqrt()
    flux = r_b(d)
    residuals = [r_u(d, model), r_v(d, model)] + ([] if flux is None else [flux])
    return [share * r for r in residuals]


@dataclass(frozen=True)
class DataLoss:
    """Data loss L_D = 1/N sum |y - R u|^2, eq. (5), in the singular vectors of R.

    |y - R u|^2 = |U'y - U'R u|^2 + |y - U U'y|^2, where the last term is a constant.
    """

    projection: Tensor
    """U'R: [row, node]."""
    target: Tensor
    """U'y: [row, time]."""
    n_electrodes: int
    constant: float
    """Constant 1/N |y - U U'y|^2 over all instants."""

    @classmethod
    def of(cls, transfer: np.ndarray, body_potentials: np.ndarray) -> "DataLoss":
        """Data loss of a transfer [electrode, node] and body potentials [electrode, time]."""
        left, values, _ = np.linalg.svd(transfer, full_matrices=False)
        left = left[:, values > NEGLIGIBLE * values[0]]
        target = left.T @ body_potentials
        return cls(
            torch.as_tensor(left.T @ transfer, dtype=torch.float32),
            torch.as_tensor(target, dtype=torch.float32),
            len(transfer),
            float((body_potentials**2).sum() - (target**2).sum()) / body_potentials.size,
        )

    def scale(self, n_instants: int) -> float:
        """Root of the weight of a squared residual in the mean."""
        return float((self.n_electrodes * n_instants) ** -0.5)

    def residuals(self, u: Tensor, instants: Tensor) -> Tensor:
        """Residuals [instant row] whose squares sum to L_D - constant, of u [instant, node]."""
        misfit = u @ self.projection.T - self.target[:, instants].T
        return self.scale(len(instants)) * misfit.flatten()

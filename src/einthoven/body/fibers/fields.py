"""Laplace fields from which fibres and ventricular coordinates are computed."""

from dataclasses import dataclass

import numpy as np

from einthoven.base.core.tags import Surface
from einthoven.data.patient.heart import Heart
from einthoven.numerics.fem.laplace import solve_laplace


@dataclass(frozen=True)
class WallFields:
    """Harmonic functions on the heart nodes, 0 to 1 (Bayer 2012, step 1).

    `lv`, `rv` and `epi` are one on their surface and zero on the other two, so they sum to one.
    `apicobasal` (Bayer's psi) is zero at the epicardial apex and one on the base.
    """

    lv: np.ndarray
    rv: np.ndarray
    epi: np.ndarray
    apicobasal: np.ndarray


def solve_wall_fields(heart: Heart) -> WallFields:
    """Solve the four Laplace-Dirichlet problems; `lv` and `epi` share a factorisation.

    Raises:
        BadInput, NotConverged: from the Laplace solver.
    """
    lv, epi, base = (
        heart.surface_nodes(tag) for tag in (Surface.LV_ENDO, Surface.EPI, Surface.BASE)
    )
    rv = [(heart.surface_nodes(Surface.RV_ENDO), 0.0)] if heart.has_rv else []
    phi_lv, phi_epi, apicobasal = solve_laplace(
        heart.points,
        heart.cells,
        [
            [(lv, 1.0), (epi, 0.0), *rv],
            [(lv, 0.0), (epi, 1.0), *rv],
            [(np.array([heart.apex]), 0.0), (base, 1.0)],
        ],
    )
    phi_rv = np.clip(1.0 - phi_lv - phi_epi, 0.0, 1.0)
    return WallFields(phi_lv, phi_rv, phi_epi, apicobasal)

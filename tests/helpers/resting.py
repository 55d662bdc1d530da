"""The resting potential of an ischaemic ball in a ball, by finite elements and in closed form.

The heart is a ball of radius b and conductivity G in a concentric torso. Its resting potential is
raised by U s with s = ((1 + z / b) / 2)^2: an ischaemia of the upper pole. Z is harmonic in the
heart, so - int sigma_i grad V . grad Z = - sigma_i times the integral of V dZ/dr over the sphere,
where s = 1/3 + P_1 / 2 + P_2 / 6 in Legendre polynomials of the polar angle. With Z's coefficients
A_n and the addition theorem each degree gives
- sigma_i U s_n A_n n (b/a)^n b 4 pi P_n / (2 n + 1).
"""

import numpy as np
from numpy.polynomial import legendre

from einthoven.base.config.models import LeadFieldSettings
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.electrophysiology.cells.ischaemia import Ischaemia, ischaemic_cell
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.solve import solve_lead_fields
from helpers.closed_forms import _core_coeffs
from helpers.fem import ball_in_ball, electrodes_at, muscle_of, with_fibers

INNER, OUTER = 40.0, 80.0
SIGMA = LeadFieldSettings(
    sigma_il_s_per_m=0.2, sigma_it_s_per_m=0.2, sigma_el_s_per_m=0.3, sigma_et_s_per_m=0.3,
    sigma_torso_s_per_m=0.2,
)  # fmt: skip
EDGES_MM = (18.0, 13.0, 9.0, 6.5)
SERIES = np.array([1 / 3, 1 / 2, 1 / 6])
"""Legendre coefficients of s on the sphere."""
DIRECTIONS = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.6, 0.0, -0.8], [0.0, 0.8, 0.6]])


def closed_form(rest_mv: float) -> np.ndarray:
    """Potentials [electrode] mV at `DIRECTIONS` of the outer sphere."""
    core = SIGMA.sigma_il_s_per_m + SIGMA.sigma_el_s_per_m
    coeffs = _core_coeffs((INNER, OUTER), (core, SIGMA.sigma_torso_s_per_m), 2)
    n = np.arange(1, 3)
    factor = coeffs * n * (INNER / OUTER) ** n * INNER * 4 * np.pi / (2 * n + 1) * SERIES[1:]
    shape = legendre.legval(DIRECTIONS[:, 2], np.concatenate([[0.0], factor]))
    return -SIGMA.sigma_il_s_per_m * rest_mv * shape


def resting_potential(edge_mm: float) -> tuple[np.ndarray, float]:
    """The library's potentials [electrode] mV on a mesh, and the rise of the resting potential."""
    mesh = ball_in_ball(OUTER, INNER, 1.6 * edge_mm, edge_mm)
    f0 = np.tile([1.0, 0.0, 0.0], (mesh.n_heart_cells, 1))
    fields = solve_lead_fields(with_fibers(mesh, f0), electrodes_at(OUTER * DIRECTIONS), SIGMA)
    heart = muscle_of(mesh)
    share = np.clip((1.0 + heart.points[:, 2] / INNER) / 2.0, 0.0, 1.0) ** 2
    ischaemia = Ischaemia(share, "moderate")
    membrane = Membrane(heart, intracellular(f0, SIGMA), ischaemia=ischaemia)
    grad = fields.gradients(heart).grad
    return membrane.resting_potential(grad), ischaemic_cell("moderate").rest_change_mv


def order() -> float:
    """Order of convergence, fitted over all meshes."""
    errors = [resting_error(edge) for edge in EDGES_MM]
    return float(np.polyfit(np.log(EDGES_MM), np.log(errors), 1)[0])


def resting_error(edge_mm: float) -> float:
    """Relative error over all electrodes, without the mean, which no lead sees."""
    found, rest_mv = resting_potential(edge_mm)
    expected = closed_form(rest_mv)
    difference = (found - found.mean()) - (expected - expected.mean())
    return float(np.linalg.norm(difference) / np.linalg.norm(expected - expected.mean()))

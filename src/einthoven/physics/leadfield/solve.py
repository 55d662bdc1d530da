"""Lead fields by finite elements: eq. (4) of Dokuchaev 2026."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike

from einthoven.base.config.models import LeadFieldSettings
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.numerics.fem.solvers import choose
from einthoven.physics.leadfield.conductivity import of_body
from einthoven.physics.leadfield.neumann import NeumannProblem, electrode_weights, skin_faces

ELECTRODES_AT_ONCE = 64
"""Large enough to keep a factor in the cache, small enough for dense copies."""


def solve_lead_fields(
    patient: Patient,
    electrodes: Electrodes,
    config: LeadFieldSettings,
    dtype: DTypeLike = np.float64,
) -> LeadFields:
    """Lead fields of all electrodes by finite elements, with one factorisation (eq. 4).

    Unit current enters the skin at the electrode and leaves evenly over the whole skin: G grad Z .
    n = delta_e - 1/|Sigma|. Z is therefore largest at its electrode, and grad Z in the heart points
    roughly towards it. The result for an electrode does not depend on the others.

    Args:
        patient: with mesh and fibres; the conductivities of its scar count if the scar's settings
            say so (`substrate.in_lead_field`).
        electrodes: on the skin; names must be unique.
        config: conductivities and solver.
        dtype: of the lead field; the solve is in float64.

    Returns:
        lead_field [electrode, node] kOhm with zero mean on the skin, and the relative residual of
        each solve.

    Raises:
        BadInput: fibres, tags or electrodes that do not fit.
        NotConverged: the linear solve failed.
    """
    mesh = patient.mesh
    delta = electrode_weights(mesh.points, skin_faces(mesh), electrodes.points, electrodes.names)
    lead_field, residual = fields_of_loads(patient, delta, config, dtype)
    solver = choose(config.solver, len(mesh.points), len(electrodes.names))
    return LeadFields(
        patient=patient.name,
        lead_field=lead_field,
        electrode_names=np.asarray(electrodes.names),
        electrode_points=electrodes.points,
        residual=residual,
        solver=solver,
    )


def fields_of_loads(
    patient: Patient, delta: sp.csr_array, config: LeadFieldSettings, dtype: DTypeLike = np.float64
) -> tuple[np.ndarray, np.ndarray]:
    """Lead fields of unit currents that enter anywhere and leave evenly over the skin.

    Args:
        patient: with mesh and fibres.
        delta: [electrode, node], rows sum to one: `neumann.electrode_weights`, or P1
            weights of places inside the body (`geometry.tet_places`), for electrograms.
        config: conductivities and solver.
        dtype: of the lead field.

    Returns:
        lead_field [electrode, node] kOhm and the relative residual [electrode].

    Raises:
        BadInput, NotConverged: as `solve_lead_fields`.
    """
    mesh, n = patient.mesh, delta.shape[0]
    body = NeumannProblem(mesh, of_body(patient, config), n, config)
    sink = body.skin_areas / body.skin_areas.sum()
    lead_field, residual = np.empty((n, len(mesh.points)), dtype), np.empty(n)
    for start in range(0, n, ELECTRODES_AT_ONCE):
        some = slice(start, start + ELECTRODES_AT_ONCE)
        solution = body.solve(sp.csc_array(delta[some].T), -sink)
        _transpose(solution.x, lead_field[some])
        residual[some] = solution.residual
    return lead_field, residual


def _transpose(columns: np.ndarray, rows: np.ndarray, piece: int = 1024) -> None:
    """Write [node, k] columns as [k, node] rows, in pieces that stay in the cache."""
    for start in range(0, len(columns), piece):
        rows[:, start : start + piece] = columns[start : start + piece].T

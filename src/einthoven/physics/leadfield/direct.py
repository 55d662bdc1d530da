"""Direct solution of the pseudo-bidomain equation (1), the slow alternative to lead fields."""

import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core import check
from einthoven.data.patient.patient import Patient
from einthoven.numerics.fem.assembly import stiffness
from einthoven.physics.leadfield.conductivity import bulk, intracellular
from einthoven.physics.leadfield.neumann import NeumannProblem


def direct_potential(patient: Patient, v_m: np.ndarray, config: LeadFieldSettings) -> np.ndarray:
    """Solve -div(G grad phi) = div(G_i grad V_m) in the insulated body, eq. (1), (2).

    v_m [time, heart node] mV -> [time, node] mV, zero mean on the skin; the patient has fibres.

    Raises:
        BadInput: shapes that do not fit, or as `solve.solve_lead_fields`.
        NotConverged: the linear solve failed.
    """
    mesh, f0 = patient.mesh, patient.fibers.f0
    nodes, cells = mesh.points[: mesh.n_heart_nodes], mesh.cells[: mesh.n_heart_cells]
    check.finite("v_m", check.shape("v_m", v_m, (None, len(nodes))))
    # weak form: int G grad phi . grad w = - int_heart G_i grad V_m . grad w for all w
    source = np.zeros((len(mesh.points), len(v_m)))
    source[: len(nodes)] = -stiffness(nodes, cells, intracellular(f0, config)) @ v_m.T
    body = NeumannProblem(mesh, bulk(f0, mesh.cell_tags, config), len(v_m), config)
    potential, _ = body.solve(source)
    return np.ascontiguousarray(potential.T)

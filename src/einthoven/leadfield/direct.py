"""The pseudo-bidomain equation (1) solved directly: the slow way that lead fields replace."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from einthoven.core import check
from einthoven.fem.assembly import stiffness
from einthoven.leadfield.conductivity import Conductivities, bulk, heart_cells, intracellular
from einthoven.leadfield.neumann import NeumannProblem
from einthoven.leadfield.skin import skin_faces


def direct_potential(
    mesh: Mapping[str, np.ndarray], f0: np.ndarray, v_m: np.ndarray, **section: Any
) -> np.ndarray:
    """Solve -div(G grad phi) = div(G_i grad V_m) in the insulated body, eq. (1), (2).

    Args:
        mesh: as for `solve.lead_fields`; heart nodes first.
        f0: [heart cell, 3] unit fibre directions.
        v_m: [time, heart node] transmembrane potential, mV.
        section: the config's `leadfield` section.

    Returns:
        [time, node] mV, zero mean on the skin.

    Raises:
        BadInput: shapes that do not fit, or as `solve.lead_fields`.
        NotConverged: the linear solve failed.
    """
    sigma = Conductivities.from_section(section)
    points, cells = mesh["points"], mesh["cells"]
    heart = cells[: heart_cells(f0, mesh["cell_tags"])]
    n_heart_nodes = int(heart.max()) + 1
    check.finite("v_m", check.shape("v_m", v_m, (None, n_heart_nodes)))
    g_i = intracellular(f0, sigma.sigma_il, sigma.sigma_it)
    # weak form: int G grad phi . grad w = - int_heart G_i grad V_m . grad w for all w
    source = np.zeros((len(points), len(v_m)))
    source[:n_heart_nodes] = -stiffness(points[:n_heart_nodes], heart, g_i) @ v_m.T
    tensors = bulk(f0, mesh["cell_tags"], sigma)
    body = NeumannProblem(points, cells, tensors, skin_faces(mesh), len(v_m), section)
    potential, _ = body.solve(source)
    return np.ascontiguousarray(potential.T)

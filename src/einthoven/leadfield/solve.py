"""Lead fields by finite elements: eq. (4) of Dokuchaev 2026."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from einthoven.leadfield.conductivity import Conductivities, bulk
from einthoven.leadfield.neumann import NeumannProblem
from einthoven.leadfield.skin import electrode_weights, skin_faces


def lead_fields(
    mesh: Mapping[str, np.ndarray],
    f0: np.ndarray,
    electrode_points: np.ndarray,
    electrode_names: Sequence[str] | None = None,
    **section: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve eq. (4) for all electrodes with one factorisation.

    Unit current enters the skin at the electrode and leaves evenly over the whole skin:
    G grad Z . n = delta_e - 1/|Sigma|. So Z is largest at its electrode, and grad Z in the heart
    points roughly towards it. The result for an electrode does not depend on the others.

    Args:
        mesh: points [node, 3] mm, cells [cell, 4], cell_tags [cell] (myocardium first), facets
            [facet, 3], facet_tags [facet].
        f0: [heart cell, 3] unit fibre directions.
        electrode_points: [electrode, 3] mm, on the skin, patient frame.
        electrode_names: [electrode], for messages; must be unique.
        section: the config's `leadfield` section (conductivities in S/m).

    Returns:
        lead_field [electrode, node] kOhm with zero mean on the skin, and the relative residual of
        each solve [electrode].

    Raises:
        BadInput: conductivities, fibres, tags or electrodes that do not fit.
        NotConverged: the linear solve failed.
    """
    sigma = Conductivities.from_section(section)
    skin = skin_faces(mesh)
    delta = electrode_weights(mesh["points"], skin, electrode_points, electrode_names)
    tensors = bulk(f0, mesh["cell_tags"], sigma)
    body = NeumannProblem(mesh["points"], mesh["cells"], tensors, skin)
    sink = body.skin_areas / body.skin_areas.sum()
    lead_field, residual = body.solve(delta.toarray().T - sink[:, None])
    return np.ascontiguousarray(lead_field.T), residual

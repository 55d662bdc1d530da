"""Lead fields by finite elements: eq. (4) of Dokuchaev 2026."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike

from einthoven.core.errors import BadInput
from einthoven.fem.solvers import choose
from einthoven.leadfield.conductivity import Conductivities, bulk
from einthoven.leadfield.neumann import NeumannProblem
from einthoven.leadfield.skin import electrode_weights, skin_faces

ELECTRODES_AT_ONCE = 64
"""Enough to keep a factor in the cache, few enough that dense copies stay small."""


def lead_fields(
    mesh: Mapping[str, np.ndarray],
    f0: np.ndarray,
    electrode_points: np.ndarray,
    electrode_names: Sequence[str] | None = None,
    *,
    keep: np.ndarray | None = None,
    dtype: DTypeLike = np.float64,
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
        keep: ids of the nodes wanted; None for all.
        dtype: of the lead field; the solve is in float64.
        section: the config's `leadfield` section (conductivities in S/m).

    Returns:
        lead_field [electrode, kept node] kOhm with zero mean on the skin, and the relative
        residual of each solve [electrode].

    Raises:
        BadInput: conductivities, fibres, tags or electrodes that do not fit.
        NotConverged: the linear solve failed.
    """
    skin = skin_faces(mesh)
    delta = electrode_weights(mesh["points"], skin, electrode_points, electrode_names)
    return fields_of_loads(mesh, f0, delta, keep=keep, dtype=dtype, **section)


def fields_of_loads(
    mesh: Mapping[str, np.ndarray],
    f0: np.ndarray,
    delta: sp.csr_array,
    *,
    keep: np.ndarray | None = None,
    dtype: DTypeLike = np.float64,
    **section: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """`lead_fields` of unit currents that enter anywhere and leave evenly over the skin.

    Args:
        mesh: as for `lead_fields`.
        f0: [heart cell, 3] unit fibre directions.
        delta: [electrode, node], rows sum to one: `skin.electrode_weights`,
            `electrogram.inside_weights`.
        keep: ids of the nodes wanted; None for all.
        dtype: of the lead field.
        section: the config's `leadfield` section.

    Returns:
        as `lead_fields`.

    Raises:
        BadInput, NotConverged: as `lead_fields`.
    """
    sigma = Conductivities.from_section(section)
    points, skin = mesh["points"], skin_faces(mesh)
    kept = slice(None) if keep is None else _node_ids(keep, len(points))
    tensors = bulk(f0, mesh["cell_tags"], sigma)
    body = NeumannProblem(points, mesh["cells"], tensors, skin, delta.shape[0], section)
    sink = body.skin_areas / body.skin_areas.sum()
    n_kept = len(points) if keep is None else len(keep)
    lead_field, residual = np.empty((delta.shape[0], n_kept), dtype), np.empty(delta.shape[0])
    for start in range(0, delta.shape[0], ELECTRODES_AT_ONCE):
        some = slice(start, start + ELECTRODES_AT_ONCE)
        solution = body.solve(sp.csc_array(delta[some].T), -sink)
        _transpose(solution.x[kept], lead_field[some])
        residual[some] = solution.residual
    return lead_field, residual


def solver_used(section: Mapping[str, Any], n_nodes: int, n_electrodes: int) -> str:
    """The solver that `lead_fields` takes for a mesh of that size, for the record."""
    return choose(section.get("solver", "auto"), n_nodes, n_electrodes)


def _transpose(columns: np.ndarray, rows: np.ndarray, piece: int = 1024) -> None:
    """Write [node, k] columns as [k, node] rows, in pieces that stay in the cache."""
    for start in range(0, len(columns), piece):
        rows[:, start : start + piece] = columns[start : start + piece].T


def _node_ids(keep: np.ndarray, n_nodes: int) -> np.ndarray:
    ids = np.asarray(keep)
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or np.any((ids < 0) | (ids >= n_nodes)):
        raise BadInput(f"keep: node ids must be integers in 0 to {n_nodes - 1}, in one row")
    return ids

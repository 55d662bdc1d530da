"""Electrodes inside the body or on the heart: their weights, for unipolar electrograms.

The lead field of a point source at x gives, by the same reciprocity as on the skin, the potential
at x against the mean of the skin. Z is singular at its own electrode: there the value is that
of the P1 interpolant, and means something from about two elements away from a wavefront on.
"""

from typing import Any

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import p1_gradients
from einthoven.base.geometry.sparse_rows import sparse_rows

MAX_DISTANCE_MM = 1.0
"""A place farther outside the mesh than this is taken for a mistake."""


def inside_weights(points: np.ndarray, cells: np.ndarray, places: np.ndarray) -> sp.csr_array:
    """P1 weights of places in the cell that holds each: the load of a unit current there.

    Args:
        points: [node, 3] mm.
        cells: [cell, 4]; those of the heart alone keep a place on its surface in the muscle.
        places: [place, 3] mm.

    Returns:
        [place, node], rows sum to one.

    Raises:
        BadInput: NaN, or a place more than 1 mm outside the cells.
    """
    import pyvista as pv

    places = check.finite("places", check.shape("places", places, (None, 3))).astype(float)
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: cells}, points)
    closest: Any = grid.find_closest_cell(places, return_closest_point=True)
    corners, nearest = cells[np.atleast_1d(closest[0])], np.reshape(closest[1], (-1, 3))
    gap = np.linalg.norm(nearest - places, axis=1)
    if n_outside := int((gap > MAX_DISTANCE_MM).sum()):
        worst = int(np.argmax(gap))
        raise BadInput(
            f"places: {n_outside} of {len(places)} lie outside the mesh, number {worst} by "
            f"{gap[worst]:.1f} mm; another frame, or not in mm?"
        )
    offset = nearest - points[corners].mean(axis=1)
    weights = 0.25 + np.einsum("pkd,pd->pk", p1_gradients(points, corners), offset)
    weights = np.clip(weights, 0.0, 1.0)
    return sparse_rows(corners, weights / weights.sum(axis=1, keepdims=True), len(points))

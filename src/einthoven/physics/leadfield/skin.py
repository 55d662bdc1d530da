"""The body surface: its area measure, and electrodes as barycentric deltas on it."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.sparse_rows import sparse_rows
from einthoven.data.patient.mesh import TetMesh

MAX_DISTANCE_MM = 5.0
"""An electrode farther from the skin than this is rejected as a mistake."""


def skin_faces(mesh: TetMesh) -> np.ndarray:
    """The skin triangles of a mesh: [face, 3].

    Raises:
        BadInput: there are none, or they are not closed.
    """
    faces = mesh.skin
    if not len(faces):
        raise BadInput("facets: none is tagged SKIN; was the mesh made without the torso?")
    vectors = triangle_area_vectors(mesh.points, faces)
    # the area vectors of a closed surface sum to zero (divergence theorem)
    if np.abs(vectors.sum(axis=0)).max() > 1e-6 * np.linalg.norm(vectors, axis=1).sum():
        raise BadInput("facets: the skin is not closed or not oriented; re-run the mesh rule")
    return faces


def electrode_weights(
    points: np.ndarray,
    faces: np.ndarray,
    electrode_points: np.ndarray,
    electrode_names: Sequence[str] | np.ndarray | None = None,
) -> sp.csr_array:
    """Barycentric weights of each electrode on its closest skin triangle.

    Row e is the load vector of Dirac's delta at electrode e (Dokuchaev 2026, eq. 4) and, applied to
    nodal values, P1 interpolation at e. Using the same weights for both makes reciprocity exact.

    Args:
        points: [node, 3] mm.
        faces: [face, 3] skin triangles.
        electrode_points: [electrode, 3] mm, within 5 mm of the skin.
        electrode_names: for messages.

    Returns:
        [electrode, node], rows sum to one.

    Raises:
        BadInput: duplicate names, or electrodes off the skin.
    """
    electrodes = check.shape("electrode_points", electrode_points, (None, 3))
    check.finite("electrode_points", electrodes)
    if electrode_names is None:
        electrode_names = [str(index) for index in range(len(electrodes))]
    names = check.unique("electrode_names", [str(name) for name in electrode_names])
    if len(names) != len(electrodes):
        raise BadInput(f"electrode_names: {len(names)} for {len(electrodes)} electrode_points")
    places = attach(points, faces, electrodes)
    distances = np.linalg.norm(places.on(points) - electrodes, axis=1)
    far = [f"{n} ({d:.1f} mm)" for n, d in zip(names, distances) if d > MAX_DISTANCE_MM]
    if far:
        raise BadInput(
            f"electrodes {', '.join(far[:5])}{' ...' if len(far) > 5 else ''} are more than "
            f"{MAX_DISTANCE_MM:g} mm off the skin; another frame, another body, or not in mm?"
        )
    return sparse_rows(places.vertices, places.weights, len(points))

"""The body surface: its area measure, and electrodes as barycentric deltas on it."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.geometry.simplex import triangle_area_vectors
from einthoven.patient.mesh import TetMesh

MAX_DISTANCE_MM = 5.0
"""An electrode farther from the skin than this is taken for a mistake."""


def skin_faces(mesh: TetMesh) -> np.ndarray:
    """The skin triangles of a mesh: [face, 3].

    Raises:
        BadInput: there are none, or they do not close.
    """
    faces = mesh.skin
    if not len(faces):
        raise BadInput("facets: none is tagged SKIN; was the mesh made without the torso?")
    vectors = triangle_area_vectors(mesh.points, faces)
    # the area vectors of a closed surface sum to zero (divergence theorem)
    if np.abs(vectors.sum(axis=0)).max() > 1e-6 * np.linalg.norm(vectors, axis=1).sum():
        raise BadInput("facets: the skin is not closed or not oriented; re-run the mesh rule")
    return faces


def lumped_areas(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Integrals of the P1 hat functions over a surface: [node] mm^2."""
    areas = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    return np.bincount(faces.ravel(), weights=np.repeat(areas / 3, 3), minlength=len(points))


def electrode_weights(
    points: np.ndarray,
    faces: np.ndarray,
    electrode_points: np.ndarray,
    electrode_names: Sequence[str] | np.ndarray | None = None,
) -> sp.csr_array:
    """Barycentric weights of each electrode on its closest skin triangle.

    Row e is the load vector of Dirac's delta at electrode e (paper, eq. 4) and, applied to nodal
    values, P1 interpolation at e: the same weights for both is what makes reciprocity exact.

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
    corners = points[faces]
    rows, distances = [], []
    for electrode, near in zip(electrodes.astype(np.float64), _near(corners, electrodes)):
        weights, distance = _closest(corners[near], electrode)
        nearest = int(np.argmin(distance))
        rows.append((faces[near[nearest]], weights[nearest]))
        distances.append(distance[nearest])
    far = [f"{n} ({d:.1f} mm)" for n, d in zip(names, distances) if d > MAX_DISTANCE_MM]
    if far:
        raise BadInput(
            f"electrodes {', '.join(far[:5])}{' ...' if len(far) > 5 else ''} are more than "
            f"{MAX_DISTANCE_MM:g} mm off the skin; another frame, another body, or not in mm?"
        )
    data = np.array([w for _, w in rows]).reshape(-1)
    columns = np.array([f for f, _ in rows], dtype=np.int64).reshape(-1)
    starts = np.arange(0, 3 * len(rows) + 1, 3)
    return sp.csr_array((data, columns, starts), shape=(len(electrodes), len(points)))


def _near(corners: np.ndarray, electrodes: np.ndarray) -> list[np.ndarray]:
    """Ids of the triangles that can be the closest one to each electrode, ascending."""
    centroids = corners.mean(axis=1)
    radius = np.linalg.norm(corners - centroids[:, None], axis=2).max()
    tree = cKDTree(centroids)
    # the closest point is no farther than the closest centroid, and within `radius` of its own
    reach = tree.query(electrodes)[0] + 1.001 * radius
    return [np.array(ids) for ids in tree.query_ball_point(electrodes, reach, return_sorted=True)]


def _closest(corners: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric weights [face, 3] and distance [face] of each triangle's point closest to x."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ax = b - a, c - a, x - a
    d11, d12, d22 = (np.einsum("fi,fi->f", p, q) for p, q in ((ab, ab), (ab, ac), (ac, ac)))
    r1, r2 = np.einsum("fi,fi->f", ab, ax), np.einsum("fi,fi->f", ac, ax)
    det = d11 * d22 - d12 * d12
    v, w = (d22 * r1 - d12 * r2) / det, (d11 * r2 - d12 * r1) / det
    candidates = [np.stack([1 - v - w, v, w], axis=1)]  # foot of the perpendicular, if inside
    inside = (candidates[0] >= 0).all(axis=1)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        edge = corners[:, end] - corners[:, start]
        along = np.einsum("fi,fi->f", edge, x - corners[:, start])
        t = np.clip(along / np.einsum("fi,fi->f", edge, edge), 0, 1)
        weights = np.zeros((len(corners), 3))
        weights[:, start], weights[:, end] = 1 - t, t
        candidates.append(weights)
    feet = np.stack(candidates)  # [candidate, face, 3]
    distance = np.linalg.norm(np.einsum("kfv,fvi->kfi", feet, corners) - x, axis=2)
    distance[0, ~inside] = np.inf
    best = np.argmin(distance, axis=0)
    face = np.arange(len(corners))
    return feet[best, face], distance[best, face]

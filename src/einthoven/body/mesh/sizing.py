"""Wanted edge length of tetrahedra at a point of the body.

Skin triangles near electrodes are split in their own planes, so that the volume gets fine there.
"""

import numpy as np
from scipy.spatial import cKDTree

from einthoven.base.config.models import MeshSettings
from einthoven.base.core.tags import LUNGS, Surface
from einthoven.base.geometry.surfaces import Surfaces

SIZE_RATIO = 0.65
"""Factor from the wanted mean edge to gmsh's size. With size h, HXT and Delaunay fill a wall of
surface triangles of edge h with edges of 1.25 h on average; with 0.65 h the mean is within 6 % of h
(measured on hearts at 4 and 2.2 mm)."""
MAX_ROUNDS = 30
OVERSIZE = 1.4
"""An edge longer than this times the wanted length is halved; 0.7 to 1.4 of the length remain."""


def scaled(config: MeshSettings, factor: float) -> MeshSettings:
    """All edges times a factor, at the same grading."""
    names = ("heart_edge_mm", "torso_edge_mm", "electrode_edge_mm")
    return config.model_copy(update={name: factor * getattr(config, name) for name in names})


def size_grids(
    surfaces: Surfaces, electrode_points: np.ndarray, config: MeshSettings
) -> list[bytes]:
    """A coarse grid over the torso and a fine one over the heart, as gmsh's `Structured` fields.

    Both hold min(torso, heart + grading * distance to any heart surface, electrode + grading *
    distance to the closest electrode). The distance from the epicardium alone would coarsen the
    wall inwards. At a point the smaller of the two grids applies; the coarse grid alone would miss
    the heart between its nodes.
    """
    skin = surfaces.points[np.unique(surfaces.tagged(Surface.SKIN))]
    heart_tags = set(Surface) - {Surface.SKIN, *LUNGS}
    heart = surfaces.points[np.unique(surfaces.tagged(*heart_tags))]
    sizes = scaled(config, SIZE_RATIO)
    sources = [(cKDTree(heart), sizes.heart_edge_mm)]
    if len(electrode_points):
        sources.append((cKDTree(electrode_points), sizes.electrode_edge_mm))
    boxes = ((skin, 0.4 * sizes.torso_edge_mm), (heart, 1.5 * sizes.heart_edge_mm))
    return [_grid(cloud, step, sources, sizes) for cloud, step in boxes]


def _grid(
    cloud: np.ndarray, step: float, sources: list[tuple[cKDTree, float]], config: MeshSettings
) -> bytes:
    """Graded sizes on a grid that covers the points by one step more on each side.

    The format is gmsh's binary one: origin [3] mm, steps [3] mm, numbers of nodes [3], sizes [nx,
    ny, nz] mm.
    """
    low, high = cloud.min(axis=0), cloud.max(axis=0)
    origin = low - step
    counts = np.ceil((high + step - origin) / step).astype(int) + 1
    axes = [origin[k] + step * np.arange(counts[k]) for k in range(3)]
    sizes = np.full(counts, config.torso_edge_mm)
    for tree, size in sources:
        reach = max(config.torso_edge_mm - size, 0.0) / config.grading
        ends = zip(axes, tree.mins - reach, tree.maxes + reach)
        part = tuple(slice(*np.searchsorted(axis, (first, last))) for axis, first, last in ends)
        pieces = [axis[span] for axis, span in zip(axes, part)]
        nodes = np.stack(np.meshgrid(*pieces, indexing="ij"), axis=-1)
        distance, _ = tree.query(nodes, distance_upper_bound=reach)
        sizes[part] = np.minimum(sizes[part], size + config.grading * distance)
    parts = (np.append(origin, [step] * 3), "<f8"), (counts, "<i4"), (sizes, "<f8")
    return b"".join(np.asarray(part, dtype).tobytes() for part, dtype in parts)


def refine_skin(surfaces: Surfaces, electrode_points: np.ndarray, config: MeshSettings) -> Surfaces:
    """Halve skin edges longer than wanted: `electrode_edge_mm` at one plus `grading` per mm.

    Cells cannot be much smaller than the surface triangle that they stand on, so the volume
    near an electrode only gets fine if the skin does. New nodes are midpoints of edges: the
    surface as a set of points stays the same. Only a triangle's longest edge starts a split
    (Rivara, doi:10.1002/nme.1620200412), which keeps angles above half of the smallest.

    Args:
        surfaces: only SKIN is split.
        electrode_points: [electrode, 3] mm.
        config: wanted lengths.

    Returns:
        Surfaces with the given points first; unsplit faces in their order, with the parts of a
        split one at its place.
    """
    if len(electrode_points) == 0:
        return surfaces
    points, faces, face_tags = surfaces.points, surfaces.faces, surfaces.face_tags
    electrodes = cKDTree(electrode_points)
    for _ in range(MAX_ROUNDS):
        edges, face_edges = _skin_edges(faces, face_tags)
        ends = points[edges]
        length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        middle = ends.mean(axis=1)
        wanted = config.electrode_edge_mm + config.grading * electrodes.query(middle)[0]
        place = _longest(face_edges, length)
        longest = np.take_along_axis(face_edges, place[:, None], axis=1)[:, 0]
        split = np.zeros(len(edges), dtype=bool)
        split[longest] = length[longest] > OVERSIZE * wanted[longest]
        if not split.any():
            break
        split = _close(split, face_edges, longest)
        new_id = np.full(len(edges), -1)
        new_id[split] = len(points) + np.arange(int(split.sum()))
        points = np.concatenate([points, middle[split]])
        faces, face_tags = _split_faces(faces, face_tags, edges, new_id, place)
    return Surfaces(points, faces, face_tags)


def _skin_edges(faces: np.ndarray, face_tags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges [edge, 2] of the skin and the three edges of each skin triangle [face, 3]."""
    skin = faces[face_tags == Surface.SKIN]
    sides = np.sort(np.stack([skin, np.roll(skin, -1, axis=1)], axis=2), axis=2)
    edges, index = np.unique(sides.reshape(-1, 2), axis=0, return_inverse=True)
    return edges, index.reshape(-1, 3)


def _longest(face_edges: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Place 0, 1 or 2 of each face's longest edge; of equal ones that which neighbours take."""
    rank = np.empty(len(length), dtype=np.int64)
    rank[np.argsort(-length, kind="stable")] = np.arange(len(length))
    return rank[face_edges].argmin(axis=1)


def _close(split: np.ndarray, face_edges: np.ndarray, longest: np.ndarray) -> np.ndarray:
    """Split also the longest edge of every triangle that has a split edge."""
    while True:
        more = longest[split[face_edges].any(axis=1)]
        if split[more].all():
            return split
        split[more] = True


def _split_faces(
    faces: np.ndarray,
    face_tags: np.ndarray,
    edges: np.ndarray,
    new_id: np.ndarray,
    place: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Replace each skin triangle by its parts, if it has split edges."""
    ids = np.flatnonzero(new_id >= 0)
    middle = {tuple(edges[k].tolist()): int(new_id[k]) for k in ids}
    parts = [[face] for face in faces.tolist()]
    for index, k in zip(np.flatnonzero(face_tags == Surface.SKIN).tolist(), place.tolist()):
        face = parts[index][0]
        bisected = _bisect(face[k:] + face[:k], middle)
        if len(bisected) > 1:
            parts[index] = bisected
    split = np.array([part for pieces in parts for part in pieces], dtype=faces.dtype)
    return split, np.repeat(face_tags, [len(pieces) for pieces in parts])


def _bisect(face: list[int], middle: dict[tuple[int, int], int]) -> list[list[int]]:
    """Parts of a triangle whose first side is its longest: that one is split first."""
    for k in range(3):
        a, b, c = face[k], face[(k + 1) % 3], face[(k + 2) % 3]
        node = middle.get((min(a, b), max(a, b)))
        if node is not None:
            return _bisect([c, a, node], middle) + _bisect([b, c, node], middle)
    return [face]

"""Bodies with known volumes: nested spheres, and a heart of cubes with base and valve caps."""

import numpy as np

from einthoven.base.config.models import MeshSettings
from einthoven.base.core.tags import Surface, Tissue

VOXEL_MM = 10.0
COARSE = MeshSettings(
    heart_edge_mm=8.0,
    torso_edge_mm=30.0,
    electrode_edge_mm=12.0,
    grading=0.5,
    timeout_s=120.0,
    inner_nodes=False,
)
"""Cells as gmsh makes them, whose quality and order tests check."""


def icosphere(radius, n_split, centre=(0.0, 0.0, 0.0)):
    """Points and outward faces of a subdivided icosahedron, vertices on the sphere."""
    g = 0.5 * (1 + 5**0.5)
    points = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g)]
    points += [(0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4)]
    faces += [(11, 10, 2), (10, 7, 6), (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8)]
    faces += [(3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7), (9, 8, 1)]
    points, faces = np.array(points, float), np.array(faces)
    for _ in range(n_split):
        a, b, c = faces.T
        edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
        unique, index = np.unique(edges, axis=0, return_inverse=True)
        ab, bc, ca = index.reshape(3, -1) + len(points)
        points = np.concatenate([points, points[unique].mean(axis=1)])
        faces = np.concatenate(
            [np.stack(f, 1) for f in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
        )
    points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
    return points + np.asarray(centre), faces


def join(parts):
    """One surface set from (points, faces, tag) parts: points, faces, face_tags."""
    offsets = np.cumsum([0] + [len(part[0]) for part in parts])
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] + k for part, k in zip(parts, offsets)]).astype(np.int32),
        np.concatenate([np.full(len(part[1]), part[2], np.int8) for part in parts]),
    )


def spheres_body():
    """Skin, epicardium and two closed cavities as spheres; no base, no valve caps."""
    return join(
        [
            (*icosphere(120.0, 3), Surface.SKIN),
            (*icosphere(40.0, 3, (10, -20, 5)), Surface.EPI),
            (*icosphere(15.0, 2, (-8, -20, 5)), Surface.LV_ENDO),
            (*icosphere(13.0, 2, (28, -20, 5)), Surface.RV_ENDO),
        ]
    )


def cubes_body():
    """A heart of 8 x 4 x 5 cubes with two cavities open at the top, in a box of 40 mm facets.

    Returns points, faces, face_tags and the exact volume in mm^3 of each tissue.
    """
    labels = np.full((10, 6, 7), int(Tissue.TORSO))
    labels[1:9, 1:5, 1:6] = Tissue.MYOCARDIUM
    labels[2:5, 2:4, 2:6] = Tissue.LV_BLOOD
    labels[6:8, 2:4, 3:6] = Tissue.RV_BLOOD
    heart = _interfaces(labels, VOXEL_MM, np.array([-50.0, -30.0, -35.0]))
    skin = np.zeros((7, 6, 8), int)
    skin[1:6, 1:5, 1:7] = Tissue.TORSO
    box_points, box_faces, _ = _interfaces(skin, 40.0, np.array([-140.0, -120.0, -160.0]))
    points, faces, tags = join([(box_points, box_faces, Surface.SKIN), (*heart[:2], 0)])
    tags[len(box_faces) :] = heart[2]
    counts = {tissue: int((labels == tissue).sum()) for tissue in Tissue if tissue in labels}
    volumes = {tissue: n * VOXEL_MM**3 for tissue, n in counts.items()}
    inside = volumes[Tissue.MYOCARDIUM] + volumes[Tissue.LV_BLOOD] + volumes[Tissue.RV_BLOOD]
    volumes[Tissue.TORSO] = 5 * 4 * 6 * 40.0**3 - inside
    return points, faces, tags, volumes


PAIR_TAGS = {
    (Tissue.LV_BLOOD, Tissue.MYOCARDIUM): Surface.LV_ENDO,
    (Tissue.RV_BLOOD, Tissue.MYOCARDIUM): Surface.RV_ENDO,
    (Tissue.LV_BLOOD, Tissue.TORSO): Surface.LV_CAP,
    (Tissue.RV_BLOOD, Tissue.TORSO): Surface.RV_CAP,
    (Tissue.MYOCARDIUM, Tissue.TORSO): Surface.EPI,
    (Tissue.TORSO, 0): Surface.SKIN,
}
"""Tag of the interface that points from the first label to the second."""


def _interfaces(labels, step, origin):
    """Squares between cubes of different labels, each as two triangles."""
    corners, triangles, tags = {}, [], []
    for axis in range(3):
        low = np.moveaxis(labels, axis, 0)[:-1]
        high = np.moveaxis(labels, axis, 0)[1:]
        for cube in np.argwhere(low != high):
            first, second = int(low[tuple(cube)]), int(high[tuple(cube)])
            forward = (first, second) in PAIR_TAGS
            tag = PAIR_TAGS[(first, second) if forward else (second, first)]
            if tag == Surface.EPI and axis == 2 and forward:
                tag = Surface.BASE
            base = np.insert(cube[1:], axis, cube[0] + 1)
            u, v = np.eye(3, dtype=int)[[(axis + 1) % 3, (axis + 2) % 3]]
            square = [tuple(base), tuple(base + u), tuple(base + u + v), tuple(base + v)]
            a, b, c, d = (corners.setdefault(corner, len(corners)) for corner in square)
            pair = [(a, b, c), (a, c, d)] if forward else [(c, b, a), (d, c, a)]
            triangles += pair
            tags += [tag, tag]
    return np.array(list(corners)) * step + origin, np.array(triangles), np.array(tags, np.int8)


def winding_number(points, faces, queries):
    """Sum of signed solid angles over 4 pi: 1 inside, 0 outside (Van Oosterom 1983)."""
    total = np.zeros(len(queries))
    for face in faces:
        a, b, c = points[face][:, None, :] - queries
        la, lb, lc = (np.linalg.norm(x, axis=1) for x in (a, b, c))
        top = np.einsum("ij,ij->i", a, np.cross(b, c))
        dots = [np.einsum("ij,ij->i", x, y) for x, y in ((a, b), (b, c), (c, a))]
        total += 2 * np.arctan2(top, la * lb * lc + dots[0] * lc + dots[1] * la + dots[2] * lb)
    return total / (4 * np.pi)

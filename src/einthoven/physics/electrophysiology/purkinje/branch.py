"""Growth of one branch of a fractal tree on a surface, in compiled functions."""

from typing import NamedTuple, Self

import numba
import numpy as np

from einthoven.base.geometry.simplex import triangle_area_vectors

COLLISION = 0.2
"""Least distance between branches, as a fraction of the length of the one that grows."""
DELTA_MM = 0.01
"""Step of the finite differences of the distance to the tree."""


class GrowthSurface(NamedTuple):
    """Triangulated surface, for compiled functions."""

    points: np.ndarray
    """[vertex, 3] mm."""
    faces: np.ndarray
    """[face, 3] vertices."""
    normals: np.ndarray
    """[face, 3] unit vectors."""
    faces_of: np.ndarray
    """[3 face] faces around vertex 0, then those around vertex 1, ..."""
    first: np.ndarray
    """[vertex + 1] first entry of a vertex in `faces_of`."""

    @classmethod
    def of(cls, points: np.ndarray, faces: np.ndarray) -> Self:
        """Surface of points [vertex, 3] mm and faces [face, 3]."""
        points, faces = np.array(points, dtype=float), np.array(faces, dtype=np.int64)
        area = triangle_area_vectors(points, faces)
        count = np.bincount(faces.ravel(), minlength=len(points))
        return cls(
            points,
            faces,
            area / np.linalg.norm(area, axis=1, keepdims=True),
            np.argsort(faces.ravel(), kind="stable") // 3,
            np.concatenate([[0], np.cumsum(count)]),
        )


class Tip(NamedTuple):
    """End of a branch, from which the next ones grow."""

    node: int
    direction: np.ndarray
    """[3] unit vector."""
    face: int


class BranchShape(NamedTuple):
    """Shape of a branch that is to grow."""

    length_mm: float
    cosine: float
    """Cosine of its angle with its mother."""
    sine: float
    n_segments: int
    repulsion: float
    """Weight of the direction away from the tree."""


@numba.njit(cache=True)
def _nearest(points: np.ndarray, skip: np.ndarray, x: np.ndarray) -> tuple[int, float]:
    """Nearest of points [n, 3] to x that is not skipped [n], -1 if none, and its distance."""
    best, nearest = np.inf, -1
    for i in range(len(points)):
        if not skip[i]:
            d = (points[i, 0] - x[0]) ** 2 + (points[i, 1] - x[1]) ** 2
            d += (points[i, 2] - x[2]) ** 2
            if d < best:
                best, nearest = d, i
    return nearest, np.sqrt(best)


@numba.njit(cache=True)
def _distance_gradient(points: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Gradient of the distance to the nearest of points, by central differences: [3]."""
    none = np.zeros(len(points), dtype=np.bool_)
    grad = np.empty(3)
    for axis in range(3):
        ahead, behind = x.copy(), x.copy()
        ahead[axis] += DELTA_MM
        behind[axis] -= DELTA_MM
        difference = _nearest(points, none, ahead)[1] - _nearest(points, none, behind)[1]
        grad[axis] = difference / (2 * DELTA_MM)
    return grad


@numba.njit(cache=True)
def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@numba.njit(cache=True)
def _unit(a: np.ndarray) -> np.ndarray:
    length = np.sqrt(_dot(a, a))
    return np.array([a[0] / length, a[1] / length, a[2] / length])


@numba.njit(cache=True)
def _plus(a: np.ndarray, factor: float, b: np.ndarray) -> np.ndarray:
    """Sum of a and factor times b; written out, as array expressions take seconds to compile."""
    return np.array([a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]])


@numba.njit(cache=True)
def project(surface: GrowthSurface, x: np.ndarray) -> tuple[np.ndarray, int]:
    """Projection of x [3] mm into the plane of its nearest vertex, then into a triangle around it.

    Point [3] mm; its triangle, -1 if it is off the surface.
    """
    points, faces, normals = surface.points, surface.faces, surface.normals
    vertex, _ = _nearest(points, np.zeros(len(points), dtype=np.bool_), x)
    around = surface.faces_of[surface.first[vertex] : surface.first[vertex + 1]]
    normal = np.zeros(3)
    for face in around:
        normal = _plus(normal, 1.0, normals[face])
    normal = _unit(normal)
    flat = _plus(x, -_dot(_plus(x, -1.0, points[vertex]), normal), normal)
    heights = np.empty(len(around))
    for k, face in enumerate(around):
        heights[k] = _dot(_plus(flat, -1.0, points[faces[face, 0]]), normals[face])
    projected = flat
    for _ in around:
        k = 0  # the nearest plane of those that are left
        for other in range(len(around)):
            if abs(heights[other]) < abs(heights[k]):
                k = other
        face = around[k]
        a = points[faces[face, 0]]
        u, v = _plus(points[faces[face, 1]], -1.0, a), _plus(points[faces[face, 2]], -1.0, a)
        projected = _plus(flat, -heights[k], normals[face])
        w = _plus(projected, -1.0, a)
        uu, uv, vv, uw, vw = _dot(u, u), _dot(u, v), _dot(v, v), _dot(u, w), _dot(v, w)
        det = uu * vv - uv * uv
        along_u, along_v = (vv * uw - uv * vw) / det, (uu * vw - uv * uw) / det
        if along_u >= 0 and along_v >= 0 and along_u + along_v <= 1.001:
            return projected, face
        heights[k] = np.inf
    return projected, -1


@numba.njit(cache=True)
def _within(points: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """Numbers of those of points [n, 3] that lie within a radius of the centre."""
    inside = np.empty(len(points), dtype=np.int64)
    count = 0
    for i in range(len(points)):
        d = (points[i, 0] - centre[0]) ** 2 + (points[i, 1] - centre[1]) ** 2
        if d + (points[i, 2] - centre[2]) ** 2 <= radius**2:
            inside[count] = i
            count += 1
    return inside[:count]


@numba.njit(cache=True)
def grow_path(
    surface: GrowthSurface, nodes: np.ndarray, excluded: np.ndarray, tip: Tip, shape: BranchShape
) -> tuple[np.ndarray, np.ndarray, int, bool]:
    """Grow one branch from the tip of its mother among all nodes so far, [node, 3] mm.

    It does not collide with the `excluded` nodes [k] of its mother and sister. Points [point, 3]
    mm, the first one at the tip; last direction [3]; last face; whether it reached its length, so
    that it forks.
    """
    skip = np.zeros(len(nodes), dtype=np.bool_)
    skip[excluded] = True
    path = np.empty((max(shape.n_segments, 1), 3))
    path[0], face, count, growing = nodes[tip.node], tip.face, 1, True
    radius = 2 * shape.length_mm + 1.0
    close = _within(nodes, path[0], radius)
    near, skipped = nodes[close], skip[close]
    normal, old = surface.normals[face], tip.direction
    inplane = np.array(
        [
            normal[1] * old[2] - normal[2] * old[1],
            normal[2] * old[0] - normal[0] * old[2],
            normal[0] * old[1] - normal[1] * old[0],
        ]
    )
    ahead = _plus(np.zeros(3), shape.cosine, old)
    direction = _unit(_plus(ahead, shape.sine, inplane))
    direction = _unit(_plus(direction, shape.repulsion, _distance_gradient(near, path[0])))
    for i in range(1, shape.n_segments):
        step = np.empty(3)
        for axis in range(3):
            step[axis] = direction[axis] * shape.length_mm / shape.n_segments
        x, triangle = project(surface, _plus(path[i - 1], 1.0, step))
        if triangle < 0:
            growing = False
            break
        # The nearest node to x is no further from it than the branch's first point.
        from_tip = _plus(x, -1.0, path[0])
        needed = 2 * (np.sqrt(_dot(from_tip, from_tip)) + shape.length_mm * COLLISION + DELTA_MM)
        if needed > radius:
            radius = 2 * needed
            close = _within(nodes, path[0], radius)
            near, skipped = nodes[close], skip[close]
        if _nearest(near, skipped, x)[1] < shape.length_mm / 5.0:
            growing = False
            break
        path[i], face, count = x, triangle, count + 1
        normal = surface.normals[face]
        grad = _distance_gradient(near, x)
        grad = _plus(grad, -_dot(grad, normal), normal)
        direction = _unit(_plus(direction, shape.repulsion, grad))
    return path[:count], direction, face, growing

"""Boundary loops of pieces of a surface, and new triangles between them."""

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.loop_filling import fill_in_space
from einthoven.base.geometry.triangles import (
    euler_number,
    extend_harmonically,
    face_edges,
    mesh_plane,
    unique_edges,
)

STEPS_PER_EDGE = 8


def boundary_loops(faces: np.ndarray) -> list[np.ndarray]:
    """The boundary of a piece of surface [face, 3], in the direction of its triangles.

    Vertex ids [corner] in order, one array per loop; the loop with the smallest id first.

    Raises:
        StepFailed: edges with three triangles, inconsistent orientation, or a boundary that touches
            itself.
    """
    edges = face_edges(faces).astype(np.int64)
    n = int(edges.max(initial=0)) + 1
    there, back = edges @ [n, 1], edges @ [1, n]
    if len(np.unique(there)) != len(edges) or unique_edges(faces)[1].max() > 2:
        raise StepFailed("edges with three triangles, or inconsistent orientation")
    edges_once = edges[~np.isin(there, back)].tolist()
    follows = dict(edges_once)
    if len(follows) != len(edges_once):
        raise StepFailed("the boundary touches itself in a vertex")
    loops = []
    while follows:
        loop = [min(follows)]
        while (after := follows.pop(loop[-1])) != loop[0]:
            loop.append(after)
        loops.append(np.array(loop))
    return loops


def loops_of_sphere(faces: np.ndarray, n_loops: int) -> list[np.ndarray]:
    """Boundary loops of a sphere with `n_loops` holes, in the form of `boundary_loops`."""
    loops = boundary_loops(faces)
    euler = euler_number(faces)
    if len(loops) != n_loops or euler != 2 - n_loops:
        kind = "a disc" if n_loops == 1 else f"a sphere with {n_loops} holes"
        raise StepFailed(
            f"surface is not {kind}: Euler number {euler}, {len(loops)} boundary loops"
        )
    return loops


def smooth_loop(corners: np.ndarray, edge_mm: float) -> np.ndarray:
    """A closed polygon [sample, 3] mm without features shorter than `edge_mm`, finely sampled.

    The filter 2 G - G^2 (G: Gaussian of half an edge) removes the staircase of a label boundary and
    keeps curves to fourth order, where G alone would shrink them. Corners are [corner, 3] mm in
    order.
    """
    from scipy.ndimage import gaussian_filter1d

    length = sides_of(corners).sum()
    n = max(24, round(STEPS_PER_EDGE * length / edge_mm))
    even = spread(corners, n)
    sigma = 0.5 * edge_mm / (length / n)
    once = gaussian_filter1d(even, sigma, axis=0, mode="wrap")
    return 2 * once - gaussian_filter1d(once, sigma, axis=0, mode="wrap")


def spread(corners: np.ndarray, n: int, near: np.ndarray | None = None) -> np.ndarray:
    """Points [n, 3] mm at equal steps along a closed polygon.

    Args:
        corners: [corner, 3] mm in order.
        n: number of points.
        near: [n, 3] mm in the same sense of rotation; the first point is chosen so that all
            lie close to these on average. Without, it is the first corner.
    """
    sides = sides_of(corners)
    ends = np.append(0.0, np.cumsum(sides)) / sides.sum()
    shares = np.arange(n) / n
    if near is not None:
        apart = np.linalg.norm(near[:, None] - corners[None], axis=2)
        ahead = np.exp(2j * np.pi * (ends[apart.argmin(axis=1)] - shares)).mean()
        shares = (shares + np.angle(ahead) / (2 * np.pi)) % 1.0
    closed = np.vstack([corners, corners[:1]])
    return np.stack([np.interp(shares, ends, closed[:, k]) for k in range(3)], axis=1)


def loop_area(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vector area [3] mm^2 of a closed polygon [corner, 3] mm, and the centroid [3] of its fan."""
    centre = corners.mean(axis=0)
    ahead = np.roll(corners, -1, axis=0)
    parts = 0.5 * np.cross(corners - centre, ahead - centre)
    area = parts.sum(axis=0)
    weight = parts @ area
    fan = (corners + ahead + centre) / 3
    return area, weight @ fan / weight.sum()


def fill_loops(
    loops: list[np.ndarray], edge_mm: float, like: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Triangulate between boundary loops: points [vertex, 3] mm, faces oriented as the first.

    Loops are projected along the normal of the first one if they neither cross nor appear edge-on;
    otherwise the region is triangulated in space (`fill_in_space`).

    Args:
        loops: polygons [corner, 3] mm, whose points are kept and come first. The first is the outer
            boundary, the others are holes and run in the opposite direction.
        edge_mm: wanted edge length inside.
        like: points [vertex, 3] mm and faces [face, 3] of a surface to follow between the loops. By
            default, heights are harmonic: as smooth as the boundary allows.

    Raises:
        StepFailed: the loops cross.
    """
    area, centre = loop_area(loops[0])
    if any(_seen_from_the_side(hole, area) for hole in loops[1:]):
        return fill_in_space(loops, edge_mm, like)
    axes = axes_along(area, loops[0][0] - centre)
    boundary = (np.concatenate(loops) - centre) @ axes
    ends = np.cumsum([len(loop) for loop in loops])[:-1]
    in_plane = [1.0, 1.0, 0.0]
    flat_loops = np.split(boundary * in_plane, ends)
    if not _nested([loop[:, :2] for loop in flat_loops]):
        return fill_in_space(loops, edge_mm, like)
    flat, faces = mesh_plane(flat_loops, edge_mm)
    points = np.array(flat)
    points[: len(boundary)] = boundary
    if like is not None:
        below = (like[0] - centre) @ axes
        points[len(boundary) :] = attach(below * in_plane, like[1], flat[len(boundary) :]).on(below)
    elif len(boundary) < len(flat):
        fixed = np.arange(len(flat)) < len(boundary)
        points[:, 2:] = extend_harmonically(flat, faces, fixed, points[:, 2:])
    return points @ axes.T + centre, faces


def _seen_from_the_side(loop: np.ndarray, area: np.ndarray) -> bool:
    """Whether a loop [corner, 3] is foreshortened to less than half along a direction [3]."""
    own = loop_area(loop)[0]
    return bool(abs(own @ area) < 0.5 * np.linalg.norm(own) * np.linalg.norm(area))


def _nested(loops: list[np.ndarray]) -> bool:
    """Whether polygons [corner, 2] are simple and disjoint, and all lie inside the first one."""
    start = np.concatenate(loops)
    end = np.concatenate([np.roll(loop, -1, axis=0) for loop in loops])
    sides = np.stack([_twice_area(start[:, None], end[:, None], x[None]) for x in (start, end)])
    apart = sides[0] * sides[1] < 0  # [segment, segment]: the second's ends on both sides
    if (apart & apart.T).any():
        return False
    ahead = np.roll(loops[0], -1, axis=0)
    for hole in loops[1:]:
        inner = ((loops[0] - hole[0]) * (ahead - hole[0])).sum(axis=1)
        if abs(np.arctan2(_twice_area(hole[0], loops[0], ahead), inner).sum()) < np.pi:
            return False
    return True


def _twice_area(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Twice the signed area of the plane triangles (a, b, c)."""
    u, v = b - a, c - a
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


def axes_along(z: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Right-handed axes [3, 3] as columns: the third along `z`, the first nearest to `towards`."""
    z = z / np.linalg.norm(z)
    x = towards - (towards @ z) * z
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def sides_of(corners: np.ndarray) -> np.ndarray:
    """Lengths [corner] of the polygon's sides."""
    return np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)

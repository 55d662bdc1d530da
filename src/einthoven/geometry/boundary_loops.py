"""Rims: the closed curves along which pieces of a surface end, and new triangles between them."""

import numpy as np

from einthoven.core.errors import StepFailed
from einthoven.geometry.barycentric import attach
from einthoven.geometry.triangles import extend_harmonically, mesh_plane

STEPS_PER_EDGE = 8


def smooth_loop(corners: np.ndarray, edge_mm: float) -> np.ndarray:
    """A closed polygon without features shorter than `edge_mm`, finely sampled.

    The filter 2 G - G^2 (G: Gaussian of half an edge) takes the teeth off a rim of labels and
    leaves curves as they are to fourth order, where G alone would shrink them.

    Args:
        corners: [rim, 3] mm in order.
        edge_mm: wanted length of the edges that will follow the loop.

    Returns:
        [sample, 3] mm.
    """
    from scipy.ndimage import gaussian_filter1d

    length = _steps(corners).sum()
    n = max(24, round(STEPS_PER_EDGE * length / edge_mm))
    even = spread(corners, n)
    sigma = 0.5 * edge_mm / (length / n)
    once = gaussian_filter1d(even, sigma, axis=0, mode="wrap")
    return 2 * once - gaussian_filter1d(once, sigma, axis=0, mode="wrap")


def spread(corners: np.ndarray, n: int, near: np.ndarray | None = None) -> np.ndarray:
    """Points [n, 3] mm at equal steps along a closed polygon.

    Args:
        corners: [rim, 3] mm in order.
        n: number of points.
        near: [n, 3] mm in the same sense of rotation; the first point is chosen so that all
            lie close to these on average. Without, it is the first corner.
    """
    steps = _steps(corners)
    ends = np.append(0.0, np.cumsum(steps)) / steps.sum()
    shares = np.arange(n) / n
    if near is not None:
        apart = np.linalg.norm(near[:, None] - corners[None], axis=2)
        turn = np.exp(2j * np.pi * (ends[apart.argmin(axis=1)] - shares)).mean()
        shares = (shares + np.angle(turn) / (2 * np.pi)) % 1.0
    closed = np.vstack([corners, corners[:1]])
    return np.stack([np.interp(shares, ends, closed[:, k]) for k in range(3)], axis=1)


def loop_area(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vector area [3] mm^2 of a closed polygon [rim, 3] mm, and the centroid [3] of its fan."""
    centre = corners.mean(axis=0)
    ahead = np.roll(corners, -1, axis=0)
    parts = 0.5 * np.cross(corners - centre, ahead - centre)
    area = parts.sum(axis=0)
    weight = parts @ area
    fan = (corners + ahead + centre) / 3
    return area, weight @ fan / weight.sum()


def fill_rims(
    loops: list[np.ndarray], edge_mm: float, like: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Triangulate what lies between rims, as seen along the normal of the first one.

    Args:
        loops: polygons [rim, 3] mm, whose points are kept and come first. The first runs round
            the piece, the others are holes in it.
        edge_mm: wanted edge length inside.
        like: points [vertex, 3] mm and faces [face, 3] of the surface to follow between the
            rims. Without, heights are harmonic: a lid as smooth as its rim allows.

    Returns:
        points [vertex, 3] mm and faces [face, 3], counter-clockwise as the first rim.

    Raises:
        StepFailed: seen so, the rims cross.
    """
    area, centre = loop_area(loops[0])
    axes = _axes(area, loops[0][0] - centre)
    boundary = (np.concatenate(loops) - centre) @ axes
    ends = np.cumsum([len(loop) for loop in loops])[:-1]
    in_plane = [1.0, 1.0, 0.0]
    flat_loops = np.split(boundary * in_plane, ends)
    if not _nested([loop[:, :2] for loop in flat_loops]):
        raise StepFailed("the rims cross where they are seen from above")
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


def _nested(loops: list[np.ndarray]) -> bool:
    """Whether polygons [rim, 2] are simple and apart, and all lie inside the first one."""
    start = np.concatenate(loops)
    end = np.concatenate([np.roll(loop, -1, axis=0) for loop in loops])
    sides = np.stack([_turn(start[:, None], end[:, None], x[None]) for x in (start, end)])
    apart = sides[0] * sides[1] < 0  # [segment, segment]: the second's ends on both sides
    if (apart & apart.T).any():
        return False
    ahead = np.roll(loops[0], -1, axis=0)
    for hole in loops[1:]:
        a, b = loops[0] - hole[0], ahead - hole[0]
        angle = np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1)).sum()
        if abs(angle) < np.pi:
            return False
    return True


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Twice the signed area of the plane triangles (a, b, c)."""
    u, v = b - a, c - a
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]


def _axes(z: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Right-handed axes [3, 3] as columns: the third along `z`, the first as near `towards`."""
    z = z / np.linalg.norm(z)
    x = towards - (towards @ z) * z
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1)


def _steps(corners: np.ndarray) -> np.ndarray:
    """Lengths [rim] of the polygon's sides."""
    return np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)

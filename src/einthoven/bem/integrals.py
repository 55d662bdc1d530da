"""Layer potentials of linear functions on flat triangles, in closed form.

With the plane's unit normal n, h = n . (y - x), in-plane offsets rho from the projection of x,
edges k of outward in-plane normal m_k, and L_k the integral of 1/r along an edge, the divergence
theorem in the plane gives

    int h / r^3 dS = Omega (Van Oosterom and Strackee 1983),  int rho / r^3 dS = - sum_k m_k L_k,
    int 1 / r dS = sum_k t_k L_k - h Omega,                   int rho / r dS = sum_k m_k J_k,

t_k the distance of the edge's line from the projection, J_k the integral of r along the edge. The
double layer of the hat functions is that of de Munck 1992. All are exact for every x, also for
the triangle's own vertices.

References:
    Van Oosterom, Strackee, IEEE Trans Biomed Eng 30:125 (1983), doi:10.1109/TBME.1983.325207.
    de Munck, IEEE Trans Biomed Eng 39:986 (1992), doi:10.1109/10.256433.
"""

from typing import NamedTuple

import numba
import numpy as np

TOUCHING = 1e-12
"""An x with r_1 + r_2 below (1 + this) times an edge's length lies on that edge."""


class Layers(NamedTuple):
    """Layer potentials of the hat functions of one surface."""

    double: np.ndarray
    """[place, node] 1: (1 / 4 pi) int hat dOmega; of an outward surface it is positive inside.

    The triangles around a vertex contribute nothing there (principal value)."""
    single: np.ndarray
    """[place, node] mm: int hat / (4 pi r) dS."""


def layers(places: np.ndarray, points: np.ndarray, faces: np.ndarray) -> Layers:
    """Double and single layer of all hat functions of a surface at some places.

    Args:
        places: [place, 3] mm.
        points: [node, 3] mm.
        faces: [face, 3]; the double layer changes its sign with their orientation.

    Returns:
        Both layers. Rows of the double layer sum to the fraction of 4 pi under which the surface
        is seen.
    """
    shape = (len(places), len(points))
    result = Layers(np.zeros(shape), np.zeros(shape))
    floats = (np.ascontiguousarray(array, dtype=np.float64) for array in (places, points))
    _add_layers(*floats, np.ascontiguousarray(faces, dtype=np.int64), *result)
    return result


@numba.njit(cache=True, error_model="numpy")
def _add_layers(
    places: np.ndarray,
    points: np.ndarray,
    faces: np.ndarray,
    double: np.ndarray,
    single: np.ndarray,
) -> None:
    corner, r = np.empty((3, 3)), np.empty(3)
    line, line_r = np.empty(3), np.empty(3)
    for f in range(len(faces)):
        edge, length, dots, normal, twice_area = _shape_of(points, faces[f])
        for i in range(len(places)):
            for k in range(3):
                for d in range(3):
                    corner[k, d] = points[faces[f, k], d] - places[i, d]
                r[k] = np.sqrt(_dot(corner[k], corner[k]))
            _integrate_edges(corner, r, edge, length, line, line_r)
            height = _dot(normal, corner[0])
            omega = _solid_angle(corner, r)
            total = -height * omega  # int 1 / r
            for k in range(3):
                total += _weight(normal, corner, k) / length[k] * line[k]
            for j in range(3):
                share = _weight(normal, corner, j) / twice_area
                w, v = share * omega, share * total
                for k in range(3):
                    slope = dots[j, k] / (length[k] * twice_area)
                    w += height * slope * line[k]
                    v -= slope * line_r[k]
                double[i, faces[f, j]] += w / (4 * np.pi)
                single[i, faces[f, j]] += v / (4 * np.pi)


@numba.njit(cache=True)
def _shape_of(points: np.ndarray, face: np.ndarray) -> tuple:
    """Edges [3, 3] opposite to the corners, lengths, dot products, normal, twice the area."""
    edge = np.empty((3, 3))
    for k in range(3):
        edge[k] = points[face[(k + 2) % 3]] - points[face[(k + 1) % 3]]
    normal = np.cross(edge[0], edge[1])
    twice_area = np.sqrt(_dot(normal, normal))
    dots = edge @ edge.T
    return edge, np.sqrt(np.diag(dots)), dots, normal / twice_area, twice_area


@numba.njit(cache=True, error_model="numpy")
def _integrate_edges(
    corner: np.ndarray,
    r: np.ndarray,
    edge: np.ndarray,
    length: np.ndarray,
    line: np.ndarray,
    line_r: np.ndarray,
) -> None:
    """Integrals of 1 / r and of r along the three edges: `line`, `line_r`."""
    for k in range(3):
        a, b = (k + 1) % 3, (k + 2) % 3
        around = r[a] + r[b]
        # On an edge its integral is infinite, and all that it is multiplied by is zero.
        touches = around - length[k] <= TOUCHING * length[k]
        line[k] = 0.0 if touches else np.log((around + length[k]) / (around - length[k]))
        start, end = _dot(corner[a], edge[k]) / length[k], _dot(corner[b], edge[k]) / length[k]
        from_line_sq = max(r[a] ** 2 - start**2, 0.0)
        line_r[k] = 0.5 * (end * r[b] - start * r[a] + from_line_sq * line[k])


@numba.njit(cache=True)
def _weight(normal: np.ndarray, corner: np.ndarray, k: int) -> float:
    """Twice the signed area of the projection of x and the edge opposite to corner k."""
    a, b = corner[(k + 1) % 3], corner[(k + 2) % 3]
    return (
        normal[0] * (a[1] * b[2] - a[2] * b[1])
        + normal[1] * (a[2] * b[0] - a[0] * b[2])
        + normal[2] * (a[0] * b[1] - a[1] * b[0])
    )


@numba.njit(cache=True)
def _solid_angle(corner: np.ndarray, r: np.ndarray) -> float:
    """Positive where x is behind the triangle; 0 at its corners."""
    if min(r[0], r[1], r[2]) == 0.0:
        return 0.0
    a, b, c = corner[0], corner[1], corner[2]
    volume = _weight(a, corner, 0)  # a . (b x c)
    around = r[0] * r[1] * r[2] + _dot(a, b) * r[2] + _dot(b, c) * r[0] + _dot(c, a) * r[1]
    return 2.0 * np.arctan2(volume, around)


@numba.njit(cache=True)
def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

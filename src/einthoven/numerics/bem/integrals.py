"""Layer potentials of linear functions on flat triangles: near in closed form, far by quadrature.

Let n be the plane's unit normal, h = n . (y - x), rho in-plane offsets from the projection of x,
m_k the outward in-plane normal of edge k, and L_k the integral of 1/r along it. The divergence
theorem in the plane gives

    int h / r^3 dS = Omega (Van Oosterom and Strackee 1983),  int rho / r^3 dS = - sum_k m_k L_k,
    int 1 / r dS = sum_k t_k L_k - h Omega,                   int rho / r dS = sum_k m_k J_k,

where t_k is the distance of the edge's line from the projection and J_k the integral of r along the
edge. The double layer of the hat functions follows de Munck 1992. All are exact for every x, also
at the triangle's own vertices. Points farther from a triangle's centroid than `FAR` longest sides
use Radon's rule (seven points, degree five). Relative to the triangle's contribution, its error
falls with the fifth power of the distance and is 3e-6 at the start.

References:
    Van Oosterom, Strackee, IEEE Trans Biomed Eng 30:125 (1983), doi:10.1109/TBME.1983.325207.
    de Munck, IEEE Trans Biomed Eng 39:986 (1992), doi:10.1109/10.256433.
    Radon, Monatsh Math Phys 52:286 (1948), doi:10.1007/BF01525334.
"""

from typing import NamedTuple

import numba
import numpy as np

from einthoven.base.core.threads import in_blocks

FAR = 3.0
TOUCHING = 1e-12
"""A point x lies on an edge if r_1 + r_2 is below (1 + this) times the edge's length."""
TILE = 128
"""Points per tile; a constant, so that the compiler can vectorise the loops."""
_A, _C = (6 - 15**0.5) / 21, (6 + 15**0.5) / 21
HATS = np.array(
    [[1 / 3, 1 / 3, 1 / 3]]
    + [np.roll([1 - 2 * _A, _A, _A], k) for k in range(3)]
    + [np.roll([1 - 2 * _C, _C, _C], k) for k in range(3)]
)
WEIGHTS = np.array([270.0] + 3 * [155 - 15**0.5] + 3 * [155 + 15**0.5]) / 1200
"""Radon's seven points: barycentric coordinates [7, 3] and weights as shares of the area [7]."""


class Layers(NamedTuple):
    """Layer potentials of the hat functions of one surface."""

    double: np.ndarray
    """[place, node] 1: (1 / 4 pi) int hat dOmega; positive inside an outward-oriented surface.

    The triangles around a vertex contribute nothing at that vertex (principal value)."""
    single: np.ndarray
    """[place, node] mm: int hat / (4 pi r) dS."""


def layers(places: np.ndarray, points: np.ndarray, faces: np.ndarray, threads: int = 1) -> Layers:
    """Double and single layer of all hat functions of a surface at some places [place, 3] mm.

    points [node, 3] mm, faces [face, 3]. Rows of the double layer, which changes its sign with the
    orientation, sum to the fraction of 4 pi under which the surface is seen. The result does not
    depend on the number of threads.
    """
    # [node, place]: inner loops run over places
    result = Layers(*(np.zeros((len(points), len(places))) for _ in range(2)))
    places, points = (np.ascontiguousarray(array, dtype=np.float64) for array in (places, points))
    faces = np.ascontiguousarray(faces, dtype=np.int64)

    def add(some: slice) -> None:
        _add_layers(places[some], points, faces, result.double[:, some], result.single[:, some])

    in_blocks(add, len(places), TILE, threads)
    return Layers(result.double.T, result.single.T)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _add_layers(
    places: np.ndarray,
    points: np.ndarray,
    faces: np.ndarray,
    double: np.ndarray,
    single: np.ndarray,
) -> None:
    """Add to double and single [node, place] at up to `TILE` places [place, 3]."""
    n = len(places)
    tile, found = np.zeros(4 * TILE), np.empty(6 * TILE)
    for d in range(3):
        tile[d * TILE : d * TILE + n] = places[:, d]
    for f in range(len(faces)):
        shape = _shape_of(points, faces[f])
        if _mark_near(tile, shape):
            _add_near(places, tile[3 * TILE :], faces[f], shape, double, single)
        _far(tile, shape, found)
        for k in range(3):
            of_double, of_single = double[faces[f, k]], single[faces[f, k]]
            for i in range(n):
                of_double[i] += found[k * TILE + i]
            for i in range(n):
                of_single[i] += found[(3 + k) * TILE + i]


@numba.njit(cache=True)
def _mark_near(tile: np.ndarray, shape: tuple) -> bool:
    """Set tile[3 TILE:] to 1 where places tile[:3 TILE] are near a triangle, else to 0."""
    corners, length = shape[0], shape[2]
    centre, limit = (corners[0] + corners[1] + corners[2]) / 3, FAR * length.max()
    n_near = 0.0
    for i in range(TILE):
        x, y = tile[i] - centre[0], tile[TILE + i] - centre[1]
        z = tile[2 * TILE + i] - centre[2]
        tile[3 * TILE + i] = 1.0 if x * x + y * y + z * z < limit * limit else 0.0
        n_near += tile[3 * TILE + i]
    return n_near > 0


@numba.njit(cache=True, error_model="numpy", fastmath={"contract"})
def _far(tile: np.ndarray, shape: tuple, found: np.ndarray) -> None:
    """Double and single layer found[6 TILE] of three hats by quadrature; 0 at near places."""
    corners, _, _, _, normal, twice_area = shape
    at, area = HATS @ corners, twice_area / (8 * np.pi)
    for i in range(TILE):
        near = tile[3 * TILE + i]
        d_0 = d_1 = d_2 = s_0 = s_1 = s_2 = 0.0
        for q in range(7):
            x, y = at[q, 0] - tile[i], at[q, 1] - tile[TILE + i]
            z = at[q, 2] - tile[2 * TILE + i]
            inverse = 1.0 / np.sqrt(x * x + y * y + z * z + near)  # no division by 0
            single = WEIGHTS[q] * inverse
            double = (normal[0] * x + normal[1] * y + normal[2] * z) * single * inverse * inverse
            d_0 += HATS[q, 0] * double
            d_1 += HATS[q, 1] * double
            d_2 += HATS[q, 2] * double
            s_0 += HATS[q, 0] * single
            s_1 += HATS[q, 1] * single
            s_2 += HATS[q, 2] * single
        scale = area * (1.0 - near)
        found[i], found[TILE + i], found[2 * TILE + i] = scale * d_0, scale * d_1, scale * d_2
        found[3 * TILE + i], found[4 * TILE + i] = scale * s_0, scale * s_1
        found[5 * TILE + i] = scale * s_2


@numba.njit(cache=True, error_model="numpy")
def _add_near(
    places: np.ndarray,
    near: np.ndarray,
    face: np.ndarray,
    shape: tuple,
    double: np.ndarray,
    single: np.ndarray,
) -> None:
    """Add the closed form at those places [place, 3] that are near (1) to [node, place]."""
    corners, edge, length, dots, normal, twice_area = shape
    corner, r = np.empty((3, 3)), np.empty(3)
    line, line_r = np.empty(3), np.empty(3)
    for i in range(len(places)):
        if not near[i]:
            continue
        for k in range(3):
            for d in range(3):
                corner[k, d] = corners[k, d] - places[i, d]
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
            double[face[j], i] += w / (4 * np.pi)
            single[face[j], i] += v / (4 * np.pi)


@numba.njit(cache=True)
def _shape_of(points: np.ndarray, face: np.ndarray) -> tuple:
    """Corners; edges opposite to them, their lengths and dot products; normal, twice the area."""
    corners, edge = np.empty((3, 3)), np.empty((3, 3))
    for k in range(3):
        corners[k] = points[face[k]]
        edge[k] = points[face[(k + 2) % 3]] - points[face[(k + 1) % 3]]
    normal = np.cross(edge[0], edge[1])
    twice_area = np.sqrt(_dot(normal, normal))
    dots = edge @ edge.T
    return corners, edge, np.sqrt(np.diag(dots)), dots, normal / twice_area, twice_area


@numba.njit(cache=True, error_model="numpy")
def _integrate_edges(
    corner: np.ndarray,
    r: np.ndarray,
    edge: np.ndarray,
    length: np.ndarray,
    line: np.ndarray,
    line_r: np.ndarray,
) -> None:
    """Integrals of 1 / r and of r along the three edges, into `line` and `line_r`."""
    for k in range(3):
        a, b = (k + 1) % 3, (k + 2) % 3
        around = r[a] + r[b]
        # On an edge its integral is infinite, and every factor of it is zero.
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
    """Solid angle of a triangle: positive where x is behind it, 0 at its corners."""
    if min(r[0], r[1], r[2]) == 0.0:
        return 0.0
    a, b, c = corner[0], corner[1], corner[2]
    volume = _weight(a, corner, 0)  # a . (b x c)
    around = r[0] * r[1] * r[2] + _dot(a, b) * r[2] + _dot(b, c) * r[0] + _dot(c, a) * r[1]
    return 2.0 * np.arctan2(volume, around)


@numba.njit(cache=True)
def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]

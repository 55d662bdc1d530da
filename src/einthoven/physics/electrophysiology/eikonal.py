"""The anisotropic eikonal equation of the excitation wave on the tetrahedra of one heart.

sqrt(D grad tau . grad tau) = 1 with tau given at the sources (Dokuchaev 2026, eq. 9), where D is
the squared-speed tensor. All backends solve the same P1 scheme (Hopf-Lax: a node's time is the
least, over the opposite faces of its tetrahedra, of the interpolated time plus the travel time
with the tetrahedron's own speed); Fu, Kirby, Whitaker, SIAM J. Sci. Comput. 35:C473 (2013),
doi:10.1137/120881956.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from scipy.sparse import coo_array, csr_array

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, NotConverged, extra
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.physics.electrophysiology.hopf_lax import Tetrahedra, Travel, last_legs, travel_of

Backend = Literal["einthoven", "fim-python"]
TOLERANCE_MS = 1e-3
"""No node may be further than this from the fixed point of the scheme."""
NEAR_RINGS = 2
"""Nodes up to this many edges from a source start from the straight-line time."""


def speed_tensor_sq(f0: np.ndarray, cv_fiber: float, cv_transverse: float) -> np.ndarray:
    """D = v_t^2 I + (v_f^2 - v_t^2) f f^T (Dokuchaev 2026, eq. 10): [cell, 3, 3] mm^2/ms^2.

    f0 [cell, 3] unit fibre directions; speeds along and across the fibre in mm/ms.

    Raises:
        BadInput: f0 is not unit, or a speed is not physical.
    """
    f0 = check.finite("f0", check.shape("f0", f0, (None, 3))).astype(float)
    for name, speed in (("cv_fiber", cv_fiber), ("cv_transverse", cv_transverse)):
        check.between(name, speed, 0.05, 3, "is this m/s (= mm/ms) or cm/s?")
    if np.any(np.abs(np.linalg.norm(f0, axis=1) - 1) > 1e-3):
        raise BadInput("f0: fibre directions must have unit length; run the rule fibers again")
    along = np.einsum("ci,cj->cij", f0, f0)
    return cv_transverse**2 * np.eye(3) + (cv_fiber**2 - cv_transverse**2) * along


@dataclass(frozen=True, eq=False)
class Eikonal:
    """The discrete equation on one mesh."""

    mesh: Tetrahedra
    tensors: np.ndarray
    """[cell, 3, 3] mm^2/ms^2."""
    travel: Travel
    backend: Backend = "einthoven"

    @classmethod
    def of(
        cls,
        points: np.ndarray,
        cells: np.ndarray,
        speed_tensor_sq: np.ndarray,
        backend: Backend = "einthoven",
        near_rings: int = NEAR_RINGS,
    ) -> Self:
        """The equation on a mesh.

        Args:
            points: [node, 3] mm.
            cells: [cell, 4].
            speed_tensor_sq: [cell, 3, 3] mm^2/ms^2, symmetric positive definite.
            backend: our own numba solver, or fim-python for the muscle.
            near_rings: a point source is a kink that P1 elements smear, so nodes within this many
                edges of a source start from the straight-line time in the mean metric of both ends;
                0 switches this off.

        Raises:
            BadInput: malformed arrays, unknown backend, tensor not positive definite.
        """
        points, cells = _checked_mesh(points, cells)
        if backend not in BACKENDS:
            raise BadInput(f"backend = {backend!r}: choose one of {', '.join(BACKENDS)}")
        corners, first = sorted_by(cells.ravel(), len(points))
        mesh = Tetrahedra(points, cells, first, corners, *_near(cells, len(points), near_rings))
        return cls(mesh, *_travel(mesh, speed_tensor_sq), backend)

    def with_speeds(self, speed_tensor_sq: np.ndarray) -> Self:
        """The equation on the same mesh with other tensors [cell, 3, 3]; errors as `of`."""
        tensors, travel = _travel(self.mesh, speed_tensor_sq)
        return replace(self, tensors=tensors, travel=travel)

    def residual_ms(self, time: np.ndarray, start: np.ndarray) -> float:
        """Largest |time - min(start, best local update)| over the nodes, ms.

        Args:
            time: [node] ms, finite.
            start: [node] ms, of sources and of straight lines around them; infinite elsewhere.

        Raises:
            NotConverged: it is more than `TOLERANCE_MS`.
        """
        best = np.minimum(start, last_legs(self.mesh, self.travel.squares, time).time)
        residual = float(np.abs(time - best).max())
        if residual > TOLERANCE_MS:
            raise NotConverged(
                f"eikonal: {self.backend} missed the fixed point by {residual:.2g} ms "
                f"(tolerance {TOLERANCE_MS:g}, {int(np.isfinite(start).sum())} start nodes); "
                "try the other backend"
            )
        return residual


def _solved(eikonal: Eikonal, start: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Times of our own solver, which finds muscle and network together."""
    return time


def _solve_fim(eikonal: Eikonal, start: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Times of fim-python (Grandits 2021, doi:10.21105/joss.03641) from the same start times."""
    # it announces the missing GPU library
    with extra("backends", "backend 'fim-python'"), contextlib.redirect_stdout(io.StringIO()):
        from fimpy.solver import create_fim_solver
    seeds = np.flatnonzero(np.isfinite(start))
    points, cells, *_ = eikonal.mesh
    solver = create_fim_solver(points, cells, eikonal.tensors, precision=np.float64, device="cpu")
    with np.errstate(all="ignore"):
        return np.asarray(solver.comp_fim(seeds, start[seeds]), dtype=float)


BACKENDS: dict[str, Callable[[Eikonal, np.ndarray, np.ndarray], np.ndarray]] = {
    "einthoven": _solved,
    "fim-python": _solve_fim,
}
"""Name -> function of the equation, of start times [node] ms, infinite away from sources, and of
the times that our own solver found; it gives the muscle's times [node] ms."""


def sorted_by(number: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Order by number 0 to n - 1, and where each number begins: [n + 1]."""
    first = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=n))])
    return np.argsort(number, kind="stable"), first


def _near(cells: np.ndarray, n_nodes: int, n_rings: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes within some edges of each node: where its own begin [node + 1], and all of them."""
    if n_rings == 0:
        return np.zeros(n_nodes + 1, np.int64), np.empty(0, np.int64)
    row, col = np.repeat(cells, 4, axis=1).ravel(), np.tile(cells, (1, 4)).ravel()
    once = csr_array(coo_array((np.ones(len(row), bool), (row, col)), shape=(n_nodes,) * 2))
    near = once
    for _ in range(n_rings - 1):
        near = near @ once
    near.sort_indices()
    return near.indptr.astype(np.int64), near.indices.astype(np.int64)


def _checked_mesh(points: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points = check.finite("points", check.shape("points", points, (None, 3))).astype(float)
    cells = check.shape("cells", cells, (None, 4)).astype(np.int64)
    if cells.size == 0 or cells.min() < 0 or cells.max() >= len(points):
        raise BadInput(
            "cells: a node number is not one of points; give the heart's cells and nodes"
        )
    if np.any(tet_volumes(points, cells) == 0):
        raise BadInput("cells: a tetrahedron has no volume; re-run the mesh rule")
    return np.ascontiguousarray(points), np.ascontiguousarray(cells)


def _travel(mesh: Tetrahedra, tensors: np.ndarray) -> tuple[np.ndarray, Travel]:
    """Checked tensors, and travel times with them."""
    shape = (len(mesh.cells), 3, 3)
    tensors = check.finite("speed_tensor_sq", check.shape("speed_tensor_sq", tensors, shape))
    tensors = np.ascontiguousarray(tensors, dtype=float)
    travel, bad = travel_of(mesh, tensors)
    if bad >= 0:
        raise BadInput(
            f"speed_tensor_sq: the tensor of cell {bad} is not symmetric positive definite; "
            "build them with speed_tensor_sq(f0, cv_fiber, cv_transverse)"
        )
    return tensors, travel

"""Arrival times of the excitation wave: the anisotropic eikonal equation on tetrahedra.

sqrt(D grad tau . grad tau) = 1 with tau given at the sources (Dokuchaev 2026, eq. 9), where D is
the squared-speed tensor. Both backends solve the same P1 scheme (Hopf-Lax: a node's time is the
least, over the opposite faces of its tetrahedra, of the interpolated time plus the travel time
with the tetrahedron's own speed); Fu, Kirby, Whitaker, SIAM J. Sci. Comput. 35:C473 (2013),
doi:10.1137/120881956.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Self

import numpy as np
from scipy.sparse import coo_array, csr_array

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, NotConverged, StepFailed, extra
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.physics.electrophysiology.hopf_lax import Tetrahedra, best_updates, correct_labels

Backend = Literal["einthoven", "fim-python"]
TOLERANCE_MS = 1e-3
"""No node may be further than this from the fixed point of the scheme."""
NEAR_RINGS = 2
"""Nodes up to this many edges from a source start from the straight-line time."""


class Arrival(NamedTuple):
    """Arrival times and how well they solve the discrete equation."""

    activation_time: np.ndarray
    """[node] ms."""
    residual_ms: float
    """Largest distance of a node from its own local update; zero at the fixed point."""
    n_updates: int
    """Local updates done (0: not reported by the backend)."""


def speed_tensor_sq(f0: np.ndarray, cv_fiber: float, cv_transverse: float) -> np.ndarray:
    """D = v_t^2 I + (v_f^2 - v_t^2) f f^T (Dokuchaev 2026, eq. 10).

    Args:
        f0: [cell, 3] unit fibre direction.
        cv_fiber: mm/ms along the fibre.
        cv_transverse: mm/ms across it.

    Returns:
        [cell, 3, 3] mm^2/ms^2.

    Raises:
        BadInput: f0 is not unit, or a speed is not physical.
    """
    f0 = check.finite("f0", check.shape("f0", f0, (None, 3))).astype(float)
    for name, speed in (("cv_fiber", cv_fiber), ("cv_transverse", cv_transverse)):
        check.between(name, speed, 0.05, 3, "is this m/s (= mm/ms) or cm/s?")
    if np.any(np.abs(np.linalg.norm(f0, axis=1) - 1) > 1e-3):
        raise BadInput("f0: fibre directions must have unit length")
    along = np.einsum("ci,cj->cij", f0, f0)
    return cv_transverse**2 * np.eye(3) + (cv_fiber**2 - cv_transverse**2) * along


@dataclass(frozen=True, eq=False)
class Eikonal:
    """The discrete equation on one mesh, to be solved for several sets of sources."""

    mesh: Tetrahedra
    tensors: np.ndarray
    """[cell, 3, 3] mm^2/ms^2."""
    backend: Backend = "einthoven"
    near_rings: int = NEAR_RINGS

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
            backend: our own numba solver or fim-python.
            near_rings: 0 switches the straight-line start off.

        Raises:
            BadInput: malformed arrays, unknown backend, tensor not positive definite.
        """
        points, cells = _checked_mesh(points, cells)
        metric = _metric(speed_tensor_sq, len(cells))
        if backend not in BACKENDS:
            raise BadInput(f"backend = {backend!r}: choose one of {', '.join(BACKENDS)}")
        order = np.argsort(cells.ravel(), kind="stable") // 4
        first = np.concatenate([[0], np.cumsum(np.bincount(cells.ravel(), minlength=len(points)))])
        mesh = Tetrahedra(points, cells, metric, first, order)
        return cls(mesh, np.asarray(speed_tensor_sq, dtype=float), backend, near_rings)

    def arrival(self, source_nodes: np.ndarray, source_times: np.ndarray) -> Arrival:
        """First arrival at each node from sources that start at given times.

        Args:
            source_nodes: [source] node ids.
            source_times: [source] ms; a source that the wave reaches earlier has no effect.

        Raises:
            BadInput: unknown sources, or times that are not finite or of another number.
            StepFailed: nodes that no source reaches.
            NotConverged: the fixed point was missed by more than `TOLERANCE_MS`.
        """
        start = self.start(source_nodes, source_times)
        time, n_updates = self.solve(start)
        return self.checked(time, start, n_updates)

    def start(self, source_nodes: np.ndarray, source_times: np.ndarray) -> np.ndarray:
        """Times from which labels are corrected: [node] ms, infinite away from the sources.

        A point source is a kink that P1 elements smear, so nodes within `near_rings` edges of a
        source start from the straight-line time in the mean tensor of both ends.

        Raises:
            BadInput: unknown nodes, or times that are not finite or of another number.
        """
        n_nodes = len(self.mesh.points)
        nodes, times = _checked_sources(source_nodes, source_times, n_nodes)
        start = np.full(n_nodes, np.inf)
        np.minimum.at(start, nodes, times)
        if self.near_rings:
            self._start_near(start)
        return start

    def solve(self, start: np.ndarray, known: np.ndarray | None = None) -> tuple[np.ndarray, int]:
        """Largest fixed point below `start`: [node] ms, and the local updates done.

        Args:
            start: [node] ms.
            known: [node] ms, the solution for a start that was nowhere earlier; what it says is
                lowered where needed, which is cheaper than to begin anew. Only our own backend
                uses it.

        Raises:
            NotConverged: too many updates.
        """
        labels = np.full(len(start), np.inf) if known is None else known
        return BACKENDS[self.backend](self, start, labels)

    def checked(self, time: np.ndarray, start: np.ndarray, n_updates: int) -> Arrival:
        """A solution with its residual.

        Raises:
            StepFailed: nodes that no source reaches.
            NotConverged: the fixed point was missed by more than `TOLERANCE_MS`.
        """
        lost = int((~np.isfinite(time)).sum())
        if lost:
            raise StepFailed(f"eikonal: {lost} nodes are not reached; is the heart mesh connected?")
        points, cells, metric, *_ = self.mesh
        residual = residual_ms(points, cells, metric, time, start)
        if residual > TOLERANCE_MS:
            raise NotConverged(
                f"eikonal: {self.backend} missed the fixed point by {residual:.2g} ms "
                f"(tolerance {TOLERANCE_MS:g}, {int(np.isfinite(start).sum())} start nodes); "
                "try the other backend"
            )
        return Arrival(time, residual, n_updates)

    @cached_property
    def _adjacent(self) -> csr_array:
        """[node, node] whether two nodes share a tetrahedron."""
        cells, n_nodes = self.mesh.cells, len(self.mesh.points)
        row, col = np.repeat(cells, 4, axis=1).ravel(), np.tile(cells, (1, 4)).ravel()
        return coo_array((np.ones(len(row), bool), (row, col)), shape=(n_nodes, n_nodes)).tocsr()

    @cached_property
    def _nodal_metric(self) -> np.ndarray:
        """[node, 6] mean over the tetrahedra around a node."""
        cells, n_nodes = self.mesh.cells, len(self.mesh.points)
        nodal = np.zeros((n_nodes, 6))
        for corner in cells.T:
            np.add.at(nodal, corner, self.mesh.metric)
        touching = np.bincount(cells.ravel(), minlength=n_nodes)
        return nodal / np.maximum(touching, 1)[:, None]

    def _start_near(self, start: np.ndarray) -> None:
        """Lower `start` at the nodes around each source to the straight-line time, in place."""
        points, nodal = self.mesh.points, self._nodal_metric
        sources = np.flatnonzero(np.isfinite(start))
        reach = self._adjacent[sources]
        for _ in range(self.near_rings - 1):
            reach = reach @ self._adjacent
        source, node = reach.tocoo().coords
        source = sources[source]
        d = points[node] - points[source]
        g = 0.5 * (nodal[source] + nodal[node])
        squared = (
            (g[:, :3] * d**2).sum(axis=1)
            + 2 * g[:, 3] * d[:, 0] * d[:, 1]
            + 2 * g[:, 4] * d[:, 0] * d[:, 2]
            + 2 * g[:, 5] * d[:, 1] * d[:, 2]
        )
        np.minimum.at(start, node, start[source] + np.sqrt(squared))


def residual_ms(
    points: np.ndarray, cells: np.ndarray, metric: np.ndarray, time: np.ndarray, start: np.ndarray
) -> float:
    """Largest |time - min(start, best local update)| over the nodes, ms."""
    best = np.minimum(start, best_updates(points, cells, metric, time))
    return float(np.abs(time - best).max())


def _solve_own(problem: Eikonal, start: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, int]:
    # A node is corrected a few times as the front passes; 2,000 updates a node is far beyond.
    max_updates = 2000 * 12 * len(problem.mesh.cells)
    time, n_updates = correct_labels(problem.mesh, start, labels, max_updates)
    if n_updates >= max_updates:
        raise NotConverged(
            f"eikonal: no fixed point after {n_updates} updates; is the metric sane?"
        )
    return time, n_updates


def _solve_fim(problem: Eikonal, start: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """fim-python (Grandits 2021, doi:10.21105/joss.03641), which begins anew and counts nothing."""
    # it announces the missing GPU library
    with extra("backends", "backend 'fim-python'"), contextlib.redirect_stdout(io.StringIO()):
        from fimpy.solver import create_fim_solver
    seeds = np.flatnonzero(np.isfinite(start))
    points, cells, *_ = problem.mesh
    solver = create_fim_solver(points, cells, problem.tensors, precision=np.float64, device="cpu")
    with np.errstate(all="ignore"):
        time = np.asarray(solver.comp_fim(seeds, start[seeds]), dtype=float)
    return np.where(time >= 1e9, np.inf, time), 0


BACKENDS: dict[str, Callable[[Eikonal, np.ndarray, np.ndarray], tuple[np.ndarray, int]]] = {
    "einthoven": _solve_own,
    "fim-python": _solve_fim,
}


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


def _checked_sources(
    nodes: np.ndarray, times: np.ndarray, n_nodes: int
) -> tuple[np.ndarray, np.ndarray]:
    nodes, times = np.atleast_1d(nodes), check.finite("source_times", np.atleast_1d(times))
    if nodes.shape != times.shape or nodes.ndim != 1 or len(nodes) == 0:
        raise BadInput(f"sources: {nodes.shape} nodes and {times.shape} times; need one time each")
    if not np.issubdtype(nodes.dtype, np.integer) or nodes.min() < 0 or nodes.max() >= n_nodes:
        raise BadInput(f"source_nodes: must be whole numbers in 0 to {n_nodes - 1}")
    return nodes, times.astype(float)


def _metric(tensors: np.ndarray, n_cells: int) -> np.ndarray:
    """Inverse tensors as [cell, 6]: xx, yy, zz, xy, xz, yz, ms^2/mm^2."""
    tensors = check.finite(
        "speed_tensor_sq", check.shape("speed_tensor_sq", tensors, (n_cells, 3, 3))
    ).astype(float)
    asymmetry = np.abs(tensors - tensors.transpose(0, 2, 1)).max()
    if asymmetry > 1e-9 * np.abs(tensors).max() or np.linalg.eigvalsh(tensors).min() <= 0:
        raise BadInput("speed_tensor_sq: a tensor is not symmetric positive definite")
    inverse = np.linalg.inv(tensors)
    i, j = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
    return np.ascontiguousarray(inverse[:, i, j])

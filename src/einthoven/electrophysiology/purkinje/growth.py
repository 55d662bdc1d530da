"""Growth of fractal trees on a surface with the package fractal-tree.

The branching rule (`Branch`, `grow_fascicles`, `run_generation`) is the package's. Its own driver
is not used: it draws from NumPy's global state, leaves Python with status zero when the root is
off the surface and starts one tree only. `Nodes` and `Sheet` stand in for its `Nodes` and `Mesh`,
which take most of its time (two k-d trees a branch); they give the same trees, node by node.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np

from einthoven.core.errors import StepFailed
from einthoven.geometry.simplex import triangle_area_vectors

REPULSION = 0.1


class Fascicles(NamedTuple):
    """What a tree begins with, on which no muscle is reached: a trunk that forks in two."""

    trunk_mm: float = 8.0
    length_mm: float = 25.0
    angles_rad: tuple[float, float] = (-0.6, 0.5)


class Root(NamedTuple):
    """Where a tree begins."""

    point: np.ndarray
    """[3] mm on the endocardium."""
    towards: np.ndarray
    """[3] mm, what the trunk heads for."""
    fascicles: Fascicles = Fascicles()


@dataclass(frozen=True)
class Branching:
    """How a tree branches."""

    branch_length_mm: float = 4.0
    segment_mm: float = 1.0
    branch_angle_rad: float = 0.25
    n_generations: int = 20


@numba.njit(cache=True)
def nearest(points: np.ndarray, skip: np.ndarray, x: np.ndarray) -> tuple[int, float]:
    """Nearest of points [n, 3] to x that is not skipped [n], and its distance; -1 if none."""
    best, who = np.inf, -1
    for i in range(len(points)):
        if not skip[i]:
            d = (points[i, 0] - x[0]) ** 2 + (points[i, 1] - x[1]) ** 2
            d += (points[i, 2] - x[2]) ** 2
            if d < best:
                best, who = d, i
    return who, np.sqrt(best)


class Nodes:
    """The nodes grown so far: what fractal-tree's `Branch` asks of its class of this name."""

    def __init__(self) -> None:
        self.nodes = np.empty((1024, 3))
        self.end_nodes: list[int] = []
        self.count = 0
        self._skip = np.zeros(1024, dtype=bool)
        self._excluded: list[int] = []

    def add_nodes(self, queue: Sequence[np.ndarray]) -> list[int]:
        """Append points; return their numbers."""
        ids = list(range(self.count, self.count + len(queue)))
        if self.count + len(queue) > len(self.nodes):
            self.nodes = np.concatenate([self.nodes, np.empty_like(self.nodes)])
            self._skip = np.concatenate([self._skip, np.zeros_like(self._skip)])
        if ids:
            self.nodes[ids] = queue
            self.count += len(ids)
        return ids

    def update_collision_tree(self, nodes_to_exclude: Sequence[int]) -> None:
        """Leave a branch's mother and sister out of the search for collisions."""
        self._skip[self._excluded] = False
        self._excluded = list(nodes_to_exclude)
        self._skip[self._excluded] = True

    def collision(self, point: np.ndarray) -> tuple[int, float]:
        """Nearest node that is not excluded, and its distance."""
        return nearest(self.nodes[: self.count], self._skip[: self.count], point)

    def gradient(self, point: np.ndarray, delta: float = 0.01) -> np.ndarray:
        """Gradient of the distance to the tree, by central differences: [3]."""
        return _distance_gradient(self.nodes[: self.count], point, delta)


@numba.njit(cache=True)
def _distance_gradient(points: np.ndarray, x: np.ndarray, delta: float) -> np.ndarray:
    none = np.zeros(len(points), dtype=np.bool_)
    grad = np.empty(3)
    for axis in range(3):
        ahead, behind = x.copy(), x.copy()
        ahead[axis] += delta
        behind[axis] -= delta
        grad[axis] = (nearest(points, none, ahead)[1] - nearest(points, none, behind)[1]) / (
            2 * delta
        )
    return grad


class Sheet:
    """A triangulated surface: what fractal-tree's `Branch` asks of its class `Mesh`."""

    def __init__(self, points: np.ndarray, faces: np.ndarray) -> None:
        self.points = np.ascontiguousarray(points, dtype=float)
        self.faces = np.ascontiguousarray(faces, dtype=np.int64)
        area = triangle_area_vectors(self.points, self.faces)
        self.normals = area / np.linalg.norm(area, axis=1, keepdims=True)
        self._faces_of = np.argsort(self.faces.ravel(), kind="stable") // 3
        count = np.bincount(self.faces.ravel(), minlength=len(self.points))
        self._first = np.concatenate([[0], np.cumsum(count)])
        self._none = np.zeros(len(self.points), dtype=bool)

    def project_new_point(self, point: np.ndarray) -> tuple[np.ndarray, int]:
        """Point on the surface and its triangle; -1 if the point is off the surface."""
        vertex, _ = nearest(self.points, self._none, point)
        around = self._faces_of[self._first[vertex] : self._first[vertex + 1]]
        return project(self.points, self.faces, self.normals, vertex, around, point)


@numba.njit(cache=True)
def project(
    points: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray,
    vertex: int,
    around: np.ndarray,
    x: np.ndarray,
) -> tuple[np.ndarray, int]:
    """Project x into the plane at its nearest vertex, then into a triangle around that vertex."""
    normal = np.zeros(3)
    for face in around:
        normal += normals[face]
    normal /= np.sqrt(np.sum(normal**2))
    flat = x - normal * np.sum((x - points[vertex]) * normal)
    heights = np.empty(len(around))
    for k, face in enumerate(around):
        heights[k] = np.sum((flat - points[faces[face, 0]]) * normals[face])
    projected = flat
    for k in np.argsort(np.abs(heights)):
        face = around[k]
        a = points[faces[face, 0]]
        u, v = points[faces[face, 1]] - a, points[faces[face, 2]] - a
        projected = flat - heights[k] * normals[face]
        w = projected - a
        uu, uv, vv = np.sum(u * u), np.sum(u * v), np.sum(v * v)
        uw, vw, det = np.sum(u * w), np.sum(v * w), uu * vv - uv * uv
        along_u, along_v = (vv * uw - uv * vw) / det, (uu * vw - uv * uw) / det
        if along_u >= 0 and along_v >= 0 and along_u + along_v <= 1.001:
            return projected, face
    return projected, -1


def grow(
    surface_points: np.ndarray,
    surface_faces: np.ndarray,
    roots: Sequence[Root],
    branching: Branching,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Grow one tree from one or more roots; a straight edge joins each further root to the first.

    Args:
        surface_points: [vertex, 3] mm.
        surface_faces: [face, 3].
        roots: one or more.
        branching: how the tree branches.
        seed: the tree depends on nothing else that is random.

    Returns:
        points [tree_node, 3] mm, the first root first; edges [tree_edge, 2].

    Raises:
        StepFailed: a root is off the surface.
    """
    sheet = Sheet(surface_points, surface_faces)
    nodes, edges, starts = Nodes(), [], []
    state = np.random.get_state()  # noqa: NPY002  (run_generation knows no other source)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        for root in roots:
            start, lines = _grow_from(sheet, nodes, root, branching)
            edges += lines
            starts.append(start)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    edges += [(starts[0], start) for start in starts[1:]]
    return nodes.nodes[: nodes.count].copy(), np.array(edges, dtype=np.int64)


def _grow_from(
    sheet: Sheet, nodes: Nodes, root: Root, branching: Branching
) -> tuple[int, list[tuple[int, int]]]:
    """Trunk, two fascicles, then generations of pairs: number of the root, edges."""
    from fractal_tree.branch import Branch
    from fractal_tree.tree import FractalTreeParameters, grow_fascicles, run_generation

    point, towards, (trunk_mm, length_mm, angles_rad) = root
    triangle = sheet.project_new_point(point)[1]
    if triangle < 0:
        raise StepFailed(f"purkinje: the root at {np.round(point, 1)} mm is off the endocardium")
    parameters = FractalTreeParameters(
        N_it=branching.n_generations,
        length=branching.branch_length_mm,
        branch_angle=branching.branch_angle_rad,
        repulsitivity=REPULSION,
        l_segment=branching.segment_mm,
        fascicles_angles=angles_rad,
        fascicles_length=(length_mm, length_mm),
    )
    start = nodes.add_nodes([point])[0]
    heading = (towards - point) / np.linalg.norm(towards - point)
    n_segments = int(trunk_mm / branching.segment_mm)
    trunk = Branch(sheet, start, heading, triangle, trunk_mm, 0.0, 0.0, nodes, [start], n_segments)
    branches, lines = {0: trunk}, list(zip(trunk.nodes[:-1], trunk.nodes[1:]))
    growing, last = grow_fascicles(branches, parameters, sheet, nodes, lines, 0)
    for _ in range(branching.n_generations):
        branches, _, lines, growing, _, last = run_generation(
            growing, parameters, branches, last, sheet, nodes, lines
        )
    return start, lines

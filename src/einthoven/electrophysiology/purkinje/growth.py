"""Growth of fractal trees on a surface.

The rule is that of the package fractal-tree (`Branch`, `grow_fascicles`, `run_generation`), whose
trees these are, node by node and draw by draw; a contract test holds that. The package builds two
k-d trees per branch and draws from NumPy's global state; here a branch is one compiled function.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numba
import numpy as np

from einthoven.core.errors import StepFailed
from einthoven.geometry.simplex import triangle_area_vectors

REPULSION = 0.1
SD_OF_LENGTH, LEAST_LENGTH = np.sqrt(0.2), 0.1
"""Of a branch's length, in units of its mean."""
COLLISION = 0.2
"""A branch ends this share of its length before another one."""
DELTA_MM = 0.01
"""Step of the finite differences of the distance to the tree."""


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


class Sheet(NamedTuple):
    """A triangulated surface, as compiled functions read it."""

    points: np.ndarray
    """[vertex, 3] mm."""
    faces: np.ndarray
    """[face, 3]."""
    normals: np.ndarray
    """[face, 3]."""
    faces_of: np.ndarray
    """Faces of vertex 0, of vertex 1, ..."""
    first: np.ndarray
    """[vertex + 1] where those of a vertex begin."""

    @classmethod
    def of(cls, points: np.ndarray, faces: np.ndarray) -> Self:
        """From points [vertex, 3] mm and faces [face, 3]."""
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
    """Where a branch ends and the next ones begin."""

    node: int
    direction: np.ndarray
    """[3]."""
    face: int


class Shoot(NamedTuple):
    """What is to grow from a tip."""

    length_mm: float
    cosine: float
    sine: float
    """Of its angle with the branch before."""
    n_segments: int
    repulsion: float


@dataclass(frozen=True)
class Branch:
    """One branch: its nodes, the first one being that of its mother."""

    nodes: list[int]
    tip: Tip
    growing: bool


@numba.njit(cache=True)
def _nearest(points: np.ndarray, skip: np.ndarray, x: np.ndarray) -> tuple[int, float]:
    """Nearest of points [n, 3] to x that is not skipped [n], and its distance; -1 if none."""
    best, who = np.inf, -1
    for i in range(len(points)):
        if not skip[i]:
            d = (points[i, 0] - x[0]) ** 2 + (points[i, 1] - x[1]) ** 2
            d += (points[i, 2] - x[2]) ** 2
            if d < best:
                best, who = d, i
    return who, np.sqrt(best)


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
    """Sum of a and factor times b; spelled out, as array expressions take seconds to compile."""
    return np.array([a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]])


@numba.njit(cache=True)
def _project(sheet: Sheet, x: np.ndarray) -> tuple[np.ndarray, int]:
    """Project x into the plane at its nearest vertex, then into a triangle around that vertex.

    Returns the point and the triangle; -1 if it is off the surface.
    """
    points, faces, normals = sheet.points, sheet.faces, sheet.normals
    vertex, _ = _nearest(points, np.zeros(len(points), dtype=np.bool_), x)
    around = sheet.faces_of[sheet.first[vertex] : sheet.first[vertex + 1]]
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
    """Which of points [n, 3] lie within a radius of the centre."""
    found = np.empty(len(points), dtype=np.int64)
    count = 0
    for i in range(len(points)):
        d = (points[i, 0] - centre[0]) ** 2 + (points[i, 1] - centre[1]) ** 2
        if d + (points[i, 2] - centre[2]) ** 2 <= radius**2:
            found[count] = i
            count += 1
    return found[:count]


@numba.njit(cache=True)
def _shoot(
    sheet: Sheet, nodes: np.ndarray, excluded: np.ndarray, tip: Tip, shoot: Shoot
) -> tuple[np.ndarray, np.ndarray, int, bool]:
    """Grow one branch: its points, of which the first is the tip, direction, face, still growing.

    Args:
        sheet: the surface.
        nodes: [node, 3] mm, all that is grown.
        excluded: [k] nodes of mother and sister, with which it does not collide.
        tip: where it begins.
        shoot: how it grows.
    """
    skip = np.zeros(len(nodes), dtype=np.bool_)
    skip[excluded] = True
    path = np.empty((max(shoot.n_segments, 1), 3))
    path[0], face, count, growing = nodes[tip.node], tip.face, 1, True
    radius = 2 * shoot.length_mm + 1.0
    close = _within(nodes, path[0], radius)
    near, skipped = nodes[close], skip[close]
    normal, old = sheet.normals[face], tip.direction
    inplane = np.array(
        [
            normal[1] * old[2] - normal[2] * old[1],
            normal[2] * old[0] - normal[0] * old[2],
            normal[0] * old[1] - normal[1] * old[0],
        ]
    )
    ahead = _plus(np.zeros(3), shoot.cosine, old)
    direction = _unit(_plus(ahead, shoot.sine, inplane))
    direction = _unit(_plus(direction, shoot.repulsion, _distance_gradient(near, path[0])))
    for i in range(1, shoot.n_segments):
        step = np.empty(3)
        for axis in range(3):
            step[axis] = direction[axis] * shoot.length_mm / shoot.n_segments
        x, inside = _project(sheet, _plus(path[i - 1], 1.0, step))
        if inside < 0:
            growing = False
            break
        # what is nearest to x cannot be further from it than the branch's first point
        away = _plus(x, -1.0, path[0])
        needed = 2 * (np.sqrt(_dot(away, away)) + shoot.length_mm * COLLISION + DELTA_MM)
        if needed > radius:
            radius = 2 * needed
            close = _within(nodes, path[0], radius)
            near, skipped = nodes[close], skip[close]
        if _nearest(near, skipped, x)[1] < shoot.length_mm / 5.0:
            growing = False
            break
        path[i], face, count = x, inside, count + 1
        normal = sheet.normals[face]
        grad = _distance_gradient(near, x)
        grad = _plus(grad, -_dot(grad, normal), normal)
        direction = _unit(_plus(direction, shoot.repulsion, grad))
    return path[:count], direction, face, growing


class Tree:
    """What is grown so far on one sheet."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.count = sheet, 0
        self.edges: list[tuple[int, int]] = []
        self._nodes = np.empty((1024, 3))

    @property
    def nodes(self) -> np.ndarray:
        """[node, 3] mm."""
        return self._nodes[: self.count]

    def add(self, points: np.ndarray) -> list[int]:
        """Append points [point, 3] mm; their numbers."""
        start, self.count = self.count, self.count + len(points)
        while self.count > len(self._nodes):
            self._nodes = np.concatenate([self._nodes, np.empty_like(self._nodes)])
        self._nodes[start : self.count] = points
        return list(range(start, self.count))

    def grow(self, tip: Tip, shoot: Shoot, excluded: list[int]) -> Branch:
        """Grow one branch."""
        path, direction, face, growing = _shoot(
            self.sheet, self.nodes, np.array(excluded), tip, shoot
        )
        nodes = [tip.node, *self.add(path[1:])]
        self.edges += zip(nodes[:-1], nodes[1:])
        return Branch(nodes, Tip(nodes[-1], direction, face), growing)


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
    tree = Tree(Sheet.of(surface_points, surface_faces))
    rng = np.random.RandomState(seed % 2**32)  # noqa: NPY002  (the package's generator)
    starts = [_grow_from(tree, root, branching, rng) for root in roots]
    tree.edges += [(starts[0], start) for start in starts[1:]]
    return tree.nodes.copy(), np.array(tree.edges, dtype=np.int64)


def _grow_from(tree: Tree, root: Root, branching: Branching, rng: np.random.RandomState) -> int:
    """Trunk, two fascicles, then generations of pairs; the number of the root."""
    point, towards, (trunk_mm, length_mm, angles_rad) = root
    face = _project(tree.sheet, np.array(point, dtype=float))[1]
    if face < 0:
        raise StepFailed(f"purkinje: the root at {np.round(point, 1)} mm is off the endocardium")
    start = tree.add(point[None])[0]
    heading = (towards - point) / np.linalg.norm(towards - point)

    def straight(length_mm: float, angle: float) -> Shoot:
        n_segments = int(length_mm / branching.segment_mm)
        return Shoot(length_mm, np.cos(angle), np.sin(angle), n_segments, 0.0)

    trunk = tree.grow(Tip(start, heading, face), straight(trunk_mm, 0.0), [start])
    growing, excluded = [], trunk.nodes
    for angle in angles_rad:
        growing.append(tree.grow(trunk.tip, straight(length_mm, angle), excluded))
        excluded = excluded + growing[-1].nodes
    for _ in range(branching.n_generations):
        growing = _generation(tree, growing, branching, rng)
    return start


def _generation(
    tree: Tree, mothers: list[Branch], branching: Branching, rng: np.random.RandomState
) -> list[Branch]:
    """Two branches from each tip, in random order: those that can grow on."""
    mean, n_segments = (
        branching.branch_length_mm,
        int(branching.branch_length_mm / branching.segment_mm),
    )
    choices = 2 * rng.randint(2, size=len(mothers)) - 1
    extra = rng.normal(0, SD_OF_LENGTH * mean, size=2 * len(mothers))
    lengths = np.maximum(mean + extra, LEAST_LENGTH * mean)
    order = list(range(len(mothers)))
    rng.shuffle(order)
    daughters: list[Branch] = []
    for k, index in enumerate(order):
        mother, sister = mothers[index], []
        for j, side in enumerate((-1, 1)):
            angle = side * branching.branch_angle_rad * choices[k]
            shoot = Shoot(lengths[2 * k + j], np.cos(angle), np.sin(angle), n_segments, REPULSION)
            branch = tree.grow(mother.tip, shoot, mother.nodes + sister)
            sister = branch.nodes
            if branch.growing:
                daughters.append(branch)
    return daughters

"""Growth of fractal trees on a surface.

The rule is that of the package fractal-tree (`Branch`, `grow_fascicles`, `run_generation`), and so
are the trees, node by node and draw by draw; a contract test holds that. The package builds two
k-d trees per branch; here a branch is one compiled function.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from einthoven.base.config.electrophysiology import PurkinjeSettings
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.physics.electrophysiology.purkinje.branch import (
    BranchShape,
    GrowthSurface,
    Tip,
    grow_path,
    project,
)

REPULSION = 0.1
SD_OF_LENGTH, LEAST_LENGTH = np.sqrt(0.2), 0.1
"""SD and least value of a branch's length, in units of the mean."""


class Root(NamedTuple):
    """Root of a tree, with its trunk, which forks in two fascicles."""

    point: np.ndarray
    """[3] mm on the endocardium."""
    towards: np.ndarray
    """[3] mm, a point for which the trunk heads."""
    trunk_mm: float = 8.0
    fascicle_mm: float = 25.0
    angles_rad: tuple[float, float] = (-0.6, 0.5)
    """Angles of the two fascicles with the trunk."""


@dataclass(frozen=True)
class PurkinjeBranch:
    """Branch of a tree."""

    nodes: list[int]
    """Nodes from the mother's tip on."""
    tip: Tip
    growing: bool
    """Whether it forks in the next generation."""


class Tree:
    """Trees that grow on one surface."""

    def __init__(self, surface: GrowthSurface) -> None:
        self.surface, self.count = surface, 0
        self.edges: list[tuple[int, int]] = []
        self._nodes = np.empty((1024, 3))

    @property
    def nodes(self) -> np.ndarray:
        """[node, 3] mm."""
        return self._nodes[: self.count]

    def add(self, points: np.ndarray) -> list[int]:
        """Append points [point, 3] mm and return their numbers."""
        start, self.count = self.count, self.count + len(points)
        while self.count > len(self._nodes):
            self._nodes = np.concatenate([self._nodes, np.empty_like(self._nodes)])
        self._nodes[start : self.count] = points
        return list(range(start, self.count))

    def grow(self, tip: Tip, shape: BranchShape, excluded: list[int]) -> PurkinjeBranch:
        """Grow one branch, which does not collide with the nodes `excluded`."""
        path, direction, face, growing = grow_path(
            self.surface, self.nodes, np.array(excluded), tip, shape
        )
        nodes = [tip.node, *self.add(path[1:])]
        self.edges += zip(nodes[:-1], nodes[1:])
        return PurkinjeBranch(nodes, Tip(nodes[-1], direction, face), growing)


def grow(
    surface_points: np.ndarray,
    surface_faces: np.ndarray,
    roots: Sequence[Root],
    config: PurkinjeSettings,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grow a tree from each root, all at once, so that they share the surface.

    Args:
        surface_points: [vertex, 3] mm.
        surface_faces: [face, 3].
        roots: one or more.
        config: lengths, angle and number of generations of the branches.
        seed: seed of all draws.

    Returns:
        points [tree_node, 3] mm; edges [tree_edge, 2]; nodes [root] of the roots.

    Raises:
        BadInput: a triangle has no area, or a vertex no triangle.
        StepFailed: a root is off the surface.
    """
    tree = Tree(GrowthSurface.of(*checked_surface(surface_points, surface_faces)))
    rng = np.random.RandomState(seed % 2**32)  # noqa: NPY002  (that of the package)
    starts, growing = [], list[PurkinjeBranch]()
    for root in roots:
        start, fascicles = _start(tree, root, config)
        starts.append(start)
        growing += fascicles
    for _ in range(config.n_generations):
        growing = _generation(tree, growing, config, rng)
    return tree.nodes.copy(), np.array(tree.edges, dtype=np.int64).reshape(-1, 2), np.array(starts)


def checked_surface(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points [vertex, 3] mm and triangles [face, 3] of a surface on which a tree can grow.

    Raises:
        BadInput: a triangle has no area, so no normal, or a vertex no triangle.
    """
    points, faces = np.array(points, dtype=float), np.array(faces, dtype=np.int64)
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
    if flat := int((area == 0).sum()):
        raise BadInput(
            f"purkinje: {flat} triangles of the endocardium have no area; run the mesh rule again"
        )
    if unused := len(points) - len(np.unique(faces)):
        raise BadInput(
            f"purkinje: {unused} vertices of the endocardium have no triangle; give a surface with "
            "the vertices of its triangles alone (base.geometry.triangles.compact)"
        )
    return points, faces


def off_surface(root: Root) -> StepFailed:
    """Error of a root that no triangle of the surface holds."""
    return StepFailed(
        f"purkinje: the root at {np.round(root.point, 1)} mm is off the endocardium on which trees "
        "grow: lower z of its early site, or raise lv_top_z or rv_top_z"
    )


def _start(tree: Tree, root: Root, config: PurkinjeSettings) -> tuple[int, list[PurkinjeBranch]]:
    """Node of a root, and the two fascicles at the end of its trunk."""
    point = root.point
    face = project(tree.surface, np.array(point, dtype=float))[1]
    if face < 0:
        raise off_surface(root)
    start = tree.add(point[None])[0]
    heading = (root.towards - point) / np.linalg.norm(root.towards - point)

    def straight(length_mm: float, angle: float) -> BranchShape:
        n_segments = int(length_mm / config.segment_mm)
        return BranchShape(length_mm, np.cos(angle), np.sin(angle), n_segments, 0.0)

    trunk = tree.grow(Tip(start, heading, face), straight(root.trunk_mm, 0.0), [start])
    growing, excluded = [], trunk.nodes
    for angle in root.angles_rad:
        growing.append(tree.grow(trunk.tip, straight(root.fascicle_mm, angle), excluded))
        excluded = excluded + growing[-1].nodes
    return start, growing


def _generation(
    tree: Tree, mothers: list[PurkinjeBranch], config: PurkinjeSettings, rng: np.random.RandomState
) -> list[PurkinjeBranch]:
    """Two daughters of each mother, which grow in random order: those that fork next."""
    mean, n_segments = config.branch_length_mm, int(config.branch_length_mm / config.segment_mm)
    choices = 2 * rng.randint(2, size=len(mothers)) - 1
    extra = rng.normal(0, SD_OF_LENGTH * mean, size=2 * len(mothers))
    lengths = np.maximum(mean + extra, LEAST_LENGTH * mean)
    order = list(range(len(mothers)))
    rng.shuffle(order)
    daughters: list[PurkinjeBranch] = []
    for k, index in enumerate(order):
        mother = mothers[index]
        sister: list[int] = []
        for j, side in enumerate((-1, 1)):
            angle = side * config.branch_angle_rad * choices[k]
            length_mm, cosine, sine = lengths[2 * k + j], np.cos(angle), np.sin(angle)
            shape = BranchShape(length_mm, cosine, sine, n_segments, REPULSION)
            branch = tree.grow(mother.tip, shape, mother.nodes + sister)
            sister = branch.nodes
            if branch.growing:
                daughters.append(branch)
    return daughters

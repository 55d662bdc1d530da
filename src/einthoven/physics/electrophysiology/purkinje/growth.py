"""Growth of fractal trees on a surface.

The rule is that of the package fractal-tree (`Branch`, `grow_fascicles`, `run_generation`), whose
trees these are, node by node and draw by draw; a contract test holds that. The package builds two
k-d trees per branch and draws from NumPy's global state; here a branch is one compiled function.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from einthoven.base.config.purkinje import PurkinjeSettings
from einthoven.base.core.errors import StepFailed
from einthoven.physics.electrophysiology.purkinje.branch import (
    Sheet,
    Shoot,
    Tip,
    grow_path,
    project,
)

REPULSION = 0.1
SD_OF_LENGTH, LEAST_LENGTH = np.sqrt(0.2), 0.1
"""Of a branch's length, in units of its mean."""


class Root(NamedTuple):
    """Where a tree begins, and its trunk that forks in two; no muscle is reached on these."""

    point: np.ndarray
    """[3] mm on the endocardium."""
    towards: np.ndarray
    """[3] mm, what the trunk heads for."""
    trunk_mm: float = 8.0
    fascicle_mm: float = 25.0
    angles_rad: tuple[float, float] = (-0.6, 0.5)
    """Of the two fascicles with the trunk."""


@dataclass(frozen=True)
class PurkinjeBranch:
    """One branch: its nodes, the first one being that of its mother."""

    nodes: list[int]
    tip: Tip
    growing: bool


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

    def grow(self, tip: Tip, shoot: Shoot, excluded: list[int]) -> PurkinjeBranch:
        """Grow one branch."""
        path, direction, face, growing = grow_path(
            self.sheet, self.nodes, np.array(excluded), tip, shoot
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
    """Grow a tree from each of one or more roots, all at once, so that they share the surface.

    Args:
        surface_points: [vertex, 3] mm.
        surface_faces: [face, 3].
        roots: one or more.
        config: lengths, angle and number of generations of the branches.
        seed: the trees depend on nothing else that is random.

    Returns:
        points [tree_node, 3] mm; edges [tree_edge, 2]; nodes [root] of the roots.

    Raises:
        StepFailed: a root is off the surface.
    """
    tree = Tree(Sheet.of(surface_points, surface_faces))
    rng = np.random.RandomState(seed % 2**32)  # noqa: NPY002  (the package's generator)
    starts, growing = [], list[PurkinjeBranch]()
    for root in roots:
        start, fascicles = _start(tree, root, config)
        starts.append(start)
        growing += fascicles
    for _ in range(config.n_generations):
        growing = _generation(tree, growing, config, rng)
    return tree.nodes.copy(), np.array(tree.edges, dtype=np.int64), np.array(starts)


def _start(tree: Tree, root: Root, config: PurkinjeSettings) -> tuple[int, list[PurkinjeBranch]]:
    """Number of a root, and its two fascicles behind a trunk."""
    point = root.point
    face = project(tree.sheet, np.array(point, dtype=float))[1]
    if face < 0:
        raise StepFailed(f"purkinje: the root at {np.round(point, 1)} mm is off the endocardium")
    start = tree.add(point[None])[0]
    heading = (root.towards - point) / np.linalg.norm(root.towards - point)

    def straight(length_mm: float, angle: float) -> Shoot:
        n_segments = int(length_mm / config.segment_mm)
        return Shoot(length_mm, np.cos(angle), np.sin(angle), n_segments, 0.0)

    trunk = tree.grow(Tip(start, heading, face), straight(root.trunk_mm, 0.0), [start])
    growing, excluded = [], trunk.nodes
    for angle in root.angles_rad:
        growing.append(tree.grow(trunk.tip, straight(root.fascicle_mm, angle), excluded))
        excluded = excluded + growing[-1].nodes
    return start, growing


def _generation(
    tree: Tree, mothers: list[PurkinjeBranch], config: PurkinjeSettings, rng: np.random.RandomState
) -> list[PurkinjeBranch]:
    """Two branches from each tip, in random order: those that can grow on."""
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
            shoot = Shoot(lengths[2 * k + j], np.cos(angle), np.sin(angle), n_segments, REPULSION)
            branch = tree.grow(mother.tip, shoot, mother.nodes + sister)
            sister = branch.nodes
            if branch.growing:
                daughters.append(branch)
    return daughters

"""Growth of fractal trees on a surface by the package fractal-tree.

The branches, their draws and the projection onto the surface are the package's (`Branch`, `Nodes`,
`Mesh`, `grow_fascicles`, `run_generation`). Its driver `generate_fractal_tree` is not used: it
grows from one root only, ends Python with status 0 when that root is off the surface, and writes
files. Several roots share the surface here as they do in `growth`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from einthoven.base.config.electrophysiology import PurkinjeSettings
from einthoven.base.core.errors import extra
from einthoven.physics.electrophysiology.purkinje.growth import (
    REPULSION,
    Root,
    checked_surface,
    off_surface,
)

if TYPE_CHECKING:
    from fractal_tree import FractalTreeParameters, Mesh
    from fractal_tree.branch import Branch, Nodes


def grow_by_fractal_tree(
    surface_points: np.ndarray,
    surface_faces: np.ndarray,
    roots: Sequence[Root],
    config: PurkinjeSettings,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grow a tree from each root, all at once; arguments and result as of `growth.grow`.

    The package draws from NumPy's global generator. Its state is set aside and restored, so no
    other thread may draw from it meanwhile.

    Raises:
        MissingExtra: fractal-tree is not installed.
        BadInput: a triangle has no area, or a vertex no triangle.
        StepFailed: a root is off the surface.
    """
    with extra("backends", "purkinje.backend 'fractal-tree'"):
        from fractal_tree import Mesh
        from fractal_tree.branch import Nodes
        from fractal_tree.tree import run_generation
    points, faces = checked_surface(surface_points, surface_faces)
    mesh, nodes = Mesh(points, faces, roots[0].point), Nodes(roots[0].point)
    branches: dict[int, Branch] = {}
    edges: list[tuple[int, int]] = []
    starts: list[int] = []
    growing: list[int] = []
    for root in roots:
        starts.append(nodes.add_nodes([root.point])[0] if starts else 0)
        first = len(branches)
        of_root, tips = _trunk_and_fascicles(mesh, nodes, edges, starts[-1], root, config)
        branches |= {first + number: branch for number, branch in of_root.items()}
        growing += [first + number for number in tips]
    parameters, last = _parameters(config, roots[0]), len(branches) - 1
    with _seeded(seed):
        for _ in range(config.n_generations):
            branches, nodes, edges, growing, _, last = run_generation(
                growing, parameters, branches, last, mesh, nodes, edges
            )
    return np.array(nodes.nodes), np.array(edges, dtype=np.int64).reshape(-1, 2), np.array(starts)


def _trunk_and_fascicles(
    mesh: "Mesh",
    nodes: "Nodes",
    edges: list[tuple[int, int]],
    start: int,
    root: Root,
    config: PurkinjeSettings,
) -> tuple[dict[int, "Branch"], list[int]]:
    """Branches of one root by number, trunk first, and the numbers of those that fork next."""
    from fractal_tree.branch import Branch
    from fractal_tree.tree import grow_fascicles

    face = mesh.project_new_point(root.point).triangle_index
    if face < 0:
        raise off_surface(root)
    heading = (root.towards - root.point) / np.linalg.norm(root.towards - root.point)
    n_segments = int(root.trunk_mm / config.segment_mm)
    trunk = Branch(mesh, start, heading, face, root.trunk_mm, 0.0, 0.0, nodes, [start], n_segments)
    branches = {0: trunk}
    edges += zip(trunk.nodes[:-1], trunk.nodes[1:])
    tips, _ = grow_fascicles(branches, _parameters(config, root), mesh, nodes, edges, 0)
    return branches, tips


def _parameters(config: PurkinjeSettings, root: Root) -> "FractalTreeParameters":
    from fractal_tree import FractalTreeParameters

    return FractalTreeParameters(
        length=config.branch_length_mm,
        branch_angle=config.branch_angle_rad,
        repulsitivity=REPULSION,
        l_segment=config.segment_mm,
        fascicles_angles=root.angles_rad,
        fascicles_length=(root.fascicle_mm, root.fascicle_mm),
        save=False,
    )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Context in which NumPy's global generator begins at a seed; afterwards it is as before."""
    state = np.random.get_state()  # noqa: NPY002  (the package draws from no other generator)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002

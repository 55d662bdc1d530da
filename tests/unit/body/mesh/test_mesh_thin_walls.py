"""Edges across a wall are halved; the body keeps its surfaces, and its cells fit each other."""

import numpy as np
import pytest

from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.simplex import TET_EDGES, TET_FACES, tet_volumes, unique_sides
from einthoven.body.mesh.thin_walls import (
    bisected,
    crossing,
    with_inner_nodes,
    with_short_edges,
)
from einthoven.data.patient.mesh import TetMesh

CUBE = ((0, 1, 3, 7), (0, 3, 2, 7), (0, 2, 6, 7), (0, 6, 4, 7), (0, 4, 5, 7), (0, 5, 1, 7))
"""Six tetrahedra about a diagonal; corner k is at the binary digits of k (x, y, z)."""
EDGE_MM = 3.0


def plate(n: int = 4) -> TetMesh:
    """A wall of muscle of one cube under a torso of two; both n x n cubes wide."""
    grid = np.stack(np.meshgrid(*[np.arange(n + 1)] * 2, np.arange(4), indexing="ij"), -1)
    points = EDGE_MM * grid.reshape(-1, 3).astype(float)
    place = np.arange(len(points)).reshape(n + 1, n + 1, 4)
    layers = []
    for z in range(3):
        shifts = [(k & 1, k >> 1 & 1, z + (k >> 2)) for k in range(8)]
        corners = [place[x : n + x, y : n + y, h].ravel() for x, y, h in shifts]
        layers.append(np.stack(corners, axis=1)[:, CUBE].reshape(-1, 4))
    order = np.argsort(points[:, 2] > EDGE_MM, kind="stable")  # the muscle's nodes first
    new = np.argsort(order)
    cells = new[np.concatenate(layers)]
    turned = tet_volumes(points[order], cells) < 0
    cells[turned] = cells[turned][:, [0, 2, 1, 3]]
    muscle = cells[: len(layers[0])]
    faces, count = unique_sides(muscle[:, TET_FACES].reshape(-1, 3))
    facets = faces[count == 1]
    upper = (points[order][facets][:, :, 2] > 0).all(axis=1)
    tags = np.full(len(cells), Tissue.TORSO, np.int8)
    tags[: len(muscle)] = Tissue.MYOCARDIUM
    return TetMesh(
        patient="plate",
        points=points[order],
        cells=cells.astype(np.int32),
        cell_tags=tags,
        facets=facets.astype(np.int32),
        facet_tags=np.where(upper, Surface.EPI, Surface.LV_ENDO).astype(np.int8),
        n_heart_nodes=2 * (n + 1) ** 2,
        n_heart_cells=len(muscle),
    )


def muscle_edges(mesh: TetMesh) -> tuple[np.ndarray, np.ndarray]:
    cells = mesh.cells[: mesh.n_heart_cells].astype(np.int64)
    return unique_sides(cells[:, TET_EDGES].reshape(-1, 2))[0], cells


def n_crossing(mesh: TetMesh) -> int:
    return int(crossing(*muscle_edges(mesh), mesh.n_heart_nodes).sum())


def check_body(mesh: TetMesh, old: TetMesh) -> None:
    """Conforming, positive, of the same volumes, the muscle first, facets on its surface."""
    volumes, before = (tet_volumes(m.points, m.cells) for m in (mesh, old))
    assert (volumes > 0).all()
    for tissue in (Tissue.MYOCARDIUM, Tissue.TORSO):
        filled = volumes[mesh.cell_tags == tissue].sum()
        assert filled == pytest.approx(before[old.cell_tags == tissue].sum())
    assert (mesh.cell_tags[: mesh.n_heart_cells] == Tissue.MYOCARDIUM).all()
    assert (mesh.cell_tags[mesh.n_heart_cells :] == Tissue.TORSO).all()
    assert mesh.cells[: mesh.n_heart_cells].max() == mesh.n_heart_nodes - 1
    faces, count = unique_sides(mesh.cells[:, TET_FACES].reshape(-1, 3))
    assert count.max() == 2
    at = mesh.points[faces[count == 1]]  # [face, 3, 3]
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    outside = ((at == low).all(axis=1) | (at == high).all(axis=1)).any(axis=1)
    assert outside.all()  # a hanging node would leave faces without a partner inside
    faces, count = unique_sides(mesh.cells[: mesh.n_heart_cells, :][:, TET_FACES].reshape(-1, 3))
    assert np.array_equal(unique_sides(mesh.facets)[0], faces[count == 1])
    area = [np.bincount(m.facet_tags, weights=areas(m)) for m in (mesh, old)]
    assert area[0] == pytest.approx(area[1])


def areas(mesh: TetMesh) -> np.ndarray:
    a, b, c = np.moveaxis(mesh.points[mesh.facets], 1, 0)
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def test_a_wall_of_one_cell_gets_nodes_inside() -> None:
    old = plate()
    assert n_crossing(old) > 0
    mesh = with_inner_nodes(old)
    check_body(mesh, old)
    assert n_crossing(mesh) == 0
    assert mesh.n_heart_nodes == old.n_heart_nodes + n_crossing(old)
    assert np.array_equal(mesh.points[: old.n_heart_nodes], old.points[: old.n_heart_nodes])
    inner = mesh.points[old.n_heart_nodes : mesh.n_heart_nodes, 2]
    assert (inner == EDGE_MM / 2).all()
    assert areas(mesh) == pytest.approx(areas(old))  # the same facets
    assert with_inner_nodes(mesh) is mesh


def test_long_edges_are_halved_in_the_torso_next_to_the_muscle_too() -> None:
    old = plate()
    mesh = with_short_edges(old, 1.01 * EDGE_MM)
    check_body(mesh, old)
    lengths = np.linalg.norm(np.diff(old.points[muscle_edges(old)[0]], axis=1), axis=-1)
    assert mesh.n_heart_nodes - old.n_heart_nodes == (lengths > 1.01 * EDGE_MM).sum()
    assert len(mesh.facets) > len(old.facets)
    assert with_short_edges(old, 100.0) is old


def test_all_six_edges_of_a_tetrahedron_give_eight_of_an_eighth_of_its_volume() -> None:
    points = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 4.0]])
    edges = np.array([[2, 3], [1, 3], [1, 2], [0, 3], [0, 2], [0, 1]])
    parts, origin = bisected(np.array([[0, 1, 2, 3]]), edges, 4)
    volumes = tet_volumes(np.concatenate([points, points[edges].mean(axis=1)]), parts)
    assert volumes == pytest.approx(np.full(8, 0.5)) and (origin == 0).all()

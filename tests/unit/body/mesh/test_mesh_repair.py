"""Quality measure, moved nodes, diagonal flips, skin splits, triangle intersections."""

from itertools import permutations

import numpy as np
import pytest
from helpers.mesh import icosphere, join, spheres_body

from einthoven.base.config.models import MeshSettings
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.simplex import enclosed_volume, tet_volumes, triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.mesh.quality import flip_diagonals, gamma_quality, relocate_nodes
from einthoven.body.mesh.sizing import refine_skin

REGULAR = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)
CELL = np.array([[0, 1, 2, 3]])


def test_quality_is_one_for_regular_and_known_for_a_corner():
    cell = CELL if tet_volumes(REGULAR, CELL)[0] > 0 else CELL[:, [0, 2, 1, 3]]
    assert gamma_quality(REGULAR, cell) == pytest.approx(1.0)
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    inscribed, circumscribed = 1 / (3 + 3**0.5), 0.5 * 3**0.5
    assert gamma_quality(corner, CELL) == pytest.approx(3 * inscribed / circumscribed)


def test_quality_knows_no_size_and_place_and_is_zero_when_flat_or_inverted():
    points = generator(3, "tet").normal(size=(4, 3))
    cell = CELL if tet_volumes(points, CELL)[0] > 0 else CELL[:, [0, 2, 1, 3]]
    turn = np.linalg.qr(generator(4, "turn").normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    value = gamma_quality(points, cell)
    assert 0 < value[0] < 1
    assert gamma_quality(1e-3 * points @ turn.T + 7.0, cell) == pytest.approx(value)
    assert gamma_quality(points, cell[:, [1, 0, 2, 3]]) == 0.0
    assert gamma_quality(points * [1, 1, 0], cell) == 0.0


def roof(height=0.05):
    """A closed pyramid over a square whose lower side is two almost coplanar triangles."""
    points = np.array(
        [[0, 0, 0], [1, 0, height], [1, 1, 0], [0, 1, height], [0.5, 0.5, -1.0]], float
    )
    faces = np.array([[0, 1, 2], [0, 2, 3], [1, 0, 4], [2, 1, 4], [3, 2, 4], [0, 3, 4]])
    tags = np.array([Surface.EPI] * 2 + [Surface.LV_ENDO] * 4, np.int8)
    return points, faces, tags


def test_flip_removes_the_sliver_and_changes_the_volume_by_it():
    points, faces, tags = roof()
    sliver = np.array([[0, 1, 2, 3]])
    surfaces, n_flips = flip_diagonals(Surfaces(points, faces, tags), sliver)
    flipped = surfaces.faces
    assert n_flips == 1
    assert {tuple(sorted(f)) for f in flipped[:2].tolist()} == {(0, 1, 3), (1, 2, 3)}
    assert np.array_equal(flipped[2:], faces[2:])
    change = enclosed_volume(points, flipped) - enclosed_volume(points, faces)
    assert change == pytest.approx(abs(tet_volumes(points, sliver)[0]))
    assert triangle_area_vectors(points, flipped[:2])[:, 2].min() > 0
    back, again = flip_diagonals(surfaces, sliver)
    assert again == 1
    assert {tuple(sorted(f)) for f in back.faces[:2].tolist()} == {(0, 1, 2), (0, 2, 3)}


def test_flip_is_refused_across_surfaces_on_folds_and_onto_an_edge():
    points, faces, tags = roof()
    sliver = np.array([[0, 1, 2, 3]])
    across = tags.copy()
    across[1] = Surface.BASE
    assert flip_diagonals(Surfaces(points, faces, across), sliver)[1] == 0
    steep = roof(height=5.0)
    assert flip_diagonals(Surfaces(*steep), sliver)[1] == 0
    onto = np.concatenate([faces, [[1, 3, 4]]])
    assert flip_diagonals(Surfaces(points, onto, np.append(tags, tags[2])), sliver)[1] == 0
    assert flip_diagonals(Surfaces(points, faces, tags), np.array([[0, 1, 2, 4]]))[1] == 0


def test_each_triangle_is_flipped_once_a_round():
    points, faces, tags = roof()
    assert flip_diagonals(Surfaces(points, faces, tags), np.array([[0, 1, 2, 3]] * 2))[1] == 1


def test_split_skin_is_the_same_surface_with_short_edges_at_the_electrode():
    points, faces, tags = spheres_body()
    electrode = np.array([[0.0, 0.0, 120.0]])
    config = MeshSettings(electrode_edge_mm=4.0, grading=0.35)
    split = refine_skin(Surfaces(points, faces, tags), electrode, config)
    new_points, new_faces, new_tags = split.points, split.faces, split.face_tags
    assert np.array_equal(new_points[: len(points)], points)
    old, new = faces[tags == Surface.SKIN], new_faces[new_tags == Surface.SKIN]
    assert enclosed_volume(new_points, new) == pytest.approx(
        enclosed_volume(points, old), rel=1e-13
    )
    area = np.linalg.norm(triangle_area_vectors(new_points, new), axis=1)
    wanted = np.linalg.norm(triangle_area_vectors(points, old), axis=1).sum()
    assert area.sum() == pytest.approx(wanted, rel=1e-13)
    directed = np.concatenate([new[:, [0, 1]], new[:, [1, 2]], new[:, [2, 0]]])
    assert len(np.unique(directed, axis=0)) == len(directed)  # no edge twice one way ...
    assert {tuple(e) for e in directed.tolist()} == {tuple(e[::-1]) for e in directed.tolist()}
    ends = new_points[directed]
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    distance = np.linalg.norm(ends.mean(axis=1) - electrode, axis=1)
    assert np.all(length <= 1.4 * (4.0 + 0.35 * distance) + 1e-9)
    assert np.array_equal(new_faces[new_tags != Surface.SKIN], faces[tags != Surface.SKIN])
    far = new_points[old].mean(axis=1)[:, 2] < 0  # ... and nothing is split on the far side
    kept = {tuple(f) for f in new.tolist()}
    assert all(tuple(f) in kept for f in old[far].tolist())


def test_split_keeps_half_of_the_smallest_angle():
    points, faces, tags = spheres_body()
    electrode = np.array([[0.0, 0.0, 120.0]])
    config = MeshSettings(electrode_edge_mm=2.0, grading=0.35)
    split = refine_skin(Surfaces(points, faces, tags), electrode, config)
    new_points, new_faces, new_tags = split.points, split.faces, split.face_tags

    def smallest_angle(points, faces):
        corners = points[faces]
        u = np.roll(corners, -1, axis=1) - corners
        v = np.roll(corners, 1, axis=1) - corners
        cosine = np.sum(u * v, axis=2) / np.linalg.norm(u, axis=2) / np.linalg.norm(v, axis=2)
        return np.arccos(cosine).min()

    before = smallest_angle(points, faces[tags == Surface.SKIN])
    after = smallest_angle(new_points, new_faces[new_tags == Surface.SKIN])
    assert 0.5 * before <= after * (1 + 1e-9)


@pytest.mark.parametrize(
    "second, meets",
    [
        ([[0.2, 0.2, -1], [0.2, 0.2, 1], [2, 2, 0.5]], True),  # pierces
        ([[0.2, 0.2, 0.1], [0.2, 0.2, 1], [2, 2, 0.5]], False),  # above
        ([[2, 0, 0], [3, 0, 0], [2, 1, 0]], False),  # beside, in the same plane
        ([[0.8, 0.8, -1], [0.8, 0.8, 1], [2, 2, 0]], False),  # past the long side
    ],
)
def test_two_triangles(second, meets):
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], *second], float)
    pairs = intersecting_pairs(points, np.array([[0, 1, 2], [3, 4, 5]]))
    assert len(pairs) == meets


def test_triangles_with_a_common_vertex_may_cross_elsewhere():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.5, 0.3, 1], [0.5, 0.3, -1]], float)
    assert len(intersecting_pairs(points, np.array([[0, 1, 2], [0, 3, 4]]))) == 1
    points[3:, :2] = -0.5
    assert len(intersecting_pairs(points, np.array([[0, 1, 2], [0, 3, 4]]))) == 0


def test_spheres_intersect_only_when_they_do():
    one = (*icosphere(10.0, 2), 1)
    apart = join([one, (*icosphere(10.0, 2, (21.0, 0.3, 0.1)), 2)])
    assert len(intersecting_pairs(*apart[:2])) == 0
    points, faces, tags = join([one, (*icosphere(10.0, 2, (15.0, 0.3, 0.1)), 2)])
    pairs = intersecting_pairs(points, faces)
    assert len(pairs) > 10
    assert np.all(tags[pairs[:, 0]] != tags[pairs[:, 1]])


def lattice(n=5):
    """Six tetrahedra to each unit cube, quality 0.72 or so; the surface is fixed.

    Three nodes then lie nine tenths of the way to a neighbour: the cells between are bad.
    """
    grid = np.arange((n + 1) ** 3).reshape(n + 1, n + 1, n + 1)
    points = np.argwhere(grid >= 0).astype(float)
    cells = []
    for order in permutations(range(3)):
        path = np.cumsum(np.vstack([np.zeros(3, int), np.eye(3, dtype=int)[list(order)]]), axis=0)
        cells.append(
            np.stack([grid[i : i + n, j : j + n, k : k + n].ravel() for i, j, k in path], 1)
        )
    cells = np.concatenate(cells)
    flipped = tet_volumes(points, cells) < 0
    cells[flipped] = cells[flipped][:, [0, 2, 1, 3]]
    fixed = np.any((points == 0) | (points == n), axis=1)
    for node, towards in ((grid[1, 1, 1], [1, 0, 0]), (grid[3, 3, 2], [0, 1, 0])):
        points[node] += 0.9 * np.array(towards)
    return points, cells, fixed


def test_relocation_mends_bad_cells_and_keeps_volume_and_fixed_nodes():
    points, cells, fixed = lattice()
    assert gamma_quality(points, cells).min() < 0.1
    moved, quality, n_moved = relocate_nodes(points, cells, fixed, 0.3)
    assert quality.min() >= 0.3
    assert quality == pytest.approx(gamma_quality(moved, cells))
    assert np.array_equal(moved[fixed], points[fixed])
    assert 2 <= n_moved == np.any(moved != points, axis=1).sum() <= 20
    volume = tet_volumes(moved, cells)
    assert volume.min() > 0 and volume.sum() == pytest.approx(5**3, rel=1e-12)


def test_relocation_changes_only_cells_of_the_free_node_and_their_worst_gets_better():
    points, cells, fixed = lattice()
    before = gamma_quality(points, cells)
    bad = cells[before.argmin()]
    node = bad[~fixed[bad]][0]
    moved, quality, n_moved = relocate_nodes(points, cells, np.arange(len(points)) != node, 0.6)
    star = np.any(cells == node, axis=1)
    assert n_moved == 1 and np.flatnonzero(np.any(moved != points, axis=1)) == [node]
    assert quality[star].min() > before[star].min()
    assert np.array_equal(quality[~star], before[~star])


def test_relocation_moves_nothing_in_a_good_mesh_and_knows_no_place():
    points, cells, fixed = lattice()
    assert relocate_nodes(points, cells, fixed, 0.0)[2] == 0
    one = relocate_nodes(points, cells, fixed, 0.3)[0]
    other = relocate_nodes(1000.0 * points + 500.0, cells, fixed, 0.3)[0]
    assert (other - 500.0) / 1000.0 == pytest.approx(one, abs=1e-6)


def test_needle_under_a_bad_cell_loses_its_longest_edge():
    """A flat kite whose diagonal runs along its length, and a cell on the flatter half."""
    points = np.array([[0, 0, 0], [4, 0, 0], [2, 0.3, 0], [2, -2, 0], [2, 0.2, 1.0]])
    faces = np.array([[0, 1, 2], [1, 0, 3]])
    tags = np.full(2, Surface.SKIN, np.int8)
    cell = np.array([[0, 1, 2, 4]])
    surfaces, n_flips = flip_diagonals(Surfaces(points, faces, tags), cell)
    flipped = surfaces.faces
    assert n_flips == 1
    assert {tuple(sorted(f)) for f in flipped.tolist()} == {(0, 2, 3), (1, 2, 3)}
    assert triangle_area_vectors(points, flipped)[:, 2].min() > 0
    assert (
        flip_diagonals(Surfaces(points, flipped, tags), np.array([[0, 2, 3, 4]]))[1] == 0
    )  # no better
    across = np.array([Surface.SKIN, Surface.EPI], np.int8)
    assert flip_diagonals(Surfaces(points, faces, across), cell)[1] == 0
    assert flip_diagonals(Surfaces(points, faces[:1], tags[:1]), cell)[1] == 0  # at a boundary

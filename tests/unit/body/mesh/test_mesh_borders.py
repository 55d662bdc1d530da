"""Borders of surfaces in a lattice: half balls cut by a plane keep the sharp edges of the base."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.simplex import enclosed_volume, tet_volumes
from einthoven.base.geometry.surfaces import Surfaces, check_closed
from einthoven.base.geometry.triangles import euler_number, face_edges, plane_lattice, unique_edges
from einthoven.body.mesh.borders import Crossings, WallSurfaces, with_borders
from einthoven.body.mesh.lattice import lattice_mesh
from einthoven.data.patient.mesh import TetMesh

RADII, CENTRES = (30.0, 10.0, 8.0), ((0.0, 0.0), (-13.0, 0.0), (13.0, 2.0))
FRAME = Rotation.from_euler("xyz", [10, 25, 40], degrees=True).as_matrix(), np.array([3.0, 5, -7])


def bowl(radius, centre, n_rings, n_around):
    """Half a sphere below the plane z = 0, outward; its rim comes last."""
    down = np.linspace(0, np.pi / 2, n_rings + 1)[1:, None]
    turn = 2 * np.pi * np.arange(n_around) / n_around
    x, y, z = np.sin(down) * np.cos(turn), np.sin(down) * np.sin(turn), -np.cos(down) + 0 * turn
    points = radius * np.concatenate([[[0, 0, -1.0]], np.stack([x, y, z], axis=-1).reshape(-1, 3)])
    points[-n_around:, 2] = 0.0
    ring = 1 + np.arange(n_rings * n_around).reshape(n_rings, n_around)
    after = np.roll(ring, -1, axis=1)
    fan = np.stack([0 * ring[0], after[0], ring[0]], axis=1)
    a, b, c, d = ring[:-1].ravel(), after[:-1].ravel(), ring[1:].ravel(), after[1:].ravel()
    faces = np.concatenate([fan, np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)])
    return points + [*centre, 0.0], faces


def half_balls():
    """Muscle between a half ball and two half balls inside it; the plane is base and caps."""
    sizes = ((14, 72), (8, 36), (8, 36))
    bowls = [bowl(r, c, *size) for r, c, size in zip(RADII, CENTRES, sizes)]
    loops = [points[-n:] for (points, _), (_, n) in zip(bowls, sizes)]
    flats = [
        plane_lattice([loops[0], *loops[1:]], 4.0),
        *(plane_lattice([x], 4.0) for x in loops[1:]),
    ]
    tags = (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO, Surface.BASE, Surface.LV_CAP,
            Surface.RV_CAP)  # fmt: skip
    parts = [Surfaces(points, faces, np.full(len(faces), tag, np.int8))
             for (points, faces), tag in zip([*bowls, *flats], tags)]  # fmt: skip
    whole = Surfaces.joined(parts)
    _, first, number = np.unique(
        whole.points.round(6) + 0.0, axis=0, return_index=True, return_inverse=True
    )
    return replace(whole, points=whole.points[first], faces=number.ravel()[whole.faces])


def in_frame(body, frame=FRAME):
    rotation, origin = frame
    return replace(body, points=body.points @ rotation.T + origin)


def muscle_mm3(body):
    epi, lv, rv = (enclosed_volume(body.points, body.union(name)) for name in ("epi", "lv", "rv"))
    return epi - lv - rv


def border(surfaces):
    """Edges [edge, 2] between two tags of the muscle's surface."""
    sides, tags = np.sort(face_edges(surfaces.faces), axis=1), np.tile(surfaces.face_tags, 3)
    order = np.lexsort((sides[:, 1], sides[:, 0]))
    sides, tags = sides[order], tags[order]
    pair = np.flatnonzero((sides[1:] == sides[:-1]).all(axis=1) & (tags[1:] != tags[:-1]))
    return sides[pair]


ALONG = np.eye(3), np.array([0.3, 0.7, -0.4])
"""Lattice along the plane of the base; its planes are not in that plane."""


@pytest.fixture(scope="module", params=[ALONG[0], FRAME[0]], ids=["along the base", "turned"])
def case(request):
    """Body, and its mesh on a lattice that lies along the plane of the base or across it."""
    return half_balls(), lattice_mesh(half_balls(), (request.param, ALONG[1]), 3.0)


def test_half_balls_are_closed() -> None:
    body = half_balls()
    for name in ("epi", "lv", "rv"):
        check_closed(name, body.points, body.union(name))


def test_a_lattice_with_sharp_edges_has_the_volume_of_the_muscle(case) -> None:
    body, mesh = case
    volumes = tet_volumes(mesh.points, mesh.cells)
    assert (volumes > 0).all() and mesh.quality["quality_min"] > 0.1
    # what is left is the sagitta of facets; a bevelled edge lacks 0.8 to 0.9 %
    assert volumes.sum() == pytest.approx(muscle_mm3(body), rel=2.5e-3)


def test_the_borders_of_the_base_are_edges_of_the_mesh(case) -> None:
    body, mesh = case
    edges = border(mesh.surfaces)
    ends = mesh.points[edges]
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    assert lengths.sum() == pytest.approx(2 * np.pi * sum(RADII), rel=0.01)
    given = body.points[border(body.only(body.face_tags < Surface.LV_CAP))]
    share = np.linspace(0, 1, 9)[:, None, None]
    along = (given[:, 0] + share * (given[:, 1] - given[:, 0])).reshape(-1, 3)
    for places, off_mm in ((edges[:, [0, 1, 1]], 0.3), (mesh.facets, 0.15)):  # sagittas
        assert TriangleTree(mesh.points, places).closest(along).distance.max() < off_mm


def test_the_base_is_the_plane_and_other_surfaces_end_at_it(case) -> None:
    body, mesh = case
    for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO, Surface.BASE):
        own = np.unique(mesh.facets[mesh.facet_tags == tag])
        off = TriangleTree(body.points, body.tagged(tag)).closest(mesh.points[own]).distance
        assert off.max() < 0.1


def test_a_turned_heart_has_the_same_mesh_and_the_same_input_the_same_bytes() -> None:
    mesh, again = (lattice_mesh(half_balls(), ALONG, 4.0) for _ in range(2))
    assert mesh.points.tobytes() == again.points.tobytes()
    assert mesh.cells.tobytes() == again.cells.tobytes()
    rotation, origin = FRAME
    turned = rotation, rotation @ ALONG[1] + origin
    moved: TetMesh = lattice_mesh(in_frame(half_balls()), turned, 4.0)
    np.testing.assert_array_equal(moved.cells, mesh.cells)
    np.testing.assert_allclose(moved.points, mesh.points @ rotation.T + origin, atol=1e-6)


def test_an_edge_across_a_border_is_cut_where_it_crosses() -> None:
    wall = WallSurfaces.of(half_balls())
    points = np.array([[0.0, 29.0, 0.0], [0.0, 30.0, -0.5], [0.0, 25.0, 0.0], [0.0, 30.0, 0.0]])
    found = Crossings.of(wall, points, np.array([[0, 1], [0, 2], [1, 3]]), 0.05)
    np.testing.assert_array_equal(found.edges, [[0, 1]])  # the others lie on one surface
    np.testing.assert_allclose(found.share, [2 / 3], atol=0.02)
    np.testing.assert_allclose(found.places, [[0, 30, 0]], atol=0.05)


def test_surfaces_without_a_border_leave_a_mesh_as_it_is() -> None:
    points = np.eye(4)[:, 1:]
    wall = WallSurfaces.of(Surfaces(points, np.array([[0, 1, 2]]), np.array([Surface.EPI])))
    found, cells = with_borders(wall, points, np.array([[0, 1, 2, 3]]), 1.0)
    assert found is points and len(cells) == 1


@pytest.mark.parametrize("edge_mm", [2.6, 4.0])
def test_what_cannot_be_sharp_is_of_the_base(edge_mm) -> None:
    mesh = lattice_mesh(half_balls(), (FRAME[0], ALONG[1]), edge_mm)
    for tag in (Surface.LV_ENDO, Surface.RV_ENDO):
        own = mesh.points[np.unique(mesh.facets[mesh.facet_tags == tag])]
        off = TriangleTree(half_balls().points, half_balls().tagged(tag)).closest(own).distance
        assert off.max() < 0.25 * edge_mm  # an edge of the lattice is longer
    closed = unique_edges(mesh.facets)[1]
    assert (closed == 2).all() and euler_number(mesh.facets) == 2

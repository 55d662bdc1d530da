"""Conformity, tags, numbering, determinism and refusals of the tetrahedral mesh."""

import time
from itertools import combinations

import numpy as np
import pytest
from helpers.mesh import COARSE, cubes_body, icosphere, join, spheres_body

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.simplex import (
    TET_EDGES,
    p1_gradients,
    tet_volumes,
    triangle_area_vectors,
    unique_sides,
)
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.mesh import tetrahedra
from einthoven.body.mesh.quality import gamma_quality
from einthoven.body.mesh.surfaces import BOUNDARY, check_surfaces, tissue_volumes
from einthoven.body.mesh.tetrahedra import _run_gmsh, tetrahedralise
from einthoven.body.mesh.thin_walls import crossing

CUBES = cubes_body()
SPHERES = spheres_body()
BODIES = {"cubes": CUBES[:3], "spheres": SPHERES}


def electrodes(points, faces, face_tags):
    skin = points[np.unique(faces[face_tags == Surface.SKIN])]
    return skin[[0, len(skin) // 2]]


def make(body, **changes):
    config = COARSE.model_copy(update=changes)
    return tetrahedralise(Surfaces(*body), electrodes(*body), config, "p0000")


@pytest.fixture(scope="module", params=BODIES)
def case(request):
    body = BODIES[request.param]
    return body, make(body)


def test_volumes_are_those_that_the_surfaces_enclose(case):
    body, mesh = case
    volumes = tet_volumes(mesh.points, mesh.cells)
    for tissue, wanted in tissue_volumes(Surfaces(*body)).items():
        assert volumes[mesh.cell_tags == tissue].sum() == pytest.approx(wanted, rel=1e-10)


def test_volumes_of_cubes_in_closed_form():
    assert tissue_volumes(Surfaces(*CUBES[:3])) == pytest.approx(CUBES[3], rel=1e-12)


def test_every_heart_face_is_a_facet_in_order_and_orientation(case):
    (points, faces, tags), mesh = case
    assert mesh.n_flips == 0
    heart, facets = tags != Surface.SKIN, mesh.facet_tags != Surface.SKIN
    assert np.array_equal(mesh.points[mesh.facets[facets]], points[faces[heart]])
    assert np.array_equal(mesh.facet_tags[facets], tags[heart])


def test_inner_nodes_leave_no_edge_across_a_wall():
    old, mesh = make(SPHERES), make(SPHERES, inner_nodes=True)
    edges = unique_sides(mesh.cells[: mesh.n_heart_cells][:, TET_EDGES].reshape(-1, 2))[0]
    assert not crossing(edges, mesh.cells[: mesh.n_heart_cells], mesh.n_heart_nodes).any()
    assert mesh.n_heart_nodes > old.n_heart_nodes and len(mesh.facets) == len(old.facets)
    volumes = [tet_volumes(m.points, m.cells[: m.n_heart_cells]).sum() for m in (mesh, old)]
    assert volumes[0] == pytest.approx(volumes[1])


def test_without_electrodes_every_skin_face_is_a_facet_too():
    points, faces, tags = SPHERES
    mesh = tetrahedralise(Surfaces(*SPHERES), np.empty((0, 3)), COARSE)
    assert np.array_equal(mesh.points[mesh.facets], points[faces])
    assert np.array_equal(mesh.facet_tags, tags)


def test_unused_vertices_are_dropped():
    points, faces, tags = CUBES[:3]
    padded = np.concatenate([[[1e3, 0, 0]], points])
    one, two = make((padded, faces + 1, tags)), make((points, faces, tags))
    assert np.array_equal(one.points, two.points) and np.array_equal(one.cells, two.cells)


def test_interfaces_are_shared_by_two_cells_of_the_right_tissues(case):
    _, mesh = case
    owners = {}
    for cell, nodes in enumerate(np.sort(mesh.cells, axis=1).tolist()):
        for face in combinations(nodes, 3):
            owners.setdefault(face, []).append(cell)
    facet_of = {tuple(sorted(f)): k for k, f in enumerate(mesh.facets.tolist())}
    normals = triangle_area_vectors(mesh.points, mesh.facets)
    centroids = mesh.points[mesh.cells].mean(axis=1)
    seen = 0
    for face, cells in owners.items():
        tissues = {int(mesh.cell_tags[c]) for c in cells}
        assert len(cells) <= 2
        if face not in facet_of:
            assert len(cells) == 2 and len(tissues) == 1
            continue
        seen += 1
        facet = facet_of[face]
        tag = Surface(int(mesh.facet_tags[facet]))
        assert tissues == {int(t) for t, around in BOUNDARY.items() if tag in around}
        for cell in cells:
            # The cell lies behind a facet that points out of it.
            outward = np.sign((mesh.points[face[0]] - centroids[cell]) @ normals[facet])
            assert outward == BOUNDARY[Tissue(int(mesh.cell_tags[cell]))][tag]
    assert seen == len(mesh.facets)


def test_numbering_is_myocardium_first_and_positive(case):
    _, mesh = case
    heart = mesh.cell_tags == Tissue.MYOCARDIUM
    assert heart[: mesh.n_heart_cells].all() and not heart[mesh.n_heart_cells :].any()
    assert np.array_equal(np.unique(mesh.cells[heart]), np.arange(mesh.n_heart_nodes))
    assert np.array_equal(np.unique(mesh.cells), np.arange(len(mesh.points)))
    assert tet_volumes(mesh.points, mesh.cells).min() > 0
    assert mesh.cells.dtype == np.int32 and mesh.cell_tags.dtype == np.int8
    quality = gamma_quality(mesh.points, mesh.cells)
    assert mesh.attrs()["quality_min"] == quality.min() >= 0.2
    assert mesh.attrs()["quality_mean"] == pytest.approx(quality.mean())
    assert (quality < mesh.attrs()["quality_p01"]).mean() == pytest.approx(0.01, abs=0.001)


def test_linear_field_has_its_gradient_in_every_cell(case):
    _, mesh = case
    field = mesh.points @ [1.0, -2.0, 0.5] + 3.0
    gradient = np.einsum("ck,ckd->cd", field[mesh.cells], p1_gradients(mesh.points, mesh.cells))
    assert np.allclose(gradient, [1.0, -2.0, 0.5], atol=1e-8)


@pytest.mark.parametrize("algorithm", ["hxt", pytest.param("delaunay", marks=pytest.mark.slow)])
def test_same_input_gives_the_same_bytes(algorithm):
    one, two = (make(SPHERES, algorithm=algorithm) for _ in range(2))
    for name, array in one.arrays().items():
        assert array.tobytes() == two.arrays()[name].tobytes(), name


def test_slivers_on_an_almost_flat_surface_are_flipped_away():
    """Delaunay leaves cells of four nodes on the uneven sides of the cube heart."""
    points, faces, tags = (a.copy() for a in CUBES[:3])
    bumps = generator(0, "j").choice(np.unique(faces[tags == Surface.EPI]), 6, replace=False)
    points[bumps] += generator(0, "k").normal(scale=0.3, size=(6, 3))
    config = COARSE.model_copy(update={"algorithm": "delaunay"})
    mesh = tetrahedralise(Surfaces(points, faces, tags), np.empty((0, 3)), config)
    assert mesh.n_flips > 0 and mesh.quality["quality_min"] >= 0.08
    changed = np.any(np.sort(mesh.points[mesh.facets], 1) != np.sort(points[faces], 1), axis=(1, 2))
    assert 0 < changed.sum() <= 2 * mesh.n_flips
    volumes = tet_volumes(mesh.points, mesh.cells)
    flipped = tissue_volumes(mesh.surfaces)
    for tissue, wanted in flipped.items():
        assert volumes[mesh.cell_tags == tissue].sum() == pytest.approx(wanted, rel=1e-10)


def test_edges_follow_the_settings():
    """The wall has the heart's edges, cells near electrodes are smaller than elsewhere."""
    body = join(
        [
            (*icosphere(150.0, 3), Surface.SKIN),
            (*icosphere(40.0, 4), Surface.EPI),  # edges of 2.9 mm
            (*icosphere(9.0, 2, (-17, 0, 0)), Surface.LV_ENDO),
            (*icosphere(9.0, 2, (17, 0, 0)), Surface.RV_ENDO),
        ]
    )
    electrode = np.array([[0.0, 0.0, 150.0]])
    config = COARSE.model_copy(update={"heart_edge_mm": 3.5, "electrode_edge_mm": 4.0})
    mesh = tetrahedralise(Surfaces(*body), electrode, config)
    wall = mesh.cells[: mesh.n_heart_cells]
    pairs = np.concatenate([wall[:, list(pair)] for pair in combinations(range(4), 2)])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    length = np.linalg.norm(mesh.points[pairs[:, 0]] - mesh.points[pairs[:, 1]], axis=1)
    assert length.mean() == pytest.approx(3.5, rel=0.15)
    centroids = mesh.points[mesh.cells].mean(axis=1)
    near, opposite = (np.linalg.norm(centroids - sign * electrode, axis=1) < 25 for sign in (1, -1))
    assert near.sum() > 3 * opposite.sum() > 0


def broken(name):
    """A body with one defect, and a piece of the message it must give."""
    points, faces, tags = (a.copy() for a in CUBES[:3])
    heart = np.unique(faces[tags != Surface.SKIN])
    endo = np.flatnonzero(tags == Surface.LV_ENDO)
    if name == "hole":
        keep = np.arange(len(faces)) != endo[0]
        return (points, faces[keep], tags[keep]), r"surface lv \(LV_ENDO \+ LV_CAP\).*3 open edges"
    if name == "flipped":
        faces[endo[3]] = faces[endo[3]][::-1]
        return (points, faces, tags), r"surface lv .*not oriented.*flipped"
    if name == "inside out":
        skin = tags == Surface.SKIN
        faces[skin] = faces[skin][:, ::-1]
        return (points, faces, tags), r"surface torso .*inside out"
    if name == "outside":
        points[heart] += [120.0, 0.0, 0.0]
        return (points, faces, tags), r"surface epi: .*outside the torso"
    if name == "NaN":
        points[3, 1] = np.nan
        return (points, faces, tags), r"points: 1 of .*NaN"
    if name == "metres":
        return (points / 1000, faces, tags), r"in metres\? multiply by 1000"
    if name == "centimetres":
        return (points / 10, faces, tags), r"in centimetres\? multiply by 10"
    if name == "doubled annulus":
        cap = tags == Surface.LV_CAP
        annulus = np.unique(faces[cap])
        faces[cap] = np.searchsorted(annulus, faces[cap]) + len(points)
        return (
            np.concatenate([points, points[annulus]]),
            faces,
            tags,
        ), r"vertices are doubled, merge"
    if name == "crossing":
        inner = np.unique(faces[endo])
        low = inner[points[inner, 2] == points[inner, 2].min()]
        points[low, 2] -= 1.5 * 10.0
        return (points, faces, tags), r"intersect: .*EPI and LV_ENDO"
    if name == "no skin":
        keep = tags != Surface.SKIN
        return (points, faces[keep], tags[keep]), r"no triangle of SKIN"
    if name == "tag":
        tags[0] = 99
        return (points, faces, tags), r"\[99\] are not tags"
    if name == "flat":
        faces[0, 1] = faces[0, 0]
        return (points, faces, tags), r"1 triangles without area in SKIN"
    if name == "ids":
        return (points, faces + 1, tags), r"1-based"
    raise KeyError(name)


@pytest.mark.parametrize(
    "name",
    ["hole", "flipped", "inside out", "outside", "NaN", "metres", "centimetres", "doubled annulus"]
    + ["crossing", "no skin", "tag", "flat", "ids"],
)
def test_bad_surfaces_are_refused_with_the_reason(name):
    body, message = broken(name)
    with pytest.raises(BadInput, match=message):
        check_surfaces(Surfaces(*body))


def test_cavity_outside_the_heart_is_refused():
    points, faces, tags = (a.copy() for a in SPHERES)
    points[np.unique(faces[tags == Surface.RV_ENDO])] += [60.0, 0.0, 0.0]
    with pytest.raises(BadInput, match="RV_ENDO does not lie inside surface epi"):
        check_surfaces(Surfaces(points, faces, tags))


def test_cavity_inside_the_other_is_refused():
    points, faces, tags = (a.copy() for a in SPHERES)
    ids = np.unique(faces[tags == Surface.RV_ENDO])
    points[ids] = (points[ids] - [28, -20, 5]) * 0.3 + [-8, -20, 5]
    with pytest.raises(BadInput, match="does not lie outside surface"):
        check_surfaces(Surfaces(points, faces, tags))


def test_electrodes_in_metres_are_refused():
    with pytest.raises(BadInput, match="electrode_points: 2 of 2 .*other units"):
        tetrahedralise(Surfaces(*SPHERES), electrodes(*SPHERES) / 1000, COARSE)


def test_time_limit_ends_gmsh():
    start = time.perf_counter()
    with pytest.raises(StepFailed, match="timeout_s = 0.2 s .*heart 0.5 mm"):
        make(SPHERES, heart_edge_mm=0.5, timeout_s=0.2)
    assert time.perf_counter() - start < 20.0


@pytest.mark.slow
def test_unreachable_quality_is_a_failure_with_parameters():
    with pytest.raises(StepFailed, match="worse than min_quality = 0.49"):
        make(SPHERES, min_quality=0.49)


def test_error_of_the_child_comes_back_as_one_line():
    points, faces, tags = (a.copy() for a in SPHERES)
    points[np.unique(faces[tags == Surface.RV_ENDO])] -= [20.0, 0.0, 0.0]  # into the LV
    job = dict(
        points=points, faces=faces.astype(np.int64), face_tags=tags, electrode_points=points[:1],
        config=COARSE.model_dump_json(),
    )  # fmt: skip
    with pytest.raises(StepFailed, match="gmsh failed .settings.: .+") as caught:
        _run_gmsh(job, 60.0, "settings")
    assert "\n" not in str(caught.value)


def test_what_fails_is_meshed_another_way_and_that_is_said(monkeypatch, caplog):
    """Slivers with the first algorithm: the other one is tried on the same surfaces."""
    real, tried = tetrahedra._run_gmsh, []

    def first_fails(job, timeout_s, settings):
        tried.append(settings)
        if len(tried) == 1:
            raise tetrahedra.NoMesh("gmsh failed: no mesh")
        return real(job, timeout_s, settings)

    monkeypatch.setattr(tetrahedra, "_run_gmsh", first_fails)
    mesh = make(CUBES[:3])
    assert [text.rpartition(" ")[2] for text in tried] == ["hxt", "delaunay"]
    assert "p0000: gmsh failed: no mesh; meshed with a change: delaunay" in caplog.text
    volumes = tet_volumes(mesh.points, mesh.cells)
    assert volumes[mesh.cell_tags == Tissue.MYOCARDIUM].sum() > 0


def test_what_takes_too_long_is_not_tried_again(monkeypatch):
    tried = []

    def slow(job, timeout_s, settings):
        tried.append(settings)
        raise StepFailed("meshing took longer")

    monkeypatch.setattr(tetrahedra, "_run_gmsh", slow)
    with pytest.raises(StepFailed, match="took longer"):
        make(CUBES[:3])
    assert len(tried) == 1

"""A body that cannot be meshed as it is: slivers outside, a mesher that stands still."""

import logging

import numpy as np
import pytest
from helpers.mesh import COARSE, cubes_body, spheres_body

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces, check_all_closed
from einthoven.base.geometry.triangles import triangle_quality
from einthoven.body.imported.outer_slivers import LEAST_QUALITY, without_outer_slivers
from einthoven.body.mesh import tetrahedra
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.mesh import TetMesh


def with_needles(body, share=0.02, n=3):
    """Skin edges split very near one of their ends, as cuts leave them: two needles each."""
    points, faces, tags = (a.copy() for a in body)
    for k in range(n):
        first = int(np.flatnonzero(tags == Surface.SKIN)[7 * k])
        a, b, _ = faces[first]
        pair = [f for f in np.flatnonzero(tags == Surface.SKIN) if {a, b} <= set(faces[f].tolist())]
        new = len(points)
        points = np.vstack([points, (1 - share) * points[a] + share * points[b]])
        for f in pair:
            half = np.where(faces[f] == b, new, faces[f])
            faces[f] = np.where(faces[f] == a, new, faces[f])
            faces, tags = np.vstack([faces, half]), np.append(tags, tags[f])
    return Surfaces(points, faces, tags)


@pytest.fixture(scope="module")
def needled():
    return with_needles(spheres_body())


def test_needles_of_the_skin_are_contracted_and_nothing_else_changes(needled):
    assert triangle_quality(needled.points, needled.faces).min() < 0.05
    found = without_outer_slivers(needled)
    check_all_closed(found.surfaces)
    skin = found.surfaces.tagged(Surface.SKIN)
    assert triangle_quality(found.surfaces.points, skin).min() > LEAST_QUALITY
    whole = Surfaces(*spheres_body())
    assert (
        len(skin) == len(whole.tagged(Surface.SKIN)) and found.n_changes == len(found.places) == 3
    )
    had = enclosed_volume(whole.points, whole.tagged(Surface.SKIN))
    assert enclosed_volume(found.surfaces.points, skin) == pytest.approx(had, rel=1e-3)
    assert 0 < found.moved_mm < 0.02 * 40
    for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO):
        had, has = (s.points[s.tagged(tag)] for s in (needled, found.surfaces))
        assert np.array_equal(had, has)


def test_a_flat_triangle_is_flipped_away():
    """A vertex almost on the opposite edge: no edge is short, but a diagonal is wrong."""
    points, faces, tags = (a.copy() for a in spheres_body())
    a, b, c = faces[0]
    points[c] = 0.5 * (points[a] + points[b]) + 0.02 * (points[c] - points[a])
    body = Surfaces(points, faces, tags)
    found = without_outer_slivers(body)
    check_all_closed(found.surfaces)
    worst = [
        triangle_quality(s.points, s.tagged(Surface.SKIN)).min() for s in (body, found.surfaces)
    ]
    assert worst[0] < 0.1 < LEAST_QUALITY < worst[1]
    assert len(found.surfaces.faces) == len(faces)


def test_even_surfaces_stay():
    assert without_outer_slivers(Surfaces(*spheres_body())).n_changes == 0


def test_bad_cells_on_the_skin_change_the_skin_and_the_mesh_says_so(needled, tmp_path, caplog):
    mesh = tetrahedralise(needled, np.empty((0, 3)), COARSE, "anna")
    assert mesh.quality["quality_min"] >= COARSE.min_quality
    assert mesh.repair.startswith("skin: 3 slivers removed, vertices moved by up to 0.")
    assert "at SKIN" in caplog.text and f"meshed with a change: {mesh.repair}" in caplog.text
    mesh.save(tmp_path / "mesh.npz")
    assert TetMesh.load(tmp_path / "mesh.npz").repair == mesh.repair


def test_bad_cells_on_the_skin_leave_the_heart_as_it_is(monkeypatch):
    tried = []

    def bad(surfaces, electrodes, config, patient):
        tried.append(config.algorithm)
        raise tetrahedra.BadCells("bad", np.zeros((1, 3)), np.array([Surface.SKIN]))

    monkeypatch.setattr(tetrahedra, "_meshed", bad)
    with pytest.raises(StepFailed, match="^bad$"):
        tetrahedralise(Surfaces(*cubes_body()[:3]), np.empty((0, 3)), COARSE)
    assert tried == ["hxt", "delaunay"]


def test_a_mesher_that_stands_still_is_ended_and_the_place_told(monkeypatch, caplog):
    """Ended by its own processor time, whatever else the machine does; then other ways."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(tetrahedra, "STILL_S", 1e-3)
    monkeypatch.setattr(tetrahedra, "STILL_S_PER_FACE", 0.0)
    monkeypatch.setattr(tetrahedra, "other_surfaces", lambda *_: iter(()))
    told = (
        r"gmsh stood still for 0.001 s .*heart 8 mm.*; \w+ is worst near \(.*\) mm: smoother there"
    )
    with pytest.raises(StepFailed, match=told):
        tetrahedralise(Surfaces(*cubes_body()[:3]), np.empty((0, 3)), COARSE, "anna")
    assert "meshing again: delaunay" in caplog.text


def test_an_algorithm_that_ran_out_of_time_is_not_tried_again(monkeypatch):
    tried = []

    def slow(surfaces, electrodes, config, patient):
        tried.append(config.algorithm)
        if config.algorithm == "delaunay":
            raise tetrahedra.TookTooLong("took longer")
        raise tetrahedra.NoMesh("gmsh failed")

    monkeypatch.setattr(tetrahedra, "_meshed", slow)
    two = [(Surfaces(*cubes_body()[:3]), f"change {k}") for k in range(2)]
    monkeypatch.setattr(tetrahedra, "other_surfaces", lambda *_: iter(two))
    with pytest.raises(StepFailed, match="gmsh failed"):
        tetrahedralise(two[0][0], np.empty((0, 3)), COARSE)
    assert tried == ["hxt", "delaunay", "hxt", "hxt"]

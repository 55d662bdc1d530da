"""A wall clipped by a plane has slivers along the cut and a cap that they span from rim to rim."""

from dataclasses import replace

import numpy as np
import pytest
import pyvista as pv
from helpers.atlas import min_wall
from helpers.imported_hearts import wall_of_the_embedded_atlas

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import triangle_quality
from einthoven.body.anatomy.shape.carry import outward
from einthoven.body.anatomy.shape.tagged_heart import placed_heart
from einthoven.body.imported.repair import even_out, repair_closed
from einthoven.body.imported.wall_tags import tag_wall


@pytest.fixture(scope="module")
def clipped():
    """The embedded heart, cut 12 mm below its base and closed; untagged."""
    points, faces, _ = wall_of_the_embedded_atlas()
    faces = outward(points, faces)
    cut = pv.PolyData.from_regular_faces(points, faces).clip_closed_surface(
        normal=(0.05, 0.02, -1), origin=(0, 0, points[:, 2].max() - 12.0)
    )
    cut = cut.triangulate()
    tags = np.zeros(len(cut.regular_faces), int)
    return Surfaces(np.asarray(cut.points, float), cut.regular_faces, tags)


def test_a_clipped_wall_is_the_same_wall_without_slivers(clipped):
    assert triangle_quality(clipped.points, clipped.faces).min() < 1e-3
    repaired, notes = repair_closed("heart", clipped)
    assert any("slivers remeshed" in note for note in notes)
    had, has = (enclosed_volume(s.points, s.faces) for s in (clipped, repaired))
    assert has == pytest.approx(had, rel=1e-3)
    tags = tag_wall(repaired.points, repaired.faces)
    heart = placed_heart(Surfaces(repaired.points, repaired.faces, tags), 5.0)[0]
    assert min_wall(heart) > 2.0
    assert heart.volumes_ml["myocardium"] == pytest.approx(had / 1000, rel=0.02)


def test_of_a_tagged_wall_the_cap_is_not_lost(clipped):
    """Triangles that span a flat cap have two neighbours beyond the rim, but are no teeth."""
    repaired, _ = repair_closed("heart", clipped)
    known = tag_wall(repaired.points, repaired.faces)
    centres = TriangleTree(repaired.points, repaired.faces).closest(
        clipped.points[clipped.faces].mean(axis=1)
    )
    tagged = replace(clipped, face_tags=known[centres.faces])
    heart = placed_heart(tagged, 5.0)[0]
    cap_mm2 = base_area(repaired.points, repaired.faces[known == Surface.BASE])
    assert base_area(heart.points, heart.tagged(Surface.BASE)) == pytest.approx(cap_mm2, rel=0.05)


def base_area(points, faces):
    corners = points[faces]
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0],
                                   corners[:, 2] - corners[:, 0]), axis=1).sum() / 2  # fmt: skip


def test_even_triangles_stay_as_they_are():
    wall = Surfaces(*wall_of_the_embedded_atlas())
    same, note = even_out(wall)
    assert same is wall and not note


def test_intersections_of_triangles_of_many_sizes():
    """Classes of size give the same pairs as all comparisons."""
    rng = np.random.default_rng(3)
    size = 10 ** rng.uniform(-1, 1.5, 50)
    corners = rng.uniform(0, 40, (50, 1, 3)) + size[:, None, None] * rng.normal(size=(50, 3, 3))
    faces = np.arange(150).reshape(-1, 3)
    found = set(map(tuple, intersecting_pairs(corners.reshape(-1, 3), faces)))
    assert len(found) == 5
    for i in range(50):
        for j in range(i + 1, 50):
            pair = intersecting_pairs(corners[[i, j]].reshape(-1, 3), faces[:2])
            assert ((i, j) in found) == (len(pair) == 1)

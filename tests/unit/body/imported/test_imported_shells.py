"""Shells without a base, and parts that do not meet, become the wall that they bound."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.imported_hearts import wall_of_the_embedded_atlas

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_pieces, unique_edges
from einthoven.body.anatomy.shape.tagged_heart import checked_wall
from einthoven.body.imported.defect import Defect
from einthoven.body.imported.shells import closed_wall


@pytest.fixture(scope="module")
def wall():
    return checked_wall(Surfaces(*wall_of_the_embedded_atlas()))


def is_the_wall(found, wall):
    """Closed, with the four tags, and of the same volume."""
    assert (unique_edges(found.faces)[1] == 2).all() and len(face_pieces(found.faces)) == 1
    volumes = [enclosed_volume(s.points, s.faces) for s in (found, wall)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.01)
    assert set(found.face_tags.tolist()) == {2, 3, 4, 5}


def test_shells_get_a_base_between_their_rims(wall):
    shells = wall.only(wall.face_tags != Surface.BASE)
    found, notes = closed_wall(shells)
    is_the_wall(found, wall)
    assert notes == ["heart: shells without a base; base made between 3 rims"]
    nameless = replace(shells, face_tags=np.zeros(len(shells.faces), int))
    found, notes = closed_wall(nameless)
    is_the_wall(found, wall)
    assert "found by shape" in notes[0]
    for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO):
        assert (found.face_tags == tag).sum() == (wall.face_tags == tag).sum()


def test_turned_shells_are_turned_back(wall):
    shells = wall.only(wall.face_tags != Surface.BASE)
    inside_out = replace(shells, faces=shells.faces[:, ::-1])
    is_the_wall(closed_wall(inside_out)[0], wall)


def test_a_gap_of_one_edge_is_closed_along_the_base_that_is_given(wall):
    base = wall.face_tags == Surface.BASE
    last = ~base & np.isin(wall.faces, np.unique(wall.faces[base])).any(axis=1)
    found, notes = closed_wall(wall.only(~last))
    assert "its parts do not meet" in notes[0]
    assert (unique_edges(found.faces)[1] == 2).all()
    volumes = [enclosed_volume(s.points, s.faces) for s in (found, wall)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)


def test_what_is_closed_or_has_a_hole_stays(wall):
    same, notes = closed_wall(wall)
    assert same is wall and not notes
    far = np.linalg.norm(
        wall.points[wall.faces].mean(axis=1) - wall.points[wall.faces[0, 0]], axis=1
    )
    holed = wall.only(far > 25.0)
    assert len(closed_wall(holed)[0].faces) == len(holed.faces)


def test_shells_that_bound_no_wall_are_refused(wall):
    shells = wall.only(wall.face_tags != Surface.BASE)
    apex = shells.points[shells.tagged(Surface.EPI)].mean(axis=1)[:, 2].argmin()
    place = shells.points[shells.tagged(Surface.EPI)[apex, 0]]
    near_apex = np.linalg.norm(shells.points[shells.faces].mean(axis=1) - place, axis=1) < 28.0
    holed = shells.only(~(near_apex & (shells.face_tags == Surface.EPI)))
    with pytest.raises(Defect, match=r"hole in the epicardium with a boundary of \d+ mm"):
        closed_wall(holed)
    with pytest.raises(Defect, match="no RV endocardium among"):
        closed_wall(shells.only(shells.face_tags != Surface.RV_ENDO))
    lv = shells.tagged(Surface.LV_ENDO)
    centre = shells.points[np.unique(lv)].mean(axis=0)
    cut = shells.points[shells.faces].mean(axis=1)[:, 0] > centre[0]
    halves = shells.only((shells.face_tags != Surface.LV_ENDO) | cut)
    with pytest.raises(Defect, match="not closed|no base between"):
        closed_wall(halves)

"""Walls rebuilt from signed distances, inner walls, and small changes of triangles."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.difficult_hearts import doubled_with_discs, drawn, pierced, voxelled
from scipy.spatial import cKDTree

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.anatomy.shape.heart_check import (
    MIN_WALL_MM,
    VOLUME_RANGES_ML,
    WALLS,
    BadVolume,
    thickness,
)
from einthoven.body.imported import rework
from einthoven.body.imported.defect import Rough
from einthoven.body.imported.inner_walls import without_inner_walls
from einthoven.body.imported.mend import mended, with_split_chords
from einthoven.body.imported.rebuild import Move, WallGrid, resampled
from einthoven.body.imported.rework import (
    CLOSING_MM,
    MAX_HANDLES,
    RESAMPLED_MM,
    hearts_of,
    in_four,
    n_handles,
)

EDGE_MM = 4.0


@pytest.fixture(scope="module")
def wall():
    return drawn(edge_mm=5.0)


@pytest.fixture(scope="module")
def rebuilt(wall):
    return WallGrid.of(wall, EDGE_MM).wall(0.0, 0.0)


def closed(surface):
    return (unique_edges(surface.faces)[1] == 2).all()


def test_a_good_wall_rebuilt_is_the_same_wall(wall, rebuilt):
    move = Move.between(wall, rebuilt)
    assert move.mean_mm < 0.05 and move.max_mm < 3.0
    volumes = [enclosed_volume(s.points, s.faces) for s in (wall, rebuilt)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.01)
    assert closed(rebuilt) and not len(intersecting_pairs(rebuilt.points, rebuilt.faces))


def test_each_layer_keeps_its_tag(wall, rebuilt):
    for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO):
        areas = []
        for surface in (wall, rebuilt):
            a, b, c = surface.points[surface.tagged(tag)].transpose(1, 0, 2)
            areas.append(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
        assert areas[1] == pytest.approx(areas[0], rel=0.03)


def test_a_rebuilt_wall_has_the_wanted_thickness_where_it_had_none(wall):
    epi = np.unique(wall.tagged(Surface.EPI))
    middle = wall.points[epi].mean(axis=0)
    low = epi[wall.points[epi, 2] < np.quantile(wall.points[epi, 2], 0.2)]
    points = wall.points.copy()
    points[low] = middle + 0.93 * (points[low] - middle)  # the apex' wall: thin, or beyond the LV
    thin = replace(wall, points=points)
    spare_mm = 1.0
    found = WallGrid.of(thin, EDGE_MM).wall(0.0, spare_mm)
    for inner, outer in WALLS[:2]:
        ids, apart = thickness(found, inner, outer)
        below = found.points[ids, 2] < found.points[:, 2].min() + 30.0
        assert apart[below].min() > 0.75 * (MIN_WALL_MM + spare_mm)


def test_layers_that_pierce_each_other_are_apart_after_rebuilding(wall):
    crossed = pierced(wall, 4, 1.5)
    assert len(intersecting_pairs(crossed.points, crossed.faces)) > 5
    found = WallGrid.of(crossed, EDGE_MM).wall(1.0, 0.5)
    assert closed(found) and not len(intersecting_pairs(found.points, found.faces))
    assert Move.between(wall, found).mean_mm < 0.2


def test_a_surface_that_lacks_a_layer_is_no_repair(wall, rebuilt):
    gone = replace(rebuilt, face_tags=np.full(len(rebuilt.faces), Surface.EPI))
    with pytest.raises(StepFailed, match="nothing is left of LV_ENDO"):
        Move.between(wall, gone)


def test_a_move_is_that_of_the_farthest_point_of_its_own_layer(wall, rebuilt):
    pulled = wall.points.copy()
    vertex = int(np.unique(wall.tagged(Surface.EPI))[0])
    pulled[vertex] += [0.0, 0.0, 300.0]
    assert Move.between(replace(wall, points=pulled), rebuilt).max_mm > 200.0


def test_discs_and_a_second_septum_are_dropped(wall):
    given = doubled_with_discs(wall)
    assert (unique_edges(given.faces)[1] > 2).sum() > 100
    found, note = without_inner_walls(given)
    assert "discs over valves and inner walls" in note
    kept = set(map(tuple, np.sort(found.faces, axis=1).tolist()))
    assert kept == set(map(tuple, np.sort(wall.faces, axis=1).tolist()))


def test_a_wall_without_inner_walls_is_unchanged(wall):
    assert without_inner_walls(wall) == (wall, "")


def test_resampling_closes_what_the_outside_does_not_reach(wall):
    """Sheets within the muscle do not remain."""
    a, b, c = np.unique(wall.tagged(Surface.LV_ENDO))[[0, 1, 2]]
    sheet = np.vstack([wall.faces, [[a, b, c]]])
    given = Surfaces(wall.points, sheet, np.zeros(len(sheet), int))
    found = resampled(given, EDGE_MM, 1.0)
    assert closed(found)
    volumes = [enclosed_volume(s.points, s.faces) for s in (wall, found)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.03)


def two_sheets(angle_deg):
    """A strip of EPI over a strip of BASE, joined along one side at an angle."""
    x = np.arange(5.0)
    rim = np.stack([x, 0 * x, 0 * x], axis=1)
    flat = rim + [0.5, 1.0, 0.0]
    turn = np.radians(angle_deg)
    up = rim + [0.5, np.cos(turn), np.sin(turn)]
    points = np.vstack([rim, flat, up])
    strips = []
    for start in (5, 10):
        for k in range(4):
            strips += [[k, k + 1, start + k], [k + 1, start + k + 1, start + k]]
    tags = np.repeat([Surface.BASE, Surface.EPI], 8)
    return Surfaces(points, np.array(strips), tags)


def test_acute_rims_are_opened_and_others_stay():
    found = mended(two_sheets(8.0))
    heights = found.surfaces.points[10:14, 2]
    assert (heights > np.sin(np.radians(25.0))).all() and found.moved_mm < 0.5
    assert np.array_equal(found.surfaces.points[:10], two_sheets(8.0).points[:10])
    assert mended(two_sheets(60.0)).moved_mm == 0.0


def test_an_edge_inside_of_two_surfaces_is_split_in_one_of_them():
    """Two squares with the same corners and the same diagonal, as a base and a cap may be."""
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    faces = np.array([[0, 1, 2], [0, 2, 3], [2, 1, 0], [3, 2, 0]])
    tags = np.array([Surface.BASE] * 2 + [Surface.LV_CAP] * 2)
    found = with_split_chords(Surfaces(points, faces, tags))
    assert len(found.points) == 5 and len(found.faces) == 6
    assert (unique_edges(found.faces)[1] <= 2).all()
    assert np.array_equal(found.tagged(Surface.BASE), faces[:2])


@pytest.fixture(scope="module")
def holed(wall):
    """Marching cubes on 2.5 mm voxels of a heart whose RV has a wall of 3 mm."""
    return voxelled(wall, 2.5)


def test_holes_that_voxels_leave_in_a_thin_wall_are_filled(wall, holed):
    assert n_handles(wall) == 0 and n_handles(holed) > 50
    found = resampled(holed, EDGE_MM, RESAMPLED_MM, CLOSING_MM)
    assert closed(found) and n_handles(found) == 0
    apart = TriangleTree(wall.points, wall.faces).closest(found.points).distance
    assert apart.mean() < 0.5 and apart.max() < 3.5


def test_closing_leaves_a_wall_without_holes_as_it_is(wall):
    found = [resampled(wall, EDGE_MM, RESAMPLED_MM, mm) for mm in (0.0, CLOSING_MM)]
    apart = TriangleTree(found[0].points, found[0].faces).closest(found[1].points).distance
    assert apart.mean() < 0.05


def test_a_wall_with_holes_that_cannot_be_rebuilt_is_refused_with_number_and_place(
    holed, monkeypatch
):
    def none(*_):
        raise StepFailed("no heart")

    monkeypatch.setattr("einthoven.body.imported.rework.rebuilt_hearts", none)
    monkeypatch.setattr("einthoven.body.imported.rework.tagged", lambda heart: (heart, []))
    told = rf"{n_handles(holed)} holes through its wall, the largest near .*import the label image"
    with pytest.raises(BadInput, match=told) as caught:
        next(hearts_of(holed, EDGE_MM))
    assert n_handles(holed) > MAX_HANDLES and len(caught.value.places)


@pytest.mark.parametrize(
    "volume, n_tries, told", [(353.0, 1, "lv volume 353 ml is outside 60 to 320"),
                              (50.0, 1, "lv volume 50 ml is outside"),
                              (340.0, 4, "its triangles cross"), (-5.0, 4, "its triangles cross")],
)  # fmt: skip
def test_a_heart_of_another_size_is_not_tried_again(wall, monkeypatch, volume, n_tries, told):
    """One that is nearly right is: another triangulation may bring it into the range."""
    tries = []

    def triangulated(_, edge_mm):
        tries.append(edge_mm)
        raise BadVolume("lv", volume, *VOLUME_RANGES_ML["lv"])

    monkeypatch.setattr(rework, "_valid_heart", triangulated)
    monkeypatch.setattr(rework, "REBUILDS", rework.REBUILDS[:1])
    monkeypatch.setattr(rework, "_resampled", _not_resampled)
    fault = Rough("heart: its triangles cross", wall.points[:1], wall)
    with pytest.raises(BadInput, match=told):
        list(hearts_of(wall, EDGE_MM, fault))
    assert len(tries) == n_tries


def _not_resampled(*_):
    raise StepFailed("not needed here")


def test_thin_places_of_new_triangles_are_thickened(wall, monkeypatch):
    """What triangles of the wanted size cut off a wall is put back from outside."""
    real = rework.triangulated_heart

    def thinner(surface, edge_mm):
        heart, rotation, origin = real(surface, edge_mm)
        epi = np.unique(heart.tagged(Surface.EPI))
        lv = heart.points[np.unique(heart.tagged(Surface.LV_ENDO))]
        apex = epi[np.argsort(heart.points[epi, 2])[:6]]
        at = cKDTree(lv).query(heart.points[apex])[1]
        points = heart.points.copy()
        way = points[apex] - lv[at]
        points[apex] = lv[at] + 1.2 * way / np.linalg.norm(way, axis=1, keepdims=True)
        return replace(heart, points=points), rotation, origin

    monkeypatch.setattr(rework, "triangulated_heart", thinner)
    heart, _, _, moved_mm = rework._valid_heart(wall, EDGE_MM)
    assert 0.0 < moved_mm < 2.0
    for inner, outer in WALLS[:2]:
        assert thickness(heart, inner, outer)[1].min() >= MIN_WALL_MM


def test_triangles_split_in_four_are_the_same_surfaces(wall):
    found = in_four(wall)
    assert closed(found) and n_handles(found) == 0
    assert found.edge_mm == pytest.approx(wall.edge_mm / 2, rel=0.02)
    volumes = [enclosed_volume(s.points, s.faces) for s in (wall, found)]
    assert volumes[1] == pytest.approx(volumes[0], rel=1e-12)
    for tag in (Surface.EPI, Surface.BASE):
        assert (found.face_tags == tag).sum() == 4 * (wall.face_tags == tag).sum()


def test_where_triangles_of_the_wanted_size_fail_twice_as_large_ones_are_split(wall, monkeypatch):
    """Planar splits change neither crossings nor thickness, so what is valid stays valid."""
    real, tried = rework._valid_heart, []

    def only_large(surface, edge_mm):
        tried.append(edge_mm)
        if edge_mm < 4.0:
            raise StepFailed("triangles intersect")
        return real(surface, edge_mm)

    monkeypatch.setattr(rework, "_valid_heart", only_large)
    monkeypatch.setattr(rework, "REBUILDS", ((1.0, 0.25),))
    found = next(rework.rebuilt_hearts(wall, wall, 2.2))
    assert tried == pytest.approx([2.2, 2.112, 2.288, 2.024, 4.4])
    assert found.heart.edge_mm == pytest.approx(2.2, rel=0.15)
    assert "heart: edges of 4.4 mm were taken, and each triangle split in four" in found.notes

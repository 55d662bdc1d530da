"""Hearts from tagged surfaces: real ones keep volume and walls, in any frame and orientation."""

from functools import lru_cache

import numpy as np
import pytest
import pyvista as pv
from helpers.imported_hearts import (
    boundary_of_a_tetrahedral_heart,
    mean_of_a_real_atlas,
    wall_of_the_embedded_atlas,
)
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import CLOSED_SURFACES, Surface
from einthoven.base.geometry.boundary_loops import fill_loops, loop_area, smooth_loop, spread
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import face_edges, triangle_quality
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.tagged_heart import heart_frame, placed_heart
from einthoven.body.imported.wall_tags import tag_wall


def heart_from_surface(wall, edge_mm):
    return placed_heart(wall, edge_mm)[0]


@lru_cache(maxsize=4)
def real_heart(edge_mm):
    return heart_from_surface(Surfaces(*mean_of_a_real_atlas()), edge_mm)


def distances(queries, points, faces):
    """Distances in mm [query] to a surface."""
    surface = pv.PolyData.from_regular_faces(points, faces)
    _, closest = surface.find_closest_cell(queries, return_closest_point=True)
    return np.linalg.norm(closest - queries, axis=1)


def circle(n, radius=20.0, height=0.0):
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height + 0 * angle], axis=1)


@pytest.mark.parametrize("edge_mm", [4.0, 2.2])
def test_a_real_heart_keeps_volume_and_walls(edge_mm):
    points, faces, tags = mean_of_a_real_atlas()
    _, rotation, origin = heart_frame(
        Surfaces(points, faces, tags)
    )  # the faces of this file point outwards
    points = (points - origin) @ rotation
    heart = real_heart(edge_mm)
    muscle_ml = enclosed_volume(points, faces) / 1000
    assert heart.volumes_ml["myocardium"] == pytest.approx(muscle_ml, rel=0.01)
    old_epi = faces[tags == Surface.EPI]
    for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO):
        old, new = faces[tags == tag], heart.faces[heart.face_tags == tag]
        off = distances(points[np.unique(old)], heart.points, new)
        assert np.percentile(off, 95) < 0.12 * edge_mm and off.max() < 3.0  # teeth of labels
        inner = heart.points[np.unique(new)]
        wall = distances(inner, heart.points, heart.faces[heart.face_tags == Surface.EPI])
        assert np.abs(wall - distances(inner, points, old_epi)).mean() < 0.2
    sides = np.linalg.norm(np.diff(heart.points[face_edges(heart.faces)], axis=1)[:, 0], axis=1)
    assert sides.mean() == pytest.approx(edge_mm, rel=0.12)
    assert triangle_quality(heart.points, heart.faces).min() > 0.25


@pytest.mark.parametrize("edge_mm", [4.0, 2.2])
def test_a_real_heart_is_closed_oriented_and_simple(edge_mm):
    heart = real_heart(edge_mm)
    for tags in CLOSED_SURFACES.values():
        shell = heart.faces[np.isin(heart.face_tags, tags)]
        edges = set(map(tuple, face_edges(shell).tolist()))
        assert len(edges) == 3 * len(shell) and all((b, a) in edges for a, b in edges)
        assert len(shell) == 0 or enclosed_volume(heart.points, shell) > 0
    assert len(intersecting_pairs(heart.points, heart.faces)) == 0


def test_heart_frame_of_a_real_heart():
    mark = real_heart(4.0).landmarks
    np.testing.assert_allclose(mark["LV_BASE"], 0, atol=1e-9)
    np.testing.assert_allclose(mark["LV_APEX"][:2], 0, atol=1e-9)
    assert mark["LV_APEX"][2] < -60 and mark["APEX_EPI"][2] < mark["LV_APEX"][2]
    assert mark["RV_BASE"][0] > 20 and abs(mark["RV_BASE"][1]) < 1e-9
    assert mark == {name: pytest.approx(real_heart(2.2).landmarks[name]) for name in mark}


def test_any_frame_and_orientation_gives_the_same_heart():
    points, faces, tags = mean_of_a_real_atlas()
    heart = real_heart(4.0)
    turn = Rotation.from_rotvec([0.7, -1.9, 0.4]).as_matrix()
    moved = heart_from_surface(
        Surfaces(points @ turn.T + [100.0, -50.0, 7.0], faces[:, ::-1], tags), 4.0
    )
    for name, place in heart.landmarks.items():
        np.testing.assert_allclose(moved.landmarks[name], place, atol=1e-4)
    for name, volume in heart.volumes_ml.items():
        assert moved.volumes_ml[name] == pytest.approx(volume, rel=2e-3)
    apart, _ = cKDTree(moved.points).query(heart.points)
    assert apart.max() < 4.0


def test_a_drawn_heart_comes_back_in_its_own_frame():
    drawn = heart_surfaces(np.full(10, 0.4), 4.0)
    again = heart_from_surface(drawn, 4.0)  # valve caps made anew
    for name, volume in drawn.volumes_ml.items():
        assert again.volumes_ml[name] == pytest.approx(volume, rel=0.015)
    apart, _ = cKDTree(again.points).query(drawn.points)
    assert np.median(apart) < 2.0 and apart.max() < 6.0


def test_same_surface_same_bytes():
    wall = wall_of_the_embedded_atlas()
    first, second = (heart_from_surface(Surfaces(*wall), 5.0) for _ in range(2))
    assert first.points.tobytes() == second.points.tobytes()
    assert first.faces.tobytes() == second.faces.tobytes()


def test_a_tetrahedral_heart_is_tagged_by_its_flat_base():
    points, faces = boundary_of_a_tetrahedral_heart()
    tags = tag_wall(points, faces)
    assert np.ptp(points[np.unique(faces[tags == Surface.BASE])][:, 2]) < 0.01
    heart = heart_from_surface(Surfaces(points, faces, tags), 4.0)
    muscle_ml = enclosed_volume(points, faces) / 1000
    assert muscle_ml == pytest.approx(109, abs=1)
    assert heart.volumes_ml["myocardium"] == pytest.approx(muscle_ml, rel=0.01)
    assert heart.volumes_ml["lv"] > heart.volumes_ml["rv"]


@pytest.mark.parametrize("seed", range(3))
def test_ventricles_of_drawn_hearts_are_told_apart(seed):
    rng = np.random.default_rng(seed)
    points, faces, tags = wall_of_the_embedded_atlas(rng.uniform(-1, 1, 10))
    turn = Rotation.random(rng=rng).as_matrix()
    assert np.mean(tag_wall(points @ turn.T, faces) == tags) > 0.995


def test_twins_cannot_be_told_apart():
    points, faces, tags = wall_of_the_embedded_atlas()
    lv, rv = faces[tags == Surface.LV_ENDO], faces[tags == Surface.RV_ENDO]
    twin = np.concatenate([points, points * [-1, 1, 1] + [200, 0, 0]])
    from einthoven.body.imported.wall_tags import is_left

    epi = faces[tags == Surface.EPI]
    both_epis = np.concatenate([epi, epi + len(points)])
    with pytest.raises(BadInput, match="which ventricle"):
        is_left(twin, lv, lv + len(points), both_epis)
    assert is_left(points, lv, rv, epi) and not is_left(points, rv, lv, epi)


def test_what_is_no_wall_is_refused():
    points, faces, tags = wall_of_the_embedded_atlas()
    with pytest.raises(BadInput, match="do not lie between two triangles"):
        heart_from_surface(Surfaces(points, faces[1:], tags[1:]), 4.0)
    with pytest.raises(BadInput, match="RV_ENDO"):
        heart_from_surface(Surfaces(points, faces, np.where(tags == Surface.RV_ENDO, 3, tags)), 4.0)
    with pytest.raises(BadInput, match="without BASE between"):
        bare = np.where(tags == Surface.BASE, Surface.EPI, tags)
        bare[np.flatnonzero(tags == Surface.BASE)[:1]] = Surface.BASE
        heart_from_surface(Surfaces(points, faces, bare), 4.0)
    with pytest.raises(BadInput, match="is this mm"):
        heart_from_surface(Surfaces(points, faces, tags), 0.004)
    with pytest.raises(StepFailed, match="volume"):
        heart_from_surface(Surfaces(1.6 * points, faces, tags), 6.0)


def test_a_smoothed_loop_loses_teeth_and_no_length():
    rough = circle(120)
    rough[::2, 2] += 1.0
    smooth = smooth_loop(rough, 4.0)
    assert np.abs(smooth[:, 2] - 0.5).max() < 0.05
    np.testing.assert_allclose(np.linalg.norm(smooth[:, :2], axis=1), 20.0, rtol=1e-3)


def test_points_spread_evenly_and_stay_beside_their_neighbours():
    circled = circle(90)
    near = np.roll(circle(30), 7, axis=0)
    points = spread(circled, 30, near)
    assert np.linalg.norm(points - near, axis=1).max() < 0.2
    steps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    assert np.ptp(steps) < 0.02 * steps.mean()


def test_a_filled_loop_keeps_it_and_faces_its_side():
    circled = circle(40)
    circled[:, 2] += 0.01 * circled[:, 0] ** 2
    turn = Rotation.from_rotvec([2.0, 0.3, 0.1]).as_matrix()
    for loop in (circled @ turn.T, circled[::-1] @ turn.T):
        points, faces = fill_loops([loop], 4.0)
        np.testing.assert_allclose(points[:40], loop, atol=1e-9)
        area, centre = loop_area(loop)
        assert triangle_area_vectors(points, faces).sum(axis=0) @ area > 0
        flat, _ = fill_loops([circle(40)], 4.0)
        assert np.abs(flat[:, 2]).max() < 1e-9
        assert np.linalg.norm(centre - loop.mean(axis=0)) < 1.0
    with pytest.raises(StepFailed, match="cross"):
        fill_loops([circle(40), circle(40, 15.0)[::-1] + [10.0, 0, 0]], 4.0)

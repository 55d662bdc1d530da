"""Measures on shapes whose volumes, walls and girths are known in closed form."""

import numpy as np
import pytest
import pyvista as pv
from scipy.special import ellipe

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.body.anatomy.population import comparison, girths
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces
from einthoven.body.anatomy.shape.torso import TorsoSurface


def joined(pieces):
    """HeartSurfaces of tagged PolyData, without landmarks."""
    points, faces, tags, n = [], [], [], 0
    for tag, piece in pieces:
        piece = piece.triangulate()
        points.append(np.asarray(piece.points, float))
        faces.append(piece.regular_faces + n)
        tags += [tag] * len(faces[-1])
        n += len(points[-1])
    return HeartSurfaces(np.concatenate(points), np.concatenate(faces), np.array(tags), {})


def ball(radius, x=0.0):
    return pv.Sphere(radius=radius, center=(x, 0, 0), theta_resolution=60, phi_resolution=60)


def tube(radius, x=0.0):
    """Open cylinder along z with a vertex on y = 0 on either side."""
    return pv.CylinderStructured(
        radius=[radius], height=200, center=(x, 0, 0), direction=(0, 0, 1), theta_resolution=73
    ).extract_surface(algorithm=None)


def test_a_line_crosses_walls_where_they_are():
    heart = joined(
        [
            (Surface.EPI, tube(70.0, 20.0)),
            (Surface.LV_ENDO, tube(24.0)),
            (Surface.RV_ENDO, tube(15.0, 50.0)),
        ]
    )
    found = comparison.walls_at(heart, -31.4)
    wanted = [-50.0, -24.0, 24.0, 35.0, 65.0, 90.0]
    np.testing.assert_allclose(list(found.values()), wanted, atol=0.15)
    with pytest.raises(StepFailed, match="no epi wall"):
        comparison.walls_at(heart, 500.0)
    swapped = joined(
        [
            (Surface.EPI, tube(70.0, 20.0)),
            (Surface.RV_ENDO, tube(24.0)),
            (Surface.LV_ENDO, tube(15.0, 50.0)),
        ]
    )
    with pytest.raises(StepFailed, match="out of order"):
        comparison.walls_at(swapped, 0.0)


def test_an_edge_on_the_line_counts_once():
    points = np.array([[5.0, -1, -1], [5, 1, -1], [5, 0, 1], [5, 0, -3]])
    faces = np.array([[0, 1, 2], [1, 0, 3]])
    np.testing.assert_allclose(comparison.line_crossings(points, faces, -1.0), [5.0])
    assert len(comparison.line_crossings(points, faces, 7.0)) == 0


def test_share_of_the_lv_in_two_balls():
    """LV and RV as hollow balls beside each other: the shares of two shells."""
    outside = ball(28.0).merge(ball(33.0, 100.0)).extract_surface(algorithm=None)
    heart = joined(
        [
            (Surface.EPI, outside),
            (Surface.LV_ENDO, ball(20.0)),
            (Surface.RV_ENDO, ball(28.0, 100.0)),
        ]
    )
    lv, rv = 28.0**3 - 20.0**3, 33.0**3 - 28.0**3
    assert comparison.lv_share(heart) == pytest.approx(lv / (lv + rv), abs=0.015)


def test_septum_counts_as_lv():
    """Concentric: the RV round the LV; what lies between the cavities is septum, so LV."""
    heart = joined(
        [
            (Surface.EPI, ball(50.0)),
            (Surface.LV_ENDO, ball(20.0)),
            (Surface.RV_ENDO, pv.merge([ball(46.0), ball(30.0).flip_faces()])),
        ]
    )
    septum, free = 30.0**3 - 20.0**3, 50.0**3 - 46.0**3
    assert comparison.lv_share(heart) == pytest.approx(septum / (septum + free), abs=0.02)


def test_a_heart_twice_as_large():
    heart = heart_surfaces(np.zeros(10), 4.0)
    double = HeartSurfaces(
        2 * heart.points,
        heart.faces,
        heart.face_tags,
        {name: 2 * place for name, place in heart.landmarks.items()},
    )
    small, large = comparison.heart_measures(heart), comparison.heart_measures(double)
    for name, value in small.items():
        factor = {"lv_volume": 8, "rv_volume": 8, "lv_mass": 8}.get(name, 2)
        factor = 1 if name in ("sphericity", "relative_wall") else factor
        assert large[name] == pytest.approx(factor * value, rel=0.01), name


def test_measures_hardly_depend_on_the_mesh():
    coarse, fine = (comparison.heart_measures(heart_surfaces(np.zeros(10), e)) for e in (4.0, 2.2))
    for name, value in coarse.items():
        assert fine[name] == pytest.approx(value, rel=0.03), name


def test_girths_of_an_elliptic_torso():
    a, b = 170.0, 120.0
    tube = pv.CylinderStructured(radius=[1.0], height=600, theta_resolution=241, z_resolution=9,
                                 direction=(0, 0, 1)).extract_surface(algorithm=None)  # fmt: skip
    points = np.asarray(tube.triangulate().points, float) * [a, b, 1]
    landmarks = {name: np.array([0, -b, 100.0]) for name in ("NIPPLE_L", "NIPPLE_R")}
    landmarks["NAVEL"] = np.array([0, -b, -80.0])
    faces = tube.triangulate().regular_faces
    torso = TorsoSurface(
        points, faces, np.ones(len(faces)), landmarks, np.zeros(len(points), bool), "fine"
    )
    found = girths.torso_measures(torso)
    girth = 4 * a * ellipe(1 - (b / a) ** 2)
    assert found["chest_girth"] == pytest.approx(girth, rel=1e-3)
    assert found["waist_girth"] == pytest.approx(girth, rel=1e-3)
    assert found["chest_breadth"] == pytest.approx(2 * a, rel=1e-3)
    assert found["chest_depth"] == pytest.approx(2 * b, rel=1e-3)


def test_a_tape_runs_over_hollows():
    square = np.array([[0, 0], [10, 0], [10, 10], [5, 2], [0, 10.0]])
    assert girths.tape(square) == pytest.approx(40.0)

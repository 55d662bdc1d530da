import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.atlas import min_wall

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import loops_of_sphere
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import (
    extend_harmonically,
    mesh_plane,
    triangle_quality,
    unique_edges,
)
from einthoven.body.anatomy.population.reference import BMI, SEXES, STATURE
from einthoven.body.anatomy.shape import heart_shape as heart
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.heart_check import (
    check_heart,
    heart_volumes,
)
from einthoven.body.anatomy.shape.heart_shape import SHIPPED_EDGES_MM, load_atlas
from einthoven.body.anatomy.shape.model import ShapeModel
from einthoven.body.anatomy.shape.parametric_heart import (
    PARAMETERS,
    build_template,
    level,
    level_gradient,
    mean_parameters,
    project,
)

sys.path.insert(0, str(Path(__file__).parents[4] / "tools"))
from atlas_fit import closest_coeffs, shape_model  # noqa: E402
from heart_samples import (  # noqa: E402
    CORRELATED_SIZES,
    LENGTHS,
    SIZE_CORRELATION,
    body_surface_m2,
    carry_template,
    heart_size,
    parameters_from,
)


@pytest.fixture(scope="module")
def mean_heart():
    return heart_surfaces(np.zeros(10), 4.0)


def test_modes_are_orthonormal_and_sorted():
    model, _ = load_atlas()
    flat = model.modes.reshape(model.n_modes, -1).astype(float)
    np.testing.assert_allclose(flat @ flat.T, np.eye(model.n_modes), atol=1e-5)
    assert np.all(np.diff(model.sds) < 0) and model.sds[-1] > 0


def test_coefficients_come_back_from_points():
    model, _ = load_atlas()
    coeffs = np.linspace(-1, 1, 10)
    np.testing.assert_array_equal(model.points(np.zeros(10)), model.mean)
    np.testing.assert_allclose(closest_coeffs(model, model.points(coeffs)), coeffs, atol=1e-4)


def test_pca_recovers_a_planted_model():
    rng = np.random.default_rng(0)
    modes = np.linalg.qr(rng.normal(size=(60, 3)))[0].T.reshape(3, 20, 3)
    sds = np.array([5.0, 2.0, 1.0])
    scores = rng.normal(size=(50, 3))
    scores = np.linalg.qr(scores - scores.mean(axis=0))[0] * np.sqrt(49) * sds
    samples = np.tensordot(scores, modes, axes=1) + 7.0
    faces = np.array([[0, 1, 2]])
    model = shape_model(samples, 3, faces)
    np.testing.assert_allclose(model.mean, 7.0, atol=1e-12)
    np.testing.assert_allclose(model.sds, sds, rtol=1e-12)
    overlap = np.abs(np.tensordot(model.modes, modes, axes=([1, 2], [1, 2])))
    np.testing.assert_allclose(overlap, np.eye(3), atol=1e-9)


def test_more_of_a_mode_is_larger_and_the_first_is_size():
    model, _ = load_atlas()
    assert np.all(np.tensordot(model.modes, model.mean - model.mean.mean(axis=0), axes=2) > -0.1)
    small, large = (heart_surfaces([c], 4.0).volumes_ml for c in (-1.0, 1.0))
    for name in ("lv", "rv", "myocardium"):
        assert large[name] > 1.2 * small[name]


def test_shape_model_refuses_nonsense():
    model, _ = load_atlas()
    with pytest.raises(BadInput, match="10 modes"):
        model.points(np.zeros(11))
    with pytest.raises(BadInput, match="NaN"):
        model.points([np.nan])
    with pytest.raises(BadInput, match="standard deviation"):
        ShapeModel(model.mean, model.modes, -model.sds, model.faces)


@pytest.mark.parametrize("surface,tag", [("lv", 3), ("rv", 4), ("epi", 2)])
def test_projection_lands_on_the_surface_near_the_start(surface, tag):
    template = load_atlas()[1]
    parameters = mean_parameters() | {"lv_diameter": 52.0, "rv_diameter": 39.0}
    ids = np.unique(template.tagged(tag))
    points, on_base = template.points[ids], np.isin(ids, template.tagged(Surface.BASE))
    away = np.abs(level(surface, points, parameters)).max()
    landed = project(surface, points, parameters, on_base)
    assert np.abs(level(surface, landed, parameters)).max() < 1e-6 < away
    assert np.all(landed[on_base, 2] == 0)
    assert np.linalg.norm(landed - points, axis=1).max() < 3 * away


def test_parameters_of_a_sex_and_a_size():
    zero = np.zeros(len(PARAMETERS["male"]))
    man, woman = parameters_from(zero, "male"), parameters_from(zero, "female")
    assert man["lv_diameter"] > woman["lv_diameter"]
    for name, value in mean_parameters().items():
        assert value == pytest.approx((man[name] + woman[name]) / 2)
    large = parameters_from(zero, "male", 1.1)
    for name, value in man.items():
        assert large[name] == pytest.approx(value * (1.1 if name in LENGTHS else 1.0))
    draws = np.random.default_rng(1).normal(size=(4000, len(zero)))
    drawn = [list(parameters_from(row, "female").values()) for row in draws]
    laws = np.array(list(PARAMETERS["female"].values()))
    np.testing.assert_allclose(np.mean(drawn, axis=0), laws[:, 0], atol=0.06 * laws[:, 1].max())
    np.testing.assert_allclose(np.std(drawn, axis=0), laws[:, 1], rtol=0.05)
    sizes = [list(PARAMETERS["male"]).index(name) for name in CORRELATED_SIZES]
    correlation = np.corrcoef(np.array(drawn)[:, sizes].T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(correlation, SIZE_CORRELATION, atol=0.05)


def test_body_surface_and_the_heart_that_goes_with_it():
    assert body_surface_m2(180.0, 25.0) == pytest.approx(2.01, abs=0.01)  # 81 kg
    for sex in SEXES:
        assert heart_size(sex, STATURE.of(sex)[0], BMI.of(sex)[0]) == pytest.approx(1.0)
    ratio = heart_size("male", 190.0, 24.0) / heart_size("male", 165.0, 24.0)
    area = body_surface_m2(190.0, 24.0) / body_surface_m2(165.0, 24.0)
    assert ratio**3 == pytest.approx(area)


def test_level_is_nearly_a_distance_at_the_surface():
    template = load_atlas()[1]
    parameters = mean_parameters()
    for surface, tag in {"lv": Surface.LV_ENDO, "epi": Surface.EPI}.items():
        points = template.points[np.unique(template.tagged(tag))]
        points = points[points[:, 2] < -1]
        slope = np.linalg.norm(level_gradient(surface, points, parameters), axis=1)
        assert np.median(np.abs(slope - 1)) < 0.02


@pytest.mark.parametrize("n", [6, pytest.param(24, marks=pytest.mark.slow)])
def test_random_hearts_are_valid_and_of_human_size(n):
    rng = np.random.default_rng(2)
    volumes = []
    for _ in range(n):
        drawn = heart_surfaces(rng.uniform(-1, 1, 10), 4.0)  # checks itself
        volumes.append(list(drawn.volumes_ml.values()))
        assert triangle_quality(drawn.points, drawn.faces).min() > 0.2
    lv, rv, myocardium = np.mean(volumes, axis=0)
    slack = 60 / n  # the mean of a few hearts strays farther
    assert abs(lv - 145) < 15 + slack and abs(rv - 155) < 15 + slack
    assert abs(myocardium - 130) < 20 + slack
    assert np.std(volumes, axis=0).min() > 5


def test_extreme_corners_of_the_cohort_are_valid():
    for sign in (1, -1):
        for code, edge in ((np.full(10, sign), 4.0), (sign * (-1.0) ** np.arange(10), 2.2)):
            drawn = heart_surfaces(code, edge)  # refuses what is no heart
            assert triangle_quality(drawn.points, drawn.faces).min() > 0.2


def test_base_and_valve_caps_are_planar(mean_heart):
    for drawn in (mean_heart, heart_surfaces(np.linspace(1, -1, 10), 4.0)):
        tags = (Surface.BASE, Surface.LV_CAP, Surface.RV_CAP)
        flat = drawn.points[np.unique(drawn.faces[np.isin(drawn.face_tags, tags)])]
        thickness = np.linalg.svd(flat - flat.mean(axis=0))[1][2]
        assert thickness < 1e-2
        assert len(flat) > 200


def test_heart_frame(mean_heart):
    mark = mean_heart.landmarks
    np.testing.assert_allclose(mark["LV_BASE"], 0, atol=1e-9)
    np.testing.assert_allclose(mark["LV_APEX"][:2], 0, atol=1e-9)
    assert mark["LV_APEX"][2] < -70  # z points from apex to base
    assert mark["RV_BASE"][0] > 30 and abs(mark["RV_BASE"][1]) < 1e-9  # x points to the RV
    assert mark["APEX_EPI"][2] < mark["LV_APEX"][2] - 2


def test_orientation_of_tagged_surfaces(mean_heart):
    corners = mean_heart.points[mean_heart.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for tag in (Surface.BASE, Surface.LV_CAP, Surface.RV_CAP):
        assert np.all(normal[mean_heart.face_tags == tag, 2] > 0)
    lv = mean_heart.face_tags == Surface.LV_ENDO
    radial = corners[lv].mean(axis=1) * [1, 1, 0]
    assert np.mean(np.einsum("ij,ij->i", radial, normal[lv]) > 0) > 0.98  # out of the cavity
    assert all(v > 0 for v in mean_heart.volumes_ml.values())


def test_boundaries_are_shared(mean_heart):
    undirected, counts = unique_edges(mean_heart.faces)
    assert set(np.unique(counts)) == {2, 3}  # three surfaces meet in each edge of a boundary
    shared_points = np.unique(undirected[counts == 3])
    assert np.ptp(mean_heart.points[shared_points] @ _base_normal(mean_heart)) < 1e-3


def _base_normal(drawn):
    flat = drawn.points[np.unique(drawn.faces[drawn.face_tags == Surface.BASE])]
    return np.linalg.svd(flat - flat.mean(axis=0))[2][2]


def test_resolutions_agree():
    coeffs = np.linspace(-0.8, 0.9, 10)
    coarse, fine = heart_surfaces(coeffs, 4.0), heart_surfaces(coeffs, 2.2)
    for name in ("lv", "rv", "myocardium"):
        assert coarse.volumes_ml[name] == pytest.approx(fine.volumes_ml[name], rel=0.02)
    for name, point in coarse.landmarks.items():
        np.testing.assert_allclose(point, fine.landmarks[name], atol=1e-9)
    for drawn, edge_mm in ((coarse, 4.0), (fine, 2.2)):
        edges, _ = unique_edges(drawn.faces)
        length = np.linalg.norm(drawn.points[edges[:, 0]] - drawn.points[edges[:, 1]], axis=1)
        assert length.mean() == pytest.approx(edge_mm, rel=0.1)


@pytest.mark.parametrize("edge_mm", SHIPPED_EDGES_MM)
def test_resampled_points_lie_on_the_parametric_heart(edge_mm):
    resampling = heart._resampling(edge_mm)
    points = resampling.apply(load_atlas()[1].points)
    for surface, tag in {"lv": 3, "rv": 4, "epi": 2}.items():
        ids = np.unique(resampling.faces[resampling.face_tags == tag])
        off = np.abs(level(surface, points[ids], mean_parameters()))
        assert off.max() < 0.6 and off.mean() < 0.05  # chords of 2.7 mm edges
    planar = np.isin(resampling.face_tags, (5, 6, 7))
    assert np.all(points[np.unique(resampling.faces[planar]), 2] == 0)
    assert triangle_quality(points, resampling.faces).min() > 0.3


def test_same_coefficients_same_bytes():
    first, second = (heart_surfaces(np.full(10, 0.3), 4.0).points for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_hearts_that_are_none_are_refused(mean_heart):
    points, faces, tags = mean_heart.points, mean_heart.faces, mean_heart.face_tags
    with pytest.raises(StepFailed, match="not closed"):
        check_heart(Surfaces(points, faces[1:], tags[1:]))
    with pytest.raises(StepFailed, match="volume"):
        check_heart(Surfaces(points / 10, faces, tags))
    epi = np.unique(faces[tags == Surface.EPI])
    poked = points.copy()
    poked[epi[np.abs(poked[epi, 2] + 40) < 6]] *= [0.75, 0.75, 1]
    assert min_wall(Surfaces(poked, faces, tags)) < 1.5
    with pytest.raises(StepFailed, match="thick"):
        check_heart(Surfaces(poked, faces, tags))
    curved = faces[np.isin(tags, (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO))]
    spiked = points.copy()
    spiked[epi[spiked[epi, 2].argmin()]] = [0, 0, -20.0]
    assert len(intersecting_pairs(points, curved)) == 0
    assert len(intersecting_pairs(spiked, curved)) > 0
    with pytest.raises(StepFailed, match=r"heart_coeffs.*lower cohort.range_sd"):
        heart_surfaces(np.full(10, 9.0), 4.0)


def test_volumes_scale_with_the_cube(mean_heart):
    double = heart_volumes(replace(mean_heart, points=2 * mean_heart.points))
    for name, volume in mean_heart.volumes_ml.items():
        assert double[name] == pytest.approx(8 * volume, rel=1e-9)


def test_harmonic_extension_is_exact_for_linear_functions():
    template = load_atlas()[1]
    base = template.tagged(Surface.BASE)
    shells = template.tagged(Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO)
    on_loop = np.isin(np.arange(len(template.points)), np.intersect1d(base, shells))
    linear = template.points @ [[1.0, 0.5], [2.0, -1.0], [0.0, 0.0]] + 3.0
    filled = extend_harmonically(
        template.points, base, on_loop, np.where(on_loop[:, None], linear, 0)
    )
    inside = np.unique(base)
    np.testing.assert_allclose(filled[inside], linear[inside], atol=1e-4)


def test_edge_length_is_checked():
    with pytest.raises(BadInput, match="mm"):
        heart_surfaces(np.zeros(10), 0.0004)


def test_any_other_edge_is_meshed_on_the_mean_heart():
    drawn = heart_surfaces(np.full(10, 0.5), 6.0)
    reference = heart_surfaces(np.full(10, 0.5), 4.0)
    assert len(drawn.faces) < 0.6 * len(reference.faces)
    assert drawn.volumes_ml["lv"] == pytest.approx(reference.volumes_ml["lv"], rel=0.03)


def test_boundary_loop_of_a_disc_and_of_none():
    disc = np.array([[0, 1, 2], [0, 2, 3]])
    assert sorted(loops_of_sphere(disc, 1)[0]) == [0, 1, 2, 3]
    for no_disc in (disc[[0, 0]], np.array([[0, 1, 2], [3, 4, 5]]), _closed_tetrahedron()):
        with pytest.raises(StepFailed):
            loops_of_sphere(no_disc, 1)


def _closed_tetrahedron():
    return np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])


@pytest.mark.slow
def test_carried_template_lies_on_the_new_heart():
    start = mean_parameters()
    template = build_template(start, 5.0)
    rng = np.random.default_rng(3)
    end = parameters_from(rng.normal(size=len(PARAMETERS["male"])).clip(-1.5, 1.5), "male", 1.03)
    points = carry_template(template, start, end)
    for surface, tag in {"lv": 3, "rv": 4, "epi": 2}.items():
        ids = np.unique(template.tagged(tag))
        assert np.abs(level(surface, points[ids], end)).max() < 1e-5
    base = np.unique(template.tagged(Surface.BASE, Surface.LV_CAP, Surface.RV_CAP))
    assert np.abs(points[base, 2]).max() < 1e-9
    assert triangle_quality(points, template.faces).min() > 0.2
    np.testing.assert_allclose(carry_template(template, start, start), template.points, atol=1e-5)


def test_a_polygon_without_an_inside_has_no_planar_mesh():
    there_and_back = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 0, 0.0]])
    with pytest.raises(StepFailed, match="planar mesh: gmsh did not keep the boundary"):
        mesh_plane([there_and_back], 0.5)

"""Errors of heart potentials and activation times on pairs whose errors are known."""

import numpy as np
import pytest
import pyvista as pv

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.triangles import compact
from einthoven.base.metrics.activation_times import (
    ActivationErrors,
    breakthroughs,
    crossing_times,
    downslope_times,
    earliest_site,
    gradient_lengths,
    localisation_errors_mm,
    spatiotemporal_times,
    upstroke_times,
)
from einthoven.base.metrics.potentials import (
    PotentialErrors,
    spatial_correlation,
    temporal_correlation,
)
from einthoven.base.metrics.reliability import gaussian_coverage

RNG = np.random.default_rng(5)
TIME = np.arange(0.0, 100.0, 1.0)


def sphere(radius=30.0, level=3):
    mesh = pv.Icosphere(radius=radius, nsub=level)
    return np.asarray(mesh.points, float), mesh.regular_faces


def test_errors_are_those_of_the_paper_on_a_pair_by_hand():
    truth = np.array([[0.0, 1, 2], [2, 2, 5]])
    found = np.array([[1.0, 1, 1], [2, 3, 4]])
    errors = PotentialErrors.of(found, truth)
    assert errors.re == pytest.approx(np.sqrt((1 + 0 + 1 + 0 + 1 + 1) / 38))
    assert errors.mse == pytest.approx(4 / 6)
    # without node means: truth (-1 0 1), (-1 -1 2); found (0 0 0), (-1 0 1)
    assert errors.cc == pytest.approx(3 / np.sqrt(2 * 8))
    np.testing.assert_allclose(temporal_correlation(found, truth), [0, 3 / np.sqrt(2 * 6)])
    # two nodes: one difference, so a correlation of its sign
    np.testing.assert_allclose(spatial_correlation(found, truth), [1, 1, 1])


@pytest.mark.parametrize("factor, shift", [(1.0, 0.0), (2.5, 0.0), (1.0, 3.0), (-1.0, 0.0)])
def test_what_scale_and_level_of_a_node_do(factor, shift):
    truth = RNG.standard_normal((7, 40))
    found = factor * truth + shift
    errors = PotentialErrors.of(found, truth)
    assert errors.re**2 * np.square(truth).mean() == pytest.approx(errors.mse)
    assert errors.mse == pytest.approx(np.square((factor - 1) * truth + shift).mean())
    for cc in (errors.cc, errors.spatial_cc, errors.temporal_cc):
        assert cc == pytest.approx(np.sign(factor))


def test_a_level_of_each_node_leaves_cc_and_not_the_spatial_one():
    truth = RNG.standard_normal((50, 60))
    found = truth + 5 * RNG.standard_normal((50, 1))
    errors = PotentialErrors.of(found, truth)
    assert errors.cc == pytest.approx(1) and errors.spatial_cc < 0.5
    assert PotentialErrors.of(np.zeros_like(truth), truth).cc == 0
    with pytest.raises(BadInput, match="zero"):
        PotentialErrors.of(found, 0 * truth)
    with pytest.raises(BadInput, match="varies"):
        PotentialErrors.of(truth, np.ones_like(truth))
    with pytest.raises(BadInput, match="shape"):
        PotentialErrors.of(found[:3], truth)


def test_activation_times_of_travelling_upstrokes_to_a_fraction_of_a_sample():
    true = RNG.uniform(20, 80, 30)
    v_m = np.tanh((TIME - true[:, None]) / 6.0)
    np.testing.assert_allclose(crossing_times(v_m, TIME, 0.0), true, atol=2e-3)
    np.testing.assert_allclose(upstroke_times(v_m, TIME), true, atol=0.02)
    np.testing.assert_allclose(downslope_times(-v_m, TIME), true, atol=0.02)
    np.testing.assert_allclose(upstroke_times(v_m, TIME, smooth=2.0), true, atol=0.02)
    never = np.vstack([v_m, -np.ones(len(TIME)), np.ones(len(TIME))])
    late, early = crossing_times(never, TIME, 0.5)[-2:]
    assert np.isnan(late) and early == TIME[0]


def test_smoothing_keeps_activation_times_under_noise():
    true = RNG.uniform(25, 75, 200)
    noisy = -np.tanh((TIME - true[:, None]) / 3.0) + 0.15 * RNG.standard_normal((200, len(TIME)))
    plain = np.abs(downslope_times(noisy, TIME) - true).mean()
    smoothed = np.abs(downslope_times(noisy, TIME, smooth=3.0) - true).mean()
    assert smoothed < 0.5 and smoothed < plain / 3


def test_gradient_of_a_linear_function_on_a_sphere():
    points, faces = sphere(level=4)
    values = points @ np.array([[1.0], [0], [0]])
    # the part of e_x in the tangent plane
    expected = np.sqrt(1 - (points[:, 0] / 30.0) ** 2)
    np.testing.assert_allclose(gradient_lengths(points, faces, values)[:, 0], expected, atol=0.06)
    upper = triangle_area_vectors(points * [1, 1, 0], faces)[:, 2] > 1e-3
    flat, triangles = compact(points * [1, 1, 0], faces[upper])
    lengths = gradient_lengths(flat, triangles, flat @ [[3.0], [-4.0], [0]])
    np.testing.assert_allclose(lengths, 5.0)


def test_a_far_field_deflection_is_no_activation_of_the_spatiotemporal_method():
    points, faces = sphere()
    true = 20 + 50 * (1 + points[:, 2] / 30.0) / 2
    local = -2 * np.tanh((TIME - true[:, None]) / 3.0)
    # all nodes fall together, more steeply than the wavefront
    far = -4 * np.tanh((TIME - 85.0) / 3.0)
    egm = local + far
    away = np.abs(true - 85) > 15
    assert (np.abs(downslope_times(egm, TIME) - true)[away] > 14).all()
    found = spatiotemporal_times(egm, TIME, (points, faces))
    at_pole = np.abs(points[:, 2]) > 28  # there the gradient of the wave is zero
    np.testing.assert_allclose(found[away & ~at_pole], true[away & ~at_pole], atol=1.0)
    risen = spatiotemporal_times(-egm, TIME, (points, faces), falling=False)
    np.testing.assert_array_equal(risen, found)


def test_errors_of_activation_times():
    true = RNG.uniform(0, 100, 50)
    errors = ActivationErrors.of(true + 7.0, true)
    assert errors.mean_absolute == pytest.approx(7) and errors.correlation == pytest.approx(1)
    missing = np.where(np.arange(50) < 5, np.nan, -true)
    errors = ActivationErrors.of(missing, true)
    assert errors.n_missing == 5 and errors.correlation == pytest.approx(-1)
    assert ActivationErrors.of(np.full(50, 3.0), true).correlation == 0
    with pytest.raises(BadInput, match="to compare"):
        ActivationErrors.of(np.full(50, np.nan), true)


def test_pacing_sites_of_waves_on_a_sphere():
    surface = points, faces = sphere(level=4)
    sites = np.array([[0, 0, -30.0], [0, 30.0, 0], [0, 0, 30.0]])
    angle = np.arccos(np.clip(points @ sites.T / 900, -1, 1))
    time = (angle * 30 / 0.6 + [0.0, 10.0, 25.0]).min(axis=1)
    first = earliest_site(surface, time)
    assert np.linalg.norm(first - sites[0]) == pytest.approx(
        np.linalg.norm(points - sites[0], axis=1).min()
    )
    region = earliest_site(surface, time, window=15.0)
    np.testing.assert_allclose(region[:2], 0, atol=0.4)  # the second wave's start is not joined
    assert -30 < region[2] < -28
    found = points[breakthroughs(surface, time, prominence=3.0, radius_mm=15.0)]
    assert len(found) == 3
    assert localisation_errors_mm(found, sites).max() < 1.5
    assert localisation_errors_mm(first[None], sites[:2])[1] == pytest.approx(
        np.linalg.norm(first - sites[1])
    )
    assert len(breakthroughs(surface, time, prominence=60.0, radius_mm=15.0)) == 1
    with pytest.raises(BadInput, match="no node"):
        earliest_site(surface, np.full(len(points), np.nan))


def test_coverage_of_normal_intervals():
    sd = RNG.uniform(0.5, 2.0, 40_000)
    truth = RNG.standard_normal(40_000)
    predicted = truth + sd * RNG.standard_normal(40_000)
    for level in (0.5, 0.9):
        assert gaussian_coverage(predicted, sd, truth, level) == pytest.approx(level, abs=0.01)
    assert gaussian_coverage(predicted, 0 * sd, truth, 0.9) == 0
    with pytest.raises(BadInput, match="negative"):
        gaussian_coverage(predicted, -sd, truth, 0.9)

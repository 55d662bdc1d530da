"""Published formats are read with the right meaning, or refused with the likely cause."""

import helpers.atlas as stand_in
import numpy as np
import pytest
import pyvista as pv

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.body.anatomy.shape.model import ShapeModel
from einthoven.body.atlases import bai, mpii, schuler, ukb
from einthoven.body.atlases.components import principal_components


@pytest.fixture(scope="module")
def bai_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bai")
    return folder, *stand_in.write_bai(folder)


@pytest.fixture(scope="module")
def ukb_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ukb")
    return folder, *stand_in.write_ukb(folder)


@pytest.fixture(scope="module")
def mpii_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpii")
    return folder, *stand_in.write_mpii(folder)


def closed(model: ShapeModel) -> bool:
    surface = pv.PolyData.from_regular_faces(model.mean, model.faces)
    return surface.n_open_edges == 0 and surface.is_manifold


def test_bai_shapes_are_mean_plus_scores_times_root_of_variance(bai_folder):
    folder, points, modes, variances = bai_folder
    model = bai.read_surfaces(folder, "ED", 10)
    scores = np.linspace(-2, 2, 10)
    wanted = points + np.tensordot(scores * np.sqrt(variances[:10]), modes[:10], axes=1)
    np.testing.assert_allclose(model.points(scores), wanted, atol=1e-3)  # seven digits in the CSV
    assert set(model.face_tags) == {Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO}


@pytest.mark.slow
def test_bai_wall_is_closed_moves_with_its_surfaces_and_has_an_rv_wall(bai_folder):
    folder, points, modes, variances = bai_folder
    model = bai.read(folder, "ED", 3)
    assert closed(model) and enclosed_volume(model.mean, model.faces) > 0
    grown = model.points([1.0])
    move = np.tensordot(np.sqrt(variances[:1]), modes[:1], axes=1)  # the first mode scales
    rate = np.linalg.norm(move) / np.linalg.norm(points - points.mean(axis=0))
    scaled = points.mean(axis=0) + (1 + rate) * (model.mean - points.mean(axis=0))
    assert np.linalg.norm(grown - scaled, axis=1).max() < 0.5  # the RV's wall does not thicken
    rv = np.unique(model.faces[model.face_tags == Surface.RV_ENDO])
    epi = model.faces[model.face_tags == Surface.EPI]
    outside = pv.PolyData.from_regular_faces(model.mean, epi)
    _, nearest = outside.find_closest_cell(model.mean[rv], return_closest_point=True)
    away = np.linalg.norm(nearest - model.mean[rv], axis=1)
    assert away.min() > 2.7 and np.quantile(away, 0.2) < 3.3


def test_the_left_muscle_may_come_as_outside_or_as_shell():
    """Either way the base is cut across the long axis, at the same height."""
    lv, rv = (stand_in.cavity(tag) for tag in (Surface.LV_ENDO, Surface.RV_ENDO))
    points, faces = outside = stand_in.left_outside()
    shell = (
        np.concatenate([points + 0.2 * stand_in.TURN[:, 2], lv[0]]),  # tops must not coincide
        np.concatenate([faces, lv[1][:, ::-1] + len(points)]),
    )
    planes = [bai._base_plane(lv, its, rv) for its in (outside, shell)]
    for up, height in planes:
        np.testing.assert_allclose(up, stand_in.TURN[:, 2], atol=0.02)
        assert height == pytest.approx(stand_in.SHIFT @ stand_in.TURN[:, 2] - 2.0, abs=0.5)
    far = (outside[0] * 2, outside[1])
    with pytest.raises(BadInput, match="no open base"):
        bai._base_plane(lv, (far[0] - far[0].mean(axis=0) + lv[0].mean(axis=0), far[1]), rv)


def test_bai_refuses_standard_deviations_other_units_and_scaled_modes(bai_folder, tmp_path):
    folder, points, modes, variances = bai_folder
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    table = tmp_path / "Both_ED_var_100_modes.csv.gz"

    def refused(match, values):
        table.unlink()
        stand_in.write_csv(table, values[:, None])
        with pytest.raises(BadInput, match=match):
            bai.read_surfaces(tmp_path, "ED", 10)

    refused("standard deviations, not variances", np.sqrt(variances))
    refused("mm\\^2", variances / 100)
    refused("sorted upwards", variances[::-1])
    refused("fit neither", variances[:-1])
    table.unlink()
    table.write_bytes((folder / table.name).read_bytes()[:60])
    with pytest.raises(BadInput, match="truncated"):
        bai.read_surfaces(tmp_path, "ED", 10)
    table.unlink()
    with pytest.raises(BadInput, match="no Both_ED_var"):
        bai.read_surfaces(tmp_path, "ED", 10)


def test_modes_must_be_orthonormal_and_either_order_of_axes_is_read():
    modes = np.linalg.qr(np.random.default_rng(0).normal(size=(30, 4)))[0].T
    variances = np.array([9.0, 4.0, 1.0, 0.25])
    for table in (modes, modes.T):
        found, sds = principal_components(table, variances, 30, 2, "file")
        np.testing.assert_array_equal(found, modes[:2])
        np.testing.assert_array_equal(sds, [3.0, 2.0])
    with pytest.raises(BadInput, match="scaled by SD"):
        principal_components(modes * np.sqrt(variances)[:, None], variances, 30, 4, "file")


def test_schuler_classes_become_tags_and_bai_modes_move_the_wall(bai_folder, tmp_path):
    folder = bai_folder[0]
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    with pytest.raises(BadInput, match="heart_sur.vtp"):
        schuler.read(tmp_path, "ED", 3)
    stand_in.write_schuler(tmp_path)
    model = schuler.read(tmp_path, "ED", 3)
    points, faces, tags = stand_in.wall()
    np.testing.assert_allclose(model.mean, points, atol=1e-4)
    same = model.face_tags == tags
    assert np.all(model.face_tags[~same] == Surface.BASE) and same.mean() > 0.9
    assert model.n_modes == 3 and np.all(np.diff(model.sds) < 1e-6)


def test_ukb_halves_are_end_diastole_and_end_systole(ukb_folder):
    folder, points, modes, variances = ukb_folder
    for phase, factor, half in (("ED", 1.0, 0), ("ES", 0.9, 1)):
        model = ukb.read(folder, phase, 8)
        scores = np.linspace(1, -1, 8)
        move = (scores * np.sqrt(variances[:8])) @ modes[:8]
        wanted = factor * points + move.reshape(2, -1, 3)[half]
        used = np.unique(ukb.read_template(folder)[0])
        np.testing.assert_allclose(model.points(scores), wanted[used], atol=1e-9)
        assert closed(model)
    assert len(used) < len(points)  # the valves are left out


def test_ukb_refuses_what_is_not_the_file(ukb_folder, tmp_path):
    h5py = pytest.importorskip("h5py")
    folder = ukb_folder[0]
    for name in ("ETIndicesSorted.txt", "ETIndicesMaterials.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(BadInput, match="no such file"):
        ukb.read(tmp_path, "ED", 5)
    whole = (folder / "UKBRVLV.h5").read_bytes()
    (tmp_path / "UKBRVLV.h5").write_bytes(whole[:5000])
    with pytest.raises(BadInput, match="truncated"):
        ukb.read(tmp_path, "ED", 5)
    (tmp_path / "UKBRVLV.h5").write_bytes(whole)
    with h5py.File(tmp_path / "UKBRVLV.h5", "a") as file:
        file["LATENT"][...] = np.sqrt(file["LATENT"][...])
    with pytest.raises(BadInput, match="standard deviations"):
        ukb.read(tmp_path, "ED", 5)
    with h5py.File(tmp_path / "UKBRVLV.h5", "a") as file:
        del file["MU"]
        file["MU"] = np.zeros((6 * 5352, 1))
    with pytest.raises(BadInput, match="UKBRVLV_ALL"):
        ukb.read(tmp_path, "ED", 5)
    (tmp_path / "ETIndicesMaterials.txt").write_text("0 BONE\n")
    with pytest.raises(BadInput, match="materials"):
        ukb.read(tmp_path, "ED", 5)


def test_mpii_coordinates_are_by_axis_and_joints_by_number(mpii_folder):
    folder, points, faces, modes, variances = mpii_folder
    body = mpii.read(folder, "ED", 6)
    scores = np.linspace(-1, 1, 6)
    wanted = points + np.tensordot(scores * np.sqrt(variances[:6]), modes[:6], axes=1)
    np.testing.assert_allclose(body.model.points(scores), wanted, atol=1e-6)
    np.testing.assert_array_equal(body.shoulders[:, 0], [-165, 165])
    assert np.abs(points[body.arm, 0]).min() > 100 and body.arm.sum() > 100


def test_mpii_refuses_turned_bodies_and_cut_files(mpii_folder, tmp_path):
    from scipy.io import savemat

    folder, points, *_ = mpii_folder
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    turned = points * [-1, -1, 1]
    for mean, match in ((turned, "toes"), (points / 1000, "stature"), (points[:, [0, 2, 1]], "z")):
        savemat(tmp_path / "meanShape.mat", {"points": mean})
        with pytest.raises(BadInput, match=match):
            mpii.read(tmp_path, "ED", 6)
    savemat(tmp_path / "meanShape.mat", {"points": points})
    lines = (folder / "model.dat").read_text().splitlines()
    (tmp_path / "model.dat").write_text("\n".join(lines[:500]))
    with pytest.raises(BadInput, match="truncated"):
        mpii.read(tmp_path, "ED", 6)
    (tmp_path / "evalues.mat").unlink()
    with pytest.raises(BadInput, match=r"evalues.mat.*no such file"):
        mpii.read(tmp_path, "ED", 6)

"""A filed transfer matrix, open surfaces, and files with several geometries and signals."""

import re
from dataclasses import replace

import numpy as np
import pytest
from helpers.recordings import RATE_HZ, beat_of_a_dipole, heart_and_torso, write_pts_fac
from scipy.io import savemat

from einthoven.app.cli import main
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.inverse.measured.case import Preparation, prepare
from einthoven.inverse.measured.electrodes import MeasuredElectrodes, at_all_nodes
from einthoven.inverse.measured.reconstruction import (
    Choice,
    matrix_of_geometry,
    reconstruct_case,
)
from einthoven.inverse.measured.recording import ChannelRecording
from einthoven.inverse.measured.surface_files import closed_mesh, read_closed_surface
from einthoven.inverse.measured.transfer_file import FiledTransfer, compared, read_transfer

RNG = np.random.default_rng(4)
HEART_ARRAYS, TORSO_ARRAYS = heart_and_torso(heart_splits=1)
HEART, TORSO = (
    closed_mesh(part, *arrays, part)
    for part, arrays in (("heart", HEART_ARRAYS), ("torso", TORSO_ARRAYS))
)
POTENTIALS = beat_of_a_dipole(TORSO.points, RNG)
RECORDING = ChannelRecording.of("rec", POTENTIALS, "mV", RATE_HZ)
MATRIX = matrix_of_geometry(HEART, TORSO)
N, N_NODES = MATRIX.shape


def without_top(points, faces):
    """The surface open at its top, without nodes that no triangle has."""
    rim = np.sort(points[:, 2])[-8]
    kept = faces[(points[faces][:, :, 2] < rim).all(axis=1)]
    ids, numbered = np.unique(kept, return_inverse=True)
    return points[ids], numbered.reshape(-1, 3)


CAGE = without_top(*HEART_ARRAYS)


def written(path, matrix, name="A"):
    savemat(path, {name: matrix, "note": "filed"})
    return path


@pytest.mark.parametrize(
    "matrix, message",
    [
        (MATRIX.T, "save its transpose"),
        (MATRIX[:, :-2], "of another heart"),
        (MATRIX * 1e3, "another unit"),
        (MATRIX / 1e3, "another unit"),
        (np.where(MATRIX == MATRIX.max(), np.nan, MATRIX), "1 of 6804 values are NaN"),
        (np.ones_like(MATRIX) / N_NODES, "all rows are equal"),
        (MATRIX[np.random.default_rng(0).permutation(N)], "another order of electrodes"),
    ],
)
def test_a_wrong_matrix_is_one_line(tmp_path, matrix, message):
    path = written(tmp_path / "a.mat", matrix)
    with pytest.raises(BadInput, match=message) as raised:
        compared(str(path), read_transfer(path, (N,), N_NODES).matrix, MATRIX)
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)


@pytest.mark.parametrize("suffix", ["mat", "npy", "npz", "csv"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    {
        "mat": lambda: savemat(path, {"s": {"forward": MATRIX, "other": MATRIX.T}}),
        "npy": lambda: np.save(path, MATRIX),
        "npz": lambda: np.savez(path, A=MATRIX, time=np.arange(3.0)),
        "csv": lambda: np.savetxt(path, MATRIX, delimiter=","),
    }[suffix]()
    np.testing.assert_allclose(read_transfer(path, (7, N), N_NODES).matrix, MATRIX)


def test_several_matrices_need_a_name(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"A": MATRIX, "B": 2 * MATRIX})
    with pytest.raises(BadInput, match="A 162 x 42, B 162 x 42; name one by --matrix"):
        read_transfer(path, (N,), N_NODES)
    np.testing.assert_allclose(read_transfer(path, (N,), N_NODES, "B").matrix, 2 * MATRIX)
    with pytest.raises(BadInput, match="no matrix 'C'; it has A"):
        read_transfer(path, (N,), N_NODES, "C")


def test_how_far_a_matrix_is_from_the_geometry_is_told():
    off = MATRIX + 0.5 * (MATRIX - MATRIX.mean(axis=0))
    note = compared("m", off, MATRIX)
    assert "0.50 off" in note and "WARNING" not in note
    assert "WARNING" in compared("m", 2.0 * MATRIX, MATRIX)


def test_a_filed_matrix_of_the_geometry_gives_what_the_geometry_gives():
    electrodes = at_all_nodes(TORSO, RECORDING)
    case = prepare(HEART, TORSO, electrodes, RECORDING, Preparation(bad_leads="keep"))
    filed = case.with_transfer(FiledTransfer("m", MATRIX), electrodes, MATRIX)
    choice = Choice("tikhonov-1")
    found, expected = (reconstruct_case(each, choice, n_groups=0) for each in (filed, case))
    np.testing.assert_allclose(found.estimate.potentials, expected.estimate.potentials, atol=1e-9)
    # every node of this torso is an electrode, so that nothing is interpolated
    np.testing.assert_allclose(found.torso_potentials, expected.torso_potentials, atol=1e-3)


@pytest.mark.parametrize("rows", ["torso", "electrodes"])
def test_rows_follow_the_electrodes_that_are_kept(rows):
    nodes = np.arange(0, N, 2)
    names = tuple(f"E{node}" for node in nodes)
    electrodes = MeasuredElectrodes.at_nodes(names, nodes)
    values = POTENTIALS[nodes].copy()
    values[5] = np.nan
    recording = ChannelRecording.of("rec", values, "mV", RATE_HZ, names)
    case = prepare(HEART, TORSO, electrodes, recording)
    matrix = MATRIX if rows == "torso" else MATRIX[nodes]
    filed = case.with_transfer(FiledTransfer("m", matrix), electrodes)
    assert list(case.bad_leads) == ["E10"]
    np.testing.assert_allclose(filed.transfer, MATRIX[np.delete(nodes, 5)])
    np.testing.assert_allclose(filed.with_electrodes(np.arange(3)).transfer, MATRIX[nodes[:3]])


def test_an_open_surface_is_refused_capped_or_kept():
    with pytest.raises(BadInput, match="not closed, .* or say cap or keep"):
        closed_mesh("cage", *CAGE, "heart")
    kept, cap = (closed_mesh("cage", *CAGE, "heart", opened=how) for how in ("keep", "cap"))
    assert not kept.is_closed and "taken as it is" in kept.notes[-1]
    assert cap.is_closed and cap.n_of_file == len(CAGE[0]) and "capped" in cap.notes[-1]
    np.testing.assert_allclose(cap.points[: len(CAGE[0])], CAGE[0])
    closed_mesh("again", cap.points, cap.faces, "heart")  # closed, one orientation
    whole = enclosed_volume(*HEART_ARRAYS)
    assert 0.7 * whole < enclosed_volume(cap.points, cap.faces) < whole


@pytest.mark.parametrize("how", ["cap", "keep"])
def test_an_open_surface_is_turned_outwards(how):
    right = closed_mesh("cage", *CAGE, "heart", opened=how)
    turned = closed_mesh("cage", CAGE[0], CAGE[1][:, ::-1], "heart", opened=how)
    areas = [np.cross(*np.moveaxis(np.diff(m.points[m.faces], axis=1), 1, 0)).sum(axis=0)
             for m in (right, turned)]  # fmt: skip
    np.testing.assert_allclose(areas[0], areas[1], atol=1e-6)
    assert any("reversed" in note for note in turned.notes)


def test_a_recording_on_the_heart_of_other_rows_is_refused():
    case = prepare(HEART, TORSO, at_all_nodes(TORSO, RECORDING), RECORDING)
    with pytest.raises(BadInput, match="162 rows for 42 nodes"):
        case.with_heart(RECORDING, np.arange(42))
    short = replace(RECORDING, potentials=RECORDING.potentials[:42, :-150],
                    channels=RECORDING.channels[:42])  # fmt: skip
    with pytest.raises(BadInput, match="sampled together"):
        case.with_heart(short, np.arange(42))
    values = RECORDING.potentials[:42].copy()
    values[3] = np.nan
    good = replace(RECORDING, potentials=values, channels=RECORDING.channels[:42])
    np.testing.assert_array_equal(
        case.with_heart(good, np.arange(42)).measured.nodes, np.delete(np.arange(42), 3)
    )


def test_leads_without_a_place_are_refused():
    few = replace(RECORDING, potentials=POTENTIALS[:9], channels=RECORDING.channels[:9])
    with pytest.raises(BadInput, match="9 leads have no place"):
        at_all_nodes(TORSO, few)
    turned = replace(
        RECORDING, potentials=POTENTIALS[:, :162].T[:150], channels=RECORDING.channels[:150]
    )
    with pytest.raises(BadInput, match="Save its transpose"):
        at_all_nodes(TORSO, turned)
    twice = ChannelRecording.of("twice", np.vstack([POTENTIALS, POTENTIALS]), "mV", RATE_HZ)
    assert at_all_nodes(TORSO, twice, (163, 324)).channels[0] == "163"


def struct(points, faces):
    return {"pts": points.T, "fac": faces.T + 1}


@pytest.fixture
def one_file(tmp_path):
    """Two geometries and two signals in one file, and a matrix in another."""
    path = tmp_path / "run.mat"
    kept = np.flatnonzero((HEART_ARRAYS[0][:, None] == CAGE[0]).all(axis=2).any(axis=1))
    matrix = MATRIX[:, kept]
    heart = np.linalg.lstsq(matrix, POTENTIALS, rcond=1e-2)[0]
    signal = {"unit": "mV", "samplefrequency": RATE_HZ}
    savemat(path, {"scene": {"cage": struct(*CAGE), "tank": struct(*TORSO_ARRAYS)},
                   "ts": {"potvals": POTENTIALS, **signal},
                   "ts_cage": {"potvals": heart, **signal}})  # fmt: skip
    written(tmp_path / "matrix.mat", matrix)
    return tmp_path


def arguments(folder, *more):
    run = str(folder / "run.mat")
    return ["inverse", "--heart", run, "--torso", run, "--potentials", run, "--method",
            "tikhonov-1", "--sd-groups", "0", "--to", str(folder / "out"), *more]  # fmt: skip


PARTS = (
    "--geometry",
    "heart=scene.cage",
    "torso=scene.tank",
    "--signal",
    "body=ts",
    "heart=ts_cage",
)


def test_all_from_one_file_with_a_filed_matrix(one_file, capsys, monkeypatch):
    monkeypatch.setattr("einthoven.base.plots.heart_maps.HEIGHT_PX", 80)
    assert main(arguments(one_file, *PARTS, "--transfer", str(one_file / "matrix.mat"))) == 0
    out = capsys.readouterr().out
    assert "taken as it is" in out and "off that of the geometry" in out and "RE" in out
    found = load_arrays(one_file / "out" / "potentials.npz")
    assert len(found["potentials"]) == len(CAGE[0])


def test_potentials_of_the_heart_from_another_file(one_file, capsys, monkeypatch):
    monkeypatch.setattr("einthoven.base.plots.heart_maps.HEIGHT_PX", 80)
    rng = np.random.default_rng(0)
    np.save(one_file / "cage.npy", rng.normal(size=(len(CAGE[0]), POTENTIALS.shape[1])))
    more = ("--heart-potentials", str(one_file / "cage.npy"), "--potential-unit", "mV")
    matrix = ("--transfer", str(one_file / "matrix.mat"))
    assert main(arguments(one_file, *PARTS[:3], "--signal", "ts", *more, *matrix)) == 0
    assert f"against {len(CAGE[0])} electrodes on the heart" in capsys.readouterr().out


def test_without_a_matrix_the_cage_is_capped(one_file, capsys, monkeypatch):
    monkeypatch.setattr("einthoven.base.plots.heart_maps.HEIGHT_PX", 80)
    assert main(arguments(one_file, *PARTS)) == 0
    assert "capped with" in capsys.readouterr().out
    found = load_arrays(one_file / "out" / "potentials.npz")
    assert len(found["potentials"]) > len(CAGE[0])


@pytest.mark.parametrize(
    "more, message",
    [
        ((), "2 time signals; .* ts, ts_cage; name one by --signal"),
        (("--signal", "ts"), "2 geometries; .* scene.cage, scene.tank; name one by --geometry"),
        (("--signal", "run"), "no 'run' among 2 time signals"),
        (("--signal", "ts", "--geometry", "heart=sock", "torso=scene.tank"),
         "no 'sock' among 2 geometries"),
        (("--signal", "ts", "body=ts"), "body given more than once"),
        ((*PARTS, "--open", "keep"), "take --open cap, or give a matrix"),
        ((*PARTS, "--signal", "heart=ts"), "2 time signals"),
    ],
)  # fmt: skip
def test_names_that_do_not_fit_are_one_line(one_file, more, message, capsys):
    assert main(arguments(one_file, *more)) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert re.search(message, lines[0])


def test_a_name_for_a_file_without_names_is_refused(tmp_path):
    path = write_pts_fac(tmp_path / "heart", *HEART_ARRAYS)
    with pytest.raises(BadInput, match="only a .mat has names"):
        read_closed_surface(path, "heart", geometry="cage")

"""Atomic files, seeds, validators and P1 calculus."""

import errno
import subprocess
import zipfile

import numpy as np
import pytest

from einthoven.base.core import check, files, seeds
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.files import HOST
from einthoven.base.geometry import simplex

TET = np.array([[0.0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 4]])
CELL = np.array([[0, 1, 2, 3]])


def test_same_arrays_same_bytes(tmp_path):
    arrays = {"points": np.arange(12.0).reshape(4, 3), "names": np.array(["V1", "RA"])}
    for name in ("a.npz", "b.npz"):
        files.save_arrays(tmp_path / name, arrays, patient="p0001", volumes={"lv": 1.5})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = files.load_arrays(tmp_path / "a.npz", require=("points",))
    assert back.attrs == {"patient": "p0001", "volumes": {"lv": 1.5}}
    assert back["names"].tolist() == ["V1", "RA"]
    np.testing.assert_array_equal(back["points"], arrays["points"])


def test_only_what_shrinks_is_compressed(tmp_path):
    noise = np.random.default_rng(0).normal(size=(3, 9000)).astype("float32")
    arrays = {"noise": noise, "ids": np.arange(40_000), "strided": noise[:, ::2], "none": noise[:0]}
    files.save_arrays(tmp_path / "a.npz", arrays)
    sizes = {its.filename: its for its in zipfile.ZipFile(tmp_path / "a.npz").infolist()}
    assert sizes["noise.npy"].compress_type == zipfile.ZIP_STORED
    assert sizes["ids.npy"].compress_size < 0.5 * sizes["ids.npy"].file_size
    back = files.load_arrays(tmp_path / "a.npz")
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.npz"
    files.save_arrays(path, {"a": np.zeros(3)})
    before = path.read_bytes()
    with pytest.raises(ValueError):
        files.save_arrays(path, {"a": np.zeros(3), "b": np.array([object()])})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_a_writer_removes_what_a_killed_one_left_and_nothing_of_a_live_one(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    its = f"{HOST}.{dead.pid}.tmp"
    names = [
        f".x.npz.{its}",
        f".x.npz.{HOST}.1.tmp",
        f".x.npz.there.{dead.pid}.tmp",
        f".y.npz.{its}",
    ]
    for name in names:
        (tmp_path / name).write_bytes(b"half")
    files.save_arrays(tmp_path / "x.npz", {"a": np.zeros(3)})
    assert {p.name for p in tmp_path.iterdir()} == {"x.npz", *names[1:]}


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), ValueError("(os error 28): No space left on device")]
)
def test_a_full_disk_is_one_clear_line(tmp_path, error):
    path = tmp_path / "x.npz"
    path.write_bytes(b"old")
    with (
        pytest.raises(StepFailed, match=r"x.npz: the disk is full \(\d+ bytes free\); make space"),
        files.atomic(path) as temporary,
    ):
        temporary.write_bytes(b"half")
        try:
            raise error
        finally:
            raise ValueError("cannot close the archive either")
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("spoil", ["missing", "truncated", "foreign", "lacks"])
def test_bad_files_are_named(tmp_path, spoil):
    path = tmp_path / "mesh.npz"
    if spoil == "foreign":
        np.savez(path, points=np.zeros(3))
    elif spoil != "missing":
        files.save_arrays(path, {"other" if spoil == "lacks" else "points": np.arange(1e4)})
    if spoil == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadInput, match="mesh.npz"):
        files.load_arrays(path, require=("points",))


@pytest.mark.parametrize("content", [b'{"half": ', b"\xff\xfe\x00"])
def test_a_file_that_is_not_json_is_named(tmp_path, content):
    path = tmp_path / "p0000.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"p0000\.json: not JSON"):
        files.read_json(path)


def test_seeds_depend_on_every_key():
    draws = {seeds.derive_seed(*k) for k in [(1, "a"), (2, "a"), (1, "b"), (1, "a", 0), (1, "a0")]}
    assert len(draws) == 5
    a, b = (seeds.generator(1, "p0001", "tree").random(4) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_p1_gradient_of_linear_function_is_exact():
    slope = np.array([0.3, -2.0, 5.0])
    gradients = simplex.p1_gradients(TET, CELL)
    np.testing.assert_allclose(gradients.sum(axis=1), 0, atol=1e-15)
    got = simplex.cell_gradient(gradients, CELL, (TET @ slope)[None])
    np.testing.assert_allclose(got[0, 0], slope, atol=1e-14)
    np.testing.assert_allclose(simplex.tet_volumes(TET, CELL), 4.0)


@pytest.mark.parametrize("k", [2, 3])
def test_unique_sides_are_the_unique_sorted_rows(k) -> None:
    sides = np.random.default_rng(k).integers(0, 40, (500, k)).astype(np.int32)
    found, count = simplex.unique_sides(sides)
    rows, counts = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
    np.testing.assert_array_equal(found, rows)
    np.testing.assert_array_equal(count, counts)


def test_faces_of_too_many_nodes_are_refused() -> None:
    with pytest.raises(BadInput, match="3000001 nodes are too many"):
        simplex.unique_sides(np.array([[0, 1, 3_000_000]]))


def test_flat_tetrahedron_is_refused():
    with pytest.raises(BadInput, match="no volume"):
        simplex.p1_gradients(TET * [1, 1, 0], CELL)


def test_enclosed_volume_of_a_tetrahedron():
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    assert simplex.enclosed_volume(TET + 100.0, faces) == pytest.approx(4.0)
    np.testing.assert_allclose(simplex.triangle_area_vectors(TET, faces).sum(axis=0), 0, atol=1e-14)


def test_validators_name_the_field():
    with pytest.raises(BadInput, match=r"points: 1 of 3"):
        check.finite("points", np.array([0, np.nan, 1]))
    with pytest.raises(BadInput, match=r"points: shape \(3,\), expected \('any', 3\)"):
        check.shape("points", np.zeros(3), (None, 3))
    with pytest.raises(BadInput, match="V1 given more than once"):
        check.unique("electrodes", ["V1", "V2", "V1"])
    with pytest.raises(BadInput, match="is this mm"):
        check.between("edge", 0.004, 0.5, 8, "is this mm?")

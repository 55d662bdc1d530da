"""MATLAB 7.3 files give what the same variables in a -v7 file give."""

import numpy as np
import pytest
from scipy.io import savemat

from einthoven.base.core.errors import BadInput
from einthoven.inverse.measured.matlab import (
    read_matlab,
    read_matlab_matrices,
    read_matlab_surface,
)

h5py = pytest.importorskip("h5py")
VALUES = np.random.default_rng(0).normal(size=(5, 40))
RUN = {"potvals": VALUES, "unit": "mV", "samplefrequency": 500.0, "leadinfo": [0, 0, 1.0, 0, 0]}
FACES = np.array([[1, 2, 3], [1, 3, 4], [1, 4, 2], [2, 4, 3]])
POINTS = np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]])
VARIABLES = {"ts": RUN, "runs": [RUN, RUN | {"potvals": 2 * VALUES}], "note": "two beats"}


def save_73(path, variables):
    """As MATLAB lays them out (looked up in what hdf5storage 0.2 writes)."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            put(file, file, name, value)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def put(file, group, name, value):
    if isinstance(value, dict):
        struct = group.create_group(name)
        struct.attrs["MATLAB_class"] = np.bytes_("struct")
        for key, part in value.items():
            put(file, struct, key, part)
    elif isinstance(value, list) and isinstance(value[0], dict):  # references, field by field
        struct = group.create_group(name)
        struct.attrs["MATLAB_class"] = np.bytes_("struct")
        for key in value[0]:
            parts = [
                put(file, file.require_group("#refs#"), f"{name}-{k}-{key}", each[key])
                for k, each in enumerate(value)
            ]
            references = np.array([[part.ref] for part in parts], dtype=h5py.ref_dtype)
            struct.create_dataset(key, data=references)
    else:
        text = isinstance(value, str)
        codes = np.array([[ord(letter)] for letter in value], np.uint16) if text else value
        group[name] = codes if text else np.atleast_2d(np.asarray(value, float)).T
        group[name].attrs["MATLAB_class"] = np.bytes_("char" if text else "double")
        return group[name]


@pytest.fixture
def files(tmp_path):
    save_73(tmp_path / "new.mat", VARIABLES)
    savemat(tmp_path / "old.mat", VARIABLES)
    return tmp_path


@pytest.mark.parametrize("entry", ["ts", "runs.1", "runs.2"])
def test_recordings(files, entry):
    new, old = (read_matlab(files / f"{name}.mat", entry=entry) for name in ("new", "old"))
    np.testing.assert_array_equal(new.potentials, old.potentials)
    assert (new.channels, new.rate_hz, new.flagged) == (old.channels, old.rate_hz, old.flagged)
    assert new.rate_hz == 500.0 and new.flagged == ("3",)


def test_surfaces(tmp_path):
    save_73(tmp_path / "s.mat", {"geom": {"pts": POINTS.T, "fac": FACES}})
    points, faces = read_matlab_surface(tmp_path / "s.mat")
    np.testing.assert_array_equal(points, POINTS)
    np.testing.assert_array_equal(faces, FACES - 1)


def test_several_geometries_and_a_matrix(tmp_path):
    cage, tank = {"pts": POINTS, "fac": FACES}, {"node": 9 * POINTS, "face": FACES}
    content = {"scene": {"cage": cage, "tank": tank}, "forward": {"A": VALUES}, "one": 1.0}
    save_73(tmp_path / "new.mat", content)
    savemat(tmp_path / "old.mat", content)
    for name in ("new", "old"):
        points, faces = read_matlab_surface(tmp_path / f"{name}.mat", "scene.tank")
        np.testing.assert_array_equal(points, 9 * POINTS)
        np.testing.assert_array_equal(faces, FACES - 1)
        with pytest.raises(BadInput, match="2 geometries; .* scene.cage, scene.tank"):
            read_matlab_surface(tmp_path / f"{name}.mat")
        found = read_matlab_matrices(tmp_path / f"{name}.mat")
        np.testing.assert_array_equal(found["forward.A"], VALUES)

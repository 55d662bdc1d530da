"""The checker finds what is damaged or foreign, and names file and variable."""

import json
import re
import shutil
import zipfile

import numpy as np
import pytest
import zarr
from helpers.dataset import stage_arrays, write_patient

from einthoven.base.core.errors import BadInput
from einthoven.data.dataset.archive import pack, verify
from einthoven.data.dataset.checker import check_store
from einthoven.data.dataset.consolidate import consolidate


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    stores = [write_patient(folder, index) for index in range(3)]
    consolidate(folder / "einthoven.zarr.zip", stores, {})
    return folder / "einthoven.zarr.zip"


@pytest.fixture
def copy(dataset, tmp_path):
    return shutil.copy(dataset, tmp_path / "copy.zarr.zip")


def _flip(path, position, bit=0):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def _edit(path, tmp_path, change):
    """Unpack, change the directory store, pack with a seal that fits."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "store")
    change(tmp_path / "store")
    pack(tmp_path / "store", path)


def test_flipped_bit_in_the_data_names_file_and_variable(copy):
    with zipfile.ZipFile(copy) as archive:
        info = archive.getinfo("field/field_grad/c/1/0/0/0")
    _flip(copy, info.header_offset + info.file_size // 2)
    with pytest.raises(BadInput, match=r"copy.zarr.zip: field/field_grad: damaged"):
        check_store(copy)


def test_every_flipped_bit_is_found(copy):
    """Wherever it lies: data, seal, and in every byte of zip headers and directory."""
    original, rng = copy.read_bytes(), np.random.default_rng(0)
    with zipfile.ZipFile(copy) as archive:
        last, directory = archive.infolist()[-1], archive.start_dir
    headers = [*range(40), *range(last.header_offset, last.header_offset + 30)]
    headers += [*range(directory, directory + 60), *range(-120, 0)]
    missed = []
    with open(copy, "r+b", buffering=0) as file:
        for position in [*headers, *rng.integers(-len(original), 0, 300)]:
            for bit in (1 << int(rng.integers(8)), 0):
                file.seek(position % len(original))
                file.write(bytes([original[position] ^ bit]))
                if bit and _is_sound(copy):
                    missed.append(position)
    assert not missed and _is_sound(copy)


def _is_sound(path):
    try:
        return verify(path) == ("", [])
    except BadInput:
        return False


def test_zarr_itself_refuses_a_flipped_bit(copy, tmp_path):
    """The codec's CRC32C guards those who never run the checker."""

    def change(store):
        _flip(store / "sdf/sdf/c/0/0/0", 100)

    _edit(copy, tmp_path, change)
    with pytest.raises(BadInput, match="sdf/sdf: not decodable"):
        check_store(copy)


@pytest.mark.parametrize("keep", [0, 10, 1000, -1, -100])
def test_truncated_file(copy, keep):
    data = copy.read_bytes()
    copy.write_bytes(data[:keep])
    with pytest.raises(BadInput, match="copy.zarr.zip: .*truncated"):
        check_store(copy)


def test_a_store_without_a_seal(copy):
    with zipfile.ZipFile(copy, "a") as archive:
        archive.comment = b"packed again"
    with pytest.raises(BadInput, match="copy.zarr.zip: zip headers: no seal; packed by another"):
        check_store(copy)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    "member, fault",
    [
        ("sdf/sdf/c/2/0/0", "sdf/sdf: missing (sdf/sdf/c/2/0/0)"),
        ("field/zarr.json", "field: missing (field/zarr.json)"),
        ("mesh/points/zarr.json", "mesh/points: not of the layout (mesh/points/zarr.json)"),
        ("ecg/ecg/c/3/0/0/0", "ecg/ecg: not of the layout (ecg/ecg/c/3/0/0/0)"),
        ("manifest.json", "manifest.json: not of the layout (manifest.json)"),
    ],
)
def test_missing_and_foreign_members(copy, tmp_path, member, fault, sealed):
    """Also where the seal fits, and where it does not: a zip from which a member was cut out."""

    def change(store):
        if (store / member).exists():
            (store / member).unlink()
        else:
            (store / member).parent.mkdir(parents=True, exist_ok=True)
            (store / member).write_bytes(b"{}")

    _edit(copy, tmp_path, change)
    if not sealed:
        with zipfile.ZipFile(copy, "a") as archive:
            archive.comment = b"packed again"
    seal = "" if sealed else "; zip headers: no seal; packed by another tool or an old einthoven\\?"
    with pytest.raises(BadInput, match=f"copy.zarr.zip: {re.escape(fault)}{seal}$"):
        check_store(copy)


def test_a_store_of_an_older_version(copy, tmp_path):
    def change(store):
        root = json.loads((store / "zarr.json").read_text())
        root["attributes"]["format_version"] = 3
        (store / "zarr.json").write_text(json.dumps(root))
        (store / "manifest.json").write_text("{}")

    _edit(copy, tmp_path, change)
    with pytest.raises(BadInput, match="format_version 3, this einthoven reads 4"):
        check_store(copy)


def test_foreign_zarr(tmp_path):
    zarr.create_group(tmp_path / "foreign").create_array("x", data=np.zeros(3))
    with pytest.raises(BadInput, match="foreign: format None is none of"):
        check_store(tmp_path / "foreign")
    shutil.make_archive(str(tmp_path / "foreign"), "zip", tmp_path / "foreign")
    with pytest.raises(BadInput, match="foreign.zip: format None is none of .*; foreign Zarr?"):
        check_store(tmp_path / "foreign.zip")
    pack(tmp_path / "foreign", tmp_path / "packed.zarr.zip")
    with pytest.raises(BadInput, match="format None is none of"):
        check_store(tmp_path / "packed.zarr.zip")


def test_a_directory_that_is_cut_short_is_told(copy):
    """A flipped bit in the length of a comment hides all members after it."""
    with zipfile.ZipFile(copy) as archive:
        directory = archive.start_dir
    _flip(copy, directory + 33, 7)
    with pytest.raises(BadInput, match="; zip headers: truncated or damaged, the seal does not"):
        check_store(copy)


def test_missing_file(tmp_path):
    with pytest.raises(BadInput, match="nowhere.zarr.zip: no such file"):
        check_store(tmp_path / "nowhere.zarr.zip")


def _metadata(store, variable, key, value):
    """Change one entry of an array's metadata, also in the root's copy."""
    file = store / variable / "zarr.json"
    root = json.loads((store / "zarr.json").read_text())
    for data in (json.loads(file.read_text()), None):
        target = data or root["consolidated_metadata"]["metadata"][variable]
        target.update({key: value})
        if data:
            file.write_text(json.dumps(data))
    (store / "zarr.json").write_text(json.dumps(root))


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("attributes", {"units": "cm"}, "units 'cm', expected 'mm'"),
        ("dimension_names", ["patient", "point", "surface"], "dimensions .*expected .*sample"),
    ],
)
def test_wrong_unit_or_dimension(copy, tmp_path, key, value, message):
    _edit(copy, tmp_path, lambda store: _metadata(store, "sdf/sdf", key, value))
    with pytest.raises(BadInput, match=f"sdf/sdf: {message}"):
        check_store(copy)


def test_value_faults(copy, tmp_path):
    def change(store):
        zarr.open_group(store, mode="r+")["ecg/ecg"][1, 0, 0, 0] = np.nan

    _edit(copy, tmp_path, change)
    with pytest.raises(BadInput, match="ecg/ecg: holds NaN"):
        check_store(copy)


def test_features_may_be_unknown_but_not_infinite(copy, tmp_path):
    assert check_store(copy).n_patients == 3

    def change(store):
        zarr.open_group(store, mode="r+")["ecg/ecg_features"][1, 0, 0] = np.inf

    _edit(copy, tmp_path, change)
    with pytest.raises(BadInput, match="ecg/ecg_features: holds NaN or infinite"):
        check_store(copy)


@pytest.mark.parametrize("axis", ["f0", "s0", "n0"])
def test_axes_of_fibres_that_are_no_directions(dataset, tmp_path, axis):
    store = shutil.copy(dataset.parent / "p0001.zarr.zip", tmp_path / "p0001.zarr.zip")

    def change(store):
        array = zarr.open_group(store, mode="r+")[f"fibers/{axis}"]
        array[3] = 1.01 * array[3]

    _edit(store, tmp_path, change)
    with pytest.raises(BadInput, match=f"fibers/{axis}: not unit vectors .off by 0.01"):
        check_store(store)


@pytest.mark.parametrize("fault", ["twin", "split", "sex"])
def test_leakage_between_splits(tmp_path, fault):
    """One anatomy under two names would be trained and tested on."""
    twin = {"anatomy": {"latent_pca": stage_arrays(0)["anatomy"]["latent_pca"]}}
    stores = [write_patient(tmp_path, i, twin if i and fault == "twin" else None) for i in (0, 1)]
    path = tmp_path / "d.zarr.zip"
    consolidate(path, stores, {})
    if fault != "twin":

        def change(store):
            zarr.open_group(store, mode="r+")[fault][1] = "Test"

        _edit(path, tmp_path, change)
    twin = "p0001 and p0000 have one anatomy"
    with pytest.raises(BadInput, match=twin if fault == "twin" else f"{fault}: unknown value Test"):
        check_store(path)

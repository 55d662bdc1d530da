"""The published folder is complete and consistent, other tools read it, damage is found."""

import json
import shutil
import warnings

import numpy as np
import pytest
from helpers.published import (
    PATIENT,
    SAMPLE,
    STORE,
    alter,
    append_line,
    edit_store,
    empty,
    first_twice,
    flip,
    make_stores,
    one_chunk,
    publish,
    rewrite,
    set_attr,
    set_dims,
    set_unit,
    truncate,
    with_nan,
)
from helpers.true_patients import TRUE_CONFIG

import einthoven as ei
from einthoven.app.run.run_check import check
from einthoven.base.config.load import as_params
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import sha256_of
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.publish.folder.folder_check import SUMS, write_sums
from einthoven.data.publish.folder.tables import write_wfdb
from einthoven.physics.ecg.recordings.wfdb import read_wfdb


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publication")
    make_stores(folder)
    return folder


@pytest.fixture(scope="module")
def published(made):
    return publish(made)


@pytest.fixture
def copy(published, tmp_path):
    return shutil.copytree(published, tmp_path / "copy")


def test_the_same_run_publishes_the_same_bytes(made, published):
    again = publish(made, "again")
    assert (again / SUMS).read_bytes() == (published / SUMS).read_bytes()
    (again / ".snakemake_timestamp").write_text("")  # as Snakemake does to a folder
    check(again)


def test_unzipped_and_zipped_store_are_one(published):
    trees = [ei.open_dataset(published / name) for name in (STORE, STORE.removesuffix(".zip"))]
    trees.append(ei.open_dataset(f"file://{published}/einthoven.zarr"))
    for tree in trees[1:]:
        assert tree.identical(trees[0])
    with pytest.raises(BadInput, match="open the unzipped store beside"):
        ei.open_dataset("https://example.org/einthoven.zarr.zip")


def test_records_read_back_as_the_store_has_them(published):
    tree = ei.open_dataset(published / STORE)
    stored = tree["ecg"]["ecg"].sel(patient="p0002", scenario="lbbb").values
    found = read_wfdb(published / "ecg/wfdb/p0002_lbbb.hea")
    measured = [0, 1, *range(6, 12)]  # the other limb leads follow from I and II
    assert np.abs(found.ecg - stored)[measured].max() <= 0.5e-3 + 1e-7  # half a microvolt
    table = np.loadtxt(published / "ecg/csv/p0002_lbbb.csv", delimiter=",", skiprows=1)
    assert np.abs(table[:, 1:].T - stored).max() <= 0.5e-4 + 1e-7


def test_a_record_holds_no_volts_for_millivolts(tmp_path):
    with pytest.raises(BadInput, match="is it in mV"):
        write_wfdb(tmp_path / "x.hea", np.array(["I"]), np.full((1, 9), 1e3), 1000.0, [])


def test_croissant_is_valid_and_reads_its_tables(published):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlcroissant

        dataset = mlcroissant.Dataset(jsonld=published / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    rows = list(dataset.records("splits"))
    assert [row["splits/patient"] for row in rows] == [b"p0000", b"p0001", b"p0002"]
    listed = {file.id: file.sha256 for file in dataset.metadata.distribution}
    assert listed[STORE] == sha256_of(published / STORE)
    document = json.loads((published / "croissant.json").read_text())
    for key in ("dataLimitations", "dataBiases", "personalSensitiveInformation", "dataUseCases"):
        assert document[f"rai:{key}"]


def test_crate_names_workflow_config_and_results(published):
    from rocrate.rocrate import ROCrate

    crate = ROCrate(published)
    assert crate.mainEntity.id == "provenance/workflow/Snakefile"
    action = crate.dereference("#run")
    assert action["instrument"] == crate.mainEntity
    assert "einthoven.zarr.zip" in {file.id for file in action["result"]}
    config = json.loads((published / "provenance/config.json").read_text())
    assert config["cohort"]["seed"] == TRUE_CONFIG.cohort.seed


def test_card_is_a_card_for_people_and_hubs(published):
    text = (published / "README.md").read_text()
    assert text.startswith("---\nlicense: cc-by-4.0\n")
    for said in ("## Limits", "## Biases", "14.3", "3 patients (1 train, 1 val, 1 test)"):
        assert said in text
    assert "{" not in text.split("```")[0]


def test_imported_patients_are_not_published(made, tmp_path):
    shutil.copytree(made / "patients", tmp_path / "patients")
    path = tmp_path / "patients/p0001.zarr.zip"
    edit_store(path, tmp_path, lambda root: set_attr(root, "split", "imported"))
    consolidate(
        tmp_path / STORE, sorted((tmp_path / "patients").glob("*.zip")), as_params(TRUE_CONFIG)
    )
    with pytest.raises(BadInput, match="1 imported patients, whose data are not ours"):
        publish(tmp_path)
    assert not (tmp_path / "published").exists()


# Planted damage -> what the error must name.


IN_STORES = {
    "unit of the ECG": (STORE, lambda r: set_unit(r, "ecg/ecg", "uV"), "ecg/ecg: units 'uV'"),
    "unit of a lead field": (PATIENT, lambda r: set_unit(r, "leadfield/lead_field", "Ohm"),
                             "leadfield/lead_field: units 'Ohm'"),
    "NaN in an ECG": (STORE, lambda r: alter(r, "ecg/ecg", with_nan), "ecg/ecg: holds NaN"),
    "NaN in distances": (STORE, lambda r: alter(r, "sdf/sdf", with_nan), "sdf/sdf: holds NaN"),
    "fibres of another length": (PATIENT, lambda r: alter(r, "fibers/f0", lambda v: 2 * v),
                                 "fibers/f0: not unit vectors"),
    "an unknown split": (STORE, lambda r: alter(r, "split", lambda v: np.array(["a", "b", "c"])),
                         "split: unknown value"),
    "one anatomy twice": (STORE, lambda r: alter(r, "cohort/latent_pca", first_twice),
                          "have one anatomy"),
    "a patient twice": (STORE, lambda r: alter(r, "patient", lambda v: np.array(["p0000"] * 3)),
                        "patient: a patient occurs twice"),
    "an unknown sex": (STORE, lambda r: alter(r, "sex", lambda v: np.array(["x", "y", "z"])),
                       "sex: unknown value"),
    "an array is missing": (STORE, lambda r: shutil.rmtree(r / "field/field_grad"), "field_grad"),
    "a chunk is missing": (STORE, lambda r: one_chunk(r / "field/field_grad").unlink(),
                           "field/field_grad: missing"),
    "a member too many": (STORE, lambda r: (r / "ecg/note.txt").write_text("x"), "not of the"),
    "a foreign format": (STORE, lambda r: set_attr(r, "format", "zarr"), "format 'zarr'"),
    "a newer version": (STORE, lambda r: set_attr(r, "format_version", 99), "format_version 99"),
    "dimensions of another name": (PATIENT, lambda r: set_dims(r, "mesh/points"), "points: dim"),
    "damage in the sample": (SAMPLE, lambda r: set_unit(r, "ecg/ecg", "V"), "sample/einthoven"),
}  # fmt: skip


@pytest.mark.parametrize("damage", IN_STORES)
def test_damage_in_a_store_is_named(copy, tmp_path, damage):
    """Sums and seals are recomputed, as by someone who edits a store on purpose."""
    name, change, told = IN_STORES[damage]
    edit_store(copy / name, tmp_path, change)
    (copy / SUMS).unlink()
    write_sums(copy, {})
    with pytest.raises(BadInput) as caught:
        check(copy)
    assert told in str(caught.value) and name.rpartition("/")[2] in str(caught.value)


IN_FOLDER = {
    "a flipped bit": (lambda f: flip(f / STORE, 5000), STORE),
    "a flipped bit of the seal": (lambda f: flip(f / STORE, -3), STORE),
    "a flipped bit of a patient": (lambda f: flip(f / PATIENT, 3000), PATIENT),
    "a flipped bit unzipped": (lambda f: flip(one_chunk(f / "einthoven.zarr/ecg/ecg"), 9),
                               "einthoven.zarr/ecg/ecg"),
    "half a file": (lambda f: truncate(f / STORE), STORE),
    "an empty file": (lambda f: empty(f / PATIENT), PATIENT),
    "a patient is missing": (lambda f: (f / PATIENT).unlink(), f"{PATIENT}: missing"),
    "a record is missing": (lambda f: (f / "ecg/wfdb/p0000_sinus.dat").unlink(), "p0000_sinus.dat"),
    "a table is edited": (rewrite("features.csv", "p0000", "p0009"), "features.csv"),
    "a card is edited": (rewrite("README.md", "## Limits", "## None"), "README.md"),
    "a signal is edited": (rewrite("ecg/csv/p0000_sinus.csv", "time_ms", "s"), "p0000_sinus.csv"),
    "a stranger's file": (lambda f: (f / "extra.bin").write_bytes(b"x"), "extra.bin: not in"),
    "no sums": (lambda f: (f / SUMS).unlink(), f"no {SUMS}"),
    "sums that lead out": (lambda f: append_line(f / SUMS, f"{'0' * 64}  ../../etc/passwd\n"),
                           "lies outside the folder"),
    "a line that is none": (lambda f: append_line(f / SUMS, "hello\n"), "is not `SHA-256  name`"),
}  # fmt: skip


@pytest.mark.parametrize("damage", IN_FOLDER)
def test_damage_in_the_folder_is_named(copy, damage):
    change, told = IN_FOLDER[damage]
    change(copy)
    with pytest.raises(BadInput) as caught:
        check(copy)
    assert told in str(caught.value)


def test_a_split_that_the_store_does_not_have_is_named(copy):
    rewrite("splits.csv", "p0002,test", "p0002,train")(copy)
    (copy / SUMS).unlink()
    write_sums(copy, {})
    with pytest.raises(BadInput, match="splits.csv: p0002: split is train, in the store test"):
        check(copy)


def test_a_croissant_of_other_files_is_named(copy):
    total = sha256_of(copy / STORE)
    rewrite("croissant.json", total, "0" * 64)(copy)
    (copy / SUMS).unlink()
    write_sums(copy, {})
    with pytest.raises(BadInput, match="distribution.einthoven.zarr.zip.sha256 is '000"):
        check(copy)

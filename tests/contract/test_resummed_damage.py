"""Damage after which all sums and seals were made anew: the checker names file and field.

A careless packer changes something and lets a tool write the sums. The bytes then agree with the
sums, and only the meaning of the data shows the damage.
"""

import json
import re
import shutil
from functools import cache

import numpy as np
import pytest
import yaml
import zarr
from helpers.published import (
    SAMPLE,
    STORE,
    alter,
    edit_store,
    make_stores,
    one_chunk,
    publish,
    rewrite,
    set_attr,
    set_metadata,
    set_unit,
    sum_again,
    unzip_again,
    with_nan,
)

from einthoven.app.analysis.recomputation import Recomputation
from einthoven.app.run.run_check import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import remove
from einthoven.base.core.names import LEADS
from einthoven.data.publish.folder import folder_check
from einthoven.data.publish.folder.folder_check import check_folder
from einthoven.data.publish.folder.tables import write_wfdb
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.recordings.wfdb import read_wfdb

FIRST, SECOND, THIRD = (f"patients/p000{k}.zarr.zip" for k in range(3))
UNZIPPED, BEAT = "einthoven.zarr", "p0000_sinus"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resummed")
    make_stores(folder)
    return publish(folder)


def in_store(name, change):
    """Damage of a zipped store; the unzipped one is made again from it."""

    def damage(folder):
        edit_store(folder / name, folder.parent, change)
        if name == STORE:
            unzip_again(folder)

    return damage


def unzipped(change):
    """Damage of the unzipped store alone."""
    return lambda folder: change(folder / UNZIPPED)


def leads(change, array="ecg/ecg"):
    """Change of an array of leads, which are the last axis but one."""
    return lambda root: alter(root, array, lambda v: change(v.copy()))


def swapped(values):
    one, other = LEADS.index("V1"), LEADS.index("V2")
    values[..., [one, other], :] = values[..., [other, one], :]
    return values


def upside_down(values):
    values[..., LEADS.index("aVR"), :] *= -1
    return values


def with_other_potentials(root):
    """V3 is larger by a tenth, and the leads follow."""
    names = zarr_values(root, "ecg/electrode").tolist()
    potential = zarr_values(root, "ecg/electrode_potential")
    potential[:, names.index("V3")] *= 1.1
    alter(root, "ecg/electrode_potential", lambda _: potential)
    alter(root, "ecg/ecg", lambda v: twelve_lead(names, potential).astype(v.dtype))


def zarr_values(root, array):
    kept = []
    alter(root, array, lambda v: kept.append(v.copy()) or v)
    return kept[0]


def declared(*arrays, chunks=True):
    """An absurd number of samples in the metadata of arrays."""

    def change(root):
        for array in arrays:
            patients = np.asarray(zarr.open_array(root / array, mode="r").shape)[0]
            shape = [int(patients), 10**12, 3 if "points" in array else 4]
            changes = {"shape": shape}
            if chunks:
                changes["chunk_grid"] = {
                    "name": "regular", "configuration": {"chunk_shape": [1, *shape[1:]]}
                }  # fmt: skip
            set_metadata(root, array, changes)

    return change


def one_value(array, change):
    """Change of the first value of an array."""

    def damage(root):
        def first(values):
            values = values.copy()
            values.flat[0] = change(values.flat[0])
            return values

        alter(root, array, first)

    return damage


def record(change):
    """A WFDB record written again, checksums included, after a change of its signals."""

    def damage(folder):
        header = folder / f"ecg/wfdb/{BEAT}.hea"
        comments = [s[2:] for s in header.read_text().splitlines() if s.startswith("# ")]
        found = read_wfdb(header)
        write_wfdb(header, LEADS, change(found.ecg), found.rate_hz, comments)

    return damage


def document(name, change):
    """Change of a JSON document."""

    def damage(folder):
        data = json.loads((folder / name).read_text())
        change(data)
        (folder / name).write_text(json.dumps(data))

    return damage


def a_field(data):
    record_set = next(r for r in data["recordSet"] if r["@id"] == "electrodes")
    next(f for f in record_set["field"] if f["name"] == "x_mm")["dataType"] = "sc:Text"


def item(data, name):
    return next(i for i in data.get("distribution") or data["@graph"] if i["@id"] == name)


def renamed(folder):
    first, second, aside = folder / FIRST, folder / SECOND, folder / "patients/aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def more_signals(folder):
    shutil.copy(folder / f"ecg/csv/{BEAT}.csv", folder / "ecg/csv/p0009_sinus.csv")


def citation(folder):
    path = folder / "CITATION.cff"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"license": "CC0-1.0"}))


NUMBERS = [
    {
        "two leads swapped": (in_store(STORE, leads(swapped)),
            "einthoven.zarr.zip: ecg/ecg: p0000: lead V1 .* it is that of V2: leads swapped?"),
        "potentials of other sources": (in_store(FIRST, with_other_potentials),
            "p0000.zarr.zip: ecg/electrode_potential: sinus: V3 differs from eq. .3. by 10 %"),
        "a patient's leads swapped": (in_store(SECOND, leads(swapped, "ecg/ecg_pseudo")),
            "patients/p0001.zarr.zip: ecg/ecg_pseudo: lead V1 .* that of V2"),
        "a lead upside down": (in_store(THIRD, leads(upside_down)),
            "p0002.zarr.zip: ecg/ecg: lead aVR .* -1 times that: sign"),
        "a unit of a feature": (
            in_store(SAMPLE, leads(lambda v: np.array(["s", "mV"]), "ecg/feature_units")),
            "sample/einthoven.zarr.zip: ecg/feature_units: 's' for qrs_ms, expected 'ms'"),
    },
    {
        "a time axis in seconds": (in_store(FIRST, leads(lambda v: v / 1000, "ecg/time")),
            "p0000.zarr.zip: ecg/electrode_potential: sinus: V3 differs from eq. .3."),
        "ECGs in V": (in_store(SECOND, leads(lambda v: v / 1000)),
            "p0001.zarr.zip: ecg/ecg: lead I .* 0.001 times that: unit"),
    },
]  # fmt: skip
STRUCTURE = [
    {
        "names of two leads swapped": (
            in_store(STORE, leads(lambda v: v[[1, 0, *range(2, 12)]], "ecg/lead")),
            "einthoven.zarr.zip: ecg/lead: is II, I, III.*reordered"),
        "cells of another mesh": (in_store(FIRST, one_value("mesh/cells", lambda v: 9999)),
            "p0000.zarr.zip: mesh/cells: has ids 0 to 9999, there are 125 .node."),
        "an unknown tissue": (in_store(SECOND, one_value("mesh/cell_tags", lambda v: 9)),
            "p0001.zarr.zip: mesh/cell_tags: unknown tags .9."),
        "an absurd shape": (in_store(SAMPLE, declared("sdf/sdf", "sdf/sdf_points")),
            "einthoven.zarr.zip: sdf/sdf_points: shape .1, 1000000000000, 3. needs .* bytes"),
    },
    {
        "a unit in one of two metadata": (
            in_store(STORE, lambda r: set_unit(r, "ecg/ecg", "uV", False)),
            "einthoven.zarr.zip: ecg/ecg: attributes.units is 'uV', 'mV' in the copy"),
        "an absurd number of chunks": (
            in_store(SAMPLE, declared("sdf/sdf", "sdf/sdf_points", chunks=False)),
            "einthoven.zarr.zip: sdf/sdf_points: shape .1, 1000000000000, 3. needs .* files"),
    },
]  # fmt: skip
COPIES = [
    {
        "a distance in one store": (in_store(STORE, one_value("sdf/sdf", lambda v: v + 1)),
            "patients/p0000.zarr.zip: sdf/sdf differs from einthoven.zarr.zip"),
        "a unit, unzipped": (unzipped(lambda r: set_unit(r, "ecg/ecg", "uV")),
            "einthoven.zarr/: ecg/ecg: units 'uV', expected 'mV'"),
        "another gain of a record": (rewrite(f"ecg/wfdb/{BEAT}.hea", "1000(0)/mV", "500(0)/mV"),
            f"ecg/wfdb/{BEAT}.hea: line of I is .* by the store"),
        "a row less in a table": (rewrite("splits.csv", "p0001,val,male\n", ""),
            "splits.csv: p0001: patient is p0002"),
    },
    {
        "NaN in an ECG, unzipped": (unzipped(lambda r: alter(r, "ecg/ecg", with_nan)),
            "einthoven.zarr/: ecg/ecg: holds NaN"),
        "other samples of a record": (record(lambda ecg: swapped(ecg.copy())),
            f"ecg/wfdb/{BEAT}.dat: lead V[12] differs from the store"),
        "a feature in a table": (rewrite("features.csv", "p0001,sinus,90", "p0001,sinus,95"),
            "features.csv: p0001, sinus: qrs_ms is 95, in the store 90"),
    },
    {
        "a deleted chunk, unzipped": (
            unzipped(lambda r: one_chunk(r / "field/field_grad").unlink()),
            "einthoven.zarr/: field/field_grad: missing"),
        "another rate of a record": (rewrite(f"ecg/wfdb/{BEAT}.hea", "12 500", "12 1000"),
            f"ecg/wfdb/{BEAT}.hea: first line is"),
        "another split of a patient": (in_store(SECOND, lambda r: set_attr(r, "split", "test")),
            "patients/p0001.zarr.zip: split test .val. differs from einthoven.zarr.zip"),
        "a place in another unit": (rewrite("electrodes.csv", "p0001,RA,", "p0001,RA,1"),
            "electrodes.csv: p0001, RA: x_mm is 1"),
    },
    {
        "a file too many, unzipped": (unzipped(lambda r: (r / "ecg/note.txt").write_text("x")),
            "einthoven.zarr/: ecg/note.txt: not of the layout"),
        "a record of another beat": (
            lambda f: shutil.copy(f / "ecg/wfdb/p0001_lbbb.dat", f / f"ecg/wfdb/{BEAT}.dat"),
            f"ecg/wfdb/{BEAT}.dat: lead .* differs from the store by"),
        "another patient in the sample": (
            in_store("sample/patients/p0002.zarr.zip",
                     one_value("cohort/heart_coeffs", lambda v: v + 1)),
            "sample/patients/p0002.zarr.zip: cohort/heart_coeffs differs from"),
    },
    {
        "an absurd shape, unzipped": (unzipped(declared("sdf/sdf", "sdf/sdf_points")),
            "einthoven.zarr/: sdf/sdf_points: shape .3, 1000000000000, 3. needs .* bytes"),
        "a record of no beat": (more_signals, "ecg/csv/p0009_sinus.csv: a signal of no beat"),
        "a signal in V": (rewrite(f"ecg/csv/{BEAT}.csv", "aVR_mv", "aVR_v"),
            f"ecg/csv/{BEAT}.csv: columns .*aVR_v.*expected"),
    },
    {
        "other values, unzipped": (unzipped(one_value("sdf/sdf", lambda v: v + 1)),
            "einthoven.zarr/: sdf/sdf: other values than in einthoven.zarr.zip .sdf/sdf/c/0/0/0."),
        "patients exchanged": (renamed, "patients/p0000.zarr.zip: holds p0001; renamed"),
    },
]  # fmt: skip
DOCUMENTS = [
    {
        "a field of another type": (document("croissant.json", a_field),
            "croissant.json: recordSet.electrodes.field.electrodes/x_mm.dataType is 'sc:Text', "),
        "another licence in Croissant": (
            document("croissant.json", lambda d: d.update(license="https://example.org/mine")),
            "croissant.json: license is 'https://example.org/mine', 'https://creativecommons.org"),
        "another format of a file": (
            document("croissant.json", lambda d: item(d, "LICENSE").update(encodingFormat="x/y")),
            "croissant.json: distribution.LICENSE.encodingFormat is 'x/y', 'application/octet"),
        "a text of another type": (
            document("croissant.json", lambda d: d.update({"rai:hasSyntheticData": "no"})),
            "croissant.json: rai:hasSyntheticData is 'str', 'bool'"),
        "another licence in RO-Crate": (
            document("ro-crate-metadata.json",
                     lambda d: item(d, "./").update(license={"@id": "https://example.org/mine"})),
            "ro-crate-metadata.json: @graph../.license.@id is 'https://example.org/mine'"),
        "another licence in the citation": (citation,
            "CITATION.cff: license is CC0-1.0, CC-BY-4.0"),
        "another licence on the card": (rewrite("README.md", "license: cc-by-4.0", "license: mit"),
            "README.md: license is mit, cc-by-4.0"),
        "other counts on the card": (
            rewrite("README.md", "3 patients (1 train", "3 patients (2 train"),
            "README.md: does not state 3 patients .1 train, 1 val, 1 test."),
        "another config": (document("provenance/config.json", lambda d: d["cohort"].update(seed=7)),
            "provenance/config.json: cohort.seed is 7, 1 by the store"),
    },
    {
        "a file that nothing declares": (lambda f: (f / "extra.bin").write_bytes(b"x"),
            "extra.bin: nothing declares it"),
    },
]  # fmt: skip
GROUPS = [*STRUCTURE, *NUMBERS, *COPIES, *DOCUMENTS]
"""Damages that one check finds together: of one step, and in different files."""


@pytest.fixture(scope="module")
def message_of(published, tmp_path_factory):
    """Error of the check for each group of damages, made when first asked for."""

    @cache
    def message(group):
        copy = shutil.copytree(published, tmp_path_factory.mktemp("group") / "copy")
        for change, _ in GROUPS[group].values():
            change(copy)
        sum_again(copy)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(BadInput) as caught:
            patch.setattr(folder_check, "N_NAMED", 99)
            check(copy)
        shutil.rmtree(copy)
        return str(caught.value)

    return message


@pytest.mark.parametrize(
    "group, damage", [(k, damage) for k, group in enumerate(GROUPS) for damage in group]
)
def test_file_and_field_are_named(message_of, group, damage):
    assert re.search(GROUPS[group][damage][1], message_of(group)), message_of(group)
    assert "\n" not in message_of(group)


def test_sums_alone_made_anew_find_nothing(published, tmp_path):
    """The packer of these tests does no damage by itself."""
    copy = shutil.copytree(published, tmp_path / "copy")
    unzip_again(copy)
    sum_again(copy)
    assert check_folder(copy, Recomputation()).n_patients == 3


DEEP = [
    {
        "lead fields exchanged": ("leadfield/lead_field", lambda v: v[[1, 0, *range(2, len(v))]],
            "leadfield/lead_field: RA does not satisfy eq. .4."),
        "a potential of the second scenario": (
            "ecg/electrode_potential", lambda v: v * [[[1]], [[2]]],
            "ecg/electrode_potential: lbbb: V6 differs from eq. .3. by 1e.02 %"),
        "a distance of the other sign": ("sdf/sdf", lambda v: -v,
            "sdf/sdf: differs from the surfaces"),
        "points of other cells": ("field/field_points", lambda v: v[::-1],
            "field/field_points: are not the centroids"),
        "tissues of other cells": ("field/field_tissue", lambda v: v * 0 + 5,
            "field/field_tissue: is not the tag"),
        "fibres of other cells": ("field/field_fiber", lambda v: v[::-1],
            "field/field_fiber: is not f0"),
    },
    {
        "a lead field of another unit": ("leadfield/lead_field", lambda v: 2 * v,
            "ecg/electrode_potential: sinus: RA differs from eq. .3."),
        "gradients of another electrode": ("field/field_grad", lambda v: v[::-1],
            "field/field_grad: RA differs from the gradient of its lead field"),
        "a left-handed frame": ("fibers/n0", lambda v: -v, "fibers/n0: is not f0 x s0 in 48 cells"),
        "a QRS of another beat": ("ecg/qrs_duration", lambda v: v + 5,
            "ecg/qrs_duration: 2 values are not those of ecg/ecg"),
    },
]  # fmt: skip


@pytest.mark.parametrize("damages", DEEP)
def test_the_deep_check_names_the_arrays(published, tmp_path, damages):
    shutil.copy(published / STORE, tmp_path / STORE)
    (tmp_path / "patients").mkdir()
    store = tmp_path / SECOND
    shutil.copy(published / SECOND, store)
    for array, change, _ in damages.values():
        edit_store(store, tmp_path, lambda r: alter(r, array, lambda v: change(v.copy())))  # noqa: B023
    found = [f"{variable}: {fault}" for variable, fault in Recomputation(deep=True)(store)]
    for damage, (_, _, named) in damages.items():
        assert any(re.search(named, fault) for fault in found), (damage, found)


def test_the_deep_check_finds_nothing_in_sound_data(published, capsys):
    check(published, deep=True)
    assert "eq. (3) of 3 for all electrodes" in capsys.readouterr().out


def test_what_cannot_be_computed_is_noted(published, tmp_path):
    (tmp_path / "patients").mkdir()
    store = shutil.copy(published / SECOND, tmp_path / SECOND)
    numbers = Recomputation(deep=True)
    assert not list(numbers(store)) and numbers.done == 0
    assert "eq. (3) was not computed: no " in numbers.notes[0]
    remove(store)

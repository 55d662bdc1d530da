"""Room patient: stages to files and back, what is wrong in a file by name, reading when asked."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from helpers.dataset import ELECTRODES, SCENARIOS, stage_arrays, write_patient, write_stages
from helpers.heart import heart_mesh, heart_patient

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.core.tags import Surface, Tissue
from einthoven.data.dataset.layout import OF_SOME, STAGE_LAYOUT
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import SINGLE, Patient
from einthoven.data.patient.stages import Activation

EVERYBODYS = {name: kind for name, kind in SINGLE.items() if name not in OF_SOME}
"""Stages of every patient; those of some are tested in test_substrate_stage.py and others."""
KINDS = {**EVERYBODYS, "activation": Activation, "leadfield": LeadFields}
FILE_OF = {"coordinates": "fibers", "activation": "activation_lbbb", "leadfield": "leadfield_b1"}
RULE_OF = {"coordinates": "fibers", "sdf": "sdf_samples", "field": "field_samples"}
OPTIONAL = ("source_energy", "electrode_potential_pseudo", "ecg_pseudo", "qrs_duration",
            "qrs_amplitude", "feature", "feature_units", "ecg_features")  # fmt: skip
MEASURED = ("measured_points", "measured_cells", "measured_fiber", "measured_time")
"""Arrays of hearts imported with their own fibres or activation."""
NEEDED = [
    (stage, variable.stage_name)
    for stage in KINDS
    for variable in STAGE_LAYOUT[stage]
    if variable.stage_name not in OPTIONAL + MEASURED
]
MUTED = np.dtype("S4")
"""A dtype that no array of the layout has."""


def file_of(folder, stage):
    return folder / f"{FILE_OF.get(stage, stage)}.npz"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with the stages of p0001, and its store."""
    root = tmp_path_factory.mktemp("patient")
    return root / "p0001", write_patient(root, 1)


def rewritten(source, target, **changes):
    """A copy of a stage file; an array that becomes None is left out."""
    found = load_arrays(source)
    attrs = found.attrs
    for name, change in changes.items():
        home = found if name in found else attrs
        value = change(home[name]) if callable(change) else change
        home.pop(name)
        if value is not None:
            home[name] = value
    save_arrays(target, found, **attrs)
    return target


@pytest.mark.parametrize("stage", KINDS)
def test_a_stage_comes_back_from_its_file_byte_for_byte(written, tmp_path, stage):
    source = file_of(written[0], stage)
    one = KINDS[stage].load(source)
    for name, values in one.arrays().items():
        np.testing.assert_array_equal(values, load_arrays(source)[name])
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    one.save(first)
    again = KINDS[stage].load(first)
    again.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert json.dumps(again.attrs()) == json.dumps(one.attrs())  # some are NaN
    assert list(load_arrays(first)) == [
        v.stage_name for v in STAGE_LAYOUT[stage] if v.stage_name in one.arrays()
    ]
    for name, values in one.arrays().items():
        assert again.arrays()[name].dtype == values.dtype
        np.testing.assert_array_equal(again.arrays()[name], values)


def test_two_stages_share_a_file(written, tmp_path):
    patient = Patient.open(written[0])
    patient.fibers.save(tmp_path / "fibers.npz", patient.coordinates)
    both = Patient.of_files(fibers=tmp_path / "fibers.npz")
    np.testing.assert_array_equal(both.fibers.s0, patient.fibers.s0)
    np.testing.assert_array_equal(both.coordinates.uvc_phi, patient.coordinates.uvc_phi)


@pytest.mark.parametrize(("stage", "name"), NEEDED)
def test_a_missing_array_is_named_with_its_file_and_rule(written, tmp_path, stage, name):
    broken = rewritten(file_of(written[0], stage), tmp_path / "broken.npz", **{name: None})
    rule = RULE_OF.get(stage, stage)
    message = rf"^{re.escape(str(broken))}: lacks {name}; re-run the rule {rule}$"
    with pytest.raises(BadInput, match=message):
        KINDS[stage].load(broken)


@pytest.mark.parametrize(("stage", "name"), NEEDED)
def test_another_dtype_and_another_shape_are_named(written, tmp_path, stage, name):
    source = file_of(written[0], stage)
    for change, fault in (
        (lambda values: np.zeros(values.shape, MUTED), "dtype .S4, expected "),
        (lambda values: values[None], "shape "),
    ):
        broken = rewritten(source, tmp_path / "broken.npz", **{name: change})
        with pytest.raises(BadInput, match=rf"^{re.escape(str(broken))}: {name}: {fault}"):
            KINDS[stage].load(broken)


@pytest.mark.parametrize(
    ("stage", "name"), [("activation", "scenario"), ("anatomy", "split"), ("mesh", "patient")]
)
def test_a_missing_attribute_is_named(written, tmp_path, stage, name):
    broken = rewritten(file_of(written[0], stage), tmp_path / "broken.npz", **{name: None})
    with pytest.raises(BadInput, match=f"broken.npz: lacks {name}; re-run"):
        KINDS[stage].load(broken)


@pytest.mark.parametrize(
    ("stage", "name", "change", "fault"),
    [
        ("mesh", "points", lambda a: a[:, :2], "xyz has length 2, elsewhere 3"),
        ("mesh", "cells", lambda a: a[:, :3], "vertex_of_cell has length 3, elsewhere 4"),
        ("mesh", "cell_tags", lambda a: a[1:], "cell has length 49, elsewhere 50; of different"),
        ("fibers", "s0", lambda a: a[1:], "heart_cell has length 19, elsewhere 20"),
        ("ecg", "ecg", lambda a: a[..., 1:], "time has length 39, elsewhere 40"),
        ("field", "field_grad", lambda a: a[1:], "electrode has length"),
    ],
)
def test_lengths_that_contradict_each_other_are_named(
    written, tmp_path, stage, name, change, fault
):
    broken = rewritten(file_of(written[0], stage), tmp_path / "broken.npz", **{name: change})
    with pytest.raises(BadInput, match=fault):
        KINDS[stage].load(broken)
    with pytest.raises(BadInput, match=fault):  # nor is it written
        good = KINDS[stage].load(file_of(written[0], stage))
        replace(good, **{name: change(getattr(good, name))}).save(tmp_path / "never.npz")
    assert not (tmp_path / "never.npz").exists()


def test_files_that_are_none_are_one_line(tmp_path):
    with pytest.raises(BadInput, match="mesh.npz: no such file"):
        TetMesh.load(tmp_path / "mesh.npz")
    (tmp_path / "mesh.npz").write_bytes(b"PK half")
    with pytest.raises(BadInput, match="mesh.npz: not readable"):
        TetMesh.load(tmp_path / "mesh.npz")


def test_what_a_reference_adds_to_an_ecg_may_be_missing(written, tmp_path):
    names = [name for name in OPTIONAL if name != "source_energy"]
    bare = rewritten(written[0] / "ecg.npz", tmp_path / "ecg.npz", **dict.fromkeys(names))
    ecg = Patient.of_files(ecg=bare).ecg
    assert ecg.qrs_duration is None and "ecg_pseudo" not in ecg.arrays()
    ecg.save(tmp_path / "again.npz")
    assert set(load_arrays(tmp_path / "again.npz")) == set(load_arrays(bare))


@pytest.mark.parametrize("stage", EVERYBODYS)
def test_folder_and_store_give_the_same_arrays(written, stage):
    folder, store = (getattr(Patient.open(path), stage).arrays() for path in written)
    kept = slice(len(ELECTRODES)) if stage == "anatomy" else slice(None)
    for name in set(folder) & set(store):
        ours = folder[name][kept] if name.startswith("site_") else folder[name]
        kind = ours.dtype if ours.dtype.kind == "U" else store[name].dtype
        np.testing.assert_array_equal(store[name].astype(kind), ours.astype(kind), err_msg=name)
    lost = {"source_energy"} if stage == "ecg" else set()
    assert set(folder) - lost <= set(store) | lost


def test_features_of_a_beat_have_names(written):
    for path in written:
        ecg = Patient.open(path).ecg
        assert ecg.features_of("sinus") == {"qrs_ms": 90.0, "t_mv_v5": 1.4}
        assert np.isnan(ecg.features_of("lbbb")["t_mv_v5"])
        with pytest.raises(BadInput, match="no ECG of 'crt'; there are sinus, lbbb"):
            ecg.features_of("crt")


@pytest.mark.parametrize("stage", EVERYBODYS)
def test_a_stage_from_a_store_can_be_saved(written, tmp_path, stage):
    getattr(Patient.open(written[1]), stage).save(tmp_path / "again.npz")
    assert KINDS[stage].load(tmp_path / "again.npz").patient == "p0001"


def test_folder_and_store_give_the_same_activations_and_lead_fields(written):
    folder, store = (Patient.open(path) for path in written)
    assert folder.name == store.name == "p0001"
    for scenario in SCENARIOS:
        ours, theirs = (patient.activation(scenario).arrays() for patient in (folder, store))
        for name, values in ours.items():
            np.testing.assert_array_equal(theirs[name], values)
        beats = [patient.activation(scenario) for patient in (folder, store)]
        conditions = {(beat.cycle_length_ms, beat.i_kr_factor) for beat in beats}
        assert conditions == {(600.0, 0.5) if scenario == SCENARIOS[-1] else (1000.0, 1.0)}
    ours, theirs = folder.lead_fields, store.lead_fields
    assert ours.electrode_names.tolist() == theirs.electrode_names.tolist() == list(ELECTRODES)
    np.testing.assert_array_equal(theirs.lead_field, ours.lead_field[:, theirs.kept_nodes])
    np.testing.assert_array_equal(theirs.electrode_points, ours.electrode_points)
    with pytest.raises(BadInput, match="no scenario 'crt'; there are sinus, lbbb|lbbb, sinus"):
        folder.activation("crt")


@pytest.mark.parametrize("asked", EVERYBODYS)
def test_a_stage_that_is_not_asked_for_is_not_read(tmp_path, asked):
    write_stages(tmp_path / "p0000", 0)
    patient = Patient.open(tmp_path / "p0000")
    for file in (tmp_path / "p0000").iterdir():
        if file != file_of(tmp_path / "p0000", asked):
            file.unlink()
    if asked == "fibers":  # whose number is compared with that of the mesh
        patient = Patient.of_files(fibers=tmp_path / "p0000/fibers.npz")
    first = getattr(patient, asked)
    file_of(tmp_path / "p0000", asked).unlink()
    assert getattr(patient, asked) is first  # and read once
    with pytest.raises(BadInput, match="no such file|has no "):
        patient.lead_fields.row("RA")


def test_only_the_files_given_are_seen(written):
    patient = Patient.of_files(mesh=written[0] / "mesh.npz")
    assert patient.has("mesh") and not patient.has("anatomy")
    with pytest.raises(BadInput, match="p0001 has no anatomy, only mesh"):
        patient.anatomy  # noqa: B018


def test_files_of_two_patients_do_not_mix(written, tmp_path):
    write_stages(tmp_path / "p0002", 2)
    several = r"fibers.npz: files of several patients, \['p0001', 'p0002'\]"
    with pytest.raises(BadInput, match=several):
        Patient.of_files(mesh=written[0] / "mesh.npz", fibers=tmp_path / "p0002/fibers.npz").mesh  # noqa: B018


def test_fibres_of_another_mesh_are_refused(written, tmp_path):
    arrays = {k: v[1:] for k, v in load_arrays(written[0] / "fibers.npz").items() if k[1:] == "0"}
    save_arrays(tmp_path / "fibers.npz", arrays, patient="p0001")
    mixed = Patient.of_files(mesh=written[0] / "mesh.npz", fibers=tmp_path / "fibers.npz")
    with pytest.raises(BadInput, match="19 fibres for 20 heart cells; are they from different"):
        mixed.fibers  # noqa: B018


def test_a_place_without_a_patient_is_refused(tmp_path):
    with pytest.raises(BadInput, match="holds no stage of a patient"):
        Patient.open(tmp_path)
    with pytest.raises(BadInput, match="no such file"):
        Patient.open(tmp_path / "p0000.zarr.zip")


def test_a_mesh_without_counts_counts_its_muscle(written, tmp_path):
    assert "n_heart_cells" not in load_arrays(written[0] / "mesh.npz").attrs
    mesh = TetMesh.load(written[0] / "mesh.npz")
    assert (mesh.n_heart_cells, mesh.n_heart_nodes) == (20, 13)
    figures = {"quality_min": 0.2, "surface_quality_mean": 0.9}
    replace(mesh, quality=figures).save(tmp_path / "mesh.npz")
    again = TetMesh.load(tmp_path / "mesh.npz")
    assert again.quality == figures and again.n_heart_nodes == 13
    assert load_arrays(tmp_path / "mesh.npz").attrs["quality_min"] == 0.2


def test_electrodes_are_the_first_sites(written):
    anatomy, sites = Patient.open(written[0]).anatomy, stage_arrays(1)["anatomy"]["site_points"]
    names, points = anatomy.electrodes(2, 5)
    assert names.tolist() == list(ELECTRODES[2:5])
    np.testing.assert_array_equal(points, sites[2:5])


def test_parameters_come_back_and_other_versions_are_refused(tmp_path):
    one = PatientParameters("p0003", "val", 3, heart_coeffs=[0.5, -1.0])
    one.save(tmp_path / "p0003.json")
    assert PatientParameters.load(tmp_path / "p0003.json") == one
    (tmp_path / "old.json").write_text('{"patient": "p0003", "shoe_size": 43}')
    with pytest.raises(BadInput, match="old.json: missing or unknown keys .*shoe_size"):
        PatientParameters.load(tmp_path / "old.json")
    with pytest.raises(BadInput, match="none.json: no such file"):
        PatientParameters.load(tmp_path / "none.json")


def first_inverted(mesh):
    return replace(mesh, cells=mesh.cells[:, [1, 0, 2, 3]])


def muscle_last(mesh):
    tags = mesh.cell_tags.copy()
    tags[0] = Tissue.TORSO
    return replace(mesh, cell_tags=tags)


def nodes_not_first(mesh):
    points = np.concatenate([np.zeros((1, 3)), mesh.points])
    return replace(mesh, points=points, cells=mesh.cells + 1, facets=mesh.facets + 1)


def no_epicardium(mesh):
    tags = np.where(mesh.facet_tags == Surface.EPI, Surface.SKIN, mesh.facet_tags)
    return replace(mesh, facet_tags=tags)


def with_nan(mesh):
    return replace(mesh, points=np.where(mesh.points > 40, np.nan, mesh.points))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (first_inverted, "flat or inverted"),
        (muscle_last, "the myocardium must come first"),
        (nodes_not_first, "nodes of the myocardium must come first"),
        (no_epicardium, "no triangle is tagged EPI"),
        (with_nan, "NaN"),
    ],
)
def test_a_heart_is_not_made_of_a_bad_mesh(change, message):
    with pytest.raises(BadInput, match=message):
        Heart.from_mesh(change(heart_mesh()))


def test_figures_of_a_heart():
    heart = heart_patient().heart
    assert heart.has_rv and not heart_patient(with_rv=False).heart.has_rv
    mesh = heart_mesh()
    np.testing.assert_allclose(heart.centroids, mesh.points[mesh.cells].mean(axis=1))
    assert heart.volumes.min() > 0
    # two truncated ellipsoids: 33 x 33 x 72 less 23 x 23 x 62, and the RV's wall
    assert 150 < heart.volumes.sum() / 1000 < 260
    endo = heart.surface(Surface.LV_ENDO)
    assert np.array_equal(np.unique(endo), heart.surface_nodes(Surface.LV_ENDO))
    assert heart.height[heart.lv_apex] == pytest.approx(-77, abs=3)  # 62 below, 15 above the centre
    rotation = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned = Heart.from_mesh(replace(mesh, points=mesh.points @ rotation.T))
    np.testing.assert_allclose(turned.long_axis, rotation @ heart.long_axis, atol=1e-12)
    assert turned.apex == heart.apex

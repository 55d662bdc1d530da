"""The stage `substrate`, which only some patients have: its file, its group, its labels."""

import numpy as np
import pytest
from helpers.dataset import write_patient, write_patient_store, write_stages

from einthoven.base.config.section import builtins_of
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.data.dataset.checker import check_store
from einthoven.data.dataset.store import open_store, values_of
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.substrate import Substrate


@pytest.fixture(scope="module")
def sick(tmp_path_factory):
    """Folder and store of a patient with a scar in its second AHA segment."""
    path = tmp_path_factory.mktemp("substrate") / "p0001"
    files = write_stages(path, 1)
    mesh = Patient.open(path).mesh
    rng = np.random.default_rng(1)
    Substrate(
        patient="p0001", tissue=rng.integers(0, 3, mesh.n_heart_cells).astype(np.int8),
        level=rng.uniform(size=mesh.n_heart_nodes).astype(np.float32), region="LAD distal",
        settings=builtins_of(SubstrateSettings(kind="scar")), core_ml=3.5, lv_percent=4.0,
        segment_share=[0.0, 0.25, *[0.0] * 15],
    ).save(path / "substrate.npz")  # fmt: skip
    files["stages"]["substrate"] = path / "substrate.npz"
    write_patient_store(store := path.parent / "p0001.zarr.zip", **files)
    return path, store


def test_store_and_folder_have_the_same_substrate_and_labels(sick):
    patient, path = Patient.open(sick[0]), sick[1]
    check_store(path)
    stored = Patient.open(path).substrate
    np.testing.assert_array_equal(stored.tissue, patient.substrate.tissue)
    np.testing.assert_array_equal(stored.level, patient.substrate.level)
    assert (stored.region, stored.section) == ("LAD distal", SubstrateSettings(kind="scar"))
    with open_store(path) as root:
        names = values_of(root, "physiology/setting").tolist()
        values = dict(zip(names, values_of(root, "physiology/value")))
    assert values["substrate_core_ml"] == 3.5 and values["substrate_share_02"] == 0.25
    assert values["substrate_share_03"] == 0.0


def test_a_store_without_it_has_neither_group_nor_labels(tmp_path):
    path = write_patient(tmp_path, 0)
    patient = Patient.open(path)
    assert not patient.has("substrate") and patient.diseased is None
    with open_store(path) as root:
        assert not any("substrate" in name for name in values_of(root, "physiology/setting"))

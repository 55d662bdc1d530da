"""Drawn conductivities can be read in the data set, and the checker compares them."""

import numpy as np
import pytest
from helpers.dataset import write_patient_store, write_stages
from helpers.published import alter, edit_store

from einthoven.app.analysis.recomputation import conductivity_faults
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.dataset.loaders import open_dataset
from einthoven.data.dataset.store import open_store

TORSO = (0.15, 0.2, 0.25)
"""S/m of three patients."""


def drawn(index):
    return LeadFieldSettings(sigma_torso_s_per_m=TORSO[index]).conductivities


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A data set and the stores of its patients, each with its own torso."""
    folder = tmp_path_factory.mktemp("drawn")
    for index in range(len(TORSO)):
        files = write_stages(folder / str(index), index)
        for path in (*files["leadfield"], files["stages"]["field"]):
            arrays = load_arrays(path)
            save_arrays(path, dict(arrays), **arrays.attrs | {"conductivities": drawn(index)})
        write_patient_store(folder / f"p{index:04d}.zarr.zip", **files)
    patients = sorted(folder.glob("*.zarr.zip"))
    consolidate(folder / "all.zarr.zip", patients, {})
    return folder / "all.zarr.zip", patients


def faults(store):
    with open_store(store) as root:
        return [f"{variable}: {fault}" for variable, fault in conductivity_faults(root)]


def test_every_patients_conductivities_are_in_the_data_set(stores):
    values = open_dataset(stores[0])["physiology"].value
    for index in range(len(TORSO)):
        for name, value in drawn(index).items():
            assert float(values.sel(setting=name)[index]) == value


def test_sound_stores_have_no_fault(stores):
    assert not [fault for store in (stores[0], *stores[1]) for fault in faults(store)]


def changed(name, value):
    def change(root):
        settings = []
        alter(root, "physiology/setting", lambda v: settings.append(v.tolist()) or v)
        chosen = np.array([setting == name for setting in settings[0]])
        alter(root, "physiology/value", lambda v: np.where(chosen, value, v))

    return change


@pytest.mark.parametrize(
    "which, value, said",
    [
        (1, 0.22, "sigma_torso_s_per_m is 0.22 S/m, in the group field 0.15"),
        (0, 2.0, "sigma_torso_s_per_m: outside 0.01 to 0.5 S/m; unit?"),
    ],
)
def test_another_value_is_named(stores, tmp_path, which, value, said):
    source = [stores[0], *stores[1]][which]
    store = tmp_path / source.name
    store.write_bytes(source.read_bytes())
    edit_store(store, tmp_path, changed("sigma_torso_s_per_m", value))
    assert faults(store)[0] == f"physiology/value: {said}"

"""The stage `beat`, which only patients with a drawn beat have: its file and its group."""

import numpy as np
from helpers.dataset import write_patient_store, write_stages

from einthoven.data.dataset.checker import check_store
from einthoven.data.patient.fitted_beat import FittedBeat
from einthoven.data.patient.patient import Patient


def test_store_and_folder_have_the_same_beat(tmp_path):
    path = tmp_path / "p0001"
    files = write_stages(path, 1)
    n, rng = Patient.open(path).mesh.n_heart_nodes, np.random.default_rng(1)
    fields = {name: rng.uniform(0, 1, n).astype(np.float32)
              for name in ("fitted_time", "apd90", "low_plateau")}  # fmt: skip
    FittedBeat(
        patient="p0001", **fields, sigma_il_s_per_m=0.2, sigma_it_s_per_m=0.05, gain=1.3,
        qrs_correlation=0.998, onsets_sd=1.2, st_rms_mv=0.01, t_rms_mv=0.02,
    ).save(path / "beat.npz")  # fmt: skip
    files["stages"]["beat"] = path / "beat.npz"
    write_patient_store(store := tmp_path / "p0001.zarr.zip", **files)
    check_store(store)
    stored, own = Patient.open(store).beat, Patient.open(path).beat
    for name, values in fields.items():
        np.testing.assert_array_equal(getattr(stored, name), values)
    assert stored.attrs() == own.attrs() and own.gain == 1.3

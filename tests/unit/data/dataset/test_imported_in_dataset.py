"""Imported patients in stores and codes: without coefficients, in a split of their own."""

import numpy as np
import pytest
from helpers.dataset import write_patient_store, write_stages

from einthoven.base.config.section import Section
from einthoven.base.core.errors import BadInput
from einthoven.body.imported.anatomy import cohort_entry
from einthoven.data.dataset.checker import check_store
from einthoven.data.dataset.consolidate import LICENCE, NOT_OURS, consolidate
from einthoven.data.dataset.store import open_store, values_of
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.learning.encoders.base import Latents
from einthoven.learning.encoders.deepsdf.auto_decoder import SdfCohort
from einthoven.learning.encoders.imported_code import with_imported_codes
from einthoven.learning.encoders.pca import PcaEncoder
from einthoven.learning.encoders.train import train_encoder


def write_patient(folder, index, imported):
    name, changes = "", {}
    if imported:
        name, changes = f"imported-{index}", {"anatomy": {"latent_pca": np.full(23, np.nan)}}
    files = write_stages(folder / f"{index}", index, changes, name)
    if imported:
        cohort_entry(name).save(files["cohort"])
    path = folder / f"{index}.zarr.zip"
    write_patient_store(path, **files)
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    drawn = [write_patient(folder, index, False) for index in (0, 3, 1, 2)]
    imported = [write_patient(folder, index, True) for index in (4, 5)]
    for name, members in (("drawn", drawn), ("all", drawn + imported)):
        consolidate(folder / f"{name}.zarr.zip", members, {})
    return folder


def test_imported_patients_pass_the_check_without_coefficients(stores):
    check_store(stores / "4.zarr.zip")
    check_store(stores / "all.zarr.zip")
    with open_store(stores / "all.zarr.zip") as root:
        assert values_of(root, "split").tolist()[-2:] == ["imported", "imported"]
        unknown = np.isnan(values_of(root, "cohort/latent_pca"))
        assert unknown[-2:].all() and not unknown[:-2].any()
        assert root.attrs["licence"] == NOT_OURS
    with open_store(stores / "drawn.zarr.zip") as root:
        assert root.attrs["licence"] == LICENCE


def test_unknown_coefficients_are_none_in_json_and_store_alike(stores):
    imported, drawn = (Patient.open(stores / f"{k}.zarr.zip").parameters for k in (4, 0))
    entry = cohort_entry("imported-4")
    for name in ("heart_coeffs", "torso_coeffs", "pose_coeffs"):
        assert getattr(imported, name) == getattr(entry, name) == [None] * len(getattr(drawn, name))
    assert drawn.heart_coeffs == PatientParameters.load(stores / "0/cohort.json").heart_coeffs


def test_a_half_known_score_is_still_an_error(stores, tmp_path):
    latent = np.zeros(23)
    latent[3] = np.nan
    files = write_stages(tmp_path / "half", 1, {"anatomy": {"latent_pca": latent}})
    with pytest.raises(BadInput, match="latent_pca"):
        write_patient_store(tmp_path / "half.zarr.zip", **files)


def test_no_encoder_learns_from_imported_patients(stores, tmp_path):
    with_imported, without = (SdfCohort.read(stores / f"{n}.zarr.zip") for n in ("all", "drawn"))
    assert with_imported.patient == without.patient
    np.testing.assert_array_equal(with_imported.sdf, without.sdf)
    for name in ("all", "drawn"):
        train_encoder("pca", Section(), stores / f"{name}.zarr.zip", tmp_path / name)
    assert (tmp_path / "all/latents.npz").read_bytes() == (
        tmp_path / "drawn/latents.npz"
    ).read_bytes()


def test_the_pca_code_takes_no_imported_patient(tmp_path):
    encoder = PcaEncoder(Latents(("p0000",), ("train",), np.zeros((1, 23), np.float32)))
    assert with_imported_codes(encoder, []) is encoder
    with pytest.raises(BadInput, match="no code for patients outside"):
        with_imported_codes(encoder, [tmp_path / "anna.npz"])

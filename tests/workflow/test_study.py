"""Questions to one patient of a finished run: theorems of the lead field, sensitivities."""

from dataclasses import replace

import numpy as np
import pytest

from einthoven.app.analysis.reciprocity import verify
from einthoven.app.analysis.sensitivity import Chain
from einthoven.app.cli import main as einthoven
from einthoven.base.config import load
from einthoven.base.config.models import CONDUCTIVITY_RANGES
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.segments import SEGMENTS, ventricular_segments

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def config(finished):
    return load(finished / "config/ci.yaml")


@pytest.fixture(scope="module")
def patient(finished):
    return Patient.open(finished / "results/dataset/patients/p0000.zarr.zip")


@pytest.fixture(scope="module")
def chain(patient, config):
    return Chain(patient, config, "sinus")


def test_every_theorem_holds_on_the_command_line(finished, capsys):
    store = str(finished / "results/dataset/patients/p0001.zarr.zip")
    assert einthoven(["verify", store, "--config", str(finished / "config/ci.yaml")]) == 0
    assert capsys.readouterr().out.count("holds") == 5


@pytest.mark.parametrize("slip", ["sign", "swap", "unit", "conductivity"])
def test_a_slip_in_the_stored_field_breaks_a_theorem(patient, config, slip):
    leadfield, fields = config.leadfield, patient.lead_fields
    stored = fields.lead_field.copy()
    if slip == "sign":
        stored *= -1
    elif slip == "swap":
        stored[[3, 4]] = stored[[4, 3]]
    elif slip == "unit":
        stored *= 1e3
    else:
        sigma = 1.01 * leadfield.sigma_torso_s_per_m
        leadfield = leadfield.model_copy(update={"sigma_torso_s_per_m": sigma})
    stages = (patient.mesh, patient.fibers, replace(fields, lead_field=stored))
    first = next(verify(Patient.of(*stages, *patient.activations.values()), leadfield))
    assert not first.holds and first.deviation > 1e-3


def test_a_store_of_something_else_is_refused(finished, capsys):
    store = str(finished / "results/dataset/einthoven.zarr.zip")
    assert einthoven(["verify", store]) == 2
    assert "not the store of one patient" in capsys.readouterr().err


def test_an_electrode_that_moves_changes_its_own_lead(chain):
    influences = list(chain.of_electrodes(["V2", "V6"], 10.0))
    assert [i.lead for i in influences] == ["V2"] * 4 + ["V6"] * 4
    assert {i.change.rpartition(" ")[2] for i in influences[4:]} == {
        "back",
        "front",
        "head",
        "feet",
    }
    assert all(0.01 < i.rel_l2 < 1.0 for i in influences)
    near = list(chain.of_electrodes(["V2"], 1.0))  # a small step does about a tenth as much
    ratio = np.array([a.rel_l2 / b.rel_l2 for a, b in zip(influences, near)])
    assert (ratio > 5).all() and (ratio < 20).all()


def test_an_electrode_that_stays_changes_nothing(chain):
    for influence in chain.of_electrodes(["V3"], 0.0):
        assert influence.ecg_rel_l2 < 1e-3  # the site lies up to some micrometres off the skin


def test_all_conductivities_together_scale_as_a_current_source_must(chain):
    """The source grows with sigma_i, the field falls with all: the ECG stays as it is."""
    section = chain.config.leadfield
    scaled = {key: 1.1 * getattr(section, key) for key in CONDUCTIVITY_RANGES}
    ecg = chain.ecg(chain.patient, section.model_copy(update=scaled))
    np.testing.assert_allclose(ecg, chain.base, atol=1e-6)  # stored in single precision


def test_fibers_and_conductivities_matter(chain):
    rows = [*chain.of_conductivities(1.1), *chain.of_fibers(10.0)]
    assert len(rows) == 8 and all(1e-3 < row.ecg_rel_l2 < 0.5 for row in rows)


def test_unknown_electrodes_and_scenarios_are_named(chain, patient):
    with pytest.raises(BadInput, match="no electrode 'V9'"):
        list(chain.of_electrodes(["V9"], 10.0))
    with pytest.raises(BadInput, match="no scenario 'crt'"):
        patient.activation("crt")


def test_every_patient_has_all_segments(finished):
    for store in sorted((finished / "results/dataset/patients").glob("p*.zarr.zip")):
        patient = Patient.open(store)
        heart, segments = patient.heart, ventricular_segments(patient)
        empty = [name for name in SEGMENTS if not len(segments.cells(name))]
        assert not empty, patient.name
        height = {
            wall: heart.centroids[segments.cells(f"mid {wall}")].mean(axis=0)[2]
            for wall in ("anterior", "inferior")
        }
        assert height["anterior"] > height["inferior"] + 15, patient.name  # mm, to the head


def test_explain_says_the_same_of_a_store_and_of_its_folder(finished, tmp_path, capsys):
    printed = []
    for source in ("patients/p0001", "dataset/patients/p0001.zarr.zip"):
        arguments = ["explain", str(finished / "results" / source), "--out", str(tmp_path)]
        arguments += ["--config", str(finished / "config/ci.yaml"), "--leads", "V1"]
        assert einthoven([*arguments, "--regions", "segments"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "largest difference from the stored ECG" in printed[0]
    assert "--config" not in printed[0]
    assert (tmp_path / "p0001_sinus_segments.png").stat().st_size > 10_000

"""Names, units, gains and faults of recordings; real recordings of people pass the checks."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.imported_hearts import data_file
from helpers.recording_binaries import sierra_text, write_dicom, write_edf, write_scp
from helpers.recording_source import MV, source
from helpers.recording_writers import aecg_text, cardiosoft_text, json_text, muse_text, write_wfdb

from einthoven.base.core.errors import BadInput, MissingExtra
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.common_gain import with_common_gain
from einthoven.physics.ecg.recordings.lead_names import LIMB_WEIGHTS, lead_of, with_one_and_two
from einthoven.physics.ecg.recordings.quality import raise_if_unusable
from einthoven.physics.ecg.recordings.read import read_recording
from einthoven.physics.ecg.recordings.recording import Declared, Person, Recording
from einthoven.physics.ecg.recordings.units import name_and_unit, unit_by_size


def recording(mv, rate_hz=500.0):
    return Recording.of_leads("a", dict(zip(LEADS, mv)), rate_hz)


@pytest.mark.parametrize(
    ("name", "lead"),
    [
        ("aVR", "aVR"), ("AVR", "aVR"), (" avr ", "aVR"), ("Lead I", "I"), ("lead_ii", "II"),
        ("ECG V1", "V1"), ("ECG_V1", "V1"), ("ECG-V1", "V1"), ("EKG lead V2", "V2"),
        ("MDC_ECG_LEAD_AVF", "aVF"), ("DI", "I"), ("D3", "III"), ("Lead 2", "II"), ("C4", "V4"),
        ("Lead I (Einthoven)", "I"), ("'V6'", "V6"), ("Ableitung III", "III"),
        ("-aVR", None), ("ECG-aVR", None), ("ECG -aVR", None), ("V3R", None), ("V7", None),
        ("MLII", None), ("2", None), ("ECG", None), ("X", None), ("VI", None), ("", None),
    ],
)  # fmt: skip
def test_names_of_leads(name, lead):
    assert lead_of(name) == lead


def test_names_and_units_of_columns():
    known = {"I (uV)": ("I", "uV"), "V1[mV]": ("V1", "mV"), "aVR/µV": ("aVR", "µV"),
             "II_uV": ("II", "uV"), "V2 mV": ("V2", "mV"), "V3": ("V3", None),
             "Lead I (millivolts)": ("Lead I", "millivolts")}  # fmt: skip
    assert {column: name_and_unit(column) for column in known} == known


@pytest.mark.parametrize("given", [("I", "III"), ("II", "III"), ("aVR", "aVF"), ("I", "aVF")])
def test_limb_leads_follow_from_any_two(given):
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 20))
    rows = {name: a * one + b * two for name, (a, b) in LIMB_WEIGHTS.items()}
    found, notes = with_one_and_two({name: rows[name] for name in given})
    np.testing.assert_allclose([found["I"], found["II"]], [one, two], atol=1e-12)
    assert len(notes) == len({"I", "II"} - set(given))
    assert with_one_and_two({"aVL": one})[0].keys() == {"aVL"}


@pytest.mark.parametrize(("factor", "unit"), [(1.0, "mV"), (1000.0, "uV"), (1e-3, "V")])
def test_units_by_the_size_of_the_qrs(factor, unit):
    rows = {name: factor * row for name, row in source().in_mv.items()}
    assert unit_by_size(rows, 500.0, "a") == unit
    drifting = {name: row + 20 * factor * np.arange(len(row)) / len(row)
                for name, row in rows.items()}  # fmt: skip
    assert unit_by_size(drifting, 500.0, "a") == unit


@pytest.mark.parametrize("per_mv", [0.02, 40.0, 200.0, 16_000.0])
def test_counts_of_a_converter_are_no_unit(per_mv):
    """200 counts per mV would be 0.2 mV of a QRS in uV."""
    with pytest.raises(BadInput, match="no unit is stated.*--unit"):
        unit_by_size({k: per_mv * row for k, row in source().in_mv.items()}, 500.0, "a")


def test_one_gain_replaces_those_that_break_the_law():
    made = source()
    counts = {name: 5 * row for name, row in made.leads.items()}
    counts["III"] = counts["II"] - counts["I"]
    gains = {name: 800.0 + 100 * k for k, name in enumerate(LEADS)}
    leads = {name: row / gains[name] for name, row in counts.items()}
    found, notes = with_common_gain(leads, counts, gains)
    np.testing.assert_allclose([found[name] for name in LEADS], [counts[n] / 1000 for n in LEADS])
    assert "800 to 1900 per mV" in notes[0] and "one gain of 1000 per mV" in notes[0]
    assert with_common_gain(leads, counts, dict.fromkeys(LEADS, 1000.0))[1] == []
    counts["III"] = counts["III"] + np.arange(len(counts["III"])) % 9
    assert with_common_gain(leads, counts, gains)[1] == []
    # gains that differ and are right: leads obey the law in mV, and counts do not
    right = {name: np.round(made.in_mv[name] * gains[name]) for name in LEADS}
    kept, notes = with_common_gain(made.in_mv, right, gains)
    np.testing.assert_array_equal([kept[name] for name in LEADS], made.mv)
    assert notes == []


def test_flat_tops_of_quantisation_and_held_samples_are_no_saturation():
    made = source().mv.copy()
    coarse = np.round(made / 0.02) * 0.02  # 20 uV
    raise_if_unusable(recording(coarse))
    made = source(seconds=1.1).mv  # one beat, so that the plateau is the extreme
    held, alone = made.copy(), made.copy()
    top = int(made[9].argmax())
    part = slice(top - 5, top + 10)
    held[:, part] = held[:, part.start, None]
    raise_if_unusable(recording(held))
    alone[9, part] = alone[9, part.start]
    with pytest.raises(BadInput, match="lead V4: saturated"):
        raise_if_unusable(recording(alone))


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
@pytest.mark.parametrize("name", ["V4", "V2"])
def test_clipped_waves_are_saturated(share, name):
    rows = source().mv.copy()
    row = rows[LEADS.index(name)]
    high = abs(row.max()) > abs(row.min())
    limit = share * (row.max() if high else row.min())
    row[:] = np.minimum(row, limit) if high else np.maximum(row, limit)
    with pytest.raises(BadInput, match=f"lead {name}: saturated at {limit:.3f} mV"):
        raise_if_unusable(recording(rows))


@pytest.mark.parametrize("rate_hz", [99.0, 10_001.0])
def test_rates_out_of_range(rate_hz):
    with pytest.raises(BadInput, match="100 to 10000 Hz are read"):
        raise_if_unusable(recording(source().mv, rate_hz))


PERSONS = {
    "a.xml": [muse_text, aecg_text, cardiosoft_text, sierra_text],
    "a.json": [lambda made: json_text(made).replace('"F"', '"F", "age": 61')],
}


@pytest.mark.parametrize(("name", "make"), [(n, m) for n, all_ in PERSONS.items() for m in all_])
def test_the_person_of_a_text(name, make, tmp_path):
    (tmp_path / name).write_text(make(source()))
    assert read_recording(tmp_path / name).person == Person("female", 61.0)


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.edf", write_edf), ("a.dcm", write_dicom), ("a.scp", write_scp)],
)
def test_the_person_of_a_binary(name, write, tmp_path):
    assert read_recording(write(tmp_path / name, source())).person == Person("female", 61.0)


def test_the_person_of_a_header(tmp_path):
    assert read_recording(write_wfdb(tmp_path, source())).person == Person("female", 61.0)


@pytest.mark.parametrize(
    ("package", "name", "write"),
    [("pydicom", "a.dcm", write_dicom), ("edfio", "a.edf", write_edf),
     ("sierraecg", "a.xml", lambda path, made: path.write_text(sierra_text(made)))],
)  # fmt: skip
def test_a_missing_package_names_its_extra(package, name, write, tmp_path, monkeypatch):
    write(tmp_path / name, source())
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"einthoven\[recordings\]"):
        read_recording(tmp_path / name)


@pytest.mark.parametrize(
    ("write", "name"),
    [(write_edf, "a.edf"), (write_scp, "a.scp"), (write_dicom, "a.dcm")],
)
def test_another_rate_than_the_files(write, name, tmp_path):
    path = write(tmp_path / name, source())
    with pytest.raises(BadInput, match="500 Hz, not 250 Hz; leave out --rate-hz"):
        read_recording(path, Declared(250.0))


def real(folder):
    """Headers of a real data base; skips without it."""
    return sorted(data_file(folder).rglob("*.hea"))


def test_recordings_of_ptb_xl_are_read_as_they_are():
    for header in real("ptb-xl"):
        assert read_recording(header).notes == ()


def test_recordings_of_ludb_are_read_with_one_gain():
    for header in real("ludb"):
        found = read_recording(header)
        one, two, three = found.ecg[:3]
        assert "one gain of 1000" in found.notes[0]
        np.testing.assert_allclose(one + three, two, atol=0.002)


def test_real_dicom_of_a_recorder():
    pydicom = pytest.importorskip("pydicom")
    file = Path(pydicom.__file__).parent / "data/test_files/waveform_ecg.dcm"
    found = read_recording(file)
    assert found.rate_hz == 1000 and found.ecg.shape == (12, 10_000)
    assert found.person == Person("female", 42.0)
    raw = np.frombuffer(pydicom.dcmread(file).WaveformSequence[0].WaveformData, "<i2")
    np.testing.assert_allclose(found.ecg[0, :50], raw.reshape(-1, 12)[:50, 0] * 1.25e-3)
    one, two, three = found.ecg[:3]
    assert np.abs(one + three - two).max() < 2 * MV

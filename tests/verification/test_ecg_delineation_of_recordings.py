"""The delineator on two recordings: one with its device's measurements, one with Frank leads."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from helpers.imported_hearts import data_file

from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.beats import representative_beat
from einthoven.physics.ecg.delineation.axes import KORS, KORS_LEADS
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.features import beat_features
from einthoven.physics.ecg.intervals import qrs_window
from einthoven.physics.ecg.recordings.recording import Recording
from einthoven.physics.ecg.recordings.wfdb import read_wfdb

UV_PER_STEP, STEP_MS = 5.0, 2.0


@pytest.fixture(scope="module")
def device():
    """The XML of a CardioSoft electrocardiograph: median beat and measurements by 12SL."""
    return ElementTree.parse(data_file("ecg/example-XML1.xml")).getroot()


@pytest.fixture(scope="module")
def found(device):
    leads = {
        lead.get("lead"): np.array([float(v) for v in lead.text.split(",") if v.strip()])
        for lead in device.findall(".//MedianSamples/WaveformData")
    }
    in_mv = {name: UV_PER_STEP / 1000 * counts for name, counts in leads.items()}
    recording = Recording.of_leads("device", in_mv, 1000 / STEP_MS)
    time = STEP_MS * np.arange(recording.ecg.shape[1])
    return delineate(recording.ecg, time, float(device.findtext(".//RRInterval")))


def measured(device, name):
    """Lead -> value of the device's table, None where it saw no such wave."""
    table = device.find(".//MeasurementTable")
    names = [lead.strip() for lead in table.findtext("LeadOrder").split(",")]
    cells = [cell.strip() for cell in table.findtext(name).split(",")]
    return {lead: float(cell) if cell else None for lead, cell in zip(names, cells)}


def test_intervals_and_axes_are_those_of_the_device(device, found):
    """QRS and P to 6 ms, the P end to 15. The T wave ends before that of 12SL, by 21 ms."""

    def value(name):
        return float(device.findtext(f".//{name}"))

    assert found.onset_ms == pytest.approx(value("QOnset"), abs=6)
    assert found.offset_ms == pytest.approx(value("QOffset"), abs=6)
    assert found.p.onset_ms == pytest.approx(value("POnset"), abs=6)
    assert found.p.end_ms == pytest.approx(value("POffset"), abs=15)
    assert value("TOffset") - 35 <= found.t_end_ms <= value("TOffset")
    assert value("QTInterval") - 35 <= found.qt_ms <= value("QTInterval")
    assert found.qrs_axis_deg == pytest.approx(value("RAxis"), abs=7)
    assert found.t_axis_deg == pytest.approx(value("TAxis"), abs=10)


WAVES = {"Q": ("QAmplitude", "QDuration", -1), "R": ("RAmplitude", "RDuration", 1),
         "S": ("SAmplitude", "SDuration", -1), "R'": ("R1Amplitude", "R1Duration", 1)}  # fmt: skip
"""Our name -> amplitude uV, duration ms, sign. R1, S1, T1 of the device are R', S', T'."""


def leads_filled_by_waves(found):
    """Leads with no more than 6 ms of the QRS outside their waves."""
    spans = {lead: sum(w.duration_ms for w in beat.waves) for lead, beat in found.leads.items()}
    return [lead for lead, span in spans.items() if span >= found.qrs_ms - 6]


@pytest.mark.parametrize("name", WAVES)
def test_waves_are_those_of_the_device(device, found, name):
    """Every wave of 40 uV or more and no others; amplitudes to 40 uV, durations to 8 ms.

    The device gives parts too small to be waves to their neighbours, we give them to nobody; so
    durations are compared in leads whose waves fill the QRS.
    """
    amplitudes, durations, sign = WAVES[name]
    times, full = measured(device, durations), leads_filled_by_waves(found)
    assert len(full) >= 6
    for lead, size in measured(device, amplitudes).items():
        wave = found.leads[lead].wave(name)
        if size is None:
            assert wave is None or abs(wave.amplitude_mv) < 0.04, lead
        elif size >= 40:
            assert wave is not None, lead
            assert wave.amplitude_mv == pytest.approx(sign * size / 1000, abs=0.04), lead
            if lead in full:
                assert wave.duration_ms == pytest.approx(times[lead], abs=8), lead


def test_st_and_t_are_those_of_the_device(device, found):
    for lead, size in measured(device, "JAmplitude").items():
        assert found.leads[lead].j_mv == pytest.approx(size / 1000, abs=0.04), lead
    for lead, size in measured(device, "TAmplitude").items():
        t = found.leads[lead].t
        if lead != "V1":
            assert t.amplitude_mv == pytest.approx(size / 1000, abs=0.04), lead
    # in V1 the device has T 63 and T' -112 uV; its T is a plateau that rises by 25 uV, no wave
    assert found.leads["V1"].t.amplitude_mv == pytest.approx(-0.112, abs=0.04)


def test_normal_recording_is_normal(found):
    values = beat_features(found)
    assert values["q_widest_ms"] < 40 and values["r_fraction_v6"] > 0.5
    assert 2 <= values["transition"] <= 4
    assert values["qrs_t_angle_deg"] < 97


@pytest.fixture(scope="module")
def infarction():
    data_file("ecg/s0010_re.dat")
    return read_wfdb(data_file("ecg/s0010_re.hea"))


def test_ptb_record(infarction):
    """A woman of 81 with an infero-lateral infarction; checksums of 15 signals were right."""
    assert infarction.person.sex == "female" and infarction.rate_hz == 1000
    lead = dict(zip(LEADS, infarction.ecg))
    np.testing.assert_allclose(lead["I"] + lead["III"], lead["II"], atol=2e-3)
    np.testing.assert_allclose(lead["aVR"] + lead["aVL"] + lead["aVF"], 0, atol=3e-3)


def test_beats_and_intervals_do_not_depend_on_the_part_that_is_averaged(infarction):
    halves = np.array_split(infarction.ecg, 2, axis=1)
    found = []
    for half in halves:
        beat = representative_beat(half, infarction.rate_hz)
        assert beat.n_beats >= 15 and 500 < beat.rr_ms < 1000
        found.append(beat_features(delineate(beat.ecg, beat.time, beat.rr_ms)))
    first, second = found
    assert first["qrs_ms"] == pytest.approx(second["qrs_ms"], abs=6)
    assert first["qt_ms"] == pytest.approx(second["qt_ms"], abs=12)
    assert first["qrs_axis_deg"] == pytest.approx(second["qrs_axis_deg"], abs=5)
    for lead in ("i", "ii", "v2", "v5"):
        assert first[f"r_mv_{lead}"] == pytest.approx(second[f"r_mv_{lead}"], abs=0.08)
        assert first[f"t_mv_{lead}"] == pytest.approx(second[f"t_mv_{lead}"], abs=0.08)


def test_kors_leads_are_the_recorded_frank_leads(infarction):
    """X, Y, Z of the regression against the Frank leads that PTB recorded, in the QRS."""
    path = data_file("ecg/s0010_re.xyz")
    frank = np.frombuffer(path.read_bytes(), "<i2").reshape(-1, 3).T / 2000.0
    both = representative_beat(np.concatenate([infarction.ecg, frank]), 1000.0)
    ours = KORS @ np.stack([both.ecg[LEADS.index(lead)] for lead in KORS_LEADS])
    onset, offset = qrs_window(both.ecg[:12], both.time)
    qrs = (both.time > onset) & (both.time < offset)
    for axis, a, b in zip("XYZ", ours[:, qrs], both.ecg[12:, qrs]):
        assert np.corrcoef(a, b)[0, 1] > 0.88, axis

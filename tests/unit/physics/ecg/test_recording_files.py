"""Recordings in other formats, their faults, and the beat on the simulations' time axis."""

import numpy as np
import pytest
from helpers.ecg import synthetic_beat, synthetic_leads, time_axis
from helpers.imported_hearts import data_file

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_LEADS, LEADS
from einthoven.physics.ecg.recordings.aligned import aligned_beat, resampled
from einthoven.physics.ecg.recordings.quality import raise_if_unusable
from einthoven.physics.ecg.recordings.read import read_recording
from einthoven.physics.ecg.recordings.recording import Declared, Person, Recording

RR_MS, N_BEATS = 900, 10


def rhythm(rate_hz=1000.0, ectopic=(), noise=0.0):
    """[12, time] mV of ten beats with the onset 300 ms after each start of a cycle."""
    time = np.arange(0.0, RR_MS * N_BEATS, 1000.0 / rate_hz)
    ecg = np.zeros((12, len(time)))
    for k in range(N_BEATS):
        sign, early = (-1.0, 150.0) if k in ectopic else (1.0, 0.0)
        ecg += sign * synthetic_beat(time, onset=RR_MS * k + 300.0 - early)
    noisy = ecg + np.random.default_rng(0).normal(0, noise, ecg.shape)
    independent = {name: noisy[LEADS.index(name)] for name in INDEPENDENT_LEADS}
    return Recording.of_leads("rhythm", independent, rate_hz).ecg


def recording(ecg, rate_hz=1000.0):
    return Recording.of_leads("rhythm", dict(zip(LEADS, ecg)), rate_hz)


def write_xml(path, ecg, part="StripData", **changes):
    """A CardioSoft file with 5 uV per count."""
    given = {"rate": "500", "unit": "uVperLsb", "root": "CardiologyXML", "sample": None} | changes
    waves = "".join(
        f'<WaveformData lead="{name}">{",".join(map(str, np.round(row / 0.005).astype(int)))}'
        "</WaveformData>"
        for name, row in zip(LEADS, ecg)
    )
    if given["sample"]:
        waves = waves.replace(",", f",{given['sample']},", 1)
    outer, _, inner = part.partition("/")
    opened, closed = (f"<{inner}>", f"</{inner}>") if inner else ("", "")
    path.write_text(
        f'<?xml version="1.0" encoding="ISO-8859-1" ?><{given["root"]}><PatientInfo>'
        '<Age units="YEARS">53</Age><Gender>MALE</Gender><Height units="CENTIMETERS">175</Height>'
        f'<Weight units="KILOGRAMS"></Weight></PatientInfo><{outer}>{opened}'
        f'<SampleRate units="Hz">{given["rate"]}</SampleRate>'
        f'<Resolution units="{given["unit"]}">5</Resolution>{waves}'
        f"{closed}</{outer}></{given['root']}>"
    )
    return path


@pytest.mark.parametrize("part", ["StripData", "RestingECGMeasurements/MedianSamples"])
def test_cardiosoft_file(part, tmp_path):
    ecg = rhythm(500.0)
    found = read_recording(write_xml(tmp_path / "a.XML", ecg, part))
    assert found.rate_hz == 500 and found.name == "a"
    assert found.person == Person("male", 53, 175, None)
    np.testing.assert_allclose(found.ecg, ecg, atol=0.0026)


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"rate": "none"}, "SampleRate"),
        ({"unit": "mV"}, "uVperLsb"),
        ({"root": "Other"}, "<Other>"),
        ({"sample": "x"}, "lead I"),
        ({"sample": ",".join("1" * 9)}, "different lengths"),
        ({"part": "Nothing"}, "no WaveformData"),
    ],
)
def test_broken_cardiosoft_files(changes, match, tmp_path):
    path = write_xml(tmp_path / "a.xml", rhythm(500.0)[:, :1000], **changes)
    with pytest.raises(BadInput, match=match) as raised:
        read_recording(path)
    assert str(path) in str(raised.value)


def test_arrays_lie_either_way(tmp_path):
    ecg = rhythm()
    for k, values in enumerate((ecg, ecg.T, 1000 * ecg)):
        np.save(tmp_path / f"{k}.npy", values)
        found = read_recording(tmp_path / f"{k}.npy", Declared(1000.0, "uV" if k == 2 else None))
        np.testing.assert_allclose(found.ecg, ecg, atol=1e-12)
    for values, match in ((ecg[:8], "expected"), (ecg[:, :12], "expected"), (ecg > 0, "numbers")):
        np.save(tmp_path / "bad.npy", values)
        with pytest.raises(BadInput, match=match):
            read_recording(tmp_path / "bad.npy", Declared(1000.0))
    with pytest.raises(BadInput, match="--rate-hz"):
        read_recording(tmp_path / "0.npy")
    found = read_recording(tmp_path / "2.npy", Declared(1000.0))
    np.testing.assert_allclose(found.ecg, ecg, atol=1e-12)
    assert "the unit uV was detected by the size of the QRS" in found.notes
    with pytest.raises(BadInput, match="microvolt"):
        read_recording(tmp_path / "2.npy", Declared(1000.0, "mV"))


@pytest.mark.parametrize("form", ["{} (uV)", "{}[uV]", "{}/µV", "{}"])
def test_units_of_a_table_are_in_its_header_or_declared(form, tmp_path):
    time = time_axis()
    columns = {form.format(name): 1000 * row for name, row in synthetic_leads(time).items()}
    rows = [
        ",".join(columns),
        *(",".join(f"{v:.4f}" for v in row) for row in zip(*columns.values())),
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(rows))
    found = read_recording(path, Declared(1000.0, "uV" if form == "{}" else None))
    np.testing.assert_allclose(found.ecg, synthetic_beat(time), atol=1e-6)
    path.write_text("\n".join(rows).replace(next(iter(columns)), "I (hPV)", 1))
    with pytest.raises(BadInput, match="hPV"):
        read_recording(path, Declared(1000.0))


def test_declared_rates_must_be_those_of_the_file(tmp_path):
    path = write_xml(tmp_path / "a.xml", rhythm(500.0))
    with pytest.raises(BadInput, match="500 Hz, not 1000 Hz"):
        read_recording(path, Declared(1000.0))
    (tmp_path / "a.pdf").touch()
    with pytest.raises(BadInput, match="'.pdf' is none of .hea"):
        read_recording(tmp_path / "a.pdf")
    with pytest.raises(BadInput, match="no such file"):
        read_recording(tmp_path / "b.dat")


def spoilt(change):
    ecg = rhythm()
    change(ecg)
    return ecg


def flat(ecg):
    ecg[LEADS.index("V3")] = 0.1


def saturated(ecg):
    row = ecg[LEADS.index("V4")]
    np.minimum(row, 0.6 * row.max(), out=row)


def renamed(ecg):
    ecg[LEADS.index("III")] = ecg[LEADS.index("V5")]


@pytest.mark.parametrize(
    "change, match",
    [(flat, "lead V3: flat"), (saturated, "lead V4: saturated"), (renamed, "Einthoven")],
)
def test_faults_are_named(change, match):
    raise_if_unusable(recording(rhythm(noise=0.01)))
    raise_if_unusable(recording(np.round(rhythm() / 0.005) * 0.005))
    with pytest.raises(BadInput, match=match):
        raise_if_unusable(recording(spoilt(change)))


def test_gaps_short_records_and_wrong_rates_are_named():
    gap = rhythm()
    gap[LEADS.index("V2"), 1500:1600] = np.nan
    with pytest.raises(BadInput, match="lead V2: 100 of 9000 .* at 1.500 s"):
        recording(gap)
    with pytest.raises(BadInput, match="0.30 s"):
        aligned_beat(recording(rhythm()[:, 300:600]))
    with pytest.raises(BadInput, match="rate of 3000 Hz right"):
        aligned_beat(recording(rhythm(), 3000.0))


def test_resampling_keeps_time_and_shape():
    """A sine of 40 Hz, away from the ends, at rates with and without a small ratio."""
    for rate in (360.0, 500.0, 977.0, 2000.0):
        time = np.arange(0.0, 2.0, 1 / rate)
        found = resampled(np.sin(2 * np.pi * 40 * time)[None], rate)[0]
        k = np.arange(200, 1800)
        np.testing.assert_allclose(found[k], np.sin(2 * np.pi * 40 * k / 1000), atol=0.005)


@pytest.mark.parametrize("rate_hz", [500.0, 1000.0])
def test_aligned_beat(rate_hz):
    """Onset where it is wanted, one clean beat, whatever level, drift and ectopic beats."""
    clean = aligned_beat(recording(rhythm())).window(8.0)
    time = np.arange(500.0)
    truth = synthetic_beat(time, onset=0.0)
    shifts = [np.abs(clean - synthetic_beat(time, onset=s)).max() for s in range(16)]
    assert min(shifts) < 0.05 * np.abs(truth).max()
    spoiled = rhythm(rate_hz, ectopic=(3, 6), noise=0.005)
    spoiled += np.array([0.3, 0.4, 0.1, -0.35, 0.1, 0.25, *6 * [0.4]])[:, None]  # I + III = II
    spoiled[6:] += 0.2 * np.sin(np.arange(spoiled.shape[1]) / rate_hz)
    found = aligned_beat(recording(spoiled, rate_hz))
    assert 4 <= found.n_beats <= N_BEATS - 2
    assert np.abs(found.window(8.0) - clean).max() < 0.05 * np.abs(truth).max()
    assert found.warnings == (f"{found.n_beats} beats of the most frequent kind were averaged; "
                              "2 beats of other shapes were left out",)  # fmt: skip
    assert found.source.n_others == 2 and found.source.n_spikes == 0


def test_a_short_cycle_ends_in_the_baseline():
    time = np.arange(0.0, 9000.0)
    ecg = sum(synthetic_beat(time, onset=600.0 * k + 200.0) for k in range(14))
    found = aligned_beat(recording(ecg))
    assert found.rr_ms == 600 and any("what follows" in text for text in found.warnings)
    assert np.all(found.window()[:, 450:] == 0)


def test_exchanged_arms_are_hinted_at():
    """RA and LA exchanged: I changes its sign, II and III change places, so do aVR and aVL."""
    ecg = rhythm()
    lead = dict(zip(LEADS, ecg))
    swapped = lead | {"I": -lead["I"], "II": lead["III"], "III": lead["II"],
                      "aVR": lead["aVL"], "aVL": lead["aVR"]}  # fmt: skip
    assert aligned_beat(recording(ecg)).warnings == ()
    (warning,) = aligned_beat(recording(np.array([swapped[name] for name in LEADS]))).warnings
    assert "arm electrodes" in warning


@pytest.mark.parametrize(
    "name, qrs_ms, rr_ms", [("example-XML1.xml", 92.0, 1202.0), ("s0010_re.dat", None, 733.0)]
)
def test_real_recordings(name, qrs_ms, rr_ms):
    """CardioSoft states a QRS of 92 ms and a cycle of 1202 ms of its file.

    Ours is that of cardiologists, who mark the QRS onset earlier and its end later than the device.
    """
    found = aligned_beat(read_recording(data_file(f"ecg/{name}")))
    assert found.rr_ms == pytest.approx(rr_ms, abs=3) and found.window(6.0).shape == (12, 500)
    assert qrs_ms is None or 0 < found.delineation.qrs_ms - qrs_ms < 10
    np.testing.assert_allclose(found.ecg[0] + found.ecg[2], found.ecg[1], atol=1e-12)
    assert found.warnings == ()

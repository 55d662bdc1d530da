"""Recordings of others: WFDB and CSV files that are written here, and beats averaged from them."""

import numpy as np
import pytest
from helpers.ecg import synthetic_beat, synthetic_leads, time_axis

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.beats import representative_beat
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.features import beat_features
from einthoven.physics.ecg.recordings.recording import Declared, Person, Recording
from einthoven.physics.ecg.recordings.table import read_csv
from einthoven.physics.ecg.recordings.wfdb import read_wfdb

TIME = time_axis()
GAIN, ZERO = 2000, -37
RR_MS = 800


def write_wfdb(folder, leads, rate=1000, form="16", extra=()):
    """A record in one .dat file."""
    counts = np.round(np.array(list(leads.values())) * GAIN).astype(int) + ZERO
    interleaved = counts.T.ravel()
    if form == "212":
        a, b = (interleaved.reshape(-1, 2).T) & 0xFFF
        raw = np.stack([a & 0xFF, (a >> 8) | ((b >> 8) << 4), b & 0xFF], axis=1).astype(np.uint8)
    else:
        raw = interleaved.astype({"16": "<i2", "32": "<i4"}[form])
    (folder / "rec.dat").write_bytes(raw.tobytes())
    lines = [f"rec {len(counts)} {rate} {counts.shape[1]}"]
    for name, row in zip(leads, counts):
        lines.append(f"rec.dat {form} {GAIN}({ZERO})/mV 16 0 {row[0]} {row.sum() % 65536} 0 {name}")
    (folder / "rec.hea").write_text("\n".join([*lines, *extra]) + "\n")
    return folder / "rec.hea"


@pytest.mark.parametrize("form", ["16", "32", "212"])
def test_wfdb_record(form, tmp_path):
    leads = {name.lower(): 0.4 * x for name, x in synthetic_leads(TIME).items()}
    found = read_wfdb(write_wfdb(tmp_path, leads, 500, form, ("# age: 81", "# sex: female")))
    assert found.rate_hz == 500 and found.name == "rec" and found.source == tmp_path / "rec.hea"
    assert found.person == Person(sex="female", age_years=81)
    np.testing.assert_allclose(found.ecg, 0.4 * synthetic_beat(TIME), atol=1.1 / GAIN)


def test_a_gap_of_a_wfdb_record_is_told(tmp_path):
    """The lowest number of 16 bits is a missing sample, not -16 mV."""
    header = write_wfdb(tmp_path, synthetic_leads(TIME))
    counts = np.fromfile(tmp_path / "rec.dat", "<i2").reshape(-1, 8)
    counts[500, 0] = -(2**15)
    counts.tofile(tmp_path / "rec.dat")
    lines = header.read_text().splitlines()
    words = lines[1].split()
    lines[1] = " ".join([*words[:6], str(int(counts[:, 0].sum()) % 65536), *words[7:]])
    header.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInput, match="lead I: 1 of .* the first at 0.500 s"):
        read_wfdb(header)


def test_broken_wfdb_records(tmp_path):
    header = write_wfdb(tmp_path, synthetic_leads(TIME))
    text, data = header.read_text(), (tmp_path / "rec.dat").read_bytes()

    def fault(match):
        with pytest.raises(BadInput, match=match):
            read_wfdb(header)

    (tmp_path / "rec.dat").write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    fault("checksum")
    (tmp_path / "rec.dat").write_bytes(data[:-40])
    fault("truncated")
    (tmp_path / "rec.dat").unlink()
    fault("rec.dat: cannot be read")
    (tmp_path / "rec.dat").write_bytes(data)
    header.write_text(text.replace(".dat 16", ".dat 999"))
    fault("999")
    header.write_text(text.replace("/mV", "/mmHg"))
    fault("unit 'mmHg' of the gain")
    header.write_text(text.replace("8 1000 ", "8 often "))
    fault("'often' is not a number")
    header.write_text("rec 0 500 1000\n")
    fault("with signals")
    header.write_text("rec/3 12 500\n")
    fault("not the header")
    header.write_text("what is that?\n")
    fault("not the header")


def write_csv(path, leads, time=None, delimiter=","):
    columns = ({} if time is None else {"time_ms": time}) | leads
    rows = [delimiter.join(columns)]
    rows += [delimiter.join(f"{v:.6f}" for v in row) for row in zip(*columns.values())]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_csv_table(delimiter, tmp_path):
    path = write_csv(tmp_path / "a.csv", synthetic_leads(TIME), TIME, delimiter)
    found = read_csv(path)
    assert found.rate_hz == pytest.approx(1000.0)
    np.testing.assert_allclose(found.ecg, synthetic_beat(TIME), atol=1e-6)
    without = write_csv(tmp_path / "b.csv", synthetic_leads(TIME), None, delimiter)
    assert read_csv(without, Declared(250.0)).rate_hz == 250.0
    with pytest.raises(BadInput, match="--rate-hz"):
        read_csv(without)


def test_broken_csv_tables(tmp_path):
    path = tmp_path / "a.csv"

    def fault(text, match):
        path.write_text(text)
        with pytest.raises(BadInput, match=match):
            read_csv(path, Declared(500.0))

    fault("", "empty")
    fault("\n", "first line")
    fault("1,2,3\n4,5,6\n", "first line")
    fault("I,II\n1,2\n3,x\n", "line 3")
    fault("I,II\n1,2\n3\n", "line 3")
    fault("I,II\n1,2\n3,4\n", "no lead V1")
    fault("I,I\n1,2\n3,4\n", "more than once")
    fault("time_s,I,II\n0,1,1\n1,2,1\n1,2,1\n", "equal steps")
    fault("time_s,age\n0,1\n1,2\n", "name the leads")


def test_limb_leads_follow_from_two():
    """Einthoven and Goldberger: I + III = II, aVR + aVL + aVF = 0; eight leads are enough."""
    ecg = synthetic_beat(TIME)
    lead = dict(zip(LEADS, ecg))
    np.testing.assert_allclose(lead["I"] + lead["III"], lead["II"], atol=1e-12)
    np.testing.assert_allclose(lead["aVR"] + lead["aVL"] + lead["aVF"], 0, atol=1e-12)
    twelve = Recording.of_leads("a", {k.upper(): v for k, v in lead.items()}, 1000.0)
    np.testing.assert_array_equal(twelve.ecg, ecg)
    with pytest.raises(BadInput, match="microvolt"):
        Recording.of_leads("a", {k: 1000 * v for k, v in lead.items()}, 1000.0)


def recording(rng, n_beats=12, noise=0.015, drift=0.3):
    """Beats of one shape on a drift, with noise, and one of another shape: [12, time]."""
    time = np.arange(0.0, RR_MS * (n_beats + 1))
    ecg = np.zeros((12, len(time)))
    for k in range(n_beats):
        sign = -1.0 if k == 5 else 1.0
        ecg += sign * synthetic_beat(time, onset=RR_MS * (k + 0.5) + rng.integers(-8, 9))
    ecg += drift * np.sin(time / 2500.0) * np.linspace(0.5, 1, 12)[:, None]
    return ecg + rng.normal(0, noise, ecg.shape)


def test_representative_beat():
    """12 beats, noise of 15 uV, drift of 0.3 mV, one ectopic beat: features of the clean one."""
    beat = representative_beat(recording(np.random.default_rng(2)), 1000.0)
    assert beat.rr_ms == pytest.approx(RR_MS, abs=10)
    assert beat.n_beats >= 9
    found = beat_features(delineate(beat.ecg, beat.time, beat.rr_ms))
    truth = beat_features(delineate(synthetic_beat(TIME), TIME))
    assert found["qrs_ms"] == pytest.approx(truth["qrs_ms"], abs=5)
    assert found["qt_ms"] == pytest.approx(truth["qt_ms"], abs=10)
    assert found["qrs_axis_deg"] == pytest.approx(truth["qrs_axis_deg"], abs=3)
    for name in ("r_mv_v5", "s_mv_v1", "t_mv_v3", "r_mv_i"):
        assert found[name] == pytest.approx(truth[name], abs=0.04), name


def test_one_beat_is_left_as_it_is():
    ecg = synthetic_beat(TIME)
    beat = representative_beat(ecg, 1000.0)
    assert beat.rr_ms is None and beat.n_beats == 1
    np.testing.assert_array_equal(beat.ecg, ecg)


def test_beats_that_are_not_alike():
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="flat"):
        representative_beat(np.zeros((12, 3000)), 500.0)
    with pytest.raises(BadInput, match="alike|whole"):
        representative_beat(rng.normal(0, 1, (12, 5000)), 500.0)

"""Formats and quirks of recordings that are read, and damaged files that are refused."""

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from helpers import recording_binaries as binary
from helpers import recording_writers as text
from helpers.recording_source import MV, RATE_HZ, UV, Source, source

from einthoven.base.core.names import INDEPENDENT_LEADS, LEADS
from einthoven.physics.ecg.recordings.recording import Declared, Recording

COUNT_MV = 1.001 * MV


@dataclass(frozen=True)
class Readable:
    """A file that is read.

    Attributes:
        name: of the case. write: makes the file in a folder and returns it.
        declared: what the file does not state. note: part of a note, empty for none.
        start, stop: part of the source's samples that is left. tolerance_mv: of every sample.
    """

    name: str
    write: Callable[[Path, Source], Path]
    declared: Declared = Declared()
    note: str = ""
    start: int = 0
    stop: int | None = None
    tolerance_mv: float = COUNT_MV

    def difference(self, found: Recording, made: Source) -> np.ndarray:
        """Largest difference [lead] in mV from the source; infinite for another length or rate."""
        expected = made.mv[:, self.start : self.stop]
        if found.ecg.shape != expected.shape or abs(found.rate_hz / made.rate_hz - 1) > 1e-3:
            return np.full(len(LEADS), np.inf)
        return np.abs(found.ecg - expected).max(axis=1)


def _text(name: str, make: Callable[[Source], str], encoding: str = "utf-8") -> Callable:
    def write(folder: Path, made: Source) -> Path:
        (folder / name).write_bytes(make(made).encode(encoding))
        return folder / name

    return write


def _wfdb_package(form: str, gain: float = 1 / MV) -> Callable:
    def write(folder: Path, made: Source) -> Path:
        import wfdb

        counts = np.round(made.mv * gain).astype(int).T
        wfdb.wrsamp("rec", fs=made.rate_hz, units=["mV"] * 12, sig_name=list(LEADS),
                    d_signal=counts, fmt=[form] * 12, adc_gain=[gain] * 12, baseline=[0] * 12,
                    write_dir=str(folder))  # fmt: skip
        return folder / "rec.hea"

    return write


def _wfdb(**changes) -> Callable:
    return lambda folder, made: text.write_wfdb(folder, made, **changes)


def _own_gains(folder: Path, made: Source) -> Path:
    """Counts of 1 uV that obey the law, and a gain per lead by which they do not."""
    rows = np.round(made.counts * UV).astype(int)
    rows[2] = rows[1] - rows[0]
    gains = [700 + 130 * k for k in range(12)]
    return text.write_wfdb(folder, Source(rows), gains=gains, rows=rows)


def _missing_ends(folder: Path, made: Source) -> Path:
    rows = made.counts.copy()
    rows[:, :100] = -32768
    rows[4:, -50:] = -32768
    return text.write_wfdb(folder, made, rows=rows, sums=0)


def _table(delimiter: str = ",", **kind) -> Callable[[Source], str]:
    """A table of mV; kind: names, order, time, scale, comma, before, after the header."""

    def make(made: Source) -> str:
        names = kind.get("names", lambda lead: lead)
        columns = {names(lead): made.in_mv[lead] * kind.get("scale", 1.0)
                   for lead in kind.get("order", LEADS)}  # fmt: skip
        time = np.arange(made.counts.shape[1]) / made.rate_hz
        if "time" in kind:
            header, factor = kind["time"]
            columns = {header: np.round(time * factor, kind.get("digits", 6)), **columns}
        columns |= kind.get("extra", lambda n: {})(len(time))
        body = text.table_text(columns, delimiter, comma=kind.get("comma", False))
        header, _, rows = body.partition("\n")
        below = kind.get("below", "")
        return kind.get("before", "") + f"{header}\n{below}{rows}"

    return make


def _matlab(**variables) -> Callable:
    def write(folder: Path, made: Source) -> Path:
        from scipy.io import savemat

        savemat(folder / "a.mat", {name: value(made) for name, value in variables.items()})
        return folder / "a.mat"

    return write


def _array(save: Callable, name: str) -> Callable:
    def write(folder: Path, made: Source) -> Path:
        save(folder / name, made)
        return folder / name

    return write


def _gz(write: Callable) -> Callable:
    def packed(folder: Path, made: Source) -> Path:
        path = write(folder, made)
        to = path.with_name(f"{path.name}.gz")
        to.write_bytes(gzip.compress(path.read_bytes()))
        return to

    return packed


def _renamed(write: Callable, name: str) -> Callable:
    def renamed(folder: Path, made: Source) -> Path:
        return write(folder, made).rename(folder / name)

    return renamed


def _spoilt(change: Callable[[dict[str, np.ndarray], Source], dict]) -> Callable:
    """JSON of leads in mV after a change."""

    def write(folder: Path, made: Source) -> Path:
        leads = change({name: row.copy() for name, row in made.in_mv.items()}, made)
        to = folder / "a.npz"
        np.savez(to, rate_hz=made.rate_hz, unit="mV", **leads)
        return to

    return write


def _without(leads: dict, *names: str) -> dict:
    return {name: row for name, row in leads.items() if name not in names}


def _with_pulse(leads: dict, made: Source) -> dict:
    n = round(0.2 * made.rate_hz)
    pulse = np.r_[np.zeros(n // 2), np.ones(n), np.zeros(round(0.02 * made.rate_hz))]
    return {name: np.r_[pulse, row] for name, row in leads.items()}


def _unequal(leads: dict, made: Source) -> dict:
    return leads | {"V3": np.r_[leads["V3"], 0.0, 0.1]}


def _padded(leads: dict, made: Source) -> dict:
    return {name: np.r_[np.zeros(made.rate_hz), row] for name, row in leads.items()}


def _nan_ends(leads: dict, made: Source) -> dict:
    for row in leads.values():
        row[:30] = np.nan
        row[-20:] = np.nan
    return leads


def _drifting(leads: dict, made: Source) -> dict:
    """A drift of 1 mV in the electrode LA, which I, aVL and the others share by their weights."""
    drift = np.sin(np.arange(made.counts.shape[1]) / made.rate_hz)
    weights = {"I": 1.0, "III": -1.0, "aVR": -0.5, "aVL": 1.0, "aVF": -0.5}
    made.counts[:] += np.round(np.outer([weights.get(n, -1 / 3 if n[0] == "V" else 0.0)
                                         for n in LEADS], drift / MV)).astype(int)  # fmt: skip
    return made.in_mv


def _jitter(folder: Path, made: Source) -> Path:
    """360 Hz with times in whole ms."""
    made.__dict__.update(source(360).__dict__)
    path = folder / "a.csv"
    path.write_text(_table(time=("time_ms", 1000.0), digits=0)(made))
    return path


def _at(rate_hz: int, seconds: float = 4.0) -> Callable:
    def write(folder: Path, made: Source) -> Path:
        made.__dict__.update(source(rate_hz, seconds).__dict__)
        return text.write_wfdb(folder, made)

    return write


def _npz(path: Path, made: Source) -> None:
    np.savez(path, ecg=made.mv.T, fs=made.rate_hz, unit="mV", lead_names=np.array(LEADS))


SHUFFLED = ("V6", "aVF", "V2", "I", "V1", "III", "aVR", "V5", "II", "V4", "aVL", "V3")
MDC = {lead: f"MDC_ECG_LEAD_{lead.upper()}" for lead in LEADS}
ROMANCE = {"I": "D1", "II": "DII", "III": "D3"}
UNITS_BELOW = ",".join(["s", *["uV"] * 12]) + "\n"
FOREIGN = {"extra": lambda n: {"remark": np.array(["pause"] * n), "HR": np.full(n, 66.0)}}
AT = Declared(float(RATE_HZ))

READ = [
    Readable("WFDB 16", _wfdb()),
    Readable("WFDB 16, zeros as checksums", _wfdb(sums=0)),
    Readable("WFDB 61", _wfdb(form="61")),
    Readable("WFDB 160", _wfdb(form="160")),
    *(Readable(f"WFDB {form} by wfdb", _wfdb_package(form)) for form in ("24", "32")),
    *(Readable(f"WFDB {form}", lambda f, m, form=form: text.write_wfdb_packed(f, m, form),
               tolerance_mv=4 * MV) for form in ("212", "310", "311")),
    Readable("WFDB 80 by wfdb", _wfdb_package("80", 50.0), tolerance_mv=0.021),
    *(Readable(f"WFDB {form} by wfdb", _wfdb_package(form)) for form in ("516", "524")),
    Readable("challenge .mat, 16+24", text.write_challenge),
    Readable("challenge .hea, 16x1+24",
             lambda f, m: text.write_challenge(f, m, "16x1+24").with_suffix(".hea")),
    Readable("WFDB in segments", text.write_segments),
    Readable("WFDB, two samples per frame", text.write_frames),
    Readable("WFDB in capitals", _renamed(_wfdb(), "REC.HEA")),
    Readable("WFDB, a gain per lead that breaks the law", _own_gains, note="one gain of 1000"),
    Readable("WFDB, -32768 at the ends", _missing_ends, note="0.200 s without signal", start=100,
             stop=-50),
    Readable("WFDB at 100 Hz", _at(100, 10.0)),
    Readable("WFDB at 10 kHz", _at(10_000)),
    Readable("CSV, commas, ms", _text("a.csv", _table(time=("time_ms", 1000.0))),
             note="the unit mV was detected"),
    Readable("CSV, semicolons and decimal commas", _text("a.CSV", _table(
        ";", time=("Zeit", 1.0), comma=True, names="Ableitung {}".format)), AT, "mV was detected"),
    Readable("TSV, seconds, spelt as leads", _text("a.tsv", _table(
        "\t", time=("Time [s]", 1.0), names="Lead {} (mV)".format))),
    Readable("text, blanks", _text("a.txt", _table(" ", names=str.upper)), AT, "mV was detected"),
    Readable("CSV, any order, other columns", _text("a.csv", _table(
        time=("t", 1.0), order=SHUFFLED, **FOREIGN)), note="mV was detected"),
    Readable("CSV, codes of MDC, uV in names", _text("a.csv", _table(
        names=lambda lead: f"{MDC[lead]}_uV", scale=1000)), AT),
    Readable("CSV, D1 and DII, uV by size", _text("a.csv", _table(
        names=lambda lead: ROMANCE.get(lead, lead), scale=1000)), AT, "the unit uV was detected"),
    Readable("CSV, volt by size", _text("a.csv", lambda made: text.table_text(
        {k: v / 1000 for k, v in made.in_mv.items()}, digits=9)), AT, "the unit V was detected"),
    Readable("CSV, a line of units", _text("a.csv", _table(
        time=("time", 1.0), scale=1000, below=UNITS_BELOW))),
    Readable("CSV, byte order mark, CRLF, comments", _text("a.csv", lambda made: _table(
        before="# patient X\n# sampling rate: 500 Hz\n# unit: mV\n")(made).replace("\n", "\r\n"),
        "utf-8-sig")),
    Readable("CSV, UTF-16", _text("a.csv", _table(time=("time_s", 1.0)), "utf-16"), note="mV was detected"),
    Readable("CSV, times rounded to ms", _jitter, note="mV was detected"),
    Readable("CSV, gzip", _gz(_text("a.csv", _table(time=("seconds", 1.0)))), note="mV was detected"),
    Readable("NumPy", _array(lambda p, m: np.save(p, m.mv), "a.npy"), AT, "mV was detected"),
    Readable("NumPy, counts of uV", _array(lambda p, m: np.save(p, (m.mv * 1000).T), "a.npy"), AT,
             "uV was detected"),
    Readable("NumPy, named", _array(_npz, "a.npz")),
    Readable("JSON", _text("a.json", text.json_text)),
    Readable("MATLAB, lead by lead", _matlab(**{lead: lambda m, x=lead: m.in_mv[x] for lead in LEADS},
             fs=lambda m: m.rate_hz, unit=lambda m: "mV")),
    Readable("MATLAB, struct", _matlab(ECG=lambda m: {"data": m.mv, "sex": "Female", "age": 61}),
             AT, "the leads were taken"),
    Readable("MATLAB 7.3", _array(binary.write_matlab73, "a.mat"), note="the leads were taken"),
    Readable("CardioSoft", _text("a.xml", text.cardiosoft_text)),
    Readable("GE MUSE", _text("a.XML", text.muse_text)),
    Readable("GE MUSE, gzip", _gz(_text("a.xml", text.muse_text))),
    Readable("HL7 aECG", _text("a.xml", text.aecg_text)),
    Readable("Philips XML", _text("a.xml", binary.sierra_text)),
    Readable("EDF", _array(binary.write_edf, "a.edf")),
    Readable("EDF, mV", _array(lambda p, m: binary.write_edf(p, m, 16, "mV"), "a.EDF")),
    Readable("EDF, no unit", _array(lambda p, m: binary.write_edf(p, m, 16, ""), "a.edf"),
             note="uV was detected"),
    Readable("BDF", _array(lambda p, m: binary.write_edf(p, m, 24), "a.bdf")),
    Readable("DICOM, MDC", _array(binary.write_dicom, "a.dcm")),
    Readable("DICOM, SCP-ECG's codes, no suffix",
             _array(lambda p, m: binary.write_dicom(p, m, "SCPECG"), "1.2.840.113")),
    Readable("DICOM, leads by their meaning",
             _array(lambda p, m: binary.write_dicom(p, m, ""), "a.dcm")),
    Readable("SCP-ECG, Huffman, second differences", _array(binary.write_scp, "a.scp")),
    Readable("SCP-ECG, Huffman, first differences",
             _array(lambda p, m: binary.write_scp(p, m, 1), "a.SCP")),
    Readable("SCP-ECG, 16 bits", _array(lambda p, m: binary.write_scp(p, m, 0, False), "a.scp")),
    Readable("SCP-ECG, reference beat",
             _array(lambda p, m: binary.write_scp(p, m, 2, number=5), "a.scp"), note="reference"),
    Readable("lead II from I and III", _spoilt(lambda leads, _: _without(leads, "II")),
             note="lead II was computed from I and III"),
    Readable("limb leads from aVL and aVF", _spoilt(
        lambda leads, _: _without(leads, "I", "II", "III", "aVR")), note="from aVL and aVF",
        tolerance_mv=3 * MV),
    Readable("NaN at the ends", _spoilt(_nan_ends), note="without signal", start=30, stop=-20),
    Readable("zeros at the start", _spoilt(_padded), note="1.000 s without signal at the start"),
    Readable("calibration pulse", _spoilt(_with_pulse), note="calibration pulse of 1 mV"),
    Readable("leads of unequal length", _spoilt(_unequal), note="were cut to 5000"),
    Readable("drift of the baseline", _spoilt(_drifting), tolerance_mv=3 * MV),
]  # fmt: skip
"""Files that are read, with the source's samples."""


@dataclass(frozen=True)
class Refused:
    """A damaged file.

    Attributes:
        name: of the case. write: makes the file in a folder and returns it.
        cause, remedy: patterns of the message. declared: what is declared.
    """

    name: str
    write: Callable[[Path, Source], Path]
    cause: str
    remedy: str
    declared: Declared = Declared()

    def flaws(self, message: str, path: Path) -> list[str]:
        """What a message lacks of file, cause and remedy."""
        import re

        parts = {"file": re.escape(str(path.with_suffix(""))), "cause": self.cause,
                 "remedy": self.remedy}  # fmt: skip
        lacks = [name for name, pattern in parts.items() if not re.search(pattern, message)]
        return lacks + (["one line"] if "\n" in message else [])


def _cut(write: Callable, share: float = 0.6) -> Callable:
    def cut(folder: Path, made: Source) -> Path:
        path = write(folder, made)
        raw = path.read_bytes()
        path.write_bytes(raw[: int(share * len(raw))])
        return path

    return cut


def _flipped(write: Callable, at: int) -> Callable:
    def flip(folder: Path, made: Source) -> Path:
        path = write(folder, made)
        raw = bytearray(path.read_bytes())
        raw[at] ^= 1
        path.write_bytes(bytes(raw))
        return path

    return flip


def _changed(write: Callable, old: str, new: str) -> Callable:
    def change(folder: Path, made: Source) -> Path:
        path = write(folder, made)
        path.write_text(path.read_text().replace(old, new, 1))
        return path

    return change


def _no_signal_file(folder: Path, made: Source) -> Path:
    path = text.write_wfdb(folder, made)
    (folder / "rec.dat").unlink()
    return path


def _short_signal_file(folder: Path, made: Source) -> Path:
    path = text.write_wfdb(folder, made)
    raw = (folder / "rec.dat").read_bytes()
    (folder / "rec.dat").write_bytes(raw[:-1000])
    return path


def _damaged_signal_file(folder: Path, made: Source) -> Path:
    path = text.write_wfdb(folder, made)
    raw = bytearray((folder / "rec.dat").read_bytes())
    raw[5000] ^= 4
    (folder / "rec.dat").write_bytes(bytes(raw))
    return path


def _lead(name: str, value: Callable[[np.ndarray], np.ndarray]) -> Callable:
    return _spoilt(lambda leads, _: leads | {name: value(leads[name])})


def _gap(row: np.ndarray) -> np.ndarray:
    row[1000:1100] = np.nan
    return row


def _clipped(row: np.ndarray) -> np.ndarray:
    return np.minimum(row, 0.6 * row.max())


def _exchanged(leads: dict, _: Source) -> dict:
    return leads | {"III": leads["V5"]}


def _image(path: Path, made: Source) -> None:
    binary.write_dicom(path, made, waveform=False)


def _copy(name: str) -> Callable:
    def write(folder: Path, made: Source) -> Path:
        shutil.copy(__file__, folder / name)
        return folder / name

    return write


AGAIN = "copy|export|save"
CSV_MV = _text("a.csv", _table(time=("time_ms", 1000.0)))
REFUSED = [
    Refused("WFDB without its signal file", _no_signal_file, "rec.dat: cannot be read", "copy"),
    Refused("WFDB, truncated", _short_signal_file, "truncated", "copy"),
    Refused("WFDB, one bit changed", _damaged_signal_file, "checksum of .* does not fit", "copy"),
    Refused("WFDB, unit mmHg", _wfdb(unit="mmHg"), "unit 'mmHg' of the gain of I ", "correct"),
    Refused("WFDB, no lead V4", lambda f, m: text.write_wfdb(
        f, m, names=[n for n in LEADS if n != "V4"], rows=np.delete(m.counts, 9, axis=0)),
        "no lead V4; the leads are I,", "export all leads"),
    Refused("WFDB at 50 Hz", _at(50, 10.0), "50 Hz; 100 to 10000 Hz", "correct|export"),
    Refused("CSV, a cell that is no number", _changed(CSV_MV, "\n4.000", "\nfour"),
            "line 4|equal steps", "correct or delete"),
    Refused("CSV without header", _text("a.csv", lambda m: "1,2,3\n4,5,6\n" * 600),
            "first line must name the leads", "e.g. time_ms,I,II", AT),
    Refused("CSV without rate", _text("a.csv", _table()), "no column time_ms", "--rate-hz"),
    Refused("CSV, counts without unit", _text("a.csv", _table(scale=40.0)),
            "no unit is stated, and a QRS of", "--unit", AT),
    Refused("CSV, a sample was lost", _text("a.csv", lambda m: "\n".join(
        line for k, line in enumerate(_table(time=("time_ms", 1000.0))(m).split("\n"))
        if not 2400 < k < 2405)), "equal steps", "samples lost"),
    Refused("CSV, two columns V2", _text("a.csv", _table(
        time=("t", 1.0), names=lambda x: "V2" if x == "V3" else x, order=LEADS[:9])),
        "no lead V3", "export"),
    Refused("NumPy, 7 leads", _array(lambda p, m: np.save(p, m.mv[:7]), "a.npy"),
            r"shape \(7, 5000\)", r"expected \(12, time\)", AT),
    Refused("NumPy without rate", _array(lambda p, m: np.save(p, m.mv), "a.npy"),
            "no sampling rate", "--rate-hz"),
    Refused("JSON, truncated", _cut(_text("a.json", text.json_text)), "JSON", AGAIN + "|truncated"),
    Refused("MATLAB, truncated", _cut(_matlab(val=lambda m: m.mv)), "MATLAB file", AGAIN, AT),
    Refused("XML, truncated", _cut(_text("a.xml", text.muse_text)), "cannot be read as XML", AGAIN),
    Refused("XML of another kind", _text("a.xml", lambda m: "<gpx><trk/></gpx>"), "root <gpx>",
            "read are <CardiologyXML>"),
    Refused("MUSE, samples are missing", _text("a.xml", lambda m: text.muse_text(m, n=4999)),
            "lead I: .*LeadSampleCountTotal", AGAIN),
    Refused("MUSE, no base64", _changed(_text("a.xml", text.muse_text),
            "\n</WaveFormData></LeadData></Waveform></RestingECG>",
            "*</WaveFormData></LeadData></Waveform></RestingECG>"), "lead V6: <WaveFormData> is not base64", AGAIN),
    Refused("aECG, no scale", _text("a.xml", lambda m: text.aecg_text(m, scale="none")),
            "<scale value> is 'none'", AGAIN),
    Refused("aECG, no increment", _text("a.xml", lambda m: text.aecg_text(m, step=0)),
            "<increment> 0 s", "correct"),
    Refused("EDF, truncated", _cut(_array(binary.write_edf, "a.edf"), 0.01), "EDF or BDF", AGAIN),
    Refused("DICOM image", _array(_image, "a.dcm"), "DICOM without waveforms", AGAIN),
    Refused("DICOM, truncated", _cut(_array(binary.write_dicom, "a.dcm")), "DICOM|damaged", AGAIN),
    Refused("SCP-ECG, truncated", _cut(_array(binary.write_scp, "a.scp")), "header says", AGAIN),
    Refused("SCP-ECG, one bit changed", _flipped(_array(binary.write_scp, "a.scp"), 700),
            "checksum", AGAIN),
    Refused("SCP-ECG, beats subtracted", _array(lambda p, m: binary.write_scp(p, m, flags=5),
            "a.scp"), "reference beat was subtracted", AGAIN),
    Refused("text as .mat", _copy("a.mat"), "MATLAB file", AGAIN, AT),
    Refused("an empty file", _text("a.xml", lambda m: ""), "empty", AGAIN),
    Refused("another suffix", _text("a.pdf", lambda m: "%PDF"), "suffix '.pdf'", AGAIN),
    Refused("a gap", _lead("V2", _gap), "lead V2: 100 of 5000 values .* at 2.000 s", "cut the gap"),
    Refused("electrode off", _lead("V3", lambda row: 0 * row), "lead V3: flat", "electrode off"),
    Refused("saturated", _lead("V4", _clipped), "lead V4: saturated at", "cut that part|again"),
    Refused("leads named wrongly", _spoilt(_exchanged), "I [+] III differs from II", "named wrongly"),
    Refused("uV called mV", _spoilt(lambda leads, _: {k: 1000 * v for k, v in leads.items()}),
            "highest value in mV", "are they microvolt"),
    Refused("too short", _spoilt(lambda leads, _: {k: v[:200] for k, v in leads.items()}),
            "0.40 s at 500 Hz", "is the rate right"),
    Refused("lengths that differ", _lead("V6", lambda row: row[:3000]),
            "leads of different lengths", AGAIN),
    Refused("no chest leads", _spoilt(lambda leads, _: _without(leads, *INDEPENDENT_LEADS[2:])),
            "no lead V1, V2", "export all leads"),
]  # fmt: skip
"""Files that are refused."""

"""Formats and quirks of recordings that are read, with the samples of one source."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import helpers.recording_binaries as binary
import helpers.recording_writers as text
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.recording import Declared, Recording
from helpers.recording_source import MV, RATE_HZ, UV, Source, source

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


def typed(name: str, make: Callable[[Source], str], encoding: str = "utf-8") -> Callable:
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


def wfdb_file(**changes) -> Callable:
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


def table(delimiter: str = ",", **kind) -> Callable[[Source], str]:
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


def matlab(**variables) -> Callable:
    def write(folder: Path, made: Source) -> Path:
        from scipy.io import savemat

        savemat(folder / "a.mat", {name: value(made) for name, value in variables.items()})
        return folder / "a.mat"

    return write


def saved(save: Callable, name: str) -> Callable:
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


def spoilt(change: Callable[[dict[str, np.ndarray], Source], dict]) -> Callable:
    """JSON of leads in mV after a change."""

    def write(folder: Path, made: Source) -> Path:
        leads = change({name: row.copy() for name, row in made.in_mv.items()}, made)
        to = folder / "a.npz"
        np.savez(to, rate_hz=made.rate_hz, unit="mV", **leads)
        return to

    return write


def without(leads: dict, *names: str) -> dict:
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
    path.write_text(table(time=("time_ms", 1000.0), digits=0)(made))
    return path


def at_rate(rate_hz: int, seconds: float = 4.0) -> Callable:
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
    Readable("WFDB 16", wfdb_file()),
    Readable("WFDB 16, zeros as checksums", wfdb_file(sums=0)),
    Readable("WFDB 61", wfdb_file(form="61")),
    Readable("WFDB 160", wfdb_file(form="160")),
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
    Readable("WFDB in capitals", _renamed(wfdb_file(), "REC.HEA")),
    Readable("WFDB, a gain per lead that breaks the law", _own_gains, note="one gain of 1000"),
    Readable("WFDB, -32768 at the ends", _missing_ends, note="0.200 s without signal", start=100,
             stop=-50),
    Readable("WFDB at 100 Hz", at_rate(100, 10.0)),
    Readable("WFDB at 10 kHz", at_rate(10_000)),
    Readable("CSV, commas, ms", typed("a.csv", table(time=("time_ms", 1000.0))),
             note="the unit mV was detected"),
    Readable("CSV, semicolons and decimal commas", typed("a.CSV", table(
        ";", time=("Zeit", 1.0), comma=True, names="Ableitung {}".format)), AT, "mV was detected"),
    Readable("TSV, seconds, spelt as leads", typed("a.tsv", table(
        "\t", time=("Time [s]", 1.0), names="Lead {} (mV)".format))),
    Readable("text, blanks", typed("a.txt", table(" ", names=str.upper)), AT, "mV was detected"),
    Readable("CSV, any order, other columns", typed("a.csv", table(
        time=("t", 1.0), order=SHUFFLED, **FOREIGN)), note="mV was detected"),
    Readable("CSV, codes of MDC, uV in names", typed("a.csv", table(
        names=lambda lead: f"{MDC[lead]}_uV", scale=1000)), AT),
    Readable("CSV, D1 and DII, uV by size", typed("a.csv", table(
        names=lambda lead: ROMANCE.get(lead, lead), scale=1000)), AT, "the unit uV was detected"),
    Readable("CSV, volt by size", typed("a.csv", lambda made: text.table_text(
        {k: v / 1000 for k, v in made.in_mv.items()}, digits=9)), AT, "the unit V was detected"),
    Readable("CSV, a line of units", typed("a.csv", table(
        time=("time", 1.0), scale=1000, below=UNITS_BELOW))),
    Readable("CSV, byte order mark, CRLF, comments", typed("a.csv", lambda made: table(
        before="# patient X\n# sampling rate: 500 Hz\n# unit: mV\n")(made).replace("\n", "\r\n"),
        "utf-8-sig")),
    Readable("CSV, UTF-16", typed("a.csv", table(time=("time_s", 1.0)), "utf-16"),
             note="mV was detected"),
    Readable("CSV, times rounded to ms", _jitter, note="mV was detected"),
    Readable("CSV, gzip", _gz(typed("a.csv", table(time=("seconds", 1.0)))),
             note="mV was detected"),
    Readable("NumPy", saved(lambda p, m: np.save(p, m.mv), "a.npy"), AT, "mV was detected"),
    Readable("NumPy, counts of uV", saved(lambda p, m: np.save(p, (m.mv * 1000).T), "a.npy"), AT,
             "uV was detected"),
    Readable("NumPy, named", saved(_npz, "a.npz")),
    Readable("JSON", typed("a.json", text.json_text)),
    Readable("MATLAB, lead by lead", matlab(
             **{lead: lambda m, x=lead: m.in_mv[x] for lead in LEADS},
             fs=lambda m: m.rate_hz, unit=lambda m: "mV")),
    Readable("MATLAB, struct", matlab(ECG=lambda m: {"data": m.mv, "sex": "Female", "age": 61}),
             AT, "the leads were taken"),
    Readable("MATLAB 7.3", saved(binary.write_matlab73, "a.mat"), note="the leads were taken"),
    Readable("CardioSoft", typed("a.xml", text.cardiosoft_text)),
    Readable("GE MUSE", typed("a.XML", text.muse_text)),
    Readable("GE MUSE, gzip", _gz(typed("a.xml", text.muse_text))),
    Readable("HL7 aECG", typed("a.xml", text.aecg_text)),
    Readable("Philips XML", typed("a.xml", binary.sierra_text)),
    Readable("EDF", saved(binary.write_edf, "a.edf")),
    Readable("EDF, mV", saved(lambda p, m: binary.write_edf(p, m, 16, "mV"), "a.EDF")),
    Readable("EDF, no unit", saved(lambda p, m: binary.write_edf(p, m, 16, ""), "a.edf"),
             note="uV was detected"),
    Readable("BDF", saved(lambda p, m: binary.write_edf(p, m, 24), "a.bdf")),
    Readable("DICOM, MDC", saved(binary.write_dicom, "a.dcm")),
    Readable("DICOM, SCP-ECG's codes, no suffix",
             saved(lambda p, m: binary.write_dicom(p, m, "SCPECG"), "1.2.840.113")),
    Readable("DICOM, leads by their meaning",
             saved(lambda p, m: binary.write_dicom(p, m, ""), "a.dcm")),
    Readable("SCP-ECG, Huffman, second differences", saved(binary.write_scp, "a.scp")),
    Readable("SCP-ECG, Huffman, first differences",
             saved(lambda p, m: binary.write_scp(p, m, 1), "a.SCP")),
    Readable("SCP-ECG, 16 bits", saved(lambda p, m: binary.write_scp(p, m, 0, False), "a.scp")),
    Readable("SCP-ECG, reference beat",
             saved(lambda p, m: binary.write_scp(p, m, 2, number=5), "a.scp"), note="reference"),
    Readable("lead II from I and III", spoilt(lambda leads, _: without(leads, "II")),
             note="lead II was computed from I and III"),
    Readable("limb leads from aVL and aVF", spoilt(
        lambda leads, _: without(leads, "I", "II", "III", "aVR")), note="from aVL and aVF",
        tolerance_mv=3 * MV),
    Readable("NaN at the ends", spoilt(_nan_ends), note="without signal", start=30, stop=-20),
    Readable("zeros at the start", spoilt(_padded), note="1.000 s without signal at the start"),
    Readable("calibration pulse", spoilt(_with_pulse), note="calibration pulse of 1 mV"),
    Readable("leads of unequal length", spoilt(_unequal), note="were cut to 5000"),
    Readable("drift of the baseline", spoilt(_drifting), tolerance_mv=3 * MV),
]  # fmt: skip
"""Files that are read, with the source's samples."""

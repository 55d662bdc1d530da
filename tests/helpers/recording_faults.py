"""Damaged recordings, and what the message of each must say."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import helpers.recording_binaries as binary
import helpers.recording_writers as text
from einthoven.base.core.names import INDEPENDENT_LEADS, LEADS
from einthoven.physics.ecg.recordings.recording import Declared
from helpers.recording_cases import (
    AT,
    at_rate,
    matlab,
    saved,
    spoilt,
    table,
    typed,
    wfdb_file,
    without,
)
from helpers.recording_source import Source


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
    return spoilt(lambda leads, _: leads | {name: value(leads[name])})


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
CSV_MV = typed("a.csv", table(time=("time_ms", 1000.0)))
REFUSED = [
    Refused("WFDB without its signal file", _no_signal_file, "rec.dat: cannot be read", "copy"),
    Refused("WFDB, truncated", _short_signal_file, "truncated", "copy"),
    Refused("WFDB, one bit changed", _damaged_signal_file, "checksum of .* does not fit", "copy"),
    Refused("WFDB, unit mmHg", wfdb_file(unit="mmHg"), "unit 'mmHg' of the gain of I ", "correct"),
    Refused("WFDB, no lead V4", lambda f, m: text.write_wfdb(
        f, m, names=[n for n in LEADS if n != "V4"], rows=np.delete(m.counts, 9, axis=0)),
        "no lead V4; the leads are I,", "export all leads"),
    Refused("WFDB, two signals V2", wfdb_file(names=["V2" if n == "V3" else n for n in LEADS]),
            "lead V2 given more than once", "correct the names"),
    Refused("WFDB, unknown format", _changed(wfdb_file(), "rec.dat 16", "rec.dat 999"),
            "999", "copy"),
    Refused("WFDB at 50 Hz", at_rate(50, 10.0), "50 Hz; 100 to 10000 Hz", "correct|export"),
    Refused("CSV, a cell that is no number", _changed(CSV_MV, "\n4.000", "\nfour"),
            "line 4|equal steps", "correct or delete"),
    Refused("CSV without header", typed("a.csv", lambda m: "1,2,3\n4,5,6\n" * 600),
            "first line must name the leads", "e.g. time_ms,I,II", AT),
    Refused("CSV without rate", typed("a.csv", table()), "no column time_ms", "--rate-hz"),
    Refused("CSV, counts without unit", typed("a.csv", table(scale=40.0)),
            "no unit is stated, and a QRS of", "--unit", AT),
    Refused("CSV, a sample was lost", typed("a.csv", lambda m: "\n".join(
        line for k, line in enumerate(table(time=("time_ms", 1000.0))(m).split("\n"))
        if not 2400 < k < 2405)), "equal steps", "samples lost"),
    Refused("CSV, two columns V2", _changed(CSV_MV, ",V3,", ",V2,"),
            "lead V2 given more than once", "correct the names"),
    Refused("NumPy, 7 leads", saved(lambda p, m: np.save(p, m.mv[:7]), "a.npy"),
            r"shape \(7, 5000\)", r"expected \(12, time\)", AT),
    Refused("NumPy without rate", saved(lambda p, m: np.save(p, m.mv), "a.npy"),
            "no sampling rate", "--rate-hz"),
    Refused("JSON, truncated", _cut(typed("a.json", text.json_text)), "JSON", AGAIN + "|truncated"),
    Refused("MATLAB, truncated", _cut(matlab(val=lambda m: m.mv)), "MATLAB file", AGAIN, AT),
    Refused("XML, truncated", _cut(typed("a.xml", text.muse_text)), "cannot be read as XML", AGAIN),
    Refused("XML of another kind", typed("a.xml", lambda m: "<gpx><trk/></gpx>"), "root <gpx>",
            "read are <CardiologyXML>"),
    Refused("MUSE, samples are missing", typed("a.xml", lambda m: text.muse_text(m, n=4999)),
            "lead I: .*LeadSampleCountTotal", AGAIN),
    Refused("MUSE, no base64", _changed(typed("a.xml", text.muse_text),
            "\n</WaveFormData></LeadData></Waveform></RestingECG>",
            "*</WaveFormData></LeadData></Waveform></RestingECG>"),
            "lead V6: <WaveFormData> is not base64", AGAIN),
    Refused("aECG, no scale", typed("a.xml", lambda m: text.aecg_text(m, scale="none")),
            "<scale value> is 'none'", AGAIN),
    Refused("aECG, no increment", typed("a.xml", lambda m: text.aecg_text(m, step=0)),
            "<increment> 0 s", "correct"),
    Refused("EDF, truncated", _cut(saved(binary.write_edf, "a.edf"), 0.01), "EDF or BDF", AGAIN),
    Refused("DICOM image", saved(_image, "a.dcm"), "DICOM without waveforms", AGAIN),
    Refused("DICOM, truncated", _cut(saved(binary.write_dicom, "a.dcm")), "DICOM|damaged", AGAIN),
    Refused("SCP-ECG, truncated", _cut(saved(binary.write_scp, "a.scp")), "header says", AGAIN),
    Refused("SCP-ECG, one bit changed", _flipped(saved(binary.write_scp, "a.scp"), 700),
            "checksum", AGAIN),
    Refused("SCP-ECG, beats subtracted", saved(lambda p, m: binary.write_scp(p, m, flags=5),
            "a.scp"), "reference beat was subtracted", AGAIN),
    Refused("text as .mat", _copy("a.mat"), "MATLAB file", AGAIN, AT),
    Refused("an empty file", typed("a.xml", lambda m: ""), "empty", AGAIN),
    Refused("another suffix", typed("a.pdf", lambda m: "%PDF"), "suffix '.pdf'", AGAIN),
    Refused("a gap", _lead("V2", _gap), "lead V2: 100 of 5000 values .* at 2.000 s", "cut the gap"),
    Refused("electrode off", _lead("V3", lambda row: 0 * row), "lead V3: flat", "electrode off"),
    Refused("saturated", _lead("V4", _clipped), "lead V4: saturated at", "cut that part|again"),
    Refused("leads named wrongly", spoilt(_exchanged), "I [+] III differs from II",
            "named wrongly"),
    Refused("uV called mV", spoilt(lambda leads, _: {k: 1000 * v for k, v in leads.items()}),
            "highest value in mV", "are they microvolt"),
    Refused("too short", spoilt(lambda leads, _: {k: v[:200] for k, v in leads.items()}),
            "0.40 s at 500 Hz", "is the rate right"),
    Refused("lengths that differ", _lead("V6", lambda row: row[:3000]),
            "leads of different lengths", AGAIN),
    Refused("no chest leads", spoilt(lambda leads, _: without(leads, *INDEPENDENT_LEADS[2:])),
            "no lead V1, V2", "export all leads"),
]  # fmt: skip
"""Files that are refused."""

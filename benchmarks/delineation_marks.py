"""Recordings of people with marks or diagnoses: LUDB and PTB-XL, read for `delineation.py`.

LUDB has onset, peak and end of P, QRS and T, marked by cardiologists in each lead and beat. A mark
of one reader in one lead is uncertain by some 6 (QRS) to 18 ms (T), and leads differ: the onset of
the QRS has an SD of 6.5 ms over leads, its end 9, the end of T 18, that of P 14 (medians of beats).
So the reference of a recording is found in two steps, as the CSE study combines readers:

1. in each lead the median over beats of mark - time zero of the beat, which removes the scatter of
   the hand;
2. over the twelve leads the third earliest onset and the third latest end. An onset is the first in
   any lead, but the first of twelve uncertain marks would be too early.

The tuned half are the records with number % 4 == 1, the half held out those with 3.
"""

import ast
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.base.core.names import LEADS

COUNTS_PER_MV = 1000.0
"""Gain of all leads of LUDB; with the gains of its headers I + III = II fails."""
RATE_HZ = 500.0
STEP_MS = 1000.0 / RATE_HZ
KTH = 2
"""Marks that are earlier (later) than the one that is taken."""
MIN_LEADS = 6
REACH_MS = {"N": (-100.0, 100.0), "t": (80.0, 650.0), "p": (-450.0, -30.0)}
"""Kind of wave -> where its peak lies from time zero of the beat."""
FIDUCIALS = {
    "qrs_onset_ms": ("N", 0), "qrs_end_ms": ("N", 1), "t_end_ms": ("t", 1),
    "p_onset_ms": ("p", 0), "p_end_ms": ("p", 1),
}  # fmt: skip
"""Name -> kind of wave, onset or end."""
NORMAL_SINUS = {"NORM", "SR", "SBRAD", "STACH", "SARRH", "LVOLT"}
MIN_LIKELIHOOD, ADULT_YEARS = 80.0, 18.0
ABNORMAL = ("Conduction abnormalities", "Extrasystolies", "Hypertrophies", "Cardiac pacing",
            "Ischemia")  # fmt: skip

LeadMarks = dict[str, list[tuple[float, float, float]]]
"""Kind of wave -> onset, peak and end of each beat, ms; NaN where one is missing."""


@dataclass(frozen=True)
class Marked:
    """A recording of LUDB.

    Attributes:
        number: odd. row: of ludb.csv. ecg: [12, time] mV at RATE_HZ. marks: of each lead.
    """

    number: int
    row: dict[str, str]
    ecg: np.ndarray
    marks: list[LeadMarks]

    @property
    def half(self) -> str:
        """Which of the two halves it belongs to."""
        return "tuned" if self.number % 4 == 1 else "held_out"

    @property
    def is_normal(self) -> bool:
        """Sinus rhythm without any of the abnormalities of QRS and ST."""
        return "Sinus" in self.row["Rhythms"] and not any(self.row[k].strip() for k in ABNORMAL)

    @property
    def is_block(self) -> bool:
        """A complete block of a bundle branch."""
        text = self.row["Conduction abnormalities"]
        return any(f"Complete {side} bundle branch block" in text for side in ("left", "right"))


def ludb(folder: Path) -> Iterator[Marked]:
    """All recordings of the folder `ludb`."""
    import wfdb

    with (folder / "ludb.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        path = folder / row["ID"]
        counts = wfdb.rdrecord(str(path), physical=False).d_signal.T
        marks = [_lead_marks(wfdb.rdann(str(path), lead.lower())) for lead in LEADS]
        yield Marked(int(row["ID"]), row, counts / COUNTS_PER_MV, marks)


def _lead_marks(annotation: object) -> LeadMarks:
    symbols, at = annotation.symbol, STEP_MS * annotation.sample  # type: ignore[attr-defined]
    found: LeadMarks = {kind: [] for kind in REACH_MS}
    for k, symbol in enumerate(symbols):
        if symbol in found:
            onset = at[k - 1] if k and symbols[k - 1] == "(" else np.nan
            end = at[k + 1] if k + 1 < len(at) and symbols[k + 1] == ")" else np.nan
            found[symbol].append((onset, at[k], end))
    return found


def reference(marks: list[LeadMarks], peaks_ms: np.ndarray) -> dict[str, float]:
    """Fiducial -> ms from time zero of the averaged beat; NaN with fewer than six leads."""
    return {name: _over_leads(marks, peaks_ms, *what) for name, what in FIDUCIALS.items()}


def _over_leads(marks: list[LeadMarks], peaks_ms: np.ndarray, kind: str, side: int) -> float:
    medians = np.array([_over_beats(lead[kind], peaks_ms, kind, side) for lead in marks])
    known = np.sort(medians[np.isfinite(medians)])
    if len(known) < MIN_LEADS:
        return float("nan")
    return float(known[KTH] if side == 0 else known[-1 - KTH])


def _over_beats(
    waves: list[tuple[float, float, float]], peaks_ms: np.ndarray, kind: str, side: int
) -> float:
    """Median over the averaged beats of one lead's marks, from time zero of each."""
    low, high = REACH_MS[kind]
    found = []
    for onset, peak, end in waves:
        distance = peak - peaks_ms
        near = np.flatnonzero((distance > low) & (distance < high))
        if len(near):
            beat = near[np.argmin(np.abs(distance[near]))]
            found.append((onset if side == 0 else end) - peaks_ms[beat])
    values = np.array([value for value in found if np.isfinite(value)])
    return float(np.median(values)) if len(values) else float("nan")


@dataclass(frozen=True)
class Diagnosed:
    """A recording of PTB-XL: path of its header, codes, sex, age in years, patient's number."""

    path: Path
    codes: dict[str, float]
    sex: str
    age: float
    patient: int

    @property
    def is_healthy_adult(self) -> bool:
        """Normal at 80 or more and nothing else but kinds of sinus rhythm and low voltage."""
        normal = self.codes.get("NORM", 0.0) >= MIN_LIKELIHOOD
        return normal and set(self.codes) <= NORMAL_SINUS and self.age >= ADULT_YEARS

    @property
    def half(self) -> str:
        """Which of the two halves the person belongs to."""
        return "tuned" if self.patient % 4 == 1 else "held_out"


def ptb_xl(folder: Path) -> list[Diagnosed]:
    """All recordings of the folder `ptb-xl`."""
    with (folder / "ptbxl_database.csv").open(newline="", encoding="utf-8") as file:
        return [
            Diagnosed(
                folder / f"{row['filename_hr']}.hea", ast.literal_eval(row["scp_codes"]),
                "male" if row["sex"] == "0" else "female", float(row["age"] or "nan"),
                int(float(row["patient_id"])),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip

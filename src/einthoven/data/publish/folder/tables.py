"""Tables of a data set for users without Zarr or Python: splits, features, ECGs.

ECGs are also WFDB records, a header (.hea) and signals of 16 bits (.dat), as
https://physionet.org/physiotools/wag/header-5.htm describes them; `ecg.recordings.wfdb` reads them
back.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic, write_text

PER_MV = 1000.0
"""Digital units per mV: one is a microvolt."""
STORE, SAMPLE = "einthoven.zarr.zip", "sample"
SPLITS, ELECTRODES, FEATURES = "splits.csv", "electrodes.csv", "features.csv"


type Table = tuple[Sequence[str], Iterable[Sequence[object]]]
"""Names of the columns, and the rows."""


@dataclass(frozen=True, eq=False)
class StoredBeat:
    """12-lead ECG of one patient and scenario, in the form of the published signals."""

    name: str
    """PATIENT_SCENARIO."""
    leads: Sequence[str]
    """[lead] names."""
    time: np.ndarray
    """[time] ms."""
    ecg: np.ndarray
    """[lead, time] mV."""
    comments: Sequence[str]
    """Lines for the end of the WFDB header."""

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return float(1000.0 * (len(self.time) - 1) / (self.time[-1] - self.time[0]))

    @property
    def table(self) -> Table:
        """The ECG in ms and mV, a row for each time."""
        rows = ([f"{t:g}", *(f"{v:.4f}" for v in row)] for t, row in zip(self.time, self.ecg.T))
        return ["time_ms", *(f"{lead}_mv" for lead in self.leads)], rows


def beats_of(tree: xr.DataTree) -> Iterator[StoredBeat]:
    """All beats of the consolidated store; one patient is in memory."""
    ecg, root = tree["ecg"].to_dataset(), tree.to_dataset()
    time, leads = ecg["time"].values, ecg["lead"].values.tolist()
    who = zip(root["patient"].values.tolist(), root["split"].values.tolist(), root["sex"].values)
    for index, (patient, split, sex) in enumerate(who):
        signals = ecg["ecg"][index].values  # [scenario, lead, time]
        for scenario, signal in zip(ecg["scenario"].values.tolist(), signals):
            comments = [f"sex: {sex}", f"split: {split}", f"scenario: {scenario}",
                    f"simulated, from {time[0]:g} ms after the first activation"]  # fmt: skip
            yield StoredBeat(f"{patient}_{scenario}", leads, time, signal, comments)


def wfdb_record(
    name: str, leads: Sequence[str], ecg: np.ndarray, rate_hz: float
) -> tuple[list[str], np.ndarray]:
    """Lines of a WFDB header without comments, and its samples [time, lead].

    ecg [lead, time] mV, of names [lead].

    Raises:
        BadInput: NaN, shapes that do not fit, or more than 32 mV, which 16 bits cannot hold.
    """
    ecg = check.finite("ecg", check.shape("ecg", ecg, (len(leads), None)))
    samples = np.rint(ecg.astype(np.float64) * PER_MV)
    if np.abs(samples).max(initial=0) > np.iinfo(np.int16).max:
        raise BadInput(f"{name}: {np.abs(ecg).max():.1f} mV do not fit 16 bits; is it in mV?")
    samples = samples.astype("<i2")
    lines = [f"{name} {len(leads)} {rate_hz:g} {samples.shape[1]}"]
    for lead, values in zip(leads, samples):
        total = int(values.astype(np.int64).sum())
        checksum = (total + 2**15) % 2**16 - 2**15
        first = int(values[0]) if len(values) else 0
        lines.append(f"{name}.dat 16 {PER_MV:g}(0)/mV 16 0 {first} {checksum} 0 {lead}")
    return lines, samples.T


def write_wfdb(
    path: Path, leads: Sequence[str], ecg: np.ndarray, rate_hz: float, comments: Sequence[str]
) -> None:
    """Write one record of several leads, as `wfdb_record`: a header `record.hea`, and `record.dat`.

    The comments are lines for the end of the header.

    Raises:
        BadInput: as `wfdb_record`.
    """
    try:
        lines, samples = wfdb_record(path.stem, leads, ecg, rate_hz)
    except BadInput as error:
        raise BadInput(f"{path.parent}: {error}") from error
    with atomic(path.with_suffix(".dat")) as temporary:
        temporary.write_bytes(samples.tobytes())
    write_text(path, "\n".join([*lines, *(f"# {comment}" for comment in comments)]) + "\n")


def tables_of(tree: xr.DataTree) -> dict[str, Table]:
    """Tables of the consolidated store: splits.csv, electrodes.csv, features.csv."""
    names, root = tree["patient"].values.tolist(), tree.to_dataset()
    rows = zip(names, root["split"].values.tolist(), root["sex"].values.tolist())
    place = ("patient", "electrode", "x_mm", "y_mm", "z_mm")
    ecg = tree["ecg"].to_dataset()
    beat = ("patient", "scenario", *ecg["feature"].values.tolist())
    return {
        SPLITS: (("patient", "split", "sex"), rows),
        ELECTRODES: (place, _places(names, tree["electrode"].to_dataset())),
        FEATURES: (beat, _features(names, ecg)),
    }


def write_tables(tree: xr.DataTree, folder: Path) -> None:
    """Write the tables of the consolidated store."""
    for name, table in tables_of(tree).items():
        _table(folder / name, table)


def write_signals(tree: xr.DataTree, folder: Path) -> None:
    """Write each beat's 12-lead ECG as `csv/PATIENT_SCENARIO.csv` (ms, mV) and as a WFDB record."""
    for beat in beats_of(tree):
        _table(folder / "csv" / f"{beat.name}.csv", beat.table)
        header = folder / "wfdb" / f"{beat.name}.hea"
        write_wfdb(header, beat.leads, beat.ecg, beat.rate_hz, beat.comments)


def _table(path: Path, table: Table) -> None:
    head, rows = table
    with atomic(path) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def _places(names: list[str], electrode: xr.Dataset) -> Iterator[tuple[object, ...]]:
    """One row per electrode of a patient, mm in the patient frame."""
    electrodes = electrode["electrode"].values.tolist()
    for patient, points in zip(names, electrode["electrode_points"].values):
        for name, point in zip(electrodes, points):
            yield patient, name, *(f"{x:.4f}" for x in point)


def _features(names: list[str], ecg: xr.Dataset) -> Iterator[tuple[object, ...]]:
    """One row per beat; empty where a feature cannot be measured."""
    values = ecg["ecg_features"].values
    for patient, beats in zip(names, values):
        for scenario, row in zip(ecg["scenario"].values.tolist(), beats):
            yield patient, scenario, *("" if np.isnan(v) else f"{v:.6g}" for v in row)

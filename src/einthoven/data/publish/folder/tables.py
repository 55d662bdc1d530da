"""Tables of a data set for users without Zarr or Python: splits, features, ECGs.

ECGs are also WFDB records, a header (.hea) and signals of 16 bits (.dat), as
https://physionet.org/physiotools/wag/header-5.htm describes them; `ecg.recordings.wfdb` reads them
back.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic

PER_MV = 1000.0
"""Digital units per mV: one is a microvolt."""
STORE = "einthoven.zarr.zip"
SPLITS, ELECTRODES, FEATURES = "splits.csv", "electrodes.csv", "features.csv"


def write_wfdb(
    path: Path, leads: np.ndarray, ecg: np.ndarray, rate_hz: float, comments: list[str]
) -> None:
    """Write one record of several leads.

    Args:
        path: the header, `record.hea`; the signals lie beside it, `record.dat`.
        leads: [lead] names. ecg: [lead, time] mV.
        rate_hz: samples per second.
        comments: lines for the end of the header.

    Raises:
        BadInput: NaN, shapes that do not fit, or more than 32 mV, which 16 bits cannot hold.
    """
    ecg = check.finite("ecg", check.shape("ecg", ecg, (len(leads), None)))
    samples = np.rint(ecg.astype(np.float64) * PER_MV)
    if np.abs(samples).max(initial=0) > np.iinfo(np.int16).max:
        raise BadInput(f"{path}: {np.abs(ecg).max():.1f} mV do not fit 16 bits; is it in mV?")
    samples = samples.astype("<i2")
    signals = path.with_suffix(".dat")
    lines = [f"{path.stem} {len(leads)} {rate_hz:g} {samples.shape[1]}"]
    for name, values in zip(leads, samples):
        total = int(values.astype(np.int64).sum())
        checksum = (total + 2**15) % 2**16 - 2**15
        first = int(values[0]) if len(values) else 0
        lines.append(f"{signals.name} 16 {PER_MV:g}(0)/mV 16 0 {first} {checksum} 0 {name}")
    lines += [f"# {comment}" for comment in comments]
    with atomic(signals) as temporary:
        temporary.write_bytes(samples.T.tobytes())
    with atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def write_tables(tree: xr.DataTree, folder: Path) -> None:
    """Write splits.csv, electrodes.csv and features.csv of the consolidated store."""
    names, root = tree["patient"].values.tolist(), tree.to_dataset()
    rows = zip(names, root["split"].values.tolist(), root["sex"].values.tolist())
    _table(folder / SPLITS, ("patient", "split", "sex"), rows)
    electrode = tree["electrode"].to_dataset()
    place = ("patient", "electrode", "x_mm", "y_mm", "z_mm")
    _table(folder / ELECTRODES, place, _places(names, electrode))
    ecg = tree["ecg"].to_dataset()
    beat = ("patient", "scenario", *ecg["feature"].values.tolist())
    _table(folder / FEATURES, beat, _features(names, ecg))


def write_signals(tree: xr.DataTree, folder: Path) -> None:
    """Write each beat's 12-lead ECG as `csv/PATIENT_SCENARIO.csv` (ms, mV) and as a WFDB record."""
    ecg, root = tree["ecg"].to_dataset(), tree.to_dataset()
    time, leads = ecg["time"].values, ecg["lead"].values.tolist()
    rate_hz = 1000.0 * (len(time) - 1) / (time[-1] - time[0])
    who = zip(root["patient"].values.tolist(), root["split"].values.tolist(), root["sex"].values)
    for index, (patient, split, sex) in enumerate(who):
        beats = ecg["ecg"][index].values  # [scenario, lead, time], one patient in memory
        for scenario, signal in zip(ecg["scenario"].values.tolist(), beats):
            name = f"{patient}_{scenario}"
            table = (f"{t:g}," + ",".join(f"{v:.4f}" for v in row)
                     for t, row in zip(time, signal.T))  # fmt: skip
            with atomic(folder / "csv" / f"{name}.csv") as temporary:
                head = ",".join(["time_ms", *(f"{lead}_mv" for lead in leads)])
                temporary.write_text("\n".join([head, *table]) + "\n")
            comments = [f"sex: {sex}", f"split: {split}", f"scenario: {scenario}",
                    f"simulated, from {time[0]:g} ms after the first activation"]  # fmt: skip
            write_wfdb(folder / "wfdb" / f"{name}.hea", leads, signal, rate_hz, comments)


def _table(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
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

"""Recordings of all formats by suffix: .mat, .csv, .npy, .npz."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import by_suffix
from einthoven.inverse.measured.matlab import read_matlab
from einthoven.inverse.measured.recording import ChannelRecording
from einthoven.physics.ecg.recordings.table import read_columns


@dataclass(frozen=True)
class Stated:
    """Statements of the user about a file, which override those of the file."""

    unit: str = ""
    """Unit mV, uV or V; empty: the file's, or by size."""
    rate_hz: float | None = None
    """Samples per second; None: the file's."""
    entry: str = ""
    """Name of the array or struct in the file."""


def read_recording(path: str | Path, stated: Stated = Stated()) -> ChannelRecording:  # noqa: B008
    """Read potentials.

    Args:
        path: .mat (`matlab.read_matlab`); .csv with a column per channel named in the first line,
            and maybe a column time_ms or time_s; .npy [channel, time]; .npz with `potentials` and
            maybe `time` [time] ms, `channels` [channel] and `unit`.
        stated: statements that override the file's.

    Raises:
        BadInput: missing, unreadable, an unknown suffix, or as `ChannelRecording.of`.
    """
    path = Path(path)
    return by_suffix(path, READERS)(path, stated)


def _of_csv(path: Path, stated: Stated) -> ChannelRecording:
    columns, rate = read_columns(path)
    values = np.stack(list(columns.values()))
    return ChannelRecording.of(path.stem, values, stated.unit, stated.rate_hz or rate, [*columns])


def _of_npz(path: Path, stated: Stated) -> ChannelRecording:
    arrays, name = load_numpy(path), stated.entry or "potentials"
    if name not in arrays:
        raise BadInput(f"{path}: no array {name!r}; it has {', '.join(arrays)}; name one of these")
    rate, time = stated.rate_hz, np.asarray(arrays.get("time", ()), float)
    if rate is None and len(time) == arrays[name].shape[-1] > 1:
        steps = np.diff(time)
        if not steps.min() > 0 or np.ptp(steps) > 1e-3 * steps.mean():
            raise BadInput(f"{path}: time does not rise in equal steps; resample the recording")
        rate = 1000.0 / float(steps.mean())
    channels = [str(name) for name in arrays["channels"]] if "channels" in arrays else None
    unit = stated.unit or str(arrays.get("unit", ""))
    return ChannelRecording.of(path.stem, arrays[name], unit, rate, channels)


def load_numpy(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a file by name; the one of a .npy has none."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except Exception as error:  # numpy and zipfile raise many types for broken files
        raise BadInput(f"{path}: not readable; save it again ({error})") from error


READERS: dict[str, Callable[[Path, Stated], ChannelRecording]] = {
    ".mat": lambda path, said: read_matlab(path, said.unit, said.rate_hz, said.entry),
    ".csv": _of_csv,
    ".npy": lambda path, said: ChannelRecording.of(
        path.stem, load_numpy(path)[""], said.unit, said.rate_hz
    ),
    ".npz": _of_npz,
}

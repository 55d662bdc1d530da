"""Named arrays: NumPy (.npy, .npz), MATLAB (.mat) and JSON files."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.content import NotARecording, content_of, text_of
from einthoven.physics.ecg.recordings.elements import sex_of
from einthoven.physics.ecg.recordings.lead_names import lead_of, n_leads
from einthoven.physics.ecg.recordings.recording import NOTHING_DECLARED, Declared, Person, Recording
from einthoven.physics.ecg.recordings.units import name_and_unit, per_mv, unit_by_size

ARRAYS = ("val", "ecg", "p_signal", "data", "signal", "signals", "ecg_data", "leads")
"""Names of an array of leads, in order of preference, in lower case."""
RATES = (
    "rate_hz", "fs", "sampling_rate", "samplingrate", "sample_rate", "samplerate",
    "sampling_frequency", "samplingfrequency", "frequency", "freq", "hz",
)  # fmt: skip
NAMES = ("lead_names", "leads", "sig_name", "sig_names", "labels", "channels", "channel_names")
UNITS = ("unit", "units")
_HDF5 = b"MATLAB 7.3 MAT-file"
MIN_LEADS = 8


def read_npy(path: Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read leads I, II, III, aVR, aVL, aVF, V1 to V6, in this order.

    Args:
        path: an array [12, time] or [time, 12] of numbers.
        declared: the rate, which the file cannot state; the unit, else by the size of the QRS.

    Raises:
        BadInput: no such array, both dimensions are 12, no rate, or a unit that is not clear.
    """
    path = Path(path)
    values = _loaded(path)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise BadInput(f"{path}: not an array of numbers; save it with numpy.save")
    return _of_variables(path, {"ecg": values}, declared)


def read_npz(path: Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read arrays by name: of each lead, or one of all with `rate_hz`, `unit`, `lead_names`.

    Args:
        path: the file. declared: as for `read_npy`, where the file does not state it.

    Raises:
        BadInput: as for `read_npy`; no array of leads.
    """
    arrays = _loaded(path)
    if isinstance(arrays, np.ndarray):
        raise BadInput(f"{path}: one array without a name; give it the suffix .npy")
    return _of_variables(path, arrays, declared)


def read_json(path: Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read an object with arrays by lead, or one with `rate_hz`, `unit`, `lead_names`.

    Args:
        path: the file. declared: as for `read_npy`, where the file does not state it.

    Raises:
        BadInput: not JSON, no array of leads, or as for `read_npy`.
    """
    try:
        found = json.loads(text_of(path))
    except ValueError as error:
        raise BadInput(f"{path}: cannot be read as JSON ({error}); truncated?") from error
    if not isinstance(found, dict):
        expected = '{"rate_hz": 500, "unit": "mV", "leads": {"I": [...], ...}}'
        raise NotARecording(f"{path}: no JSON object; expected e.g. {expected}")
    return _of_variables(path, found, declared)


def read_matlab(path: Path, declared: Declared = NOTHING_DECLARED) -> Recording:
    """Read a .mat file of any version without a WFDB header: `val`, a struct, or lead by lead.

    Args:
        path: the file. declared: as for `read_npy`, where the file does not state it.

    Raises:
        BadInput: no MATLAB file, no array of leads, or as for `read_npy`.
    """
    raw = content_of(path)
    try:
        if raw.startswith(_HDF5):
            return _of_variables(path, _of_hdf5(raw), declared)
        from scipy.io import loadmat  # slow, and few files need it

        found = loadmat(io.BytesIO(raw), simplify_cells=True)
    except BadInput:
        raise
    except Exception as error:  # scipy and h5py raise many types
        raise BadInput(f"{path}: cannot be read as a MATLAB file ({error}); truncated? save it "
                       "again") from error  # fmt: skip
    return _of_variables(path, {k: v for k, v in found.items() if k[:2] != "__"}, declared)


def _loaded(path: Path) -> Any:
    """Content of a NumPy file, never pickled objects."""
    try:
        found = np.load(io.BytesIO(content_of(path)), allow_pickle=False)
        return found if isinstance(found, np.ndarray) else dict(found)
    except BadInput:
        raise
    except Exception as error:  # damaged archives raise many types
        raise BadInput(f"{path}: cannot be read as a NumPy array ({error}); save it again with "
                       "numpy.save or numpy.savez") from error  # fmt: skip


def _of_hdf5(raw: bytes) -> dict[str, Any]:
    """Variables of MATLAB 7.3, whose arrays lie transposed, and whose text is UTF-16."""
    with extra("recordings", "reading MATLAB 7.3"):
        import h5py

    def value(node: Any) -> Any:
        if isinstance(node, h5py.Group):
            return {name: value(child) for name, child in node.items() if name[:1] != "#"}
        array = np.asarray(node[()])
        if node.attrs.get("MATLAB_class", b"") == b"char":
            return "".join(chr(code) for code in array.T.ravel())
        return array.T

    with h5py.File(io.BytesIO(raw), "r") as file:
        return value(file)


def _of_variables(path: Path, given: Mapping[str, Any], declared: Declared) -> Recording:
    """The recording of named arrays, also where they lie in a struct or a nested object."""
    flat: dict[str, Any] = {}
    for name, value in given.items():
        flat |= value if isinstance(value, dict) else {name: value}
    by_lower = {str(name).lower(): value for name, value in flat.items()}
    leads, notes = _leads(path, flat, by_lower)
    rate_hz = _rate(path, by_lower, declared)
    where = str(path)
    stated = next((by_lower[name] for name in UNITS if name in by_lower), None)
    unit = str(np.ravel(stated)[0]) if stated is not None and np.size(stated) else declared.unit
    in_mv: dict[str, np.ndarray] = {}
    bare = {name: row for name, row in leads.items() if name_and_unit(name)[1] is None}
    if bare and unit is None:
        unit = unit_by_size(bare, rate_hz, where)
        notes.append(f"the unit {unit} was detected by the size of the QRS")
    for column, row in leads.items():
        name, own = name_and_unit(column)
        in_mv[name] = row / per_mv(own or unit or "mV", f"{where}: {column}")
    return Recording.of_leads(path, in_mv, rate_hz, _person(by_lower), notes)


def _leads(
    path: Path, flat: Mapping[str, Any], by_lower: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Leads by name: variables of their own, or rows or columns of one array."""
    alone = {
        str(name): _numbers(path, str(name), value)
        for name, value in flat.items()
        if lead_of(name_and_unit(str(name))[0]) and np.ndim(value) >= 1
    }
    if alone:
        return {name: row.ravel() for name, row in alone.items()}, []
    names = next((_texts(by_lower[name]) for name in NAMES if _texts(by_lower.get(name))), None)
    found = next(
        ((name, by_lower[name]) for name in ARRAYS
         if name in by_lower and np.ndim(by_lower[name]) == 2), None
    )  # fmt: skip
    if found is None:
        raise NotARecording(
            f"{path}: no array of leads; expected one of {', '.join(ARRAYS)} of twelve rows, or an "
            f"array for each lead; it has {', '.join(by_lower) or 'nothing'}"
        )
    values = _numbers(path, *found)
    order = names if names and n_leads(n for n in names) >= MIN_LEADS else list(LEADS)
    n = len(order)
    if n not in values.shape or values.shape == (n, n):
        raise BadInput(f"{path}: shape {values.shape}, expected ({n}, time) or (time, {n})")
    check.unique(f"{path}: leads", order)
    notes = [] if order is names else [f"the leads were taken to be {', '.join(LEADS)}"]
    return dict(zip(order, values if len(values) == n else values.T)), notes


def _numbers(path: Path, name: str, value: Any) -> np.ndarray:
    """An array of float64.

    Raises:
        BadInput: text, or rows of different lengths.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiuO":
            raise ValueError(f"it has {array.dtype}")
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{path}: {name} is no array of numbers ({error}); correct it") from error


def _texts(value: Any) -> list[str] | None:
    """A list of texts, without the blanks that pad them; None for anything else."""
    if value is None or isinstance(value, str | Mapping):
        return None
    items = np.ravel(np.asarray(value, dtype=object))
    return [item.strip() for item in items] if all(isinstance(i, str) for i in items) else None


def _rate(path: Path, by_lower: Mapping[str, Any], declared: Declared) -> float:
    """Samples per second of the file, else the declared ones."""
    stated = next((by_lower[name] for name in RATES if name in by_lower), None)
    if stated is None:
        if declared.rate_hz is None:
            raise BadInput(f"{path}: an array has no sampling rate; give it with --rate-hz")
        return declared.rate_hz
    try:
        rate = float(np.ravel(stated)[0])
    except (TypeError, ValueError, IndexError) as error:
        raise BadInput(f"{path}: sampling rate {stated!r} is not a number; correct it") from error
    if declared.rate_hz and declared.rate_hz != rate:
        raise BadInput(f"{path}: the file says {rate:g} Hz, not {declared.rate_hz:g} Hz; leave out "
                       "--rate-hz")  # fmt: skip
    return rate


def _person(by_lower: Mapping[str, Any]) -> Person:
    """Sex and age, where the file has them."""
    sex = sex_of(str(by_lower.get("sex", by_lower.get("gender", ""))))
    try:
        age = float(by_lower.get("age", by_lower.get("age_years", "")))
    except (TypeError, ValueError):
        age = None
    return Person(sex, age)

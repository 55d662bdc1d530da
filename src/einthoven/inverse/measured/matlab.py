"""MATLAB files with time signals (structs with `potvals`) and geometries, as in EDGAR.

A time signal is a struct, often named `ts` or by its run, with `potvals` [channel, time] and maybe
`unit`, `samplefrequency`, `label` and `leadinfo` (1 marks a bad lead, as PFEIFER writes it). A
geometry is a struct with `node` or `pts` and `face` or `fac`, whose indices start at 1.

References:
    Aras et al., J Electrocardiol 48:975 (2015), doi:10.1016/j.jelectrocard.2015.08.008.
    Rodenhauser et al., PFEIFER, J Open Source Softw 3:472 (2018), doi:10.21105/joss.00472.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput, extra
from einthoven.inverse.measured.recording import ChannelRecording

SIGNAL, SAMPLE_RATES = "potvals", ("samplefrequency", "samplingfrequency", "sampling_rate",
                                   "samplerate", "fs", "rate_hz")  # fmt: skip
NODES, FACES = ("node", "pts", "vertices", "points"), ("face", "fac", "faces", "cells")


def read_matlab(
    path: str | Path, unit: str = "", rate_hz: float | None = None, entry: str = ""
) -> ChannelRecording:
    """Read the time signal of a .mat of any version; statements of the caller override the file's.

    `entry` is the name of the struct, such as `onerun` or `runs.2`; empty: the only one. Unit and
    rate are as of `ChannelRecording.of`.

    Raises:
        BadInput: unreadable, without a time signal or with several, or as `ChannelRecording.of`.
    """
    path = Path(path)
    content = _load(path)
    signals = {name: struct for name, struct in _structs(content, "") if SIGNAL in struct}
    if not signals:  # a bare matrix will do if it is the only one
        signals = {name: {SIGNAL: values} for name, values in _tables(content).items()}
    what = f"time signals; structs with {SIGNAL} or matrices in it"
    chosen = _named(path, what, signals, entry, "--signal")
    struct = {key.lower(): value for key, value in chosen.items()}
    stated = next((struct[key] for key in SAMPLE_RATES if np.size(struct.get(key, ())) == 1), None)
    if rate_hz is None and stated is not None:
        rate_hz = float(stated)
    values = np.asarray(struct[SIGNAL], float)
    recording = ChannelRecording.of(path.stem, values, unit or str(struct.get("unit", "")), rate_hz)
    marks = np.asarray(struct.get("leadinfo", ())).ravel()
    if len(marks) == len(values):
        bad = tuple(name for name, mark in zip(recording.channels, marks) if mark)
        recording = replace(recording, flagged=bad)
    return recording


def read_matlab_surface(path: str | Path, geometry: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Points [node, 3] in the file's unit and faces [face, 3] from 0 of a geometry of the file.

    `geometry` is the name of its struct, such as `cage` or `scene.tank`; empty: the only one.

    Raises:
        BadInput: unreadable, no geometry of that name, or none or several without a name.
    """
    path, geometries = Path(path), {}
    for name, struct in _structs(_load(path), ""):
        keys = {key.lower(): key for key in struct}
        node_key, face_key = (next((keys[k] for k in names if k in keys), None)
                              for names in (NODES, FACES))  # fmt: skip
        if node_key and face_key:
            geometries[name] = struct[node_key], struct[face_key]
    what = f"geometries; structs with {' or '.join(NODES)} and {' or '.join(FACES)} in it"
    nodes, triangles = _named(path, what, geometries, geometry, "--geometry")
    faces = _columns(f"{path}: {geometry or next(iter(geometries))}", triangles)
    return _columns(f"{path}: nodes", nodes), faces.astype(np.int64) - 1


def read_matlab_matrices(path: str | Path) -> dict[str, np.ndarray]:
    """All matrices [row, column] of a file by name, those in structs as `struct.field`.

    Raises:
        BadInput: unreadable.
    """
    content, found = _load(Path(path)), dict[str, np.ndarray]()
    for name, struct in [("", content), *_structs(content, "")]:
        found |= {f"{name}.{key}".lstrip("."): table for key, table in _tables(struct).items()}
    return found


def _tables(struct: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Matrices of numbers in a struct by name."""
    tables = {k: v for k, v in struct.items() if isinstance(v, np.ndarray) and v.ndim == 2}
    return {k: v for k, v in tables.items() if v.dtype.kind in "fiu"}


def _named(path: Path, what: str, found: Mapping[str, Any], name: str, option: str) -> Any:
    """The thing of a name, or the only one."""
    if name in found:
        return found[name]
    if not name and len(found) == 1:
        return next(iter(found.values()))
    problem = f"no {name!r} among {len(found)}" if name else f"{len(found)}"
    remedy = f"name one by {option}" if found else "is it another file?"
    raise BadInput(f"{path}: {problem} {what}: {', '.join(found) or 'none'}; {remedy}")


def _load(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    if not path.exists():
        raise BadInput(f"{path}: no such file; correct the path")
    try:
        content = loadmat(path, simplify_cells=True)
    except NotImplementedError:  # scipy's way to say HDF5
        return _load_hdf5(path)
    except Exception as error:  # scipy raises many types for broken files
        raise BadInput(f"{path}: not readable as .mat; save it again ({error})") from error
    return {name: value for name, value in content.items() if not name.startswith("__")}


def _structs(value: object, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All structs in a file with their names; those of arrays are counted from 1."""
    if isinstance(value, dict):
        if name:
            yield name, value
        items = list(value.items())
    elif isinstance(value, list) or (isinstance(value, np.ndarray) and value.dtype == object):
        items = [(str(k), part) for k, part in enumerate(value, start=1)]
    else:
        return
    for key, part in items:
        if not isinstance(part, str):
            yield from _structs(part, f"{name}.{key}" if name else key)


def _columns(name: str, table: object) -> np.ndarray:
    """Rows of three: [row, 3], of a table that may be transposed."""
    values = np.asarray(table, float)
    if values.ndim != 2 or 3 not in values.shape:
        raise BadInput(f"{name}: shape {values.shape} is no list of triples; 3 columns are needed")
    return values if values.shape[1] == 3 else values.T


def _load_hdf5(path: Path) -> dict[str, Any]:
    """Variables of a MATLAB 7.3 file, as `scipy.io.loadmat(simplify_cells=True)` gives older ones.

    MATLAB counts axes from the other end than HDF5, writes text as 16-bit codes, and puts the
    content of cells and of arrays of structs behind references.
    """
    with extra("atlases", f"{path}: MATLAB 7.3 (or in MATLAB: save('NEW.mat', '-v7'))"):
        import h5py
    try:
        with h5py.File(path) as file:
            return {name: _value(file[name], file) for name in file if not name.startswith("#")}
    except (OSError, KeyError, RuntimeError) as error:
        raise BadInput(
            f"{path}: not readable as .mat of version 7.3; save it again ({error})"
        ) from error


def _value(item: Any, file: Any) -> Any:
    """A variable, field or cell."""
    import h5py

    if isinstance(item, h5py.Group):
        return _struct(item, file)
    kind = item.attrs.get("MATLAB_class", b"")
    if item.attrs.get("MATLAB_empty", 0):
        return "" if kind == b"char" else np.empty(0)
    if h5py.check_ref_dtype(item.dtype):
        return [_value(file[reference], file) for reference in item[()].ravel()]
    values = np.asarray(item[()]).T
    if kind == b"char":
        return "".join(map(chr, values.ravel(order="F").tolist()))
    values = np.squeeze(values)
    return values if values.ndim else values.item()


def _struct(group: Any, file: Any) -> Any:
    """A struct as a dict; an array of structs, whose fields are lists, as a list of dicts."""
    import h5py

    fields = {name: group[name] for name in group}
    of_array = [
        isinstance(field, h5py.Dataset)
        and h5py.check_ref_dtype(field.dtype)
        and "MATLAB_class" not in field.attrs
        for field in fields.values()
    ]
    values = {name: _value(field, file) for name, field in fields.items()}
    if not (of_array and all(of_array)):
        return values
    return [dict(zip(values, row)) for row in zip(*values.values())]

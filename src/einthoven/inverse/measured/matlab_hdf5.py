"""MATLAB 7.3 files, which are HDF5, as `scipy.io.loadmat(simplify_cells=True)` gives older ones.

MATLAB counts axes from the other end than HDF5, writes text as 16-bit codes, and puts what cells
and arrays of structs hold elsewhere, behind references.
"""

from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.extras import extra


def load_hdf5(path: Path) -> dict[str, Any]:
    """All variables of a file: numbers, texts, arrays, dicts for structs, lists for arrays of both.

    Raises:
        BadInput: unreadable, or h5py is not installed.
    """
    with extra("atlases", f"{path}: MATLAB 7.3 (or in MATLAB: save('NEW.mat', '-v7'))"):
        import h5py
    try:
        with h5py.File(path) as file:
            return {name: _value(file[name], file) for name in file if not name.startswith("#")}
    except (OSError, KeyError, RuntimeError) as error:
        raise BadInput(f"{path}: not readable as .mat of version 7.3 ({error})") from error


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

"""Checkpoints: safetensors files with their configuration, data and code checksums, and a hash."""

import hashlib
import importlib
import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import atomic
from einthoven.base.core.version import __version__

DTYPES = {"F32": torch.float32, "I64": torch.int64}
KEY = "einthoven"
"""The one metadata entry; safetensors writes several in an order that changes from run to run."""


def arrays_sha256(*arrays: np.ndarray) -> str:
    """SHA-256 of arrays with their shapes and types: the checksum of training data."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def source_sha256(package: str) -> str:
    """SHA-256 of the sources of a package and its sub-packages, e.g. `einthoven.imaging.model`."""
    folder = Path(importlib.import_module(package).__path__[0])
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    return arrays_sha256(*(tensors[name].numpy() for name in sorted(tensors)))


def save_model(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    *,
    kind: str,
    config: dict[str, Any],
    data_sha256: str,
    package: str,
    **extra: Any,
) -> None:
    """Write a network's tensors atomically; the same content gives the same bytes.

    Call it with the same number of torch threads as the training, because the last bits depend on
    it.

    Args:
        path: a `.safetensors` file.
        tensors: name -> tensor, e.g. a `state_dict`.
        kind: name of the model, which `load_model` checks.
        config: the config section of the training (JSON types).
        data_sha256: `arrays_sha256` of the training data.
        package: package of the code; its sources are hashed.
        extra: more JSON entries for the metadata.
    """
    from safetensors.torch import save_file

    plain = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    about = {
        "kind": kind,
        "config": config,
        "data_sha256": data_sha256,
        "tensors_sha256": _tensors_sha256(plain),
        "version": __version__,
        "source_sha256": source_sha256(package),
        "threads": torch.get_num_threads(),
        **extra,
    }
    with atomic(path) as temporary:
        save_file(plain, temporary, metadata={KEY: json.dumps(about, sort_keys=True)})


def load_model(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read (tensors, metadata) that `save_model` wrote, and check them.

    Raises:
        BadInput: the file is missing, truncated, altered, or holds another kind of model.
    """
    from safetensors import safe_open

    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path}: no such model; run the rule that trains it")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # safetensors raises its own and built-in types
        raise BadInput(f"{path}: not a readable checkpoint ({error}); train again") from error
    if not isinstance(about, dict) or "kind" not in about:
        raise BadInput(f"{path}: has no einthoven metadata; was it written by another tool?")
    if about["kind"] != kind:
        raise BadInput(f"{path}: holds a {about['kind']} model, expected {kind}")
    if about["tensors_sha256"] != _tensors_sha256(tensors):
        raise BadInput(f"{path}: weights do not match their checksum; train again")
    return tensors, about


def check_constants(about: dict[str, Any], constants: dict[str, float], path: str | Path) -> None:
    """Refuse a network that was trained with other constants of its inputs than the code has.

    Args:
        about: metadata of `load_model`; its `constants` are those of the training.
        constants: name -> value of the code.
        path: the file, for the message.

    Raises:
        BadInput: a constant is not in the file, or has another value there.
    """
    trained = about.get("constants", {})
    for name, value in constants.items():
        if trained.get(name) != value:
            raise BadInput(
                f"{path}: trained with {name} = {trained.get(name, 'unknown')}, this einthoven has "
                f"{value:g}; train again, or use version {about['version']}"
            )


def load_mapped(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The same as views of the file: only accessed pages are read, and nothing is checked.

    safetensors also maps files, but with kernel read-ahead, which reads 17 times as much for random
    rows.

    Args:
        path: a file of float32 and int64 tensors, written by `save_model`.
    """
    with open(path, "rb") as file:
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    view.madvise(mmap.MADV_RANDOM)
    start = 8 + int.from_bytes(view[:8], "little")
    header = json.loads(view[8:start])
    about = json.loads(header.pop("__metadata__")[KEY])
    return {
        name: torch.frombuffer(
            view,
            dtype=DTYPES[entry["dtype"]],
            count=math.prod(entry["shape"]),
            offset=start + entry["data_offsets"][0],
        ).reshape(entry["shape"])
        for name, entry in header.items()
    }, about


def load_weights(module: torch.nn.Module, tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Fill a module with tensors.

    Raises:
        BadInput: names or shapes differ from the module's.
    """
    try:
        module.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        raise BadInput(f"{path}: weights do not fit the network; {str(error)[:200]}") from error

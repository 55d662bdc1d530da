"""A stream of examples from the consolidated store for torch.

It imports no solver, and opens the store once per worker process.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from torch.utils.data import IterableDataset, get_worker_info

from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Tissue
from einthoven.data.dataset.layout import DATASET_LAYOUT, by_key
from einthoven.data.dataset.loaders import store_at
from einthoven.data.dataset.store import array_of, values_of

EXAMPLES = ("electrode", "scenario")
"""Dimensions along which a patient is cut into examples; variables without them are repeated."""
TISSUES, POINTS = "field/field_tissue", "point"


@dataclass(frozen=True)
class ExampleSelection:
    """Selection of a data set to stream; None selects all.

    Attributes:
        split: train, val or test. patients, electrodes, scenarios: names.
        tissue: only field samples in this tissue.
    """

    split: str | None = None
    patients: Sequence[str] | None = None
    electrodes: Sequence[str] | None = None
    scenarios: Sequence[str] | None = None
    tissue: Tissue | None = None

    def rows(self, root: zarr.Group, path: str) -> np.ndarray:
        """Rows [patient] of the store.

        Raises:
            BadInput: an unknown patient, or none is left.
        """
        names, keep = values_of(root, "patient"), np.full(len(values_of(root, "split")), True)
        if self.split is not None:
            keep &= values_of(root, "split") == self.split
        if self.patients is not None:
            _known(path, "patient", self.patients, names)
            keep &= np.isin(names, list(self.patients))
        if not keep.any():
            raise BadInput(f"{path}: no patient of split {self.split!r} and these names")
        return np.flatnonzero(keep)

    def places(self, root: zarr.Group, path: str) -> dict[str, np.ndarray]:
        """Selected indices by dimension, for electrodes (field samples) and scenarios.

        Raises:
            BadInput: an unknown name.
        """
        found = {}
        wanted = {"electrode": self.electrodes, "scenario": self.scenarios}
        for (dim, names), group in zip(wanted.items(), ("field", "ecg")):
            there = values_of(root, f"{group}/{dim}")
            _known(path, dim, names or (), there)
            chosen = there if names is None else np.array(list(names))
            found[dim] = np.array([np.flatnonzero(there == name)[0] for name in chosen])
        return found


class ExampleStream(IterableDataset[dict[str, Any]]):
    """Examples in a seeded order: one electrode, or one scenario, of one patient each.

    A patient's variables are read once, in one request each (its shard is one file), and cut into
    examples, so the speed is that of the disk. Patients come in a random order of the epoch, and
    the examples of each too; workers share the patients among them, so that with several the order
    depends on their number. `set_epoch` gives another order, the same one for the same seed.

    Args:
        path: the consolidated store, zipped, unzipped or an address (`dataset.loaders`).
        variables: such as `field/field_grad`; the last part is the key of the example.
        select: the selection.
        seed: of the order; None: the order of the store.

    An example also has `patient` and, if it is one, `electrode` or `scenario`: their names.

    Raises:
        BadInput: an unknown variable or name, two example dimensions, or an empty selection.
    """

    def __init__(
        self, path: str | Path, variables: Sequence[str],
        select: ExampleSelection | None = None, seed: int | None = 0,
    ):  # fmt: skip
        self.path, self.variables = str(path), tuple(variables)
        self.select, self.seed, self.epoch = select or ExampleSelection(), seed, 0
        root = _opened(self.path, self.variables)
        self.dims = {v: by_key(DATASET_LAYOUT)[v].dims for v in self.variables}
        cut = [dim for dim in EXAMPLES if any(dim in dims for dims in self.dims.values())]
        if len(cut) > 1:
            raise BadInput(
                f"{path}: {' and '.join(self.variables)} are cut along {cut}; stream one"
            )
        self.cut = cut[0] if cut else None
        self.rows = self.select.rows(root, self.path)
        self.places = self.select.places(root, self.path)

    def set_epoch(self, epoch: int) -> None:
        """Select the order of another epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.rows) * (len(self.places[self.cut]) if self.cut else 1)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        worker, root = get_worker_info(), _opened(self.path, ())
        order = self._order("patients", len(self.rows))
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        names = values_of(root, "patient")
        for row in self.rows[order][first::step]:
            yield from self._examples(root, int(row), str(names[row]))

    def _order(self, what: str, n: int) -> np.ndarray:
        if self.seed is None:
            return np.arange(n)
        return generator(self.seed, "stream", self.epoch, what).permutation(n)

    def _examples(self, root: zarr.Group, row: int, name: str) -> Iterator[dict[str, Any]]:
        arrays = {v: np.asarray(array_of(root, v)[row]) for v in self.variables}
        if self.select.tissue is not None:
            inside = np.asarray(array_of(root, TISSUES)[row]) == self.select.tissue
            for v, dims in self.dims.items():
                if POINTS in dims:
                    arrays[v] = np.compress(inside, arrays[v], axis=dims.index(POINTS) - 1)
        tensors = {v: torch.from_numpy(np.ascontiguousarray(a)) for v, a in arrays.items()}
        keys = {v: v.rsplit("/", 1)[-1] for v in self.variables}
        if self.cut is None:
            yield {"patient": name} | {keys[v]: tensor for v, tensor in tensors.items()}
            return
        group = "field" if self.cut == "electrode" else "ecg"
        labels, places = values_of(root, f"{group}/{self.cut}"), self.places[self.cut]
        for k in places[self._order(name, len(places))]:
            cut = {
                keys[v]: tensor.select(self.dims[v].index(self.cut) - 1, int(k))
                if self.cut in self.dims[v] else tensor
                for v, tensor in tensors.items()
            }  # fmt: skip
            yield {"patient": name, self.cut: str(labels[k])} | cut


def _opened(path: str, variables: Sequence[str]) -> zarr.Group:
    """The root of a consolidated store that has these variables."""
    try:
        root = zarr.open_group(store_at(path), mode="r")
    except BadInput:
        raise
    except Exception as error:  # zipfile, zarr, fsspec and json raise many types
        raise BadInput(f"{path}: not a readable Zarr store ({error})") from error
    known = by_key(DATASET_LAYOUT)
    if unknown := [v for v in variables if v not in root or v not in known]:
        raise BadInput(f"{path}: no variable {', '.join(unknown)}")
    return root


def _known(path: str, what: str, names: Sequence[str], there: np.ndarray) -> None:
    if unknown := sorted(set(names) - set(there.tolist())):
        raise BadInput(
            f"{path}: no {what} {', '.join(unknown)}; it has {', '.join(there[:12])} ..."
        )

"""A torch data set over the consolidated store: one item is one patient's tensors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import zarr
from torch.utils.data import Dataset
from zarr.storage import ZipStore

from einthoven.core.errors import BadInput
from einthoven.dataset.store import array_of, open_store, values_of


class PatientTensors(Dataset[dict[str, torch.Tensor]]):
    """Patients of one split; reads lazily and opens the archive once per worker process.

    Args:
        path: the consolidated store.
        variables: such as `field/field_grad`; the last part is the key of the item.
        split: train, val, test, or None for all.

    Raises:
        BadInput: an unknown variable or an empty split.
    """

    def __init__(self, path: str | Path, variables: Sequence[str], split: str | None = None):
        self.path = Path(path)
        self.variables = tuple(variables)
        with open_store(path) as root:
            unknown = [v for v in variables if v not in root]
            if unknown:
                raise BadInput(f"{path}: no variable {', '.join(unknown)}")
            splits, names = values_of(root, "split"), values_of(root, "patient")
        keep = splits == split if split else np.full(len(names), True)
        self.rows = np.flatnonzero(keep)
        self.patients = [str(names[i]) for i in self.rows]
        if not self.patients:
            raise BadInput(f"{path}: no patient in split {split!r}")
        self._root: zarr.Group | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        if self._root is None:
            self._root = zarr.open_group(ZipStore(self.path, mode="r"), mode="r")
        row = int(self.rows[index])
        arrays = {v: np.asarray(array_of(self._root, v)[row]) for v in self.variables}
        return {v.rsplit("/", 1)[-1]: torch.from_numpy(array) for v, array in arrays.items()}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_root": None}  # an open archive does not travel to workers

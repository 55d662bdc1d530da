"""Patients of one split, read from the consolidated store one at a time."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import zarr
from torch import Tensor

from einthoven.core.check import finite, shape
from einthoven.core.errors import BadInput
from einthoven.core.tags import Tissue
from einthoven.dataset.store import open_store
from einthoven.encoders.base import Encoder
from einthoven.surrogate.inputs import Inputs, patient_inputs


class Sample(NamedTuple):
    """One patient's inputs and targets at all of its sampled points."""

    inputs: Inputs
    grad: Tensor
    """[electrode, point, 3] kOhm/mm, patient frame."""
    heart: Tensor
    """Ids of the points in the myocardium."""
    elsewhere: Tensor
    """Ids of all other points."""

    @property
    def n_bytes(self) -> int:
        """Memory that the tensors take."""
        tensors = (*self.inputs, *self[1:])
        return sum(t.numel() * t.element_size() for t in tensors)


def array_of(root: zarr.Group, name: str) -> Any:
    """An array of the consolidated store.

    Raises:
        BadInput: the store has no such array.
    """
    array = root.get(name)
    if not isinstance(array, zarr.Array):
        raise BadInput(f"data set: has no array {name}; is it the store of one patient?")
    return array


class Patients:
    """Samples of a split by position; kept in memory as long as `cache_mb` lasts.

    Patients beyond the budget are read and decoded again whenever they are asked for, so that
    a data set of any size trains in constant memory.
    """

    def __init__(
        self, store_path: str | Path, encoder: Encoder, split: str, cache_mb: float = 9000.0
    ):
        self.path, self.encoder = Path(store_path), encoder
        self.budget = cache_mb * 2**20
        self.cache: dict[int, Sample] = {}
        with open_store(self.path) as root:
            splits = [str(s) for s in array_of(root, "split")[...]]
            names = [str(n) for n in array_of(root, "patient")[...]]
        self.rows = [row for row, s in enumerate(splits) if s == split]
        self.names = [names[row] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, position: int) -> Sample:
        if position in self.cache:
            return self.cache[position]
        sample = self._read(position)
        if sample.n_bytes <= self.budget:
            self.cache[position] = sample
            self.budget -= sample.n_bytes
        return sample

    def _read(self, position: int) -> Sample:
        row, name = self.rows[position], self.names[position]
        with open_store(self.path) as root:
            field = {k: np.asarray(array_of(root, f"field/field_{k}")[row])
                     for k in ("points", "fiber", "grad", "tissue")}  # fmt: skip
            pose = {k: np.asarray(array_of(root, f"cohort/{k}")[row])
                    for k in ("heart_rotation", "heart_origin", "torso_box")}  # fmt: skip
            electrodes = np.asarray(array_of(root, "electrode/electrode_points")[row])
        points = field["points"]
        inputs = patient_inputs(
            self.encoder, name, points, field["fiber"], electrode_points=electrodes, **pose
        )
        grad = shape(f"{name}: field_grad", field["grad"], (len(electrodes), len(points), 3))
        inside = field["tissue"] == Tissue.MYOCARDIUM
        if not inside.any() or inside.all():
            raise BadInput(f"{name}: field points lie all inside or all outside the myocardium")
        return Sample(
            inputs,
            torch.as_tensor(finite(f"{name}: field_grad", grad).astype(np.float32)),
            torch.as_tensor(np.flatnonzero(inside)),
            torch.as_tensor(np.flatnonzero(~inside)),
        )

    def sha256(self) -> str:
        """Checksum of everything that training sees, patient by patient."""
        digest = hashlib.sha256()
        for sample in self:
            for tensor in (*sample.inputs, sample.grad):
                digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()

"""Patients of one split, read from the consolidated store one at a time."""

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Tissue
from einthoven.data.dataset.store import array_of, open_store, values_of
from einthoven.data.patient.anatomy import Pose
from einthoven.learning.encoders.base import Encoder
from einthoven.learning.surrogate.inputs import Inputs, patient_inputs
from einthoven.numerics.training.tensors import (
    arrays_sha256,
    load_mapped,
    save_model,
    source_sha256,
)

OF_POINT = ("points", "fiber", "distance", "normal")
"""Inputs that depend on the point."""


class PatientSample(NamedTuple):
    """Inputs and targets of one patient at all of its sampled points, as views of a file."""

    inputs: Inputs
    grad: Tensor
    """[electrode, point, 3] kOhm/mm, patient frame."""
    heart: Tensor
    """Ids of the points in the myocardium."""
    elsewhere: Tensor
    """Ids of all other points."""


def packed(sample: PatientSample) -> dict[str, Tensor]:
    """A sample as few tensors: all inputs that depend on the point are `rows` [point, n]."""
    tensors = sample.inputs._asdict()
    of_point = [tensors.pop(name).flatten(1) for name in OF_POINT]
    grad = sample.grad.transpose(0, 1).flatten(1)
    return {**tensors, "rows": torch.cat([*of_point, grad], dim=1),
            "heart": sample.heart, "elsewhere": sample.elsewhere}  # fmt: skip


def unpacked(tensors: dict[str, Tensor]) -> PatientSample:
    """Inverse of `packed`, as views of `tensors`."""
    points, fiber, distance, normal, grad = tensors["rows"].tensor_split([3, 6, 10, 22], dim=1)
    of_point = (points, fiber, distance, normal.unflatten(1, (-1, 3)))
    named = tensors | dict(zip(OF_POINT, of_point))
    inputs = Inputs(*(named[name] for name in Inputs._fields))
    return PatientSample(inputs, grad.unflatten(1, (-1, 3)).transpose(0, 1), tensors["heart"],
                  tensors["elsewhere"])  # fmt: skip


class SplitSamples:
    """Field samples of the patients of one split, one patient at a time.

    Each patient is decoded once, into a memory-mapped file.

    A point is a row of its file, so a batch touches only the pages of its points. The system caches
    what fits into memory: a data set of any size trains in bounded memory, a small one at the speed
    of memory, with the same bits.

    Args:
        store_path: the consolidated store.
        encoder: has the codes and distances of these patients.
        split: train, val or test.
        folder: for the files, which are as large as the uncompressed fields. Files of an earlier
            run are reused if store, encoder and code are the same. None: a temporary folder.
    """

    def __init__(
        self, store_path: str | Path, encoder: Encoder, split: str, folder: str | Path | None = None
    ):
        self.path, self.encoder = Path(store_path), encoder
        self.temporary = None if folder else tempfile.TemporaryDirectory(prefix="einthoven-")
        self.folder = Path(folder or self.temporary.name)  # type: ignore[union-attr]
        with open_store(self.path) as root:
            splits = [str(s) for s in values_of(root, "split")]
            names = [str(n) for n in values_of(root, "patient")]
        self.rows = [row for row, s in enumerate(splits) if s == split]
        self.names = [names[row] for row in self.rows]
        self.sums = [""] * len(self.rows)
        """SHA-256 of the samples that have a file."""
        self.mapped: dict[int, PatientSample] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[PatientSample]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, position: int) -> PatientSample:
        self._ensure(position)
        if position not in self.mapped:
            self.mapped[position] = unpacked(load_mapped(self._file(position))[0])
        return self.mapped[position]

    def sha256(self) -> str:
        """Checksum of everything that training sees, patient by patient."""
        for position in range(len(self)):
            self._ensure(position)
        return hashlib.sha256(" ".join(self.sums).encode()).hexdigest()

    def _file(self, position: int) -> Path:
        return self.folder / f"{self.names[position]}.safetensors"

    def _ensure(self, position: int) -> None:
        """Make a patient's file, unless there is one from the same store, encoder and code."""
        if self.sums[position]:
            return
        path, key = self._file(position), self._key(position)
        if not path.exists() or load_mapped(path)[1]["data_sha256"] != key:
            save_model(path, packed(self._read(position)), kind="sample", config={},
                       data_sha256=key, package=__package__)  # fmt: skip
        self.sums[position] = load_mapped(path)[1]["tensors_sha256"]

    def _key(self, position: int) -> str:
        """Hashes of a sample's sources: the store by its sums, the encoder by a probe."""
        name = self.names[position]
        with zipfile.ZipFile(self.path) as archive, open_store(self.path) as root:
            sums = np.array([member.CRC for member in archive.infolist()])
            probe = np.asarray(array_of(root, "electrode/electrode_points")[self.rows[position]])
        geometry = self.encoder.geometry(name)
        made_of = arrays_sha256(sums, geometry.latent, *geometry.distances(probe))
        return f"{made_of} {source_sha256(str(__package__))}"

    def _read(self, position: int) -> PatientSample:
        row, name = self.rows[position], self.names[position]
        with open_store(self.path) as root:
            field = {k: np.asarray(array_of(root, f"field/field_{k}")[row])
                     for k in ("points", "fiber", "grad", "tissue")}  # fmt: skip
            pose = {k: np.asarray(array_of(root, f"cohort/{k}")[row])
                    for k in ("heart_rotation", "heart_origin", "torso_box")}  # fmt: skip
            electrodes = np.asarray(array_of(root, "electrode/electrode_points")[row])
        points = field["points"]
        try:
            inputs = patient_inputs(
                self.encoder.geometry(name), Pose(**pose), points, field["fiber"], electrodes
            )
        except BadInput as error:
            raise BadInput(f"{name}: {error}") from error
        label = f"{name}: field_grad"
        grad = finite(label, shape(label, field["grad"], (len(electrodes), len(points), 3)))
        inside = field["tissue"] == Tissue.MYOCARDIUM
        if not inside.any() or inside.all():
            raise BadInput(f"{name}: field points lie all inside or all outside the myocardium")
        ids = (torch.as_tensor(np.flatnonzero(where)) for where in (inside, ~inside))
        return PatientSample(inputs, torch.as_tensor(grad.astype(np.float32)), *ids)

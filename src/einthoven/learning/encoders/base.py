"""Interface of encoders for surrogates: a code per patient, and distances to its surfaces."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from einthoven.base.config.section import Section
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.patient import Patient
from einthoven.numerics.training.machine import Machine

MODEL_FILE = "model.safetensors"
LATENTS_FILE = "latents.npz"
IMPORTED_SPLIT = "imported"
"""Imported patients get their codes later, one by one (encoders.imported_code)."""


type Paths = Sequence[str | Path]
type Source = str | Path | Paths
"""A consolidated store, or anatomy.npz and sdf.npz of the virtual patients (the same arrays,
available before the meshes)."""
type Names = tuple[str, ...]
type SurfaceProvider = Callable[[str], Surfaces]
"""Patient name -> surfaces, for an encoder that cannot decode them."""


def surfaces_of_files(paths: Iterable[str | Path]) -> SurfaceProvider:
    """Surfaces from files {patient}/anatomy.npz, read on demand."""
    files = {Path(path).parent.name: path for path in paths}

    def provide(patient: str) -> Surfaces:
        if patient not in files:
            raise BadInput(f"{patient}: no anatomy.npz among those of {', '.join(files)}")
        return Anatomy.load(files[patient]).surfaces

    return provide


def virtual_patients(
    source: Source, stage: str, *arrays: str
) -> tuple[Names, Names, list[np.ndarray]]:
    """Names and splits of all patients but imported ones, and arrays [patient, ...] of a stage."""
    if isinstance(source, str | Path):
        from einthoven.data.dataset.loaders import open_group

        data = open_group(source, "cohort" if stage == "anatomy" else stage).load()
        data = data.isel(patient=np.flatnonzero(data["split"].values != IMPORTED_SPLIT))
        names, splits = (tuple(map(str, data[k].values)) for k in ("patient", "split"))
        return names, splits, [data[k].values for k in arrays]
    patients = list(Patient.group(source))
    stages = [getattr(patient, stage) for patient in patients]
    names, splits = (tuple(getattr(p.anatomy, k) for p in patients) for k in ("patient", "split"))
    return names, splits, [np.stack([getattr(s, k) for s in stages]) for k in arrays]


@dataclass(frozen=True)
class Latents:
    """Codes of all patients: `patient` and `split` names, `latent` [patient, latent] float32."""

    patient: Names
    split: Names
    latent: np.ndarray

    def __post_init__(self) -> None:
        check.unique("patient", self.patient)
        check.shape("latent", check.finite("latent", self.latent), (len(self.patient), None))
        if len(self.split) != len(self.patient):
            raise BadInput(f"split: {len(self.split)} names for {len(self.patient)} patients")

    def of(self, patient: str) -> np.ndarray:
        """Code of one patient: [latent].

        Raises:
            BadInput: no such patient.
        """
        if patient not in self.patient:
            raise BadInput(f"{patient}: has no code; re-run the rule encoder for this cohort")
        return self.latent[self.patient.index(patient)]

    def rows(self, split: str) -> np.ndarray:
        """Codes of the patients of one split: [patient, latent]."""
        return self.latent[[s == split for s in self.split]]

    def save(self, path: str | Path, **attrs: Any) -> None:
        """Write a file of codes."""
        latent = self.latent.astype(np.float32)
        save_arrays(path, {"patient": self.patient, "split": self.split, "latent": latent}, **attrs)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file of codes.

        Raises:
            BadInput: missing, broken or foreign file.
        """
        arrays = load_arrays(path, ("patient", "split", "latent"))
        patient, split = (tuple(map(str, arrays[k])) for k in ("patient", "split"))
        return cls(patient, split, arrays["latent"])


@dataclass(frozen=True, eq=False)
class Geometry:
    """An anatomy as a surrogate sees it."""

    latent: np.ndarray
    """[latent] its code."""
    distances: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    """Points [point, 3] mm, patient frame -> signed distances [point, surface] mm and their
    gradients [point, surface, 3]."""


class Encoder(ABC):
    """Codes and signed distances of anatomies, in mm and in the patient frame."""

    name: ClassVar[str]
    """Name in the config, in files and in the names of methods."""
    config_class: ClassVar[type[Section]]
    codes_any_shape: ClassVar[bool]
    """Whether shapes from outside the atlas can have a code, and codes can be decoded."""
    latents: Latents

    @classmethod
    @abstractmethod
    def train(
        cls, config: Any, source: Source, folder: str | Path, shapes: Paths, machine: Machine
    ) -> Self:
        """The encoder of a data set; its arguments are those of `train_encoder`."""

    @classmethod
    @abstractmethod
    def load(cls, folder: str | Path, surfaces: SurfaceProvider | None = None) -> Self:
        """Read a folder written by `save`; `surfaces` is for encoders that cannot decode.

        Raises:
            BadInput: missing, broken or foreign files.
        """

    @property
    def n_latent(self) -> int:
        """Length of a code."""
        return self.latents.latent.shape[1]

    @abstractmethod
    def geometry(self, patient: str) -> Geometry:
        """Code and surfaces of a patient.

        Raises:
            BadInput: it has no code, or no surfaces.
        """

    def signed_distances(self, patient: str, points: np.ndarray) -> np.ndarray:
        """Signed distances at `points` [point, 3] mm: [point, surface] mm, negative inside."""
        return self.geometry(patient).distances(points)[0]

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors` and `latents.npz` into a folder."""

"""What a surrogate needs from an encoder: a code per patient, and distances to its surfaces."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from einthoven.config.section import Section
from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays, save_arrays
from einthoven.encoders.surfaces import SurfaceProvider
from einthoven.training.machine import Machine

if TYPE_CHECKING:
    import xarray as xr

MODEL_FILE = "model.safetensors"
LATENTS_FILE = "latents.npz"
IMPORTED_SPLIT = "imported"
"""Imported patients get their codes later, one by one (encoders.imported_code)."""


type Source = str | Path | Sequence[str | Path]
"""A consolidated store, or anatomy.npz and sdf.npz of the virtual patients (the same arrays, there
before any mesh is)."""


def virtual_patients(store_path: str | Path, group: str) -> "xr.Dataset":
    """A group of the consolidated store, in memory, without imported patients."""
    from einthoven.dataset.loaders import open_group

    data = open_group(store_path, group).load()
    return data.isel(patient=np.flatnonzero(data["split"].values != IMPORTED_SPLIT))


@dataclass(frozen=True)
class Latents:
    """Codes of all patients: `patient` and `split` names, `latent` [patient, latent] float32."""

    patient: tuple[str, ...]
    split: tuple[str, ...]
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

    def save(self, folder: str | Path) -> None:
        """Write `latents.npz`."""
        save_arrays(
            Path(folder) / LATENTS_FILE,
            {
                "patient": np.array(self.patient),
                "split": np.array(self.split),
                "latent": self.latent.astype(np.float32),
            },
        )

    @classmethod
    def load(cls, folder: str | Path, name: str = LATENTS_FILE) -> "Latents":
        """Read `latents.npz`, or another file of codes.

        Raises:
            BadInput: missing, broken or foreign file.
        """
        arrays = load_arrays(Path(folder) / name, ("patient", "split", "latent"))
        patient, split = (tuple(map(str, arrays[k])) for k in ("patient", "split"))
        return cls(patient, split, arrays["latent"])


@dataclass(frozen=True, eq=False)
class Geometry:
    """An anatomy as a surrogate sees it.

    Attributes:
        latent: [latent] its code.
        distances: points [point, 3] mm, patient frame -> signed distances [point, surface] mm and
            their gradients [point, surface, 3].
    """

    latent: np.ndarray
    distances: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Encoder(ABC):
    """Codes and signed distances of anatomies, in mm and in the patient frame."""

    name: ClassVar[str]
    """In the config, in files and in the names of methods."""
    config_class: ClassVar[type[Section]]
    codes_any_shape: ClassVar[bool]
    """Whether patients from outside its atlas can have a code, and codes can be decoded."""
    learns_from_shapes: ClassVar[bool]
    """Whether it learns from anatomies beside the cohort."""
    latents: Latents

    @classmethod
    @abstractmethod
    def train(
        cls,
        config: Any,
        source: Source,
        folder: str | Path,
        shapes: Sequence[str | Path],
        machine: Machine,
    ) -> Self:
        """The encoder of a data set; its arguments are those of `train_encoder`."""

    @classmethod
    @abstractmethod
    def load(cls, folder: str | Path, surfaces: SurfaceProvider | None = None) -> Self:
        """Read a folder that `save` wrote; `surfaces` for encoders that decode nothing.

        Raises:
            BadInput: missing, broken or foreign files.
        """

    @property
    def n_latent(self) -> int:
        """Length of a code."""
        return self.latents.latent.shape[1]

    @property
    def patients(self) -> Sequence[str]:
        """Names of all patients with a code."""
        return self.latents.patient

    def latent(self, patient: str) -> np.ndarray:
        """Code of a patient: [latent] float32."""
        return self.latents.of(patient)

    def geometry(self, patient: str) -> Geometry:
        """Code and surfaces of a patient.

        Raises:
            BadInput: it has no code.
        """
        return Geometry(self.latent(patient), partial(self.signed_distances_and_gradients, patient))

    @abstractmethod
    def signed_distances(self, patient: str, points: np.ndarray) -> np.ndarray:
        """Signed distances at `points` [point, 3] mm: [point, surface] mm, negative inside."""

    @abstractmethod
    def signed_distances_and_gradients(
        self, patient: str, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Signed distances [point, surface] mm and their gradients [point, surface, 3]."""

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors` and `latents.npz` into a folder."""

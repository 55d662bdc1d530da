"""The 23-number code of Dokuchaev 2026, from which the virtual patients were drawn (section 2.4).

Ten heart modes, ten torso modes and three rotation angles of the heart, in standard deviations. The
code is exact by construction, because the patients come from these shape models; it omits the
heart's position. Its signed distances are those of the patient's true surfaces. A model trained on
it is therefore an upper bound for codes fitted to images.
"""

from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import torch

from einthoven.base.config.section import Section
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.signed_distance import signed_distances_and_gradients
from einthoven.learning.encoders.base import (
    LATENTS_FILE,
    MODEL_FILE,
    Encoder,
    Geometry,
    Latents,
    Paths,
    Source,
    SurfaceProvider,
    virtual_patients,
)
from einthoven.numerics.training.machine import Machine
from einthoven.numerics.training.tensors import arrays_sha256, load_model, save_model

N_LATENT = 23


class PcaEncoder(Encoder):
    """The coefficients that virtual patients were drawn from, as their code.

    Args:
        latents: code [patient, 23] in SD, name and split of each patient.
        surfaces: function from a patient's name to its surfaces, for signed distances in mm.

    Raises:
        BadInput: codes of another length, or no training patient.
    """

    name, config_class = "pca", Section
    codes_any_shape = False

    def __init__(self, latents: Latents, surfaces: SurfaceProvider | None = None):
        check.shape("latent_pca", latents.latent, (None, N_LATENT))
        if not latents.rows("train").size:
            raise BadInput("split: no training patient")
        self.latents, self.surfaces = latents, surfaces

    def geometry(self, patient: str) -> Geometry:
        """Exact distances to the patient's surfaces, and gradients of length 1."""
        if self.surfaces is None:
            raise BadInput(
                "pca encoder: has no surfaces for signed distances; load it with "
                "surfaces=surfaces_of_files(paths)"
            )
        code, surfaces = self.latents.of(patient), self.surfaces(patient)
        return Geometry(code, partial(signed_distances_and_gradients, surfaces))

    def save(self, folder: str | Path) -> None:
        """Write the codes, and their training mean and SD as the model."""
        train = self.latents.rows("train")
        tensors = {
            "mean": torch.from_numpy(train.mean(axis=0)),
            "sd": torch.from_numpy(train.std(axis=0)),
        }
        save_model(
            Path(folder) / MODEL_FILE,
            tensors,
            kind=self.name,
            config={},
            data_sha256=arrays_sha256(train),
            package="einthoven.learning.encoders",
        )
        self.latents.save(Path(folder) / LATENTS_FILE)

    @classmethod
    def train(
        cls, config: Section, source: Source, folder: str | Path, shapes: Paths, machine: Machine
    ) -> Self:
        """Collect the codes of all patients but imported ones; nothing is learned."""
        names, splits, (codes,) = virtual_patients(source, "anatomy", "latent_pca")
        return cls(Latents(names, splits, codes.astype(np.float32)))

    @classmethod
    def load(cls, folder: str | Path, surfaces: SurfaceProvider | None = None) -> Self:
        """Read a folder; signed distances are computed from `surfaces`."""
        load_model(Path(folder) / MODEL_FILE, cls.name)
        return cls(Latents.load(Path(folder) / LATENTS_FILE), surfaces)

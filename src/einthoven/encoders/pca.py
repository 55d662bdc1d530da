"""The paper's 23-number code: what the virtual patients were drawn from (section 2.4).

Ten heart modes, ten torso modes and three rotation angles of the heart, in standard deviations.
The code is exact by construction: the patients come from these very shape models, and it leaves
out the heart's position. Its signed distances are those of the patient's true surfaces. So
whatever is learned on top is an upper bound for a code that would be fitted to images.
"""

from pathlib import Path

import numpy as np
import torch

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.encoders.base import MODEL_FILE, Encoder, Latents
from einthoven.encoders.surfaces import SurfaceProvider
from einthoven.training.tensors import arrays_sha256, load_model, save_model

N_LATENT = 23


class PcaEncoder(Encoder):
    """Codes that are known, distances from the patients' own surfaces."""

    name = "pca"

    def __init__(self, latents: Latents, surfaces: SurfaceProvider | None = None):
        check.shape("latent_pca", latents.latent, (None, N_LATENT))
        if not latents.rows("train").size:
            raise BadInput("split: no training patient")
        self.latents, self.surfaces = latents, surfaces

    def _surfaces(self, patient: str):
        if self.surfaces is None:
            raise BadInput(
                "pca encoder: has no surfaces for signed distances; load it with "
                "surfaces=stage_file_surfaces(folder) or patient_store_surfaces(folder)"
            )
        return self.surfaces(patient)

    def signed_distances(self, patient: str, points: np.ndarray) -> np.ndarray:
        """Exact distances to the patient's surfaces: [point, surface] mm."""
        return self._surfaces(patient).signed_distances(points)

    def signed_distances_and_gradients(
        self, patient: str, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Exact distances [point, surface] mm and unit gradients [point, surface, 3]."""
        return self._surfaces(patient).signed_distances_and_gradients(points)

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
            package="einthoven.encoders",
        )
        self.latents.save(folder)

    @classmethod
    def load(cls, folder: str | Path, surfaces: SurfaceProvider | None = None) -> "PcaEncoder":
        """Read a folder that `save` wrote.

        Raises:
            BadInput: missing, broken or foreign files.
        """
        load_model(Path(folder) / MODEL_FILE, cls.name)
        return cls(Latents.load(folder), surfaces)

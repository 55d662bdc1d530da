"""Codes of imported patients, who are not part of an encoder's training data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.learning.encoders.base import IMPORTED_SPLIT, Encoder, Latents, Paths
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.encoders.deepsdf.out_of_distribution import check_code


@dataclass(frozen=True, eq=False)
class ImportedCode:
    """The code of an anatomy, its misfit, and its out-of-distribution check."""

    latent: np.ndarray
    """[latent] float32."""
    misfit_mm: dict[str, float]
    """Surface -> error of the decoded distances there; only of given surfaces."""
    check: OutOfDistributionCheck
    """The out-of-distribution check."""
    origin: np.ndarray | None = None
    """[3] mm, of the patient frame in the frame of the input; None: not estimated."""

    @classmethod
    def of_samples(cls, encoder: DeepSdfEncoder, points: np.ndarray, sdf: np.ndarray) -> Self:
        """Code from samples of signed distances; the misfit is that within 3 mm of each surface.

        points [sample, 3] mm, sdf [sample, surface] mm.

        Raises:
            BadInput: NaN or wrong shapes.
            NotConverged: no code fits.
        """
        n = encoder.config.infer_points
        latent = encoder.infer(points[:n], sdf[:n])
        misfit = encoder.near_surface_mm(latent, points, sdf)
        return cls(latent, misfit, check_code(encoder, latent, misfit))

    def save(self, path: str | Path, name: str) -> None:
        """Write the file of codes of this one patient."""
        origin = {} if self.origin is None else {"origin_mm": self.origin.tolist()}
        Latents((name,), (IMPORTED_SPLIT,), self.latent[None]).save(
            path, near_surface_mm=self.misfit_mm, out_of_distribution=self.check.to_json(), **origin
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            BadInput: a missing or foreign file, several patients, or a code in another frame.
        """
        latents, attrs = Latents.load(path), load_arrays(path).attrs
        if len(latents.patient) != 1 or "out_of_distribution" not in attrs:
            raise BadInput(f"{path}: not the code of one patient; `einthoven encode` makes it")
        if np.any(attrs.get("origin_mm", 0.0)):
            raise BadInput(
                f"{path}: encoded with a free origin; encode the points in the patient frame"
            )
        check = OutOfDistributionCheck.from_json(attrs["out_of_distribution"])
        return cls(latents.latent[0], attrs["near_surface_mm"], check)


def with_imported_codes(encoder: Encoder, paths: Paths) -> Encoder:
    """The encoder with the codes of an imported patient instead of its own, if there is a file.

    Raises:
        BadInput: an encoder that cannot have such codes.
    """
    if paths and not encoder.codes_any_shape:
        raise BadInput(f"{encoder.name}: has no code for patients outside its atlas")
    for path in paths:
        encoder.latents = Latents.load(path)
    return encoder

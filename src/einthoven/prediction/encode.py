"""The code of an anatomy from its surfaces, or from points on some of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from einthoven.config.models import SdfSamples
from einthoven.core.files import save_arrays
from einthoven.core.seeds import generator
from einthoven.encoders.base import IMPORTED_SPLIT
from einthoven.encoders.deepsdf.decoded import decoded_surfaces
from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.encoders.deepsdf.from_points import SurfacePoints, code_from_points
from einthoven.encoders.deepsdf.out_of_distribution import OutOfDistributionCheck, check_code
from einthoven.encoders.imported_code import imported_code
from einthoven.geometry.simplex import enclosed_volume
from einthoven.geometry.surfaces import Surfaces
from einthoven.samples.sdf import sample_sdf

NEAR_FRACTION, NEAR_MM = 0.8, 10.0
"""Of samples about complete surfaces, as in the data set's default."""
GRID = 65
"""Grid points per side for decoded surfaces."""


@dataclass(frozen=True)
class EncodedAnatomy:
    """The code of an anatomy and how well it fits.

    Attributes:
        latent: [latent].
        origin: [3] mm, of the patient frame in the frame of what was given.
        residual_mm: surface -> error of the decoded distances there; none for surfaces not given.
        check: the out-of-distribution check.
    """

    latent: np.ndarray
    origin: np.ndarray
    residual_mm: dict[str, float]
    check: OutOfDistributionCheck

    def save(self, path: str | Path, name: str) -> None:
        """Write the file of codes of this one imported patient."""
        arrays = {"patient": np.array([name]), "split": np.array([IMPORTED_SPLIT]),
                  "latent": self.latent[None]}  # fmt: skip
        attrs = {"near_surface_mm": self.residual_mm, "origin_mm": self.origin.tolist()}
        save_arrays(path, arrays, **attrs, out_of_distribution=self.check.to_json())


def encode_surfaces(
    encoder: DeepSdfEncoder, folder: str | Path, surfaces: Surfaces
) -> EncodedAnatomy:
    """Code of complete surfaces.

    Args:
        encoder: trained.
        folder: of the encoder.
        surfaces: of a body, patient frame.

    Raises:
        BadInput: a surface is missing or broken.
        NotConverged: no code fits.
    """
    n_points = encoder.config.infer_points
    samples = sample_sdf(
        surfaces,
        generator(0, "encode"),
        SdfSamples(n_points=n_points, near_fraction=NEAR_FRACTION, near_mm=NEAR_MM),
    )
    latent, residual, checked = imported_code(encoder, folder, *samples)
    return EncodedAnatomy(latent, np.zeros(3), residual, checked)


def encode_points(
    encoder: DeepSdfEncoder, folder: str | Path, given: SurfacePoints, noise_mm: float,
    free_origin: bool = False,
) -> EncodedAnatomy:  # fmt: skip
    """Code of points on surfaces; arguments and errors as of `code_from_points`."""
    found = code_from_points(encoder, given, noise_mm, free_origin)
    # Noisy points lie off every surface, so that their residual says nothing about the shape.
    return EncodedAnatomy(*found, check_code(encoder, folder, found.latent, {}))


def outward_surfaces(
    encoder: DeepSdfEncoder, encoded: EncodedAnatomy
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The decoded surfaces in the frame of what was given, their normals outwards.

    Returns:
        surface -> points [vertex, 3] mm, faces [face, 3].

    Raises:
        StepFailed: a surface does not exist.
    """
    surfaces = {}
    for name, (points, faces) in decoded_surfaces(encoder, encoded.latent, GRID).items():
        inside_out = enclosed_volume(points, faces) < 0
        surfaces[name] = (points + encoded.origin, faces[:, ::-1] if inside_out else faces)
    return surfaces

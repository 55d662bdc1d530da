"""The code of an anatomy from its surfaces, and the surfaces that it stands for."""

from dataclasses import replace

import numpy as np

from einthoven.config.models import SdfSamples
from einthoven.core.seeds import generator
from einthoven.encoders.deepsdf.decoded import decoded_surfaces
from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.encoders.imported_code import ImportedCode
from einthoven.geometry.simplex import enclosed_volume
from einthoven.geometry.surfaces import Surfaces
from einthoven.samples.sdf import sample_sdf

NEAR_FRACTION, NEAR_MM = 0.8, 10.0
"""Of samples about complete surfaces, as in the data set's default."""
GRID = 65
"""Grid points per side for decoded surfaces."""


def encode_surfaces(encoder: DeepSdfEncoder, surfaces: Surfaces) -> ImportedCode:
    """Code of the complete surfaces of a body, in the patient frame.

    Raises:
        BadInput: a surface is missing or broken.
        NotConverged: no code fits.
    """
    n = encoder.config.infer_points
    config = SdfSamples(n_points=n, near_fraction=NEAR_FRACTION, near_mm=NEAR_MM)
    samples = sample_sdf(surfaces, generator(0, "encode"), config)
    return replace(ImportedCode.of_samples(encoder, *samples), origin=np.zeros(3))


def outward_surfaces(
    encoder: DeepSdfEncoder, code: ImportedCode
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The decoded surfaces in the frame of what was given, their normals outwards.

    Returns:
        surface -> points [vertex, 3] mm, faces [face, 3].

    Raises:
        StepFailed: a surface does not exist.
    """
    surfaces, origin = {}, 0.0 if code.origin is None else code.origin
    for name, (points, faces) in decoded_surfaces(encoder, code.latent, GRID).items():
        inside_out = enclosed_volume(points, faces) < 0
        surfaces[name] = (points + origin, faces[:, ::-1] if inside_out else faces)
    return surfaces

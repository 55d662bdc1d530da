"""Surfaces that a code stands for, as triangles."""

import numpy as np

from einthoven.core.tags import SDF_SURFACES
from einthoven.encoders.chamfer import Grid
from einthoven.encoders.deepsdf import DeepSdfEncoder

N_ROUGH = 24
REACH = 3.0
"""Half of a side of the box in which a surface is looked for, in mean radii of torso or heart."""


def decoded_surfaces(
    encoder: DeepSdfEncoder, latent: np.ndarray, n_grid: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The four surfaces of a code: name -> points [vertex, 3] mm, patient frame, and faces.

    Args:
        encoder: trained.
        latent: [latent].
        n_grid: grid points a side, over the torso and over the heart.

    Raises:
        StepFailed: a surface does not exist.
    """
    decoder, found = encoder.decoder, {}
    boxes = (
        (np.zeros(3), float(decoder.body_mm), SDF_SURFACES[:1]),
        (decoder.heart_centre.numpy(), float(decoder.heart_mm), SDF_SURFACES[1:]),
    )
    for centre, radius, names in boxes:
        outermost = SDF_SURFACES.index(names[-1])
        corners = centre + REACH * radius * np.array([[-1.0] * 3, [1.0] * 3])
        rough = Grid.around(corners, N_ROUGH)
        inside = encoder.decode(latent, rough.points())[:, outermost] <= rough.spacing.max()
        fine = Grid.around(rough.points()[inside], n_grid) if inside.any() else rough
        values = encoder.decode(latent, fine.points())
        for name in names:
            found[name] = fine.contour(values[:, SDF_SURFACES.index(name)])
    return found

"""Hearts of a published atlas, each drawn in one topology per edge length."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from einthoven.anatomy.shape.atlas_file import load_atlas_file, model_from, usable_coeffs
from einthoven.anatomy.shape.carry import carry
from einthoven.anatomy.shape.heart import HeartSurfaces, drawn_heart, heart_surfaces
from einthoven.anatomy.shape.model import MAX_SD, ShapeModel
from einthoven.anatomy.shape.tagged_heart import heart_frame, placed_heart
from einthoven.config.models import HEART_EDGE_MM
from einthoven.core.check import between


def atlas_heart(heart_coeffs: np.ndarray, edge_mm: float, atlas: str = "") -> HeartSurfaces:
    """The heart with the given shape coefficients.

    Args:
        heart_coeffs: coefficients of the atlas in SD; zeros beyond its modes are ignored.
        edge_mm: mean edge length of the triangles.
        atlas: path of a converted atlas file; "" is the embedded atlas.

    Returns:
        HeartSurfaces in the heart frame; all hearts of one atlas and edge length share their
        triangles.

    Raises:
        BadInput: wrong coefficients, more of them than modes, or no such atlas.
        StepFailed: the shape is not a valid heart (see `heart_check.check_heart`).
    """
    if not atlas:
        return heart_surfaces(heart_coeffs, edge_mm)
    between("edge_mm", edge_mm, *HEART_EDGE_MM, "is this mm?")
    model = heart_model(atlas, float(edge_mm))
    coeffs = usable_coeffs("heart", heart_coeffs, model.n_modes, atlas)
    between(
        "largest of heart_coeffs in SD", np.abs(coeffs).max(initial=0.0), 0, MAX_SD, "scores in mm?"
    )
    drawn = replace(model.surfaces, points=model.points(coeffs))
    landmarks, _, _ = heart_frame(drawn)
    return drawn_heart(drawn, landmarks, coeffs, edge_mm, atlas)


@lru_cache(maxsize=4)
def heart_model(atlas: str, edge_mm: float) -> ShapeModel:
    """The atlas with seven surfaces at one edge length, its mean in the heart frame.

    Raises:
        BadInput: no such atlas.
        StepFailed: its mean could not be triangulated at this edge length.
    """
    data = load_atlas_file(atlas, "heart")
    key = edge_key(edge_mm)
    return model_from(data, key) if f"mean{key}" in data else meshed(model_from(data), edge_mm)


def edge_key(edge_mm: float) -> str:
    """Suffix of the arrays of one edge length in an atlas file."""
    return f"_{edge_mm:g}"


def meshed(wall: ShapeModel, edge_mm: float) -> ShapeModel:
    """Triangulate the mean of an atlas with base and valve caps, and carry its modes there.

    Args:
        wall: mean, modes and SDs of a closed wall, tagged EPI, LV_ENDO, RV_ENDO, BASE, with
            outward faces, in any frame.
        edge_mm: mean edge length.

    Raises:
        BadInput: the wall is not one closed surface with these tags.
        StepFailed: it could not be triangulated, or is no valid heart.
    """
    heart, rotation, origin = placed_heart(wall.surfaces, edge_mm)
    in_heart_frame = replace(
        wall, mean=(wall.mean - origin) @ rotation, modes=wall.modes.astype(float) @ rotation
    )
    return carry(in_heart_frame, heart)

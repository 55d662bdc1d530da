"""The heart of one patient from an atlas: the embedded one or a converted one."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from einthoven.base.config.models import HEART_EDGE_MM
from einthoven.base.core.check import between
from einthoven.base.core.errors import StepFailed
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.shape.carry import carry
from einthoven.body.anatomy.shape.heart_check import check_heart
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces, embedded_heart
from einthoven.body.anatomy.shape.model import (
    MAX_SD,
    ShapeModel,
    load_atlas_file,
    model_from,
    usable_coeffs,
)
from einthoven.body.anatomy.shape.tagged_heart import heart_frame, placed_heart


def heart_surfaces(heart_coeffs: np.ndarray, edge_mm: float, atlas: str = "") -> HeartSurfaces:
    """The heart with the given shape coefficients, in the heart frame.

    Args:
        heart_coeffs: in SD, at most as many as the atlas has modes; of a converted atlas, zeros
            beyond them are ignored.
        edge_mm: mean edge length of the triangles. All hearts of one atlas and edge length share
            their topology. The embedded shapes are known to 2.7 mm: a smaller edge adds no detail.
        atlas: path of a converted atlas file; "" is the embedded atlas.

    Raises:
        BadInput: wrong coefficients, more of them than modes, wrong edge length, or no such atlas.
        StepFailed: the shape is not a valid heart (see `heart_check.check_heart`).
    """
    between("edge_mm", edge_mm, *HEART_EDGE_MM, "is this mm?")
    if atlas:
        surfaces, landmarks = _converted_heart(heart_coeffs, float(edge_mm), atlas)
    else:
        surfaces, landmarks = embedded_heart(heart_coeffs, float(edge_mm))
    heart = HeartSurfaces.placed(surfaces, landmarks)
    try:
        check_heart(heart, flat_base=not atlas)
    except StepFailed as error:
        raise StepFailed(
            f"{atlas + ': ' if atlas else ''}heart_coeffs = {np.round(heart_coeffs, 3).tolist()} "
            f"at {edge_mm:g} mm: {error}; lower cohort.range_sd"
        ) from error
    return heart


def _converted_heart(
    heart_coeffs: np.ndarray, edge_mm: float, atlas: str
) -> tuple[Surfaces, dict[str, np.ndarray]]:
    """Surfaces and landmarks of a heart of a converted atlas, in the heart frame of its mean."""
    model = heart_model(atlas, edge_mm)
    coeffs = usable_coeffs("heart", heart_coeffs, model.n_modes, atlas)
    between(
        "largest of heart_coeffs in SD", np.abs(coeffs).max(initial=0.0), 0, MAX_SD, "scores in mm?"
    )
    drawn = replace(model.surfaces, points=model.points(coeffs))
    return drawn, heart_frame(drawn)[0]


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
    """Triangulate the mean of an atlas with base and valve caps, and transfer its modes.

    Args:
        wall: mean, modes and SDs of a closed wall, tagged EPI, LV_ENDO, RV_ENDO, BASE, with outward
            faces, in any frame.
        edge_mm: mean edge length.

    Raises:
        BadInput: the wall is not one closed surface with these tags.
        StepFailed: it could not be triangulated, or is not a valid heart.
    """
    heart, rotation, origin = placed_heart(wall.surfaces, edge_mm)
    in_heart_frame = replace(
        wall, mean=(wall.mean - origin) @ rotation, modes=wall.modes.astype(float) @ rotation
    )
    return carry(in_heart_frame, heart)

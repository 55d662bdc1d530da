"""The heart of one patient: seven tagged surfaces in the heart frame."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from einthoven.anatomy.shape.atlas_file import HEART_FIELDS, model_from
from einthoven.anatomy.shape.heart_check import check_heart, heart_volumes
from einthoven.anatomy.shape.heart_template import build_template
from einthoven.anatomy.shape.model import ShapeModel
from einthoven.anatomy.shape.parametric_heart import mean_parameters
from einthoven.anatomy.shape.pieces import area_centroid
from einthoven.anatomy.shape.resampling import Resampling, resample
from einthoven.config.models import HEART_EDGE_MM
from einthoven.core.check import between
from einthoven.core.errors import StepFailed
from einthoven.core.files import load_arrays
from einthoven.core.tags import Surface
from einthoven.geometry.surfaces import Surfaces

ATLAS_PATH = Path(__file__).parent / "data" / "heart_atlas.npz"
FINE_EDGE_MM = 2.7
SHIPPED_EDGES_MM = (4.0, 2.2)
"""Edge lengths whose topology lies in the atlas file; others are meshed when first asked for."""


@dataclass(frozen=True, eq=False)
class HeartSurfaces(Surfaces):
    """A heart in the heart frame (contracts: z apex to base, x LV to RV); no SKIN, no lungs.

    Attributes:
        landmarks: APEX_EPI, LV_APEX, RV_APEX, LV_BASE, RV_BASE, each [3].
    """

    landmarks: dict[str, np.ndarray]

    @cached_property
    def volumes_ml(self) -> dict[str, float]:
        """Volumes of the cavities lv and rv, and of the myocardium."""
        return heart_volumes(self)

    @property
    def centre(self) -> np.ndarray:
        """Centroid [3] of the heart's outside by area."""
        return area_centroid(self.points, self.tagged(Surface.EPI, Surface.BASE))

    @property
    def epi_points(self) -> np.ndarray:
        """Vertices [vertex, 3] of the epicardium and the base: the heart's outside."""
        return self.points[np.unique(self.tagged(Surface.EPI, Surface.BASE))]


def heart_surfaces(heart_coeffs: np.ndarray, edge_mm: float) -> HeartSurfaces:
    """The heart with the given shape coefficients.

    Args:
        heart_coeffs: [<= 10] coefficients of the heart atlas in SD.
        edge_mm: mean edge length of the triangles. All patients share the topology of one
            edge length. The shape itself is known to 2.7 mm: a smaller edge adds no detail.

    Returns:
        HeartSurfaces in the heart frame.

    Raises:
        BadInput: wrong coefficients or edge length.
        StepFailed: the shape is not a valid heart (see `heart_check.check_heart`).
    """
    between("edge_mm", edge_mm, *HEART_EDGE_MM, "is this mm?")
    model, template = load_atlas()
    fine_points = model.points(heart_coeffs)
    resampling = _resampling(float(edge_mm))
    surfaces = Surfaces(resampling.apply(fine_points), resampling.faces, resampling.face_tags)
    landmarks = _landmarks(fine_points, model, template)
    return drawn_heart(surfaces, landmarks, heart_coeffs, edge_mm)


def drawn_heart(
    surfaces: Surfaces,
    landmarks: dict[str, np.ndarray],
    coeffs: np.ndarray,
    edge_mm: float,
    atlas: str = "",
) -> HeartSurfaces:
    """What a shape model drew, in any frame, brought into the heart frame and checked.

    `coeffs`, `edge_mm` and `atlas` are for messages; the base of the embedded atlas ("") is flat.

    Raises:
        StepFailed: the shape is not a valid heart (see `heart_check.check_heart`).
    """
    rotation, origin = heart_axes(landmarks)
    heart = HeartSurfaces(
        (surfaces.points - origin) @ rotation,
        surfaces.faces,
        surfaces.face_tags,
        {name: (place - origin) @ rotation for name, place in landmarks.items()},
    )
    try:
        check_heart(heart, flat_base=not atlas)
    except StepFailed as error:
        raise StepFailed(
            f"{atlas + ': ' if atlas else ''}heart_coeffs = {np.round(coeffs, 3).tolist()} at "
            f"{edge_mm:g} mm: {error}; lower cohort.range_sd"
        ) from error
    return heart


@lru_cache(maxsize=1)
def load_atlas() -> tuple[ShapeModel, Surfaces]:
    """The embedded heart atlas and the template (the mean parameters' heart) it was built on."""
    arrays = load_arrays(ATLAS_PATH, require=HEART_FIELDS)
    model = model_from(arrays)
    return model, replace(model.surfaces, points=arrays["template_points"].astype(float))


@lru_cache(maxsize=4)
def _resampling(edge_mm: float) -> Resampling:
    """Topology at one edge length: from the atlas file, or built on the mean heart (seconds)."""
    if edge_mm not in SHIPPED_EDGES_MM:
        return resample(build_template(mean_parameters(), edge_mm), load_atlas()[1])
    arrays, key = load_arrays(ATLAS_PATH), f"{edge_mm:g}"
    return Resampling(
        arrays[f"points_{key}"],
        arrays[f"faces_{key}"].astype(np.int32),
        arrays[f"face_tags_{key}"],
        arrays[f"corners_{key}"].astype(np.int32),
        arrays[f"weights_{key}"],
    )


def _landmarks(points: np.ndarray, model: ShapeModel, template: Surfaces) -> dict[str, np.ndarray]:
    """Landmarks [3] mm in the atlas frame; apices are fixed vertices, so they follow the modes."""
    landmarks = {}
    apices = {"LV_APEX": Surface.LV_ENDO, "RV_APEX": Surface.RV_ENDO, "APEX_EPI": Surface.EPI}
    for name, tag in apices.items():
        ids = np.unique(template.tagged(tag))
        landmarks[name] = points[ids[model.mean[ids, 2].argmin()]]
    for name, tag in {"LV_BASE": Surface.LV_CAP, "RV_BASE": Surface.RV_CAP}.items():
        landmarks[name] = area_centroid(points, template.tagged(tag))
    return landmarks


def heart_axes(landmarks: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The heart frame from LV_BASE, LV_APEX, RV_BASE: axes as columns [3, 3], origin [3] mm."""
    origin = landmarks["LV_BASE"]
    z = origin - landmarks["LV_APEX"]
    z /= np.linalg.norm(z)
    x = landmarks["RV_BASE"] - origin
    x -= (x @ z) * z
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1), origin

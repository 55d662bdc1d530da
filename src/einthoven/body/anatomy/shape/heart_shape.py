"""A heart: seven tagged surfaces in the heart frame, also those of the embedded atlas."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from einthoven.base.core.files import load_arrays
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.boundary_loops import axes_along
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.shape.atlas_file import HEART_ATLAS, HEART_FIELDS, model_from
from einthoven.body.anatomy.shape.heart_check import heart_volumes
from einthoven.body.anatomy.shape.heart_template import build_template
from einthoven.body.anatomy.shape.model import ShapeModel
from einthoven.body.anatomy.shape.parametric_heart import mean_parameters
from einthoven.body.anatomy.shape.pieces import area_centroid
from einthoven.body.anatomy.shape.resampling import Resampling, resample

SHIPPED_EDGES_MM = (4.0, 2.2)
"""Edge lengths whose topology an atlas file holds; others take seconds at first use."""


@dataclass(frozen=True, eq=False)
class HeartSurfaces(Surfaces):
    """A heart in the heart frame (z from apex to base, x from LV to RV); no SKIN, no lungs.

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
        """Centroid [3] of the heart's outside, by area."""
        return area_centroid(self.points, self.tagged(Surface.EPI, Surface.BASE))

    @property
    def epi_points(self) -> np.ndarray:
        """Vertices [vertex, 3] of the epicardium and the base: the heart's outside."""
        return self.points[np.unique(self.tagged(Surface.EPI, Surface.BASE))]


def embedded_heart(
    heart_coeffs: np.ndarray, edge_mm: float
) -> tuple[Surfaces, dict[str, np.ndarray]]:
    """Surfaces and landmarks of a heart of the embedded atlas, in the frame of that atlas."""
    model, template = load_atlas()
    fine_points = model.points(heart_coeffs)
    resampling = _resampling(edge_mm)
    surfaces = Surfaces(resampling.apply(fine_points), resampling.faces, resampling.face_tags)
    return surfaces, _landmarks(fine_points, model, template)


@lru_cache(maxsize=1)
def load_atlas() -> tuple[ShapeModel, Surfaces]:
    """The embedded heart atlas and the template (the mean parameters' heart) it was built on."""
    arrays = load_arrays(HEART_ATLAS, require=HEART_FIELDS)
    model = model_from(arrays)
    return model, replace(model.surfaces, points=arrays["template_points"].astype(float))


@lru_cache(maxsize=4)
def _resampling(edge_mm: float) -> Resampling:
    """Topology at one edge length: from the atlas file, or built on the mean heart (seconds)."""
    if edge_mm not in SHIPPED_EDGES_MM:
        return resample(build_template(mean_parameters(), edge_mm), load_atlas()[1])
    arrays, key = load_arrays(HEART_ATLAS), f"{edge_mm:g}"
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
    return axes_along(origin - landmarks["LV_APEX"], landmarks["RV_BASE"] - origin), origin

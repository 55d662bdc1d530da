"""The heart of one patient: seven tagged surfaces in the heart frame."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from einthoven.anatomy.shape.heart_check import check_heart, heart_volumes
from einthoven.anatomy.shape.heart_template import HeartTemplate, build_template
from einthoven.anatomy.shape.model import ShapeModel
from einthoven.anatomy.shape.parametric_heart import mean_parameters
from einthoven.anatomy.shape.resampling import Resampling, resample
from einthoven.config.models import HEART_EDGE_MM
from einthoven.core.check import between
from einthoven.core.errors import StepFailed
from einthoven.core.files import load_arrays
from einthoven.core.tags import Surface
from einthoven.geometry.simplex import triangle_area_vectors
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
        volumes_ml: lv and rv cavity, myocardium.
    """

    landmarks: dict[str, np.ndarray]
    volumes_ml: dict[str, float]

    @property
    def centre(self) -> np.ndarray:
        """Centroid [3] of the heart's outside by area, so the same at every edge length."""
        faces = self.tagged(Surface.EPI, Surface.BASE)
        area = np.linalg.norm(triangle_area_vectors(self.points, faces), axis=1)
        return np.average(self.points[faces].mean(axis=1), axis=0, weights=area)

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
    model, _ = load_atlas()
    fine_points = model.points(heart_coeffs)
    landmarks = _landmarks(fine_points, *load_atlas())
    rotation, origin = _heart_frame(landmarks)
    resampling = _resampling(float(edge_mm))
    points = (resampling.apply(fine_points) - origin) @ rotation
    surfaces = Surfaces(points, resampling.faces, resampling.face_tags)
    try:
        check_heart(surfaces)
    except StepFailed as error:
        raise StepFailed(
            f"heart_coeffs = {np.round(heart_coeffs, 3).tolist()} at {edge_mm:g} mm: {error}; "
            "lower cohort.range_sd"
        ) from error
    landmarks = {name: (point - origin) @ rotation for name, point in landmarks.items()}
    return HeartSurfaces(**vars(surfaces), landmarks=landmarks, volumes_ml=heart_volumes(surfaces))


@lru_cache(maxsize=1)
def load_atlas() -> tuple[ShapeModel, HeartTemplate]:
    """The embedded heart atlas and the template (the mean parameters' heart) it was built on."""
    arrays = load_arrays(ATLAS_PATH, require=["mean", "modes", "sds", "faces", "face_tags"])
    faces = arrays["faces"].astype(np.int32)
    model = ShapeModel(
        arrays["mean"].astype(float), arrays["modes"], arrays["sds"], faces, arrays["face_tags"]
    )
    loops = {name: arrays[f"loop_{name}"].astype(np.int32) for name in ("lv", "rv", "epi")}
    points = arrays["template_points"].astype(float)
    return model, HeartTemplate(points, faces, arrays["face_tags"], loops)


@lru_cache(maxsize=4)
def _resampling(edge_mm: float) -> Resampling:
    """Topology at one edge length: from the atlas file, or built on the mean heart (seconds)."""
    if edge_mm not in SHIPPED_EDGES_MM:
        return resample(build_template(mean_parameters(), edge_mm), load_atlas()[1])
    arrays = load_arrays(ATLAS_PATH)
    key = f"{edge_mm:g}"
    return Resampling(
        arrays[f"corners_{key}"].astype(np.int32),
        arrays[f"weights_{key}"],
        arrays[f"points_{key}"],
        arrays[f"faces_{key}"].astype(np.int32),
        arrays[f"face_tags_{key}"],
    )


def _landmarks(
    points: np.ndarray, model: ShapeModel, template: HeartTemplate
) -> dict[str, np.ndarray]:
    """Landmarks [3] mm in the atlas frame; apices are fixed vertices, so they follow the modes."""
    landmarks = {}
    apices = {
        "LV_APEX": Surface.LV_ENDO,
        "RV_APEX": Surface.RV_ENDO,
        "APEX_EPI": Surface.EPI,
    }
    for name, tag in apices.items():
        ids = np.unique(template.tagged(tag))
        landmarks[name] = points[ids[model.mean[ids, 2].argmin()]]
    for name, tag in {"LV_BASE": Surface.LV_CAP, "RV_BASE": Surface.RV_CAP}.items():
        faces = template.tagged(tag)
        area = np.linalg.norm(triangle_area_vectors(points, faces), axis=1)
        landmarks[name] = np.average(points[faces].mean(axis=1), axis=0, weights=area)
    return landmarks


def _heart_frame(landmarks: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Axes as columns [3, 3] and origin [3] of the heart frame, seen from the atlas frame."""
    origin = landmarks["LV_BASE"]
    z = origin - landmarks["LV_APEX"]
    z /= np.linalg.norm(z)
    to_rv = landmarks["RV_BASE"] - origin
    x = to_rv - (to_rv @ z) * z
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z], axis=1), origin

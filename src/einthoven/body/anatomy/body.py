"""One patient's body: torso, heart in its pose, electrodes.

The heart is placed as far forward as its distance to the skin allows.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from einthoven.base.config import models
from einthoven.base.config.augmentation import NO_AUGMENTATION, AugmentationSettings
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.log import logger
from einthoven.base.core.names import grid_electrode_name
from einthoven.base.geometry.signed_distance import ClosedSurface, surface_distance
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.deformation import Deformation, cut_torso, moved_sites
from einthoven.body.anatomy.electrodes import Sites, grid_electrodes, standard_electrodes
from einthoven.body.anatomy.pose import PhysicalPose
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.heart_check import MIN_CLEARANCE_MM
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces
from einthoven.body.anatomy.shape.lungs import lung_surfaces
from einthoven.body.anatomy.shape.torso import TorsoSurface, torso_surface
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.parameters import PatientParameters

SCAN_STEP_MM = 4.0
TOLERANCE_MM = 0.01


def place_heart(
    heart: HeartSurfaces, torso: TorsoSurface, pose_coeffs: np.ndarray, mean: str = "imaged"
) -> tuple[np.ndarray, np.ndarray]:
    """Pose of the heart in this torso: patient = heart @ rotation.T + origin.

    The heart's centre is `shift_left` of the midline and `up_mm` above the fourth intercostal
    space. It lies as far forward as its least distance to the skin allows.

    Args:
        heart: surfaces in the heart frame.
        torso: skin in the patient frame.
        pose_coeffs: [6] SD, in the order of `pose.POSE`.
        mean: of `pose.MEAN_POSES`, from which they count.

    Returns:
        rotation [3, 3] and origin [3] mm.

    Raises:
        BadInput: wrong coefficients.
        StepFailed: the heart does not fit with that clearance.
    """
    pose = PhysicalPose.from_coeffs(pose_coeffs, mean)
    rotation = pose.rotation
    landmark = torso.landmarks["ICS4"]
    outside = (heart.epi_points - heart.centre) @ rotation.T
    skin = ClosedSurface(torso.points, torso.faces)

    def depths_at(y: float, points: np.ndarray) -> np.ndarray:
        """Distances to the skin in mm of points of the heart; negative outside."""
        return -skin.distance(points + [pose.shift_left, y, landmark[2] + pose.up_mm])

    back = float(torso.points[:, 1].max())
    # A signed distance is 1-Lipschitz: what is too shallow by d stays so for a shift below d.
    deepest, until = -np.inf, -np.inf
    for y in np.arange(landmark[1] + pose.clearance, back, SCAN_STEP_MM):
        if y < until:
            continue
        depths = depths_at(y, outside)
        deepest, until = max(deepest, depths.min()), y + pose.clearance - depths.min()
        if until <= y:
            break
    else:
        raise StepFailed(
            f"heart does not fit: {deepest:.1f} mm to the skin at best, {pose.clearance:.1f} "
            f"wanted, for pose_coeffs {np.round(pose_coeffs, 2).tolist()}; lower cohort.range_sd"
        )
    # For the same reason only these points can become the closest.
    near = outside[depths <= depths.min() + 2.0 * SCAN_STEP_MM]
    low, high = y - SCAN_STEP_MM, y  # the heart is too shallow at low, deep enough at high
    while high - low > TOLERANCE_MM:
        middle = 0.5 * (low + high)
        deep = depths_at(middle, near).min() >= pose.clearance
        low, high = (low, middle) if deep else (middle, high)
    centre = np.array([pose.shift_left, high, landmark[2] + pose.up_mm])
    return rotation, centre - rotation @ heart.centre


@dataclass(frozen=True, eq=False)
class PlacedBody[Skin: Surfaces]:
    """A torso in the patient frame, and a heart with its pose in it."""

    torso: Skin
    """Skin in the patient frame."""
    heart: HeartSurfaces
    """Heart frame."""
    rotation: np.ndarray
    """[3, 3]: patient = rotation @ heart + origin."""
    origin: np.ndarray
    """[3] mm."""

    def surfaces(self) -> list[Surfaces]:
        """Surfaces of the heart in the patient frame, and the skin."""
        placed = self.heart.points @ self.rotation.T + self.origin
        heart = Surfaces(placed, self.heart.faces, self.heart.face_tags)
        return [heart, self.torso]

    def anatomy(self, sites: Sites, *lungs: Surfaces, **known: Any) -> Anatomy:
        """The stage of this body with electrode sites and other `known` attributes."""
        surfaces = Surfaces.joined([*self.surfaces(), *lungs])
        landmarks = np.array(list(self.heart.landmarks.values()))
        skin = self.torso.points
        return Anatomy(
            points=surfaces.points,
            faces=surfaces.faces,
            face_tags=surfaces.face_tags,
            site_names=np.array(sites.names),
            site_points=sites.points,
            ground_point=sites.ground,
            heart_rotation=self.rotation,
            heart_origin=self.origin,
            torso_box=np.stack([skin.min(axis=0), skin.max(axis=0)]),
            landmark_names=np.array(list(self.heart.landmarks)),
            landmark_points=landmarks @ self.rotation.T + self.origin,
            volumes_ml=self.heart.volumes_ml,
            **known,
        )


def build_anatomy(
    parameters: PatientParameters,
    config: models.AnatomySettings,
    augmentation: AugmentationSettings = NO_AUGMENTATION,
) -> Anatomy:
    """Surfaces of one patient in the patient frame, and all electrode sites.

    The sites do not depend on the number of electrodes used, so using more changes no anatomy.

    Args:
        parameters: from `cohort.draw_patient`.
        config: the section `anatomy`.
        augmentation: the section `augmentation`. An invalid body is drawn again up to its limit;
            the anatomy's attribute `augmentation` records which attempt was taken.

    Raises:
        BadInput: wrong coefficients, or no such atlas.
        StepFailed: in every attempt heart or lungs are not valid or do not fit.
    """
    if not (augmentation.changes_shapes or augmentation.max_redraws):
        return _anatomy(parameters, config)
    for attempt in range(augmentation.max_redraws + 1):
        deformation = Deformation.draw(parameters.patient, attempt, augmentation)
        try:
            return _anatomy(deformation.parameters(parameters), config, deformation)
        except StepFailed as error:
            logger.info("attempt %d: %s", attempt, error)
            last = error
    raise StepFailed(
        f"{last}; none of {attempt + 1} attempts gave a body: "
        "narrow the ranges in augmentation, or raise max_redraws"
    ) from last


def _anatomy(
    parameters: PatientParameters,
    config: models.AnatomySettings,
    deformation: Deformation | None = None,
) -> Anatomy:
    """One attempt at `build_anatomy`."""
    body = placed_body(parameters, config, deformation)
    try:
        lungs = [lung_surfaces(body.torso, body.surfaces()[0])] if config.lungs else []
        sites = _sites(body.torso, config)
        known: dict[str, Any] = {}
        if deformation:
            known["augmentation"] = deformation.summary(parameters, config, body.torso)
            body, sites = _cut(body, sites, lungs, deformation)
    except StepFailed as error:
        raise StepFailed(f"{parameters.patient}: {error}") from error
    angles = parameters.pose_coeffs[:3]
    return body.anatomy(
        sites,
        *lungs,
        patient=parameters.patient,
        split=parameters.split,
        latent_pca=np.concatenate([parameters.heart_coeffs, parameters.torso_coeffs, angles]),
        **known,
    )


def _sites(torso: TorsoSurface, config: models.AnatomySettings) -> Sites:
    names, nine, ground = standard_electrodes(torso)
    grid = grid_electrodes(torso, config.sites)
    names += [grid_electrode_name(k, config.sites) for k in range(len(grid))]
    return Sites(names, np.concatenate([nine, grid]), ground)


def _cut(
    body: PlacedBody[Any], sites: Sites, lungs: list[Surfaces], deformation: Deformation
) -> tuple[PlacedBody[Any], Sites]:
    """The body and its electrodes after the torso was cut, if it is."""
    heart, torso = body.surfaces()
    organs = np.concatenate([heart.points, *(part.points for part in lungs)])
    ends = deformation.torso.ends(torso, organs)
    if not np.isfinite(ends).any():
        return body, sites
    cut = cut_torso(torso, *ends)
    gap = -surface_distance(cut.points, cut.faces, organs).max()
    if gap < MIN_CLEARANCE_MM:
        raise StepFailed(f"organs are {gap:.1f} mm from the skin, less than {MIN_CLEARANCE_MM:g}")
    precordial = sites.points[[sites.names.index(f"V{k}") for k in range(1, 7)], 2]
    anchors = precordial.min(), precordial.max()
    points = moved_sites(np.vstack([sites.points, sites.ground]), anchors, ends, cut)
    return replace(body, torso=cut), Sites(sites.names, points[:-1], points[-1])


def placed_body(
    parameters: PatientParameters,
    config: models.AnatomySettings,
    deformation: Deformation | None = None,
) -> PlacedBody[TorsoSurface]:
    """Torso, heart and pose of one patient; see `build_anatomy`."""
    torso = torso_surface(parameters.torso_coeffs, config.torso_resolution, config.torso_atlas)
    try:
        heart = heart_surfaces(
            np.array(parameters.heart_coeffs), config.heart_edge_mm, config.heart_atlas
        )
        if deformation:
            heart = deformation.heart.apply(heart, deformation.rng("heart"))
            torso = deformation.torso.apply(torso, deformation.rng("torso"))
        coeffs = np.array(parameters.pose_coeffs)
        return PlacedBody(torso, heart, *place_heart(heart, torso, coeffs, config.pose))
    except StepFailed as error:
        raise StepFailed(f"{parameters.patient}: {error}") from error

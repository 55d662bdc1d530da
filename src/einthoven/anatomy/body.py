"""One patient's body: torso, heart in its place, electrodes."""

from dataclasses import dataclass

import numpy as np

from einthoven.anatomy.electrodes import grid_electrodes, standard_electrodes
from einthoven.anatomy.pose import place_heart
from einthoven.anatomy.shape.atlas_heart import atlas_heart
from einthoven.anatomy.shape.heart import HeartSurfaces
from einthoven.anatomy.shape.lungs import lung_surfaces
from einthoven.anatomy.shape.torso import TorsoSurface, torso_surface
from einthoven.config import models
from einthoven.config.models import MAX_GRID
from einthoven.core.errors import StepFailed
from einthoven.core.names import grid_electrode_name
from einthoven.geometry.surfaces import Surfaces
from einthoven.patient.anatomy import Anatomy
from einthoven.patient.parameters import PatientParameters

N_ANGLES = 3


@dataclass(frozen=True, eq=False)
class PlacedBody:
    """A torso in the patient frame, and a heart with its pose in it.

    Attributes:
        torso: patient frame.
        heart: heart frame.
        rotation: [3, 3]: patient = rotation @ heart + origin.
        origin: [3] mm.
    """

    torso: TorsoSurface
    heart: HeartSurfaces
    rotation: np.ndarray
    origin: np.ndarray

    def surfaces(self) -> list[Surfaces]:
        """The heart's surfaces in the patient frame, and the skin."""
        placed = self.heart.points @ self.rotation.T + self.origin
        heart = Surfaces(placed, self.heart.faces, self.heart.face_tags)
        return [heart, self.torso]


def build_anatomy(parameters: PatientParameters, config: models.Anatomy) -> Anatomy:
    """Surfaces of one patient in the patient frame, and all places for electrodes.

    The places do not depend on how many electrodes are used, so using more changes no anatomy.

    Args:
        parameters: what `cohort.draw_patient` returns.
        config: the section `anatomy`.

    Raises:
        BadInput: wrong coefficients, or no such atlas.
        StepFailed: heart or lungs are not valid or do not fit.
    """
    body = placed_body(parameters, config)
    torso, heart = body.torso, body.heart
    parts = body.surfaces()
    if config.lungs:
        try:
            parts.append(lung_surfaces(torso, parts[0]))
        except StepFailed as error:
            raise StepFailed(f"{parameters.patient}: {error}") from error

    names, places, ground = standard_electrodes(torso)
    names = [*names, *(grid_electrode_name(k, config.sites) for k in range(MAX_GRID))]
    surfaces = Surfaces.joined(parts)
    angles = parameters.pose_coeffs[:N_ANGLES]
    landmarks = np.array(list(heart.landmarks.values()))
    return Anatomy(
        patient=parameters.patient,
        split=parameters.split,
        points=surfaces.points,
        faces=surfaces.faces,
        face_tags=surfaces.face_tags,
        site_names=np.array(names),
        site_points=np.concatenate([places, grid_electrodes(torso, MAX_GRID, config.sites)]),
        ground_point=ground,
        heart_rotation=body.rotation,
        heart_origin=body.origin,
        latent_pca=np.concatenate([parameters.heart_coeffs, parameters.torso_coeffs, angles]),
        torso_box=np.stack([torso.points.min(axis=0), torso.points.max(axis=0)]),
        landmark_names=np.array(list(heart.landmarks)),
        landmark_points=landmarks @ body.rotation.T + body.origin,
        volumes_ml=heart.volumes_ml,
    )


def placed_body(parameters: PatientParameters, config: models.Anatomy) -> PlacedBody:
    """Torso, heart and pose of one patient; see `build_anatomy`."""
    torso = torso_surface(parameters.torso_coeffs, config.torso_resolution, config.torso_atlas)
    try:
        heart = atlas_heart(
            np.array(parameters.heart_coeffs), config.heart_edge_mm, config.heart_atlas
        )
        return PlacedBody(
            torso, heart, *place_heart(heart, torso, np.array(parameters.pose_coeffs))
        )
    except StepFailed as error:
        raise StepFailed(f"{parameters.patient}: {error}") from error

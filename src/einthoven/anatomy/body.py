"""One patient's body: torso, heart in its place, electrodes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from einthoven.anatomy.electrodes import Sites, grid_electrodes, standard_electrodes
from einthoven.anatomy.placement import place_heart
from einthoven.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.anatomy.shape.heart import HeartSurfaces
from einthoven.anatomy.shape.lungs import lung_surfaces
from einthoven.anatomy.shape.torso import TorsoSurface, torso_surface
from einthoven.config import models
from einthoven.core.errors import StepFailed
from einthoven.core.names import grid_electrode_name
from einthoven.geometry.surfaces import Surfaces
from einthoven.patient.anatomy import Anatomy
from einthoven.patient.parameters import PatientParameters


@dataclass(frozen=True, eq=False)
class PlacedBody[Skin: Surfaces]:
    """A torso in the patient frame, and a heart with its pose in it.

    Attributes:
        torso: skin in the patient frame.
        heart: heart frame.
        rotation: [3, 3]: patient = rotation @ heart + origin.
        origin: [3] mm.
    """

    torso: Skin
    heart: HeartSurfaces
    rotation: np.ndarray
    origin: np.ndarray

    def surfaces(self) -> list[Surfaces]:
        """The heart's surfaces in the patient frame, and the skin."""
        placed = self.heart.points @ self.rotation.T + self.origin
        heart = Surfaces(placed, self.heart.faces, self.heart.face_tags)
        return [heart, self.torso]

    def anatomy(self, sites: Sites, *lungs: Surfaces, **known: Any) -> Anatomy:
        """The stage, of this body with electrode sites, and what else is `known` of the patient."""
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
    try:
        lungs = [lung_surfaces(body.torso, body.surfaces()[0])] if config.lungs else []
    except StepFailed as error:
        raise StepFailed(f"{parameters.patient}: {error}") from error
    names, nine, ground = standard_electrodes(body.torso)
    grid = grid_electrodes(body.torso, config.sites)
    names += [grid_electrode_name(k, config.sites) for k in range(len(grid))]
    angles = parameters.pose_coeffs[:3]
    return body.anatomy(
        Sites(names, np.concatenate([nine, grid]), ground),
        *lungs,
        patient=parameters.patient,
        split=parameters.split,
        latent_pca=np.concatenate([parameters.heart_coeffs, parameters.torso_coeffs, angles]),
    )


def placed_body(parameters: PatientParameters, config: models.Anatomy) -> PlacedBody[TorsoSurface]:
    """Torso, heart and pose of one patient; see `build_anatomy`."""
    torso = torso_surface(parameters.torso_coeffs, config.torso_resolution, config.torso_atlas)
    try:
        heart = heart_surfaces(
            np.array(parameters.heart_coeffs), config.heart_edge_mm, config.heart_atlas
        )
        coeffs = np.array(parameters.pose_coeffs)
        return PlacedBody(torso, heart, *place_heart(heart, torso, coeffs, config.pose))
    except StepFailed as error:
        raise StepFailed(f"{parameters.patient}: {error}") from error

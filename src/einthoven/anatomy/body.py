"""One patient's body: torso, heart in its place, electrodes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from einthoven.anatomy.electrodes import MAX_GRID, grid_electrodes, standard_electrodes
from einthoven.anatomy.pose import place_heart
from einthoven.anatomy.shape.atlas_heart import atlas_heart
from einthoven.anatomy.shape.heart import HeartSurfaces
from einthoven.anatomy.shape.lungs import lung_surfaces
from einthoven.anatomy.shape.torso import TorsoSurface, torso_surface
from einthoven.core.errors import BadInput, StepFailed
from einthoven.core.names import grid_electrode_name
from einthoven.core.tags import CLOSED_SURFACES, Surface

KEYS = ("patient", "split", "heart_coeffs", "torso_coeffs", "pose_coeffs")
N_ANGLES = 3

type Surfaces = tuple[np.ndarray, np.ndarray, np.ndarray]
"""points [vertex, 3] mm, faces [face, 3], face_tags [face]."""


class PlacedBody(NamedTuple):
    """A torso in the patient frame, and a heart with its pose in it."""

    torso: TorsoSurface
    heart: HeartSurfaces
    rotation: np.ndarray
    """[3, 3]: patient = rotation @ heart + origin."""
    origin: np.ndarray
    """[3] mm."""

    def surfaces(self) -> list[Surfaces]:
        """The heart's surfaces in the patient frame, and the skin."""
        skin_tags = np.full(len(self.torso.faces), Surface.SKIN, np.int8)
        placed = self.heart.points @ self.rotation.T + self.origin
        heart = (placed, self.heart.faces, self.heart.face_tags)
        return [heart, (self.torso.points, self.torso.faces, skin_tags)]


def build_anatomy(
    parameters: Mapping[str, Any],
    heart_edge_mm: float,
    torso_resolution: str,
    heart_atlas: str = "",
    torso_atlas: str = "",
    lungs: bool = False,
    sites: str = "front",
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Surfaces of one patient in the patient frame, and all places for electrodes.

    The places do not depend on how many electrodes are used, so using more changes no anatomy.

    Args:
        parameters: what `cohort.draw_patient` returns.
        heart_edge_mm: mean edge of the heart's triangles.
        torso_resolution: "coarse" or "fine".
        heart_atlas: path of a converted atlas (docs/atlases.md); "" is the embedded one.
        torso_atlas: likewise.
        lungs: whether the body has lungs.
        sites: where the grid electrodes are, "front" or "around".

    Returns:
        arrays and attributes of anatomy.npz (docs/contracts.md), mm.

    Raises:
        BadInput: parameters are missing or wrong.
        StepFailed: heart or lungs are not valid or do not fit.
    """
    body = placed_body(parameters, heart_edge_mm, torso_resolution, heart_atlas, torso_atlas)
    torso, heart, rotation, origin = body
    parts = body.surfaces()
    if lungs:
        outside = heart.faces[np.isin(heart.face_tags, CLOSED_SURFACES["epi"])]
        try:
            parts.append(lung_surfaces(torso, parts[0][0], outside))
        except StepFailed as error:
            raise StepFailed(f"{parameters['patient']}: {error}") from error

    names, places, ground = standard_electrodes(torso)
    names = [*names, *(grid_electrode_name(k, sites) for k in range(MAX_GRID))]
    places = np.concatenate([places, grid_electrodes(torso, MAX_GRID, sites)])
    points, faces, face_tags = joined(parts)
    latent = [parameters[key] for key in ("heart_coeffs", "torso_coeffs")]
    latent.append(parameters["pose_coeffs"][:N_ANGLES])
    arrays = {
        "points": points,
        "faces": faces,
        "face_tags": face_tags,
        "site_names": np.array(names),
        "site_points": places,
        "ground_point": ground,
        "heart_rotation": rotation,
        "heart_origin": origin,
        "latent_pca": np.concatenate(latent),
        "torso_box": np.stack([torso.points.min(axis=0), torso.points.max(axis=0)]),
        "landmark_names": np.array(list(heart.landmarks)),
        "landmark_points": np.array(list(heart.landmarks.values())) @ rotation.T + origin,
    }
    attrs = {
        "volumes_ml": heart.volumes_ml,
        "patient": parameters["patient"],
        "split": parameters["split"],
    }
    return arrays, attrs


def placed_body(
    parameters: Mapping[str, Any],
    heart_edge_mm: float,
    torso_resolution: str,
    heart_atlas: str = "",
    torso_atlas: str = "",
) -> PlacedBody:
    """Torso, heart and pose of one patient; see `build_anatomy`."""
    if missing := [key for key in KEYS if key not in parameters]:
        raise BadInput(f"patient parameters lack {', '.join(missing)}; made by another version?")
    torso = torso_surface(parameters["torso_coeffs"], torso_resolution, torso_atlas)
    try:
        heart = atlas_heart(parameters["heart_coeffs"], heart_edge_mm, heart_atlas)
        return PlacedBody(torso, heart, *place_heart(heart, torso, parameters["pose_coeffs"]))
    except StepFailed as error:
        raise StepFailed(f"{parameters['patient']}: {error}") from error


def joined(parts: Sequence[Surfaces]) -> Surfaces:
    """One set of surfaces from several: points, faces int32, tags."""
    starts = np.cumsum([0, *(len(points) for points, _, _ in parts)])
    faces = [part[1] + start for part, start in zip(parts, starts)]
    return (
        np.concatenate([part[0] for part in parts]),
        np.concatenate(faces).astype(np.int32),
        np.concatenate([part[2] for part in parts]),
    )

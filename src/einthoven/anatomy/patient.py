"""One patient's body: torso, heart in its place, electrodes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from einthoven.anatomy.electrodes import MAX_ANTERIOR, anterior_electrodes, standard_electrodes
from einthoven.anatomy.heart import heart_surfaces
from einthoven.anatomy.pose import place_heart
from einthoven.anatomy.torso import torso_surface
from einthoven.core.errors import BadInput, StepFailed
from einthoven.core.names import anterior_electrode_name
from einthoven.core.tags import Surface

KEYS = ("patient", "split", "heart_coeffs", "torso_coeffs", "pose_coeffs")
N_ANGLES = 3


def build_anatomy(
    parameters: Mapping[str, Any],
    heart_edge_mm: float,
    torso_resolution: str,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Surfaces of one patient in the patient frame, and all places for electrodes.

    The places do not depend on how many electrodes are used, so using more changes no anatomy.

    Args:
        parameters: what `cohort.draw_patient` returns.
        heart_edge_mm: mean edge of the heart's triangles.
        torso_resolution: "coarse" or "fine".

    Returns:
        arrays and attributes of anatomy.npz (docs/contracts.md), mm.

    Raises:
        BadInput: parameters are missing or wrong.
        StepFailed: the heart is not valid or does not fit.
    """
    if missing := [key for key in KEYS if key not in parameters]:
        raise BadInput(f"patient parameters lack {', '.join(missing)}; made by another version?")
    torso = torso_surface(parameters["torso_coeffs"], torso_resolution)
    try:
        heart = heart_surfaces(parameters["heart_coeffs"], heart_edge_mm)
        rotation, origin = place_heart(heart, torso, parameters["pose_coeffs"])
    except StepFailed as error:
        raise StepFailed(f"{parameters['patient']}: {error}") from error

    names, sites, ground = standard_electrodes(torso)
    names = [*names, *map(anterior_electrode_name, range(MAX_ANTERIOR))]
    sites = np.concatenate([sites, anterior_electrodes(torso, MAX_ANTERIOR)])
    n_heart = len(heart.points)
    latent = [parameters[key] for key in ("heart_coeffs", "torso_coeffs")]
    latent.append(parameters["pose_coeffs"][:N_ANGLES])
    arrays = {
        "points": np.concatenate([heart.points @ rotation.T + origin, torso.points]),
        "faces": np.concatenate([heart.faces, torso.faces + n_heart]).astype(np.int32),
        "face_tags": np.concatenate(
            [heart.face_tags, np.full(len(torso.faces), Surface.SKIN, np.int8)]
        ),
        "site_names": np.array(names),
        "site_points": sites,
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

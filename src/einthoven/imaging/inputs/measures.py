"""Clinical measures of a body: by tape and camera on the torso, by imaging of the heart."""

import numpy as np

from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.body.anatomy.population.girths import section, tape
from einthoven.data.patient.patient import Patient

AXES = "xyz"
CHEST_ELECTRODE = "V4"
"""Electrode at whose height the chest is measured."""


def clinical_measures(patient: Patient) -> dict[str, float]:
    """Measures of one patient: names begin with torso_ (no imaging) or heart_ (imaging).

    Lengths are in mm, volumes in ml. Torso: girth, depth and breadth of the chest at the height of
    V4, and the electrodes relative to their centroid, in the patient frame. Heart: volumes, length
    and direction of the LV axis, direction from LV to RV, both walls, and the electrodes in the
    heart frame.
    """
    anatomy, electrodes = patient.anatomy, patient.anatomy.twelve_lead_electrodes.points
    rotation, origin = anatomy.heart_rotation, anatomy.heart_origin
    return {
        **_chest(patient, float(electrodes[STANDARD_ELECTRODES.index(CHEST_ELECTRODE), 2])),
        **_places("torso", electrodes - electrodes.mean(axis=0)),
        **{f"heart_{name}_ml": volume for name, volume in sorted(anatomy.volumes_ml.items())},
        **_walls(patient),
        **{f"heart_axis_{axis}": value for axis, value in zip(AXES, rotation[:, 2].tolist())},
        **{f"heart_to_rv_{axis}": value for axis, value in zip(AXES, rotation[:, 0].tolist())},
        **_places("heart", (electrodes - origin) @ rotation),
    }


def _chest(patient: Patient, z: float) -> dict[str, float]:
    anatomy = patient.anatomy
    loop = section(anatomy.points, anatomy.skin, z)
    breadth, depth = np.ptp(loop, axis=0).tolist()
    girth = tape(loop)
    return {"torso_chest_girth": girth, "torso_chest_depth": depth, "torso_chest_breadth": breadth}


def _walls(patient: Patient) -> dict[str, float]:
    """Length of the LV's cavity, and mean thickness of the LV's wall and of the RV's free wall."""
    heart, right = patient.heart, patient.coordinates.uvc_nu > 0
    lv, rv = (heart.surface_nodes(tag) for tag in (Surface.LV_ENDO, Surface.RV_ENDO))
    epi = heart.surface(Surface.EPI)
    septum = heart.surface(Surface.RV_ENDO)
    septum = septum[~right[septum].any(axis=1)]
    beyond = TriangleTree(heart.points, np.concatenate([epi, septum]))
    free = rv[right[rv]]
    return {
        "heart_lv_length": float(
            np.linalg.norm(heart.lv_base_centre - heart.points[heart.lv_apex])
        ),
        "heart_lv_wall": float(beyond.closest(heart.points[lv]).distance.mean()),
        "heart_rv_wall": float(
            TriangleTree(heart.points, epi).closest(heart.points[free]).distance.mean()
        ),
    }


def _places(group: str, points: np.ndarray) -> dict[str, float]:
    return {
        f"{group}_{name}_{axis}": float(value)
        for name, point in zip(STANDARD_ELECTRODES, points)
        for axis, value in zip(AXES, point)
    }

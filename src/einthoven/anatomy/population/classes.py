"""Classes of people that a training may leave out, read off their anatomy."""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from einthoven.anatomy.population.measures import BELOW_BASE, walls_at
from einthoven.anatomy.population.reference import BMI, HEART, SEXES, TORSO
from einthoven.anatomy.shape.heart import HeartSurfaces
from einthoven.core.errors import BadInput
from einthoven.patient.anatomy import Anatomy

HYPERTROPHIED_MM = 12.0
"""A wall as thick as this is hypertrophied: Lang et al. 2015, doi:10.1016/j.echo.2014.10.003, has
6 to 10 mm for men, and mildly abnormal to 13."""
LARGE_SD = 2.0
"""A right ventricle is large so many SD above the mean of men."""
OBESE_BMI = 35.0


def lv_wall_mm(anatomy: Anatomy) -> float:
    """Mean of septum and posterior wall just below the base, as echocardiographers measure them.

    Raises:
        StepFailed: lines across the heart do not cross the walls in their order.
    """
    points = (anatomy.points - anatomy.heart_origin) @ anatomy.heart_rotation
    places = (anatomy.landmark_points - anatomy.heart_origin) @ anatomy.heart_rotation
    marks = dict(zip(map(str, anatomy.landmark_names), places))
    heart = HeartSurfaces(points, anatomy.faces, anatomy.face_tags, marks)
    length = float(np.linalg.norm(marks["LV_BASE"] - marks["LV_APEX"]))
    lines = [walls_at(heart, -share * length) for share in BELOW_BASE]
    septum = np.mean([line["rv_left"] - line["lv_right"] for line in lines])
    posterior = np.mean([line["lv_left"] - line["epi_left"] for line in lines])
    return float(0.5 * (septum + posterior))


def body_mass_index(anatomy: Anatomy) -> float:
    """BMI in kg/m2 that goes with the waist of the whole torso, as both are measured in people.

    A waist k SD above the mean of a sex has a BMI k SD above its mean (ANSUR II); the mean of both
    sexes, as shape models of torsos have none.

    Raises:
        BadInput: the waist is not known: not a body of section augmentation.
    """
    if anatomy.augmentation is None:
        raise BadInput(
            f"{anatomy.patient}: its waist is not known, so neither is its BMI; only anatomies "
            "made with section augmentation keep it"
        )
    girth = anatomy.augmentation["whole_torso_mm"]["waist_girth"]
    found = []
    for sex in SEXES:
        (waist, waist_sd), (bmi, bmi_sd) = TORSO["waist_girth"].of(sex), BMI.of(sex)
        found.append(bmi + bmi_sd * (girth - waist) / waist_sd)
    return float(np.mean(found))


def _has_large_rv(anatomy: Anatomy) -> bool:
    mean, sd = HEART["rv_volume"].male
    return anatomy.volumes_ml["rv"] > mean + LARGE_SD * sd


CLASSES: MappingProxyType[str, Callable[[Anatomy], bool]] = MappingProxyType(
    {
        "hypertrophied": lambda anatomy: lv_wall_mm(anatomy) > HYPERTROPHIED_MM,
        "large-rv": _has_large_rv,
        "bmi-over-35": lambda anatomy: body_mass_index(anatomy) > OBESE_BMI,
    }
)
"""Name -> whether a body of section augmentation belongs to the class."""


def classes_of(anatomy: Anatomy) -> frozenset[str]:
    """The classes of a body; most have none.

    Raises:
        BadInput: not a body of section augmentation.
        StepFailed: as `lv_wall_mm`.
    """
    return frozenset(name for name, holds in CLASSES.items() if holds(anatomy))

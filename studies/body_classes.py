"""Classes of people that a training may leave out, read off their anatomy."""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.body.anatomy.population.reference import BMI, HEART, SEXES, TORSO
from einthoven.data.patient.anatomy import Anatomy

HYPERTROPHIED_MM = 8.8
"""Half more than the mean heart's mean wall, 5.9 mm. Just below the base, where echocardiographers
measure, that heart has 8.0 mm, so this is 12 there; 6 to 10 are normal in men, and a mild
hypertrophy ends at 13 (Lang et al. 2015, doi:10.1016/j.echo.2014.10.003)."""
LARGE_SD = 2.0
"""A right ventricle is large so many SD above the mean of men."""
OBESE_BMI = 35.0


def lv_wall_mm(anatomy: Anatomy) -> float:
    """Mean distance in mm from the LV's endocardium to epicardium or RV, septum included.

    Not along a line, which need not cross the walls of a heart with a tilted base.
    """
    heart = anatomy.surfaces
    places = heart.points[np.unique(heart.tagged(Surface.LV_ENDO))]
    outside = TriangleTree(heart.points, heart.tagged(Surface.EPI, Surface.RV_ENDO))
    return float(outside.closest(places).distance.mean())


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

"""Classes of people, read off anatomies that were made to belong to them."""

from dataclasses import replace

import pytest
from body_classes import CLASSES, body_mass_index, lv_wall_mm

from einthoven.base.config.augmentation import AugmentationSettings
from einthoven.base.config.models import AnatomySettings, CohortSettings
from einthoven.base.core.errors import BadInput
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient


def body(**changes):
    section = AugmentationSettings(max_redraws=0, **changes)
    return build_anatomy(draw_patient(1, CohortSettings(range_sd=1e-6)), AnatomySettings(), section)


def classes_of(anatomy):
    return {name for name, holds in CLASSES.items() if holds(anatomy)}


def test_classes_are_read_off_the_anatomy():
    usual = body(base_curve_mm=1e-9)
    assert classes_of(usual) == set()
    thick = body(lv_wall=[1.59, 1.6], heart_scale=[1.15, 1.16])
    assert lv_wall_mm(thick) == pytest.approx(1.6 * 1.15 * lv_wall_mm(usual), rel=0.08)
    assert "hypertrophied" in classes_of(thick)
    stout = replace(usual, augmentation={"whole_torso_mm": {"waist_girth": 1150.0}})
    assert 24.0 < body_mass_index(usual) < 30.0 and classes_of(stout) == {"bmi-over-35"}
    large = replace(usual, volumes_ml=usual.volumes_ml | {"rv": 260.0})
    assert classes_of(large) == {"large-rv"}
    with pytest.raises(BadInput, match="section augmentation"):
        body_mass_index(replace(usual, augmentation=None))

"""Comparison of the shipped shape models with measured populations."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from einthoven.base.config.models import CohortSettings
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.population.girths import torso_measures
from einthoven.body.anatomy.population.measures import heart_measures
from einthoven.body.anatomy.population.reference import BMI, HEART, SEXES, STATURE, TORSO, AdultNorm
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.torso import torso_surface
from einthoven.data.patient.parameters import PatientParameters

QUANTITIES: dict[str, AdultNorm] = {"stature": STATURE, "bmi": BMI} | TORSO | HEART
EDGE_MM = 4.0


def measures_of(parameters: PatientParameters) -> dict[str, float]:
    """All measures of one patient; stature and BMI only where they are known."""
    measures = torso_measures(torso_surface(parameters.torso_coeffs, "fine"))
    measures |= heart_measures(heart_surfaces(np.array(parameters.heart_coeffs), EDGE_MM))
    if parameters.height_cm is not None and parameters.bmi is not None:
        measures |= {"stature": parameters.height_cm, "bmi": parameters.bmi}
    return measures


def compare(measured: Mapping[str, list[dict]]) -> dict[str, Any]:
    """Means and SDs of the shape models beside those of the population.

    Args:
        measured: sex -> measures of people.

    Returns:
        quantity -> title, unit, source, note, comparable, and by sex: population [mean, SD], ours
        [mean, SD], difference_sd (of the means, in population SD).
    """
    rows = {}
    keys = ("title", "unit", "source", "note", "comparable")
    for name, reference in QUANTITIES.items():
        row: dict[str, Any] = {key: getattr(reference, key) for key in keys}
        for sex, people in measured.items():
            values = np.array([person[name] for person in people])
            mean, sd = reference.of(sex)
            row[sex] = {
                "population": [mean, sd],
                "ours": [float(values.mean()), float(values.std(ddof=1))],
                "difference_sd": float((values.mean() - mean) / sd),
            }
        rows[name] = row
    return rows


def compare_with_population(n_draws: int) -> dict[str, Any]:
    """The comparison of `compare` for `n_draws` people of each sex, drawn as the cohort is."""
    block = {"block_size": n_draws, "val_per_block": 1, "test_per_block": 1}
    measured = {}
    for sex in SEXES:
        config = CohortSettings.model_validate(block | {"sex": sex})
        measured[sex] = [measures_of(draw_patient(index, config)) for index in range(n_draws)]
    return {"n_draws": n_draws, "seed": CohortSettings().seed, "quantities": compare(measured)}

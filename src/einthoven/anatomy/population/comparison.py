"""The shipped shape models against measured people: what they draw, and what is true."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from einthoven.anatomy.population.cohort import MAX_MODES, draw_patient
from einthoven.anatomy.population.measures import heart_measures, torso_measures
from einthoven.anatomy.population.reference import BMI, HEART, SEXES, STATURE, TORSO, Reference
from einthoven.anatomy.shape.heart import heart_surfaces
from einthoven.anatomy.shape.torso import torso_surface

QUANTITIES: dict[str, Reference] = {"stature": STATURE, "bmi": BMI} | TORSO | HEART
EDGE_MM = 4.0


def draw_measures(sex: str, n_draws: int, seed: int = 1, range_sd: float = 1.0) -> list[dict]:
    """Measures of people of one sex, drawn as the cohort draws them: [person] name -> value."""
    people = []
    for index in range(n_draws):
        drawn = draw_patient(
            index, seed=seed, n_patients=n_draws, block_size=n_draws, val_per_block=1,
            test_per_block=1, n_heart_modes=MAX_MODES, n_torso_modes=MAX_MODES,
            range_sd=range_sd, sex=sex,
        )  # fmt: skip
        people.append(measures_of(drawn))
    return people


def measures_of(parameters: Mapping[str, Any]) -> dict[str, float]:
    """All measures of one patient.

    Args:
        parameters: what `cohort.draw_patient` returns; stature and BMI only if it has them.
    """
    found = torso_measures(torso_surface(parameters["torso_coeffs"], "fine"))
    found |= heart_measures(heart_surfaces(parameters["heart_coeffs"], EDGE_MM))
    if parameters["sex"] is not None:
        found |= {"stature": parameters["height_cm"], "bmi": parameters["bmi"]}
    return found


def compare(measured: Mapping[str, list[dict]]) -> dict[str, Any]:
    """Our means and SDs beside the population's.

    Args:
        measured: sex -> measures of people.

    Returns:
        quantity -> title, unit, source, note, comparable, and by sex: population [mean, SD],
        ours [mean, SD], difference_sd (of the means, in population SD).
    """
    rows = {}
    for name, reference in QUANTITIES.items():
        row: dict[str, Any] = {
            key: getattr(reference, key) for key in ("title", "unit", "source", "note")
        }
        row["comparable"] = reference.comparable
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


def calibrate(n_draws: int, seed: int = 1) -> dict[str, Any]:
    """The comparison of `compare` for `n_draws` people of each sex."""
    measured = {sex: draw_measures(sex, n_draws, seed) for sex in SEXES}
    return {"n_draws": n_draws, "seed": seed, "quantities": compare(measured)}

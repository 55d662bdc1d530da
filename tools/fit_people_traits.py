"""Fit what goes with sex and age in people: src/einthoven/base/config/data/people_traits.json.

Example: python tools/fit_people_traits.py results/patients --recordings ptb-xl

The patients are those of a run with `cohort.sex: both` and lead fields. People's features are
regressed on sex, age and the logarithm of the cycle length; simulated ones on the variables of
the distribution of people, and on the sex of the body. The shift of a few variables is sought that
makes up for the difference. Only patients of the recordings whose number is no multiple of
`TEST_EVERY` are read. docs/explanation/population.md says what came out.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fit_population import SEEN, TEST_EVERY
from population_beats import CYCLE, NAMES, HeartInBodies, measured

from einthoven.app.evaluation.realism.sheets import one_per_patient, read_listed, sheet_of
from einthoven.base.config.people import CYCLE_LENGTH, everyone
from einthoven.base.config.traits import DECADE, SHIPPED_TRAITS
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.features import FEATURES, beat_features
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording

MOVED = (
    "cv_fiber_mm_per_ms", "cv_lv_endocardium_mm_per_ms", "cv_rv_endocardium_mm_per_ms",
    "apd_mean_ms", "apd_apex_to_base_ms", "apd_endo_to_epi_ms", "sigma_il_s_per_m",
)  # fmt: skip
"""Variables that may differ by sex and age: speeds, durations, amplitude."""
WANTED = (*SEEN, "qt_ms")
SHIFT_SD = 0.5
"""SD of a shift before the data, in SDs of the variable among people."""
INDEPENDENT_SHARE = 1.0 / 4.0
"""Features of neighbouring leads tell the same; by it the squares are reduced."""
LEAST_MEASURED, WORD = 0.8, {"qrs_ms": "QRS duration", "qt_ms": "QT"}


@dataclass(frozen=True, eq=False)
class Regressed:
    """Differences of features by sex and age with their standard errors: [trait, feature]."""

    slope: np.ndarray
    error: np.ndarray
    known: np.ndarray


@dataclass(frozen=True, eq=False)
class RecordedPeople:
    """Features [person, feature], female (0 or 1), ages (years) and cycle lengths (ms) [person]."""

    features: np.ndarray
    female: np.ndarray
    ages: np.ndarray
    cycles: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> "RecordedPeople":
        """Healthy adults of a folder's sheet without those of the test."""
        sheet = sheet_of(folder)
        if sheet is None:
            raise BadInput(f"{folder}: no sheet of recordings with diagnoses and patients")
        rows = list[tuple[list[float], float, float, float]]()
        for listed in one_per_patient(read_listed(sheet, folder), True, str(sheet)):
            if int(listed.patient) % TEST_EVERY == 0 or not listed.sex or not listed.age_years:
                continue
            try:
                beat = aligned_beat(read_recording(listed.file))
            except BadInput as problem:
                print(problem)
                continue
            if beat.rr_ms:
                values = beat_features(beat.delineation)
                rows.append(([values[name] for name in FEATURES], float(listed.sex == "female"),
                             listed.age_years, beat.rr_ms))  # fmt: skip
        return cls(*(np.array(column, float) for column in zip(*rows)))

    @property
    def regressed(self) -> Regressed:
        """Slopes of each feature on sex and decades of age, at one cycle length."""
        cycle = np.log(self.cycles / CYCLE.centre) / CYCLE.sd
        traits = self.female, self.ages / DECADE, cycle
        design = np.column_stack([np.ones(len(cycle)), *traits])
        slope, error = np.full((2, 2, len(FEATURES)), np.nan)
        for k, values in enumerate(self.features.T):
            rows = np.isfinite(values)
            if rows.mean() < LEAST_MEASURED or not FEATURES[k].startswith(WANTED):
                continue
            inverse = np.linalg.pinv(design[rows].T @ design[rows])
            found = inverse @ design[rows].T @ values[rows]
            rest = values[rows] - design[rows] @ found
            variance = rest @ rest / (rows.sum() - design.shape[1])
            slope[:, k], error[:, k] = found[1:3], np.sqrt(variance * np.diag(inverse)[1:3])
        return Regressed(slope, error, np.isfinite(slope).all(axis=0) & (error > 0).all(axis=0))


def simulated(folders: list[Path], n_draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Differences of simulated features: by variable [variable, feature], by the body [feature].

    Bodies of women less those of men, with one physiology.
    """
    rng, people = np.random.default_rng(3), everyone()
    size = len(folders), n_draws
    units = rng.multivariate_normal(people.mean, people.covariance, size)[..., : len(NAMES)]
    rows, own = list[np.ndarray](), list[tuple[np.ndarray, int, bool]]()
    for number, folder in enumerate(folders):
        patient = Patient.open(folder)
        cohort = folder.parent.parent / "cohort" / f"{folder.name}.json"
        sex = PatientParameters.load(cohort).sex
        if sex is None:
            raise BadInput(f"{cohort}: no sex; make the patients with cohort.sex: both")
        nine = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
        heart = HeartInBodies.of(patient, nine.gradients(patient.heart, "recovered").grad[None])
        for unit in units[number]:
            if (beat := measured(next(heart.ecgs(unit)))) is not None:
                rows.append(beat[1])
                own.append((unit, number, sex == "female"))
        print(f"{folder.name}, {sex}: {len(rows)} beats", flush=True)
    unit, number, female = (np.array(column) for column in zip(*own))
    features = np.array(rows)
    return _slopes(unit, number, features), _of_bodies(unit, number, female, features)


def _slopes(unit: np.ndarray, number: np.ndarray, features: np.ndarray) -> np.ndarray:
    """[variable, feature] change of a feature by one SD of the prior, within hearts."""
    found = np.zeros((unit.shape[1], features.shape[1]))
    for k, values in enumerate(features.T):
        rows = np.isfinite(values)
        x, y = unit[rows].copy(), values[rows].copy()
        for heart in np.unique(number):
            of = number[rows] == heart
            x[of] -= x[of].mean(axis=0) if of.any() else 0.0
            y[of] -= y[of].mean() if of.any() else 0.0
        found[:, k] = np.linalg.lstsq(x, y, rcond=None)[0]
    return found


def _of_bodies(
    unit: np.ndarray, number: np.ndarray, female: np.ndarray, features: np.ndarray
) -> np.ndarray:
    """[feature] women's bodies less men's, of the mean physiology."""
    level = features - (unit - unit.mean(axis=0)) @ _slopes(unit, number, features)
    sides = [np.array([np.nanmean(level[number == heart], axis=0)
                       for heart in np.unique(number[female == side])])
             for side in (True, False)]  # fmt: skip
    return np.nanmean(sides[0], axis=0) - np.nanmean(sides[1], axis=0)


def shift(wanted: np.ndarray, error: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Shift [variable] of `MOVED` by which features change as wanted: ridge regression.

    Args:
        wanted, error: [feature]. slopes: [variable, feature] of `MOVED`.
    """
    people = everyone()
    usual = np.array([people.names.index(name) for name in MOVED])
    prior = SHIFT_SD * np.sqrt(np.diag(people.covariance)[usual])
    rows = (slopes / error).T
    left = INDEPENDENT_SHARE * rows.T @ rows + np.diag(prior**-2.0)
    return np.linalg.solve(left, INDEPENDENT_SHARE * rows.T @ (wanted / error))


def at_all_rates(moved: np.ndarray, cycle: float) -> dict[str, float]:
    """Differences of `MOVED` at one cycle length and of the cycle length: those of all variables.

    What goes with the cycle length differs as well.
    """
    people = everyone()
    k = people.names.index(CYCLE_LENGTH)
    along = people.covariance[:, k] / people.covariance[k, k] * cycle
    found = dict(zip(people.names, along))
    for name, value in zip(MOVED, moved):
        found[name] += value
    return {name: round(float(value), 4) for name, value in found.items() if abs(value) >= 5e-5}


def cycle_slopes(people: RecordedPeople) -> np.ndarray:
    """[trait] difference of the standardised cycle length by sex and decade of age."""
    design = np.column_stack([np.ones(len(people.ages)), people.female, people.ages / DECADE])
    cycle = np.log(people.cycles / CYCLE.centre) / CYCLE.sd
    found: np.ndarray = np.linalg.lstsq(design, cycle, rcond=None)[0]
    return found[1:]


def main() -> None:
    """Read the command line, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("patients", type=Path, help="virtual patients of both sexes")
    parser.add_argument("--recordings", type=Path, required=True, help="folder with a sheet")
    parser.add_argument("--draws", type=int, default=24, help="of each patient")
    parser.add_argument("--out", type=Path, default=SHIPPED_TRAITS)
    given = parser.parse_args()
    people = RecordedPeople.read(given.recordings)
    folders = sorted(p for p in given.patients.iterdir() if (p / "leadfield_b0.npz").exists())
    slopes, bodies = simulated(folders, given.draws)
    regressed, cycles = people.regressed, cycle_slopes(people)
    known = regressed.known & np.isfinite(slopes).all(axis=0) & np.isfinite(bodies)
    moved = slopes[[NAMES.index(name) for name in MOVED]]
    found = dict[str, dict[str, float]]()
    for number, (name, by_body) in enumerate({"women": bodies, "decade": 0 * bodies}.items()):
        wanted, error = regressed.slope[number] - by_body, regressed.error[number]
        best = shift(wanted[known], error[known], moved[:, known])
        found[name] = at_all_rates(best, float(cycles[number]))
        print(name, dict(zip(MOVED, best.round(2))))
        for feature, words in WORD.items():
            k = FEATURES.index(feature)
            print(
                f"  {words}: people {regressed.slope[number, k]:+.1f} ± {error[k]:.1f}, bodies "
                f"{by_body[k]:+.1f}, with the shift {by_body[k] + best @ moved[:, k]:+.1f}"
            )
        rest = (wanted - best @ moved)[known] / error[known]
        print(
            f"  {known.sum()} features: squares {np.mean((wanted[known] / error[known]) ** 2):.2f}"
            f" -> {np.mean(rest**2):.2f}"
        )
    write(given.out, people, found, len(folders), given.recordings.name)


def write(
    path: Path, people: RecordedPeople, found: dict[str, dict[str, float]], n: int, source: str
) -> None:
    """Write the file that `einthoven.base.config.traits` reads."""
    about: dict[str, Any] = {
        "recordings": f"{len(people.ages)} healthy adults of {source}, those whose patient number "
                      f"is no multiple of {TEST_EVERY}",
        "hearts": f"{n} virtual patients of both sexes",
        "made_by": "tools/fit_people_traits.py",
    }  # fmt: skip
    ages = np.quantile(people.ages, np.linspace(0, 1, 21)).round(1)
    share = round(float(people.female.mean()), 4)
    write_json(
        path, {"about": about, "female_share": share, "age_quantiles": ages.tolist(), **found}
    )


if __name__ == "__main__":
    main()

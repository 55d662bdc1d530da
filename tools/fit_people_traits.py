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
from population_beats import CYCLE, NAMES, HeartInBodies, measured

from einthoven.app.evaluation.realism.sheets import TEST_EVERY, healthy_adults, is_of_test
from einthoven.base.config.people import CYCLE_LENGTH, everyone
from einthoven.base.config.traits import DECADE, SHIPPED_TRAITS
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.features import FEATURES, beat_features, feature_name
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording

MOVED = (
    "cv_lv_endocardium_mm_per_ms", "cv_rv_endocardium_mm_per_ms", "apd_mean_ms",
    "apd_apex_to_base_ms", "apd_endo_to_epi_ms", "sigma_il_s_per_m",
)  # fmt: skip
"""Variables that may differ by sex and age: speeds, durations, amplitude."""
AMPLITUDES = {"r_mv": ("I", "II", "V4", "V5", "V6"), "s_mv": ("V1", "V2", "V3"),
              "t_mv": ("I", "II", "V2", "V3", "V4", "V5", "V6")}  # fmt: skip
"""Waves that nearly everybody has."""
WANTED = (
    "qrs_ms",
    "qt_ms",
    *(feature_name(kind, lead) for kind, leads in AMPLITUDES.items() for lead in leads),
)
SHIFT_SD = {"women": 0.5, "decade": 0.2}
"""SD of a difference before the data, in SDs of the variables among people."""
AMPLITUDE_SHARE = 1.0 / 4.0
"""Amplitudes of neighbouring leads tell the same; by it their squares are reduced."""
LEAST_MEASURED, TIMES = 0.8, ("qrs_ms", "qt_ms")


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
        rows = list[tuple[list[float], float, float, float]]()
        for listed in healthy_adults(folder):
            if is_of_test(listed) or not listed.sex or not listed.age_years:
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
            if rows.mean() < LEAST_MEASURED or FEATURES[k] not in WANTED:
                continue
            inverse = np.linalg.pinv(design[rows].T @ design[rows])
            found = inverse @ design[rows].T @ values[rows]
            rest = values[rows] - design[rows] @ found
            variance = rest @ rest / (rows.sum() - design.shape[1])
            slope[:, k], error[:, k] = found[1:3], np.sqrt(variance * np.diag(inverse)[1:3])
        return Regressed(slope, error, np.isfinite(slope).all(axis=0) & (error > 0).all(axis=0))


@dataclass(frozen=True, eq=False)
class SimulatedPeople:
    """Beats of many physiologies in bodies of both sexes.

    Attributes:
        unit: [beat, variable] standardised. heart: [beat] number of the patient.
        female: [beat] whether the body is a woman's. features: [beat, feature].
    """

    unit: np.ndarray
    heart: np.ndarray
    female: np.ndarray
    features: np.ndarray

    @classmethod
    def make(cls, folders: list[Path], n_draws: int) -> "SimulatedPeople":
        """Beats of `n_draws` people, drawn without sex and age, in each patient's body."""
        rng, people = np.random.default_rng(3), everyone()
        size = len(folders), n_draws
        units = rng.multivariate_normal(people.mean, people.covariance, size)[..., : len(NAMES)]
        rows = list[tuple[np.ndarray, int, bool, np.ndarray]]()
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
                    rows.append((unit, number, sex == "female", beat[1]))
            print(f"{folder.name}, {sex}: {len(rows)} beats", flush=True)
        return cls(*(np.array(column) for column in zip(*rows)))

    @property
    def slopes(self) -> np.ndarray:
        """[variable, feature] change of a feature by one SD of the prior, within hearts."""
        found = np.zeros((self.unit.shape[1], self.features.shape[1]))
        for k, values in enumerate(self.features.T):
            rows = np.isfinite(values)
            x, y, own = self.unit[rows].copy(), values[rows].copy(), self.heart[rows]
            for heart in np.unique(own):
                x[own == heart] -= x[own == heart].mean(axis=0)
                y[own == heart] -= y[own == heart].mean()
            found[:, k] = np.linalg.lstsq(x, y, rcond=None)[0]
        return found

    def of_bodies(self, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Women's bodies less men's, of one physiology, and its standard error: [feature]."""
        level = self.features - (self.unit - self.unit.mean(axis=0)) @ slopes
        sides = [np.array([np.nanmean(level[self.heart == heart], axis=0)
                           for heart in np.unique(self.heart[self.female == side])])
                 for side in (True, False)]  # fmt: skip
        error = np.sqrt(sum(np.nanvar(side, axis=0, ddof=1) / len(side) for side in sides))
        return np.nanmean(sides[0], axis=0) - np.nanmean(sides[1], axis=0), error


def followers() -> tuple[np.ndarray, np.ndarray]:
    """What goes with `MOVED` at one cycle length: [variable, moved], and their covariance."""
    people = everyone().given(CYCLE_LENGTH, CYCLE.centre)
    usual = [people.names.index(name) for name in MOVED]
    own = people.covariance[np.ix_(usual, usual)]
    return np.linalg.solve(own, people.covariance[usual]).T, own


def shift(
    wanted: np.ndarray, error: np.ndarray, slopes: np.ndarray, share: np.ndarray, sd: float
) -> np.ndarray:
    """Shift [moved] by which features change as wanted: ridge regression, in people's covariance.

    Args:
        wanted, error: [feature]. slopes: [moved, feature]. share: [feature] weight. sd: of the
            shift before the data, in SDs of people.
    """
    rows = (slopes / error).T
    left = (rows.T * share) @ rows + np.linalg.inv(followers()[1]) / sd**2
    return np.linalg.solve(left, (rows.T * share) @ (wanted / error))


def at_all_rates(moved: np.ndarray, cycle: float) -> dict[str, float]:
    """Differences of `MOVED` at one cycle length and of the cycle length: those of all variables.

    What goes with them in people differs as well.
    """
    people = everyone()
    k = people.names.index(CYCLE_LENGTH)
    along = people.covariance[:, k] / people.covariance[k, k] * cycle
    found = dict(zip(people.names, along))
    for name, value in zip(people.given(CYCLE_LENGTH, CYCLE.centre).names, followers()[0] @ moved):
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
    found = differences(people, SimulatedPeople.make(folders, given.draws))
    write(given.out, people, found, len(folders), given.recordings.name)


def differences(people: RecordedPeople, made: SimulatedPeople) -> dict[str, dict[str, float]]:
    """Differences of variables by sex (`women`) and by ten years of age (`decade`)."""
    slopes, regressed, cycles = made.slopes, people.regressed, cycle_slopes(people)
    by_body, of_body = made.of_bodies(slopes)
    known, none = regressed.known, np.zeros(len(FEATURES))
    moved = followers()[0].T @ slopes
    share = np.array([1.0 if name in TIMES else AMPLITUDE_SHARE for name in FEATURES])
    found = dict[str, dict[str, float]]()
    sides = {"women": (by_body, of_body), "decade": (none, none)}
    for number, (name, (bodies, uncertain)) in enumerate(sides.items()):
        wanted = regressed.slope[number] - bodies
        error = np.hypot(regressed.error[number], uncertain)
        best = shift(wanted[known], error[known], moved[:, known], share[known],
                     SHIFT_SD[name])  # fmt: skip
        found[name] = at_all_rates(best, float(cycles[number]))
        print(name, dict(zip(MOVED, best.round(2).tolist())))
        for k in np.flatnonzero(known):
            print(f"  {FEATURES[k]}: people {regressed.slope[number, k]:+.3g} ± "
                  f"{regressed.error[number, k]:.2g}, bodies {bodies[k]:+.3g}, with the shift "
                  f"{bodies[k] + best @ moved[:, k]:+.3g}")  # fmt: skip
    return found


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

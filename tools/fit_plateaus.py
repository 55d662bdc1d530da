"""Fit people's plateaus to the ST segment of recorded ECGs: part `plateau` of people.json.

Example: python tools/fit_plateaus.py results/patients --recordings ptb-xl

The patients are finished ones of `config/people.yaml`. Medians of the ST level in eight leads at
five times after the J point are matched by steps of Gauss and Newton with one set of slopes and a
prior; then the variances that the patients lack, by squares that are not negative. Only people that
`fit_population.py` reads are read. Five minutes of one core for 32 patients.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fit_population import FittedPeople
from population_beats import Prior
from scipy.optimize import nnls

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.load import section_of
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.config.people import SHIPPED, people_conductivities
from einthoven.base.config.traits import person
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.features import FEATURES, TRACE_MS
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.mixture import mixture_potential
from einthoven.physics.electrophysiology.cells.condition import BASELINE
from einthoven.physics.electrophysiology.cells.plateaus import both_plateaus, shares_of
from einthoven.physics.electrophysiology.repolarisation import apd90_field, plateau_field

AFTER_J_MS = np.array([10.0, 20.0, 40.0, 60.0, 80.0])
LEVEL_SD_MV = 0.02
"""Error of a level's median; a fifth of the levels count as independent."""
INDEPENDENT_SHARE, STEPS, CHANGE = 0.2, 4, 0.1
LEAST_SD = 0.05
PRIORS = (
    Prior("plateau_mean", False, 0.4, 0.1, 0.0, 1.0),
    Prior("plateau_apex_to_base", False, -0.3, 0.4, -3.0, 3.0),
    Prior("plateau_rv_to_lv", False, -0.3, 0.4, -3.0, 3.0),
    Prior("plateau_endo_to_epi", False, 0.3, 0.4, -3.0, 3.0),
)
"""I_to is larger in epicardium (Nabauer 1996), RV (Di Diego 1996), apex (Szentadrassy 2005)."""
CENTRE, SD = (np.array([getattr(prior, key) for prior in PRIORS]) for key in ("centre", "sd"))


@dataclass(frozen=True, eq=False)
class PlateauPatient:
    """A simulated patient whose plateaus can be changed, the rest being as it was."""

    patient: Patient
    membrane: Membrane
    grad: np.ndarray
    """[9, cell, 3] kOhm/mm of the standard electrodes."""
    durations: np.ndarray
    stored: RepolarisationSettings
    at: np.ndarray
    """[AFTER_J_MS] ms of the record."""
    levels: np.ndarray
    """[8, AFTER_J_MS] mV above the baseline, with the template's plateau."""

    @classmethod
    def of(cls, folder: Path, seed: int) -> "PlateauPatient":
        """A finished patient of people that were drawn with a seed."""
        patient = Patient.open(folder)
        ecg, fields = patient.ecg, patient.lead_fields.of_electrodes(list(STANDARD_ELECTRODES))
        stored = section_of(RepolarisationSettings, dict(ecg.settings or {}), str(folder))
        own = people_conductivities(person(seed, patient.name))
        leadfield = section_of(LeadFieldSettings, own, str(folder))
        signal = np.asarray(ecg.ecg[ecg.scenario.tolist().index("sinus")], float)
        beat = delineate(signal, ecg.time)
        at = beat.offset_ms + AFTER_J_MS
        level = np.array([lead.baseline_mv for lead in beat.leads.values()])
        levels = np.array([np.interp(at, ecg.time, row) for row in signal]) - level[:, None]
        found = cls(
            patient, Membrane.of(patient, leadfield, stored),
            fields.gradients(patient.heart, leadfield.gradient).grad,
            apd90_field(patient, stored), stored, at, levels[INDEPENDENT_ROWS],
        )  # fmt: skip
        return found.with_levels(levels[INDEPENDENT_ROWS] - found.added(stored))

    def with_levels(self, levels: np.ndarray) -> "PlateauPatient":
        """The same patient with other levels [8, AFTER_J_MS] mV."""
        return PlateauPatient(
            self.patient, self.membrane, self.grad, self.durations, self.stored, self.at, levels
        )

    def added(self, settings: RepolarisationSettings) -> np.ndarray:
        """What plateaus add to the levels: [8, AFTER_J_MS] mV."""
        low = plateau_field(self.patient, settings)
        if low is None:
            return np.zeros((len(INDEPENDENT_ROWS), len(AFTER_J_MS)))
        shares = shares_of(self.durations, low)
        shares -= np.pad(shares_of(self.durations), ((0, 0), (0, shares.shape[1] - _n_usual())))
        mixture = both_plateaus(BASELINE).mixture(shares)
        heart, tau = self.patient.heart, self.patient.activation("sinus").activation_time
        time = np.arange(np.floor(self.at[0]), self.at[-1] + 2.0)
        phi = mixture_potential(heart, self.membrane.sigma_i, tau, self.grad, time, mixture)
        leads = twelve_lead(list(STANDARD_ELECTRODES), phi)[INDEPENDENT_ROWS]
        return np.array([np.interp(self.at, time, row) for row in leads])

    def changed(self, values: np.ndarray) -> np.ndarray:
        """Levels [8, AFTER_J_MS] mV with the values of `PRIORS`."""
        names = dict(zip((prior.name for prior in PRIORS), values.tolist()))
        return self.levels + self.added(self.stored.model_copy(update=names))


def _n_usual() -> int:
    return shares_of(np.array([300.0])).shape[1]


def people_levels(people: FittedPeople) -> np.ndarray:
    """ST levels [person, 8, AFTER_J_MS] mV above the baseline."""
    offset = people.features[:, list(FEATURES).index("qrs_ms")]
    return np.array([
        [np.interp(j + AFTER_J_MS, TRACE_MS, row) for row in trace[INDEPENDENT_ROWS]]
        for trace, j in zip(people.traces, offset) if np.isfinite(j)
    ])  # fmt: skip


def fitted(patients: list[PlateauPatient], wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD [variable] that bring the patients' levels to people's [person, 8, time]."""
    target, values = np.median(wanted, axis=0).ravel(), CENTRE.copy()
    scale = np.sqrt(INDEPENDENT_SHARE) / LEVEL_SD_MV

    def levels(at: np.ndarray) -> np.ndarray:
        return np.array([patient.changed(at).ravel() for patient in patients])

    plain = np.median([patient.levels.ravel() for patient in patients], axis=0)
    print(f"one plateau: {np.sqrt(((target - plain) ** 2).mean()):.4f} mV differ", flush=True)
    now = levels(values)
    slopes = np.array([(levels(values + CHANGE * unit) - now).mean(axis=0) / CHANGE
                       for unit in np.eye(len(values))])  # fmt: skip
    rows = np.vstack([scale * slopes.T, np.diag(1.0 / SD)])

    def residual(found: np.ndarray, at: np.ndarray) -> np.ndarray:
        left = target - np.median(found, axis=0)
        print(f"{np.round(at, 3)}: {np.sqrt((left**2).mean()):.4f} mV differ", flush=True)
        return np.concatenate([scale * left, (CENTRE - at) / SD])

    left, damping = residual(now, values), 1.0
    for _ in range(STEPS):  # shares stop at 0 and 1: a step that does not help is halved
        tried = values + damping * np.linalg.lstsq(rows, left)[0]
        tried_levels = levels(tried)
        tried_left = residual(tried_levels, tried)
        if (tried_left**2).sum() < (left**2).sum():
            values, now, left = tried, tried_levels, tried_left
        else:
            damping /= 2.0
    lacking = _spread(wanted.reshape(len(wanted), -1)) ** 2 - _spread(now) ** 2
    variances = nnls((slopes.T) ** 2, lacking)[0]
    return values, np.clip(np.sqrt(variances), LEAST_SD, SD)


def _spread(levels: np.ndarray) -> np.ndarray:
    """Robust SD of the columns."""
    low, high = np.quantile(levels, (0.16, 0.84), axis=0)
    return (high - low) / 2.0


def write(path: Path, values: np.ndarray, spread: np.ndarray, about: dict[str, str]) -> None:
    """Write the part `plateau` of the distribution; the rest stays."""
    variables = [
        {"name": p.name, "scale": "linear", "centre": p.centre, "sd": p.sd, "low": p.low,
         "high": p.high} for p in PRIORS
    ]  # fmt: skip
    part = {"about": about, "variables": variables,
            "mean": np.round((values - CENTRE) / SD, 4).tolist(),
            "covariance": np.round(np.diag((spread / SD) ** 2), 5).tolist()}  # fmt: skip
    path.write_text(json.dumps(json.loads(path.read_text()) | {"plateau": part}, indent=1))


def main() -> None:
    """Read the command line, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("patients", type=Path, help="folder of finished patients")
    parser.add_argument("--recordings", type=Path, required=True, help="folder with a sheet")
    parser.add_argument("--every", type=int, default=2, help="only every k-th patient")
    parser.add_argument("--seed", type=int, default=1, help="variation.seed of the patients")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    given = parser.parse_args()
    people = FittedPeople.read(given.recordings)
    folders = sorted(p for p in given.patients.iterdir() if p.is_dir())[:: given.every]
    patients = [PlateauPatient.of(folder, given.seed) for folder in folders]
    values, spread = fitted(patients, people_levels(people))
    for prior, value, sd in zip(PRIORS, values, spread):
        print(f"{prior.name}: {value:.3f} +- {sd:.3f}")
    write(given.out, values, spread, {
        "recordings": f"{len(people.traces)} healthy adults, those of the rest of this file",
        "hearts": f"{len(patients)} virtual patients of people.yaml",
        "made_by": "tools/fit_plateaus.py",
    })  # fmt: skip


if __name__ == "__main__":
    main()

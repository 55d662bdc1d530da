"""Fit the atria's section of config/people.yaml to people's P waves, and print it.

    python tools/fit_p_waves.py RESULTS --config CONFIG --recordings DATA/ptb-xl --bodies 12

RESULTS is a finished run with P waves. P waves of random settings on some bodies give an emulator:
each feature of the P wave is a quadratic function of the settings with a constant of the body. For
each healthy adult of the part for fits the most probable settings are sought, on three of the
bodies; their means and standard deviations give centres and half-widths of independent uniform
ranges. Processor time: 65 to 90 s a
body on busy cores.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fit_people_beats import people_of_fit
from scipy.optimize import least_squares

from einthoven.app.evaluation.realism.candidates import SCENARIO, finished_patients
from einthoven.app.evaluation.realism.groups import wave_of
from einthoven.app.evaluation.realism.people import of_axes
from einthoven.base.config import Config, load
from einthoven.base.config.atria import VALUES, AtriaSettings
from einthoven.base.core.log import track
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.features import FEATURES, measured
from einthoven.physics.ecg.p_wave import AtrialWave

RANGES = {
    "turn_x_deg": (0.0, 60.0), "turn_y_deg": (0.0, 60.0), "turn_z_deg": (0.0, 60.0),
    "speed_mm_per_ms": (0.85, 0.3), "bundle_speed_mm_per_ms": (1.5, 0.4),
    "sigma_i_s_per_m": (0.046, 0.028), "sinus_node": (0.25, 0.25), "left_wall": (1.3, 0.45),
    "av_delay_ms": (100.0, 45.0),
}  # fmt: skip
"""Key -> centre and half-width of the random settings."""
P_FEATURES = [k for k, name in enumerate(FEATURES) if wave_of(name) == "P"]
PRIOR_SD, BODIES_EACH, MOST, LEAD_IN_MS = 0.6, 3, 4.0, 380
RIDGE, LEAST_ERROR = 3.0, 0.3


@dataclass(frozen=True, eq=False)
class AtriaOnBody:
    """A body's ventricles, and its atria with any settings."""

    patient: Patient
    fields: LeadFieldGradients
    time: np.ndarray
    rest: np.ndarray
    """[12, time] mV, the stored ECG without its P wave."""
    cycle_ms: float
    atria: AtriaSettings

    @classmethod
    def of(cls, folder: Path, config: Config) -> "AtriaOnBody":
        """Body of a folder of a finished run."""
        patient = Patient.open(folder)
        nine = patient.lead_fields.of_electrodes(STANDARD_ELECTRODES)
        fields = nine.gradients(patient.heart, config.leadfield.gradient)
        ecg, atria = patient.ecg, config.named_atria
        row, stored = ecg.scenario.tolist().index(SCENARIO), np.asarray(ecg.time, float)
        own = AtrialWave.of(patient.heart, atria.of_patient(patient.name))
        rest = np.asarray(ecg.ecg[row], float) - own.ecg(patient.mesh, fields, stored)
        time = np.arange(-float(LEAD_IN_MS), stored[-1] + 0.5)
        rest = np.array([np.interp(time, stored, lead, left=0.0) for lead in rest])
        cycle = ecg.cycle_length_ms[row] if ecg.cycle_length_ms else 1000.0
        return cls(patient, fields, time, rest, cycle, atria)

    def features(self, unit: np.ndarray) -> np.ndarray:
        """Features of the P wave at settings [key] in -1 to 1 of `RANGES`."""
        values = {
            key: centre + width * u for (key, (centre, width)), u in zip(RANGES.items(), unit)
        }
        narrow = {spread.spread: 0.0 for spread in VALUES.values()}
        atria = AtriaSettings.model_validate(
            self.atria.model_dump() | narrow | values | {"lead_in_ms": LEAD_IN_MS}
        )
        wave = AtrialWave.of(self.patient.heart, atria)
        ecg = self.rest + wave.ecg(self.patient.mesh, self.fields, self.time)
        return of_axes(measured(ecg[None], self.time, [self.cycle_ms]), FEATURES)[0, P_FEATURES]


def squares(units: np.ndarray) -> np.ndarray:
    """Linear and quadratic terms [draw, term] of settings [draw, key]."""
    i, j = np.triu_indices(units.shape[1])
    return np.hstack([units, units[:, i] * units[:, j]])


def emulator(
    units: list[np.ndarray], values: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Constants [body, feature], coefficients [term, feature] and errors [feature] in SD."""
    known = [np.isfinite(rows).all(axis=1) for rows in values]
    body = np.repeat(np.arange(len(units)), [row.sum() for row in known])
    terms = squares(np.vstack([u[k] for u, k in zip(units, known)]))
    wanted = np.clip(np.vstack([v[k] for v, k in zip(values, known)]), -MOST, MOST)
    design = np.hstack([np.eye(len(units))[body], terms])
    damping = RIDGE * np.diag(np.r_[np.zeros(len(units)), np.ones(terms.shape[1])])
    weights = np.linalg.solve(design.T @ design + damping, design.T @ wanted)
    error = (wanted - design @ weights).std(axis=0)
    return weights[: len(units)], weights[len(units) :], error


def people_settings(people: np.ndarray, emulated: tuple[np.ndarray, ...]) -> np.ndarray:
    """Most probable settings [fit, key] of people [person, feature] in SD."""
    constants, coefficients, error = emulated
    rng, found = generator(1, "p waves"), []
    for row in people:
        seen = np.isfinite(row)
        for body in rng.choice(len(constants), BODIES_EACH, replace=False):

            def off(u: np.ndarray) -> np.ndarray:
                values = constants[body] + (squares(u[None]) @ coefficients)[0]  # noqa: B023
                return np.r_[((values - row) / np.maximum(error, LEAST_ERROR))[seen],  # noqa: B023
                             u / PRIOR_SD]  # fmt: skip

            found.append(least_squares(off, np.zeros(len(RANGES)), bounds=(-1, 1)).x)
    return np.array(found)


def main() -> None:
    """Simulate, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--recordings", type=Path, required=True, help="PTB-XL, with its sheet")
    parser.add_argument("--bodies", type=int, default=12)
    parser.add_argument("--draws", type=int, default=90, help="of each body")
    args = parser.parse_args()
    config, people = load(args.config), people_of_fit(args.recordings)
    theirs = people.features[:, P_FEATURES]
    mean, sd = np.nanmean(theirs, axis=0), np.nanstd(theirs, axis=0)
    units, values = [], []
    for k, folder in enumerate(track(finished_patients(args.results)[: args.bodies], "bodies")):
        body, rng = AtriaOnBody.of(folder, config), generator(1, "p waves", k)
        units.append(rng.uniform(-1, 1, (args.draws, len(RANGES))))
        values.append((np.array([body.features(u) for u in units[-1]]) - mean) / sd)
    found = people_settings((theirs - mean) / sd, emulator(units, values))
    for (key, (centre, width)), u in zip(RANGES.items(), found.T):
        half = np.sqrt(3.0) * width * u.std()
        print(f"{key}: {centre + width * u.mean():.4g}, half-width {half:.3g}")


if __name__ == "__main__":
    main()

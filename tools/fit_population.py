"""Fit the population of people to recorded ECGs: src/einthoven/base/config/data/people.json.

Example: python tools/fit_population.py results/patients --recordings ptb-xl --work population

Only patients of the recordings whose number is no multiple of `TEST_EVERY` are read; the others
stay for the judge. Whatever is done already in the folder --work is not done again. Twenty minutes
of one core for 32 patients. docs/explanation/population.md says what is fitted to what.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from population_beats import (
    BODIES,
    CYCLE,
    NAMES,
    PRIORS,
    HeartInBodies,
    Prior,
    draw_bodies,
    measured,
)
from population_posterior import (
    UNIT_LIMIT,
    Emulator,
    Population,
    SimulatedBeats,
    chosen,
    classifier_weights,
    person_weights,
    weighted_rows,
)

from einthoven.app.evaluation.realism.sheets import TEST_EVERY, healthy_adults, is_of_test
from einthoven.base.config.people import SHIPPED
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.delineation.delineate import Delineation
from einthoven.physics.ecg.features import FEATURES, TRACE_MS, beat_features
from einthoven.physics.ecg.recordings.aligned import aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording

PRIOR_SPREAD, EFFECTIVE, DRAWS = 1.3, 5.0, 40
ROUNDS, REWEIGHTINGS = 3, 4
SEEN = ("q_", "r_", "s_", "r2_", "s2_", "t_", "t2_", "qrs", "transition", "sokolow")
"""Features that the classifier of the fit sees: not those of ST, which no parameter moves."""


@dataclass(frozen=True, eq=False)
class FittedPeople:
    """People to fit to: traces [person, 12, time], features and cycle lengths (ms)."""

    traces: np.ndarray
    features: np.ndarray
    cycles: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> "FittedPeople":
        """Healthy adults of a folder's sheet, the first recording of each, without the test's."""
        rows = list[tuple[np.ndarray, list[float], float]]()
        for listed in healthy_adults(folder):
            if is_of_test(listed):
                continue
            try:
                beat = aligned_beat(read_recording(listed.file))
            except BadInput as problem:
                print(problem)
                continue
            trace = [np.interp(TRACE_MS, beat.time, row) for row in beat.ecg]
            rows.append((np.array(trace), _features(beat.delineation), beat.rr_ms or np.nan))
        traces, features, cycles = (np.array(column) for column in zip(*rows))
        return cls(traces, features, np.where(np.isfinite(cycles), cycles, np.nanmedian(cycles)))


def _features(found: Delineation) -> list[float]:
    values = beat_features(found)
    return [values[name] for name in FEATURES]


@dataclass(frozen=True, eq=False)
class Workplace:
    """Patients, and a folder that keeps what was computed."""

    patients: list[Path]
    folder: Path

    def bodies(self, number: int) -> np.ndarray:
        """Lead fields of a patient in `BODIES` bodies."""
        file = self.folder / f"bodies_{self.patients[number].name}.npz"
        if not file.exists():
            fields, changes = draw_bodies(Patient.open(self.patients[number]), 1000 + number)
            np.savez(file, fields=fields, changes=changes)
        return np.load(file)["fields"]

    def simulate(self, name: str, unit: np.ndarray, hearts: np.ndarray) -> SimulatedBeats:
        """Beats of units [draw, variable] in all bodies of their hearts [draw]."""
        file = self.folder / f"{name}.npz"
        if not file.exists():
            rows = list[tuple[int, int, np.ndarray, np.ndarray]]()
            for number in np.unique(hearts):
                patient = Patient.open(self.patients[number])
                heart = HeartInBodies.of(patient, self.bodies(int(number)))
                for draw in np.flatnonzero(hearts == number):
                    for body, ecg in enumerate(heart.ecgs(unit[draw])):
                        if (beat := measured(ecg)) is not None:
                            rows.append((draw, number * BODIES + body, *beat))
                print(f"{name}: {self.patients[number].name}, {len(rows)} beats", flush=True)
            draw, body, trace, features = (np.array(column) for column in zip(*rows))
            np.savez(file, unit=unit[draw], body=body, trace=trace, features=features)
        saved = np.load(file)
        return SimulatedBeats(*(saved[key] for key in SimulatedBeats._fields))


def posterior_rounds(work: Workplace, people: FittedPeople, size: int) -> SimulatedBeats:
    """Beats of the prior, and of people's posteriors by emulators of all beats so far."""
    rng, n = np.random.default_rng(0), len(work.patients)
    unit = np.clip(PRIOR_SPREAD * rng.standard_normal((size, len(NAMES))), -3.0, 3.0)
    rounds = [work.simulate("round0", unit, np.arange(size) % n)]
    rows = weighted_rows(people.traces)
    for number in range(1, ROUNDS + 1):
        beats = SimulatedBeats(*(np.concatenate(columns) for columns in zip(*rounds)))
        emulator = Emulator.train(beats, rows, n * BODIES)
        population = Population.prior()
        for step in range(3):
            found, body, cost = emulator.posterior(rows, population, 24, 10 * number + step)
            pick = chosen(cost, max(1, size // len(rows)), rng)
            unit = np.take_along_axis(found, pick[:, :, None], 1).reshape(-1, len(NAMES))
            population = Population.of_draws(unit)
        hearts = np.take_along_axis(body, pick, 1).ravel() // BODIES
        rounds.append(work.simulate(f"round{number}", unit, hearts))
    return SimulatedBeats(*(np.concatenate(columns) for columns in zip(*rounds[2:])))


def people_draws(
    beats: SimulatedBeats, people: FittedPeople, rng: np.random.Generator
) -> np.ndarray:
    """Draws [draw, variable + cycle] of people's posteriors."""
    rows = weighted_rows(people.traces)
    weights = person_weights(beats, rows, EFFECTIVE)
    index = np.array([rng.choice(len(row), DRAWS, p=row) for row in weights])
    unit, k = beats.unit[index], NAMES.index("sigma_il_s_per_m")
    own = np.linalg.norm(rows, axis=1)[:, None]
    scale = own / np.linalg.norm(weighted_rows(beats.trace), axis=1)[index]
    unit[:, :, k] += np.log(scale) / PRIORS[k].sd
    cycle = np.log(people.cycles / CYCLE.centre) / CYCLE.sd
    cycle = np.broadcast_to(cycle[:, None, None], (*index.shape, 1))
    return np.concatenate([unit, cycle], axis=2).reshape(-1, len(NAMES) + 1)


def reweighted(
    work: Workplace, people: FittedPeople, draws: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance after rounds of draws, simulations and weights by a classifier.

    The bodies keep their shares: the fit may not choose those that happen to resemble people.
    """
    rng = np.random.default_rng(7)
    mean, covariance = draws.mean(axis=0), np.cov(draws.T)
    n = len(work.patients)
    share = np.tile([float(BODIES - 1), *[1.0] * (BODIES - 1)], n)
    seen = np.array([name.startswith(SEEN) for name in FEATURES])
    seen &= np.isfinite(people.features).mean(axis=0) > 0.6
    for number in range(REWEIGHTINGS):
        whole = rng.multivariate_normal(mean, covariance, size)
        unit = np.clip(whole[:, :-1], -UNIT_LIMIT, UNIT_LIMIT)
        hearts = rng.integers(0, n, size)
        beats = work.simulate(f"weights{number}", unit, hearts)
        features = beats.features[:, seen], people.features[:, seen]
        weight = classifier_weights(*features, share[beats.body], rng)
        row = {unit_row.tobytes(): k for k, unit_row in enumerate(unit)}
        full = whole[[row[each.tobytes()] for each in beats.unit]]
        mean = weight @ full
        centred = full - mean
        covariance = 0.9 * (centred * weight[:, None]).T @ centred + 0.1 * covariance
        mean, covariance = with_cycles(mean, covariance, people.cycles)
    return mean, covariance


def with_cycles(
    mean: np.ndarray, covariance: np.ndarray, cycles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance with people's cycle lengths, last, and the same correlations.

    No feature of the classifier has the cycle length in it: by its correlations alone it would
    drift.
    """
    standardised = np.log(cycles / CYCLE.centre) / CYCLE.sd
    scale = np.ones(len(mean))
    scale[-1] = standardised.std() / np.sqrt(covariance[-1, -1])
    return np.append(mean[:-1], standardised.mean()), covariance * np.outer(scale, scale)


def write(path: Path, mean: np.ndarray, covariance: np.ndarray, about: dict[str, str]) -> None:
    """Write the distribution that `einthoven.base.config.people` reads."""
    variables = [_variable(prior) for prior in (*PRIORS, CYCLE)]
    data = {"about": about, "variables": variables, "mean": np.round(mean, 4).tolist(),
            "covariance": np.round((covariance + covariance.T) / 2, 5).tolist()}  # fmt: skip
    if path.exists():  # plateaus are fitted afterwards, by fit_plateaus.py
        data |= {k: v for k, v in json.loads(path.read_text()).items() if k == "plateau"}
    path.write_text(json.dumps(data, indent=1))


def _variable(prior: Prior) -> dict[str, str | float]:
    return {"name": prior.name, "scale": "log" if prior.log else "linear", "centre": prior.centre,
            "sd": prior.sd, "low": prior.low, "high": prior.high}  # fmt: skip


def main() -> None:
    """Read the command line, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("patients", type=Path, help="folder of virtual patients with fibres")
    parser.add_argument("--recordings", type=Path, required=True, help="folder with a sheet")
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the rounds")
    parser.add_argument("--size", type=int, default=1056, help="draws of a round")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    people = FittedPeople.read(given.recordings)
    work = Workplace(sorted(p for p in given.patients.iterdir() if p.is_dir()), given.work)
    beats = posterior_rounds(work, people, given.size)
    draws = people_draws(beats, people, np.random.default_rng(5))
    fitted = reweighted(work, people, draws, max(60, given.size // 3))
    write(given.out, *fitted, {
        "recordings": f"{len(people.traces)} healthy adults of {given.recordings.name}, those "
                      f"whose patient number is no multiple of {TEST_EVERY}",
        "hearts": f"{len(work.patients)} virtual patients in {BODIES} bodies each",
        "made_by": "tools/fit_population.py",
    })  # fmt: skip


if __name__ == "__main__":
    main()

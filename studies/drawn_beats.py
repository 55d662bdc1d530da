"""Beats of drawn people on virtual bodies: can a free wave and free cells give them?

    python studies/drawn_beats.py RESULTS --config CONFIG --recordings DATA/ptb-xl --half 1 \
        --bodies 1 2 --json OUT

RESULTS is a finished run with `variation.people: true`. One half of the healthy adults of the fit
gives beats, the other half judges. Each body gets the person whose QRS its own candidates come
nearest to, nobody twice. The wave is that of a twin on a body that stays as it is (free onsets);
then durations and the share of the low plateau, smooth fields over the muscle, follow ST and T. The
P wave is the virtual patient's own. The same bodies' own ECGs are judged beside it, and the drawn
people themselves, whom no classifier should tell from the others.

Processor time on one core: about 100 s a body.
"""

import argparse
import time as clock
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.optimize import linear_sum_assignment

from einthoven.app.evaluation.realism.calibrated_population import LEAST_MEASURED
from einthoven.app.evaluation.realism.candidates import simulator_of, ventricles_of
from einthoven.app.evaluation.realism.classifiers import cross_validated_area
from einthoven.app.evaluation.realism.differences import difference, median_abs_smd
from einthoven.app.evaluation.realism.groups import wave_of
from einthoven.app.evaluation.realism.people import PeopleEcgs, of_axes
from einthoven.app.evaluation.realism.reading import GroupChoice, read_people
from einthoven.base.config import Config, load
from einthoven.base.config.traits import person_of
from einthoven.base.core.files import write_json
from einthoven.base.core.log import track
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.data.patient.patient import Patient
from einthoven.imaging.corpus.beat_parameters import BeatParameters
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.twin.body_bank import LATEST_MS, N_DRAWS, heart_of
from einthoven.imaging.twin.body_twin import ABOUT, BodyProblem, BodyTwin
from einthoven.imaging.twin.inferred_twin import AFTER_MS, BEFORE_MS, LEAD_MS
from einthoven.imaging.twin.people_heart import PeopleHeart, qrs_people
from einthoven.imaging.twin.people_search import LikelyPerson, PeopleSearch, people_like, placed
from einthoven.imaging.twin.prior import TwinSettings, onset_modes
from einthoven.numerics.optimisation.levenberg_marquardt import Damping, minimise
from einthoven.physics.ecg.features import FEATURES, measured
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.recordings.aligned import AlignedBeat, aligned_beat
from einthoven.physics.ecg.recordings.read import read_recording
from einthoven.physics.ecg.transfer import Cells
from einthoven.physics.electrophysiology.cells.condition import BASELINE
from einthoven.physics.electrophysiology.cells.family import family

SEED = 7
WAVE = replace(ABOUT, noise_share=0.015)
"""Of the twin's wave: 4 %, its default, hides a small r in V1."""
WAVE_STEPS, CELL_STEPS = (12, 8), (9, 4)
"""Steps of the wave, of durations and plateaus, in turns."""
MODES = TwinSettings(onset_sd_ms=1.0, onset_length_mm=35.0, n_modes=24)
"""Smooth fields of SD 1."""
GRADIENTS = (0, 2, 3)
"""Gradients of the durations beside the modes: base, ventricle, wall."""
SDS = {"mean": 25.0, "gradients": 15.0, "modes": 12.0, "plateau": 1.0, "plateau_modes": 0.8}
"""SDs of durations in ms, of plateaus in logits."""
LEAST_SHARE, MEANS_MS = 0.03, (-80, -60, -40, -20, 20, 40, 60, 90)
ST_MS, ST_MV, T_MV = 80.0, 0.012, 0.03
"""Length of the ST segment after the QRS, and errors there and later: a level at J differs among
people by some 0.03 mV, a T wave by more."""
STEP_MS, BEFORE_J_MS, AFTER_T_MS, N_TIMES = 4, 6, 60, 500
LEAST_BODIES = 8
GAIN_COST = 0.3
"""Cost of a person's amplitude, log^2, against 1 - correlation."""


class DrawnBeat(NamedTuple):
    """A person's beat."""

    name: str
    row: int
    beat: AlignedBeat
    cycle_ms: float


@dataclass(frozen=True, eq=False)
class DrawnBody:
    """A virtual patient with its simulator, P wave and candidates' QRS."""

    patient: Patient
    config: Config
    heart: PeopleHeart
    deviations: np.ndarray
    played: np.ndarray
    """[draw, 8, time] mV of draws of the population."""

    @classmethod
    def of(cls, folder: Path, config: Config) -> Self:
        """Of a folder of a finished run."""
        patient = Patient.open(folder)
        heart, people = heart_of(patient, config), qrs_people()
        deviations = generator(SEED, "bodies").standard_normal((N_DRAWS, len(people.names)))
        played = np.array([heart.play(people.at(draw)).ecg for draw in deviations])
        return cls(patient, config, heart, deviations, played)

    @cached_property
    def stored(self) -> tuple[np.ndarray, np.ndarray, float]:
        """ECG [12, time] mV and times ms of its sinus beat, and the cycle length."""
        ecg = self.patient.ecg
        row = ecg.scenario.tolist().index("sinus")
        return (
            np.asarray(ecg.ecg[row], float),
            np.asarray(ecg.time, float),
            ecg.cycle_length_ms[row],
        )

    @cached_property
    def simulator(self) -> Simulator:
        """Of the finite elements' lead fields."""
        return simulator_of(self.patient, self.config)

    @cached_property
    def atria(self) -> np.ndarray:
        """What the stored ECG has beside the ventricles: [12, time] mV."""
        ecg, time, _ = self.stored
        drawn = person_of(self.config, self.patient.name)
        return ecg - ventricles_of(self.simulator, drawn, time)

    def after_p(self, time: np.ndarray) -> np.ndarray:
        """The atria's repolarisation [12, time] mV from the first activation, where it is 0."""
        own, level = self.stored[1], self.atria[:, self.stored[1] <= 0][:, -1:]
        return np.array([np.interp(time, own, row, right=0.0) * (time > 0)
                         for row in self.atria - level])  # fmt: skip

    def nearest(self, ecg: np.ndarray) -> tuple[float, int, float]:
        """Correlation, start ms and gain of the candidate most like a QRS [8, time] mV."""
        best = (-1.0, 0, 1.0)
        for start in range(LATEST_MS + 1):
            seen = ecg[:, start : start + self.played.shape[2]]
            own = self.played[:, :, : seen.shape[1]]
            dot, power = np.einsum("dlt,lt->d", own, seen), np.square(own).sum((1, 2))
            alike = dot / np.sqrt(power * np.square(ecg).sum())
            k = int(alike.argmax())
            if alike[k] > best[0]:
                best = float(alike[k]), start, float(max(dot[k] / power[k], 1e-3))
        return best

    def person(self, ecg: np.ndarray) -> LikelyPerson:
        """A person of the population with nearly that QRS [12, time] mV."""
        rows = ecg[INDEPENDENT_ROWS].astype(float)
        start = self.nearest(rows)[1]
        begin = max(0, start - LEAD_MS)
        rng = generator(SEED, "search", self.patient.name)
        found = people_like(self.heart, rows[:, begin:], float(start - begin),
                            (self.deviations, self.played), PeopleSearch(), rng)  # fmt: skip
        return found.later(begin)


@dataclass(frozen=True, eq=False)
class FreeCells:
    """Cost of durations and plateaus about a population's draw, for a wave that is known."""

    body: DrawnBody
    beat: AlignedBeat
    modes: np.ndarray
    tau: np.ndarray
    """[node] ms on the recording's axis, `BEFORE_MS` before the QRS onset."""
    sigma: tuple[float, float]
    gain: float

    @cached_property
    def sds(self) -> np.ndarray:
        """SD of each parameter: mean, gradients, modes; plateau, its transmural gradient, modes."""
        n = self.modes.shape[1]
        counts = {"mean": 1, "gradients": len(GRADIENTS), "modes": n, "plateau": 2,
                  "plateau_modes": n}  # fmt: skip
        return np.concatenate([np.full(k, SDS[name]) for name, k in counts.items()])

    @cached_property
    def first(self) -> tuple[np.ndarray, np.ndarray]:
        """Durations [node] ms, and logits of the low plateau's share, of the patient's draw."""
        simulator = self.body.simulator
        drawn = person_of(self.body.config, self.body.patient.name)
        case = BeatParameters.of_person("sinus", drawn)
        share = simulator._low_plateau(case)
        share = np.full(len(self.tau), 0.0) if share is None else share
        share = np.clip(share, LEAST_SHARE, 1 - LEAST_SHARE)
        return simulator._durations(case), np.log(share / (1 - share))

    def cells(self, x: np.ndarray) -> Cells:
        """The cells at parameters."""
        n, k = self.modes.shape[1], 1 + len(GRADIENTS)
        gradients = self.body.simulator.gradients.smoothed
        durations, logits = self.first
        durations = durations + x[0] + x[1:k] @ gradients[list(GRADIENTS)]
        durations = durations + self.modes @ x[k : k + n]
        logits = logits + x[k + n] + x[k + n + 1] * gradients[3] + self.modes @ x[k + n + 2 :]
        known = family().apd90
        share = 1 / (1 + np.exp(-logits))
        return Cells(*self.sigma, np.clip(durations, known[0], known[-1]), BASELINE, share)

    @cached_property
    def front(self) -> np.ndarray:
        """Potentials [9, time] of the wave with one kind of cells."""
        return self.body.simulator.transfer.front(self._times, self.cells(np.zeros(len(self.sds))))

    @property
    def _times(self) -> np.ndarray:
        return self.tau - self.tau.min()

    def beyond(self, x: np.ndarray) -> np.ndarray:
        """ECG [12, time] mV beyond that of one kind of cells, from the first activation."""
        potentials = self.body.simulator.transfer._differences(self._times, self.cells(x))
        return self.gain * twelve_lead(STANDARD_ELECTRODES, potentials)

    def ecg(self, x: np.ndarray) -> np.ndarray:
        """The ventricles' ECG [12, time] mV from the first activation."""
        return self.gain * twelve_lead(STANDARD_ELECTRODES, self.front) + self.beyond(x)

    @cached_property
    def seen(self) -> tuple[np.ndarray, np.ndarray]:
        """Samples that count, and their errors mV."""
        found, onset = self.beat.delineation, BEFORE_MS - self.tau.min()
        last = min(N_TIMES - 1, round(onset + (found.qt_ms or 420.0) + AFTER_T_MS))
        at = np.arange(round(onset + found.qrs_ms) - BEFORE_J_MS, last, STEP_MS)
        return at, np.where(at < onset + found.qrs_ms + ST_MS, ST_MV, T_MV)

    def residual(self, x: np.ndarray) -> np.ndarray:
        """Residuals [value] in units of the errors."""
        at, errors = self.seen
        wanted = self.beat.window(BEFORE_MS - self.tau.min(), N_TIMES)
        off = self.ecg(x) - wanted + self.body.after_p(np.arange(float(N_TIMES)))
        return (off[INDEPENDENT_ROWS][:, at] / errors).ravel()

    def cost(self, x: np.ndarray) -> float:
        """Minus the logarithm of the posterior density, up to a constant."""
        return float(np.square(self.residual(x)).sum() + np.square(x / self.sds).sum()) / 2

    def quadratic(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and Gauss-Newton matrix, by differences of a fifth of an SD."""
        here, steps = self.residual(x), 0.2 * self.sds
        columns = [(self.residual(x + h * e) - here) / h for h, e in zip(steps, np.eye(len(x)))]
        jacobian = np.array(columns).T
        prior = self.sds**-2.0
        return jacobian.T @ here + prior * x, jacobian.T @ jacobian + np.diag(prior)

    def moved(self, x: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Parameters after a step."""
        return x + step

    def fit(self, x: np.ndarray | None, n_steps: int) -> np.ndarray:
        """The most probable parameters; without a start the best of a few mean durations."""
        if x is None:
            starts = np.zeros((len(MEANS_MS) + 1, len(self.sds)))
            starts[1:, 0] = MEANS_MS
            x = min(starts, key=self.cost)
        return minimise(self, x, Damping(1e-2, 0.2, 4.0, 7), n_steps, (0.01, 0.0))[0]


class FittedBeat(NamedTuple):
    """A person's beat on a body."""

    ecg: np.ndarray
    """[12, time] mV at the stored times."""
    numbers: dict[str, float]


def fitted(body: DrawnBody, drawn: DrawnBeat) -> FittedBeat:
    """Wave and cells in turns."""
    began, config, beat = clock.process_time(), body.config, drawn.beat
    qrs = beat.window(BEFORE_MS, round(BEFORE_MS + beat.delineation.qrs_ms + AFTER_MS))
    modes = onset_modes(body.patient.heart.points, MODES)
    person, x = body.person(qrs), None
    values = qrs_people().at(person.deviation)
    along = values["sigma_il_s_per_m"]
    sigma, gain = (along, along * values["sigma_it_share"]), float(np.exp(person.log_gain))
    for wave_steps, cell_steps in zip(WAVE_STEPS, CELL_STEPS):
        cells = FreeCells(body, beat, modes, person.tau, sigma, gain)
        other = cells.beyond(np.zeros(len(cells.sds)) if x is None else x)
        other = other + body.after_p(np.arange(float(other.shape[1])))
        other = placed(other, float(person.tau.min()), qrs.shape[1])
        problem = BodyProblem(body.patient, body.heart.grad, None, qrs - other, config, WAVE)
        twin = problem.fit(person, (wave_steps,))
        sigma, gain = _conduction(twin, config)
        person = person._replace(tau=twin.twin.activation_time,
                                 log_gain=twin.twin.parameters.log_gain)  # fmt: skip
        cells = FreeCells(body, beat, modes, person.tau, sigma, gain)
        x = cells.fit(x, cell_steps)
    return _summary(body, cells, x, twin, clock.process_time() - began)


def _conduction(twin: BodyTwin, config: Config) -> tuple[tuple[float, float], float]:
    parameters = twin.twin.parameters
    settings = config.leadfield.sigma_il_s_per_m, config.leadfield.sigma_it_s_per_m
    along, across = np.array(settings) * np.exp(parameters.log_sigmas)
    return (float(along), float(across)), float(np.exp(parameters.log_gain))


def _summary(
    body: DrawnBody, cells: FreeCells, x: np.ndarray, twin: BodyTwin, seconds: float
) -> FittedBeat:
    _, time, _ = body.stored
    own = cells.ecg(x)
    ecg = body.atria + np.array([np.interp(time, np.arange(own.shape[1]), row, left=0.0)
                                 for row in own])  # fmt: skip
    at, errors = cells.seen
    off = cells.residual(x).reshape(len(INDEPENDENT_ROWS), -1) * errors
    is_st = errors == ST_MV
    return FittedBeat(ecg, {
        "qrs_correlation": twin.twin.correlation,
        "gain": cells.gain,
        "onsets_sd": twin.off_in_sd()["onsets_rms"],
        "cells_sd": float(np.sqrt(np.mean((x / cells.sds) ** 2))),
        "st_rms_mv": float(np.sqrt(np.mean(off[:, is_st] ** 2))),
        "t_rms_mv": float(np.sqrt(np.mean(off[:, ~is_st] ** 2))),
        "seconds": seconds,
    })  # fmt: skip


def pairs(
    bodies: Sequence[DrawnBody], people: Sequence[DrawnBeat]
) -> list[tuple[DrawnBody, DrawnBeat]]:
    """Each body with the person whom its candidates come nearest to, nobody twice."""
    cost = np.zeros((len(bodies), len(people)))
    for row, body in zip(cost, bodies):
        for k, drawn in enumerate(people):
            n = round(BEFORE_MS + drawn.beat.delineation.qrs_ms + AFTER_MS)
            alike, _, gain = body.nearest(drawn.beat.window(BEFORE_MS, n)[INDEPENDENT_ROWS])
            row[k] = 1 - alike + GAIN_COST * np.log(gain) ** 2
    return [(bodies[i], people[k]) for i, k in zip(*linear_sum_assignment(cost))]


def judged(features: np.ndarray, people: PeopleEcgs) -> dict[str, float]:
    """AUCs of logistic classifiers for all features and by wave, and the median difference."""
    both, names = (features, people.features), people.feature_names
    seen = np.array([
        np.nanstd(people.features[:, k]) > 0
        and min(np.isfinite(group[:, k]).mean() for group in both) >= LEAST_MEASURED
        for k in range(len(names))
    ])  # fmt: skip
    waves = np.array([wave_of(name) for name in names])
    found = {}
    for wave in ("all", *dict.fromkeys(waves.tolist())):
        columns = seen & ((waves == wave) | (wave == "all"))
        if columns.sum() > 1:
            area = cross_validated_area(*(g[:, columns] for g in both), "logistic", SEED, repeats=4)
            found[f"auc {wave}"] = area.auc
    ventricles = [difference(names[k], features[:, k], people.features[:, k])
                  for k in np.flatnonzero(seen & (waves != "P"))]  # fmt: skip
    return found | {"median_abs_smd": median_abs_smd(ventricles)}


def main() -> None:
    """Fit, judge, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("results", type=Path)
    add("--config", type=Path, required=True)
    add("--recordings", type=Path, required=True, help="PTB-XL, with its sheet")
    add("--half", type=int, choices=(0, 1), default=0, help="of the people whose beats are drawn")
    add("--bodies", type=int, nargs=2, default=(0, 1), metavar=("FIRST", "STEP"))
    add("--json", type=Path, required=True)
    args = parser.parse_args()
    people = read_people(
        [args.recordings], "people", GroupChoice("", None, True, part="fit")
    ).people
    order = generator(SEED, "people").permutation(len(people))
    drawn = [_drawn(people, int(k), args.recordings) for k in order[args.half :: 2]]
    judges = people.chosen(order[1 - args.half :: 2])
    found = sorted(path.parent for path in args.results.glob("patients/*/ecg.npz"))
    first, step = args.bodies
    config = load(args.config)
    if len(found[first::step]) < LEAST_BODIES:
        parser.error(f"{len(found[first::step])} bodies; to judge takes {LEAST_BODIES}")
    bodies = [DrawnBody.of(folder, config) for folder in track(found[first::step], "bodies")]
    rows: list[dict[str, Any]] = []
    beats, own, themselves = [], [], []
    for body, person in pairs(bodies, drawn):
        beat = fitted(body, person)
        ecg, time, cycle = body.stored
        beats.append(of_axes(measured(beat.ecg[None], time, [person.cycle_ms]), FEATURES)[0])
        own.append(of_axes(measured(ecg[None], time, [cycle]), FEATURES)[0])
        themselves.append(people.features[person.row])
        row = {"patient": body.patient.name, "person": person.name, **beat.numbers}
        print(row, flush=True)
        kept = {name: value for name, value in zip(FEATURES, beats[-1].tolist()) if value == value}
        rows.append(row | {"features": kept})
    groups = {"fitted": beats, "stored": own, "the drawn people": themselves}
    areas = {name: judged(np.array(group), judges) for name, group in groups.items()}
    write_json(args.json, {"half": args.half, "rows": rows, "judged": areas})
    for name, numbers in areas.items():
        print(name, {key: round(value, 3) for key, value in numbers.items()})


def _drawn(people: PeopleEcgs, row: int, recordings: Path) -> DrawnBeat:
    name = people.names[row]
    beat = aligned_beat(read_recording(next(recordings.rglob(f"{name}.hea"))))
    return DrawnBeat(name, row, beat, float(60_000 / people.rates[row]))


if __name__ == "__main__":
    main()

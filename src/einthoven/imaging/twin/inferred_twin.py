"""The digital twin of a person whose body nobody knows: `einthoven twin` with a bank of bodies.

The ECG chooses among the bodies of a family: by simulated beats on all of them, then by the
best person on each of a few, then by fits on the best of these, in which pose, torso and electrodes
move too. Several bodies explain an ECG; how far their maps differ is part of the answer.
"""

import time as clock
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import save_arrays, write_json, write_text
from einthoven.base.core.log import step, track
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS
from einthoven.base.core.seeds import generator
from einthoven.imaging.inputs.points import NAMES
from einthoven.imaging.twin.body_bank import BodyBank, ScreenedBody
from einthoven.imaging.twin.body_moves import BodyFields
from einthoven.imaging.twin.body_twin import ABOUT, ROUNDS, BodyProblem, BodyTwin
from einthoven.imaging.twin.people_heart import PeopleHeart
from einthoven.imaging.twin.people_search import LikelyPerson, PeopleSearch, people_like
from einthoven.imaging.twin.prior import TwinSettings
from einthoven.physics.ecg.recordings.aligned import AlignedBeat, aligned_beat
from einthoven.physics.ecg.recordings.recording import Recording

BEFORE_MS, AFTER_MS = 15, 10
"""Fitted interval before the QRS onset and after the QRS."""
LEAD_MS = 12
"""Interval before the expected first activation that the search sees."""
HEADER = "point,time_ms,sd_ms,between_bodies_ms"
ORDINARY_LOG_GAIN = 0.7
WARNINGS = (
    "the anatomy is inferred from the ECG, not measured: heart and torso are those of virtual "
    "patients",
    "the map is one of several that explain this ECG: on the {n} best bodies ({names}) activation "
    "times differ by {spread:.0f} ms (SD, mean over 75 points)",
    "Not a medical device.",
)


@dataclass(frozen=True)
class InferenceSettings:
    """Numbers of bodies to try, and the settings of their search and fit."""

    n_searched: int = 3
    """Bodies of the screening on which a person is searched for."""
    n_fitted: int = 2
    """Bodies of these on which a twin is fitted."""
    people: PeopleSearch = field(default_factory=PeopleSearch)
    about: TwinSettings = ABOUT
    rounds: tuple[int, ...] = ROUNDS
    moves: bool = True
    """Whether pose, size and electrodes are unknown."""


AS_USUAL = InferenceSettings()


@dataclass(frozen=True, eq=False)
class InferredTwin:
    """Twins of one ECG on the bodies that explain it best."""

    ecg: np.ndarray
    """[12, time] mV, as fitted."""
    bodies: tuple[BodyTwin, ...]
    """The most probable first."""
    screened: tuple[ScreenedBody, ...]
    """All bodies of the bank."""
    seconds: float
    """Processor time."""

    @property
    def best(self) -> BodyTwin:
        """The most probable one."""
        return self.bodies[0]

    @property
    def correlation(self) -> float:
        """Correlation of the best twin's QRS with the given one."""
        return self.best.twin.correlation

    @property
    def between_bodies_ms(self) -> np.ndarray:
        """SD [75] ms of the bodies' times, each from its first point; NaN for a single body."""
        if len(self.bodies) < 2:
            return np.full(len(NAMES), np.nan)
        times = np.array([body.times - body.times.min() for body in self.bodies])
        found: np.ndarray = times.std(axis=0, ddof=1)
        return found

    def residual_share(self) -> dict[str, float]:
        """Norm of each lead's residual over the norm of that lead."""
        off = np.linalg.norm(self.best.twin.ecg - self.ecg, axis=1)
        share = off / np.maximum(np.linalg.norm(self.ecg, axis=1), 1e-9)
        return {lead: float(share[LEADS.index(lead)]) for lead in LEADS}


def infer_twin(
    ecg: np.ndarray, bank: BodyBank, settings: InferenceSettings = AS_USUAL
) -> InferredTwin:
    """Twins of a QRS on the bodies of a bank.

    Args:
        ecg: [12, time] mV in the order of `core.names.LEADS`, baseline at zero, QRS only, 1 ms per
            sample; the first activation within the first `body_bank.LATEST_MS`.
        bank: of bodies. settings: of search and fit.

    Raises:
        BadInput: a shape that does not fit, NaN, or a flat ECG.
    """
    began = clock.process_time()
    check.finite("ecg", check.shape("ecg", ecg, (len(LEADS), None)))
    rows = ecg[INDEPENDENT_ROWS].astype(float)
    if not np.ptp(rows) > 0:
        raise BadInput("ecg: flat in all leads; there is no QRS to fit")
    screened = bank.screened(rows)
    step("people on the most likely bodies")
    found = list[tuple[PeopleHeart, LikelyPerson]]()
    for body in screened[: settings.n_searched]:
        heart = bank.heart(body.body)
        draws = bank.deviations, bank.ecgs[body.body]
        rng = generator(settings.people.seed, "twin", heart.patient.name)
        # the search sees the same samples wherever the QRS is in the window
        begin = max(0, int(body.start_ms) - LEAD_MS)
        start = body.start_ms - begin
        person = people_like(heart, rows[:, begin:], start, draws, settings.people, rng)
        found.append((heart, person.later(begin)))
    found.sort(key=lambda row: row[1].misfit)
    twins = [
        _problem(bank, heart, ecg, settings).fit(person, settings.rounds)
        for heart, person in track(found[: settings.n_fitted], "fit on the best bodies")
    ]
    twins.sort(key=lambda twin: twin.cost)
    return InferredTwin(ecg, tuple(twins), tuple(screened), clock.process_time() - began)


def _problem(
    bank: BodyBank, heart: PeopleHeart, ecg: np.ndarray, settings: InferenceSettings
) -> BodyProblem:
    patient = heart.patient
    fields = BodyFields.of(patient, bank.config.leadfield) if settings.moves else None
    return BodyProblem(patient, heart.grad, fields, ecg, bank.config, settings.about)


@dataclass(frozen=True, eq=False)
class InferredRecording:
    """A recording and the twins of its mean beat."""

    beat: AlignedBeat
    """Mean beat of the recording."""
    inferred: InferredTwin
    """Twins on the best bodies."""

    @property
    def time(self) -> np.ndarray:
        """[time] ms from the QRS onset."""
        return np.arange(float(self.inferred.ecg.shape[1])) - BEFORE_MS

    @property
    def warnings(self) -> tuple[str, ...]:
        """Hints on the recording, on what is inferred, and the limits of use."""
        found, gain = self.inferred, self.inferred.best.twin.parameters.log_gain
        names = ", ".join(body.name for body in found.bodies)
        spread = float(found.between_bodies_ms.mean())
        own = [text.format(n=len(found.bodies), names=names, spread=spread) for text in WARNINGS]
        if len(found.bodies) < 2:
            own[1] = "the map is one of several that explain this ECG; a single body was fitted"
        if abs(gain) > ORDINARY_LOG_GAIN:
            own.insert(0, f"amplitudes are {np.exp(gain):.2f} times those of the virtual body")
        return (*self.beat.warnings, *own)

    def line(self) -> str:
        """One line with the correlation, the body and the duration of activation."""
        best = self.inferred.best
        return (
            f"{self.beat.recording.name} on an inferred body ({best.name}, moved by "
            f"{np.sqrt(np.mean(best.moved**2)) if len(best.moved) else 0.0:.1f} SD): QRS of the "
            f"twin and of the recording correlate by {self.inferred.correlation:.4f}; activation "
            f"lasts {np.ptp(best.times):.0f} ms"
        )

    def to_json(self) -> dict[str, Any]:
        """Content of twin.json."""
        found = self.inferred
        return {
            "recording": self.beat.recording.name,
            "anatomy": "inferred",
            "correlation": found.correlation,
            "residual_share": found.residual_share(),
            "seconds": found.seconds,
            "between_bodies_ms": float(found.between_bodies_ms.mean()),
            "bodies": [
                {"patient": body.name, "correlation": body.twin.correlation, "cost": body.cost,
                 "searched_correlation": float(np.sqrt(max(0.0, 1.0 - body.person.misfit**2))),
                 "log_gain": body.twin.parameters.log_gain, "off_in_sd": body.off_in_sd()}
                for body in found.bodies
            ],
            "warnings": list(self.warnings),
        }  # fmt: skip

    def write(self, folder: str | Path) -> None:
        """Write twin.csv, twin.json and twin.npz, each atomically."""
        folder, best = Path(folder), self.inferred.best
        folder.mkdir(parents=True, exist_ok=True)
        between = self.inferred.between_bodies_ms
        sds = np.sqrt(best.sds**2 + np.nan_to_num(between) ** 2)
        times = best.times - BEFORE_MS
        rows = [f"{name},{at:.2f},{sd:.2f},{apart:.2f}"
                for name, at, sd, apart in zip(NAMES, times, sds, between)]  # fmt: skip
        write_text(folder / "twin.csv", "\n".join([HEADER, *rows]) + "\n")
        write_json(folder / "twin.json", self.to_json())
        by_body = np.array([body.times for body in self.inferred.bodies]) - BEFORE_MS
        arrays = {"time": self.time, "ecg": self.inferred.ecg, "fitted": best.twin.ecg,
                  "activation_time": best.twin.activation_time - BEFORE_MS,
                  "activation_sd": best.twin.activation_sd, "moved": best.moved,
                  "times_by_body": by_body}  # fmt: skip
        save_arrays(folder / "twin.npz", arrays, patient=best.name)


def infer_recorded_twin(
    recording: Recording, bank: BodyBank, settings: InferenceSettings = AS_USUAL
) -> InferredRecording:
    """Twins of the mean QRS of a recording on the bodies of a bank.

    Args:
        recording: see `ei.read_ecg`. bank: of bodies. settings: of search and fit.

    Raises:
        BadInput: as `aligned_beat` and `infer_twin`.
    """
    beat = aligned_beat(recording)
    ecg = beat.window(BEFORE_MS, round(BEFORE_MS + beat.delineation.qrs_ms + AFTER_MS))
    return InferredRecording(beat, infer_twin(ecg, bank, settings))

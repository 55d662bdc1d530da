"""The beat of a drawn person on the body of a virtual patient, which stays as it is.

Five early sites and four gradients cannot give people's QRS and T waves, whatever the body
(docs/studies/2026-11-26-drawn-beats.md). So the wave (free onsets) and the cells (durations and
plateaus) are fitted on each body to a beat drawn from the distribution of people's beats. Of a few
draws that one is taken which the body's own draws of physiology come nearest to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from einthoven.base.config import Config
from einthoven.base.config.atria import AtriaSettings
from einthoven.base.config.people import CYCLE_LENGTH
from einthoven.base.config.traits import AGE
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS
from einthoven.base.core.seeds import generator
from einthoven.data.patient.fitted_beat import FittedBeat
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.imaging.twin.body_bank import N_DRAWS, correlations
from einthoven.imaging.twin.body_twin import ABOUT, BodyProblem, BodyTwin
from einthoven.imaging.twin.cell_fit import LEVELS, N_TIMES, CellFields, FitLevel, KnownWave
from einthoven.imaging.twin.inferred_twin import AFTER_MS, BEFORE_MS, LEAD_MS
from einthoven.imaging.twin.people_heart import PeopleHeart, qrs_people
from einthoven.imaging.twin.people_search import (
    LikelyPerson,
    PeopleSearch,
    best_gain,
    people_like,
    placed,
)
from einthoven.physics.ecg.p_wave import AtrialWave
from einthoven.physics.ecg.people_beats import PeopleBeats, VentricularBeat
from einthoven.physics.ecg.transfer import ElectrodeTransfer
from einthoven.physics.electrophysiology.repolarisation import (
    GradientFields,
    apd90_field,
    plateau_field,
)

WAVE = replace(ABOUT, noise_share=0.015)
"""Settings of the wave: noise of 4 %, the default, hides a small r in V1."""
FitTurn = tuple[int, Sequence[FitLevel]]
TURNS: tuple[FitTurn, ...] = ((12, LEVELS[:2]), (8, LEVELS))
"""Steps of the wave, and levels of the cells that follow."""
N_BEATS = 6
"""Draws among which the beat is chosen; with more of them beats would vary less than people's."""
LEAST_CORRELATION = 0.9
"""Correlation of QRS complexes below which a beat is not that of the drawn person."""
GAIN_COST = 0.3
"""Cost of a beat's amplitude over the body's, log^2, against 1 - correlation."""


class NearestPlay(NamedTuple):
    """Draw of a body's physiology that comes nearest to a QRS."""

    correlation: float
    start_ms: int
    gain: float

    @property
    def cost(self) -> float:
        """Smaller for beats that suit the body."""
        return 1 - self.correlation + GAIN_COST * float(np.log(self.gain)) ** 2


@dataclass(frozen=True, eq=False)
class BeatBody:
    """A virtual patient on whose body beats are fitted."""

    patient: Patient
    """Patient with mesh, fibres and ventricular coordinates."""
    config: Config
    """Sections activation and leadfield."""
    heart: PeopleHeart
    deviations: np.ndarray
    """[draw, variable] SD of `qrs_people`, independent."""
    played: np.ndarray
    """[draw, 8, time] mV of these draws."""
    other: np.ndarray
    """[12, N_TIMES] mV from the first activation, what the ECG has besides the ventricles."""

    @classmethod
    def of(
        cls,
        patient: Patient,
        grad: np.ndarray,
        config: Config,
        other: np.ndarray,
        seed: int,
    ) -> Self:
        """A body whose draws depend on the seed and the patient's name.

        Args:
            patient: with mesh, fibres and ventricular coordinates.
            grad: [9, cell, 3] kOhm/mm, in the order of `core.names.STANDARD_ELECTRODES`.
            config: sections activation and leadfield.
            other: as the attribute.
            seed: of the draws.
        """
        heart, people = PeopleHeart.of(patient, grad, config.activation), qrs_people()
        rng = generator(seed, patient.name, "beat", "draws")
        deviations = rng.standard_normal((N_DRAWS, len(people.names)))
        played = heart.plays(deviations)
        return cls(patient, config, heart, deviations, played, other)

    @cached_property
    def transfer(self) -> ElectrodeTransfer:
        """From activation to the nine electrodes."""
        heart, f0 = self.patient.heart, self.patient.fibers.f0
        return ElectrodeTransfer.of(heart, f0, self.heart.grad, N_TIMES)

    @cached_property
    def gradients(self) -> GradientFields:
        """Gradients of durations and plateaus."""
        return GradientFields.of(self.patient, self.config.repolarisation.smoothing_mm)

    def nearest(self, beat: VentricularBeat) -> NearestPlay:
        """The draw of physiology that is most like a beat's QRS."""
        ecg = qrs_of(beat)[INDEPENDENT_ROWS]
        alike = correlations(self.played[None], ecg)[:, 0]
        start, draw = np.unravel_index(alike.argmax(), alike.shape)
        there = placed(self.played[draw], float(start), ecg.shape[1])
        return NearestPlay(float(alike[start, draw]), int(start), best_gain(there, ecg))

    def fitted(
        self,
        beat: VentricularBeat,
        cells: CellFields,
        seed: int,
        turns: Sequence[FitTurn] = TURNS,
    ) -> FittedBeat:
        """Wave and cells that give a beat, fitted in turns; the cells are about given ones.

        Raises:
            StepFailed, NotConverged: of the wave.
        """
        qrs, person = qrs_of(beat), self._person(beat, seed)
        values, fields = qrs_people().at(person.deviation), cells
        along = values["sigma_il_s_per_m"]
        wave = self._wave(beat, person, (along, along * values["sigma_it_share"]))
        for steps, levels in turns:
            other = placed(wave.beyond(fields) + self.other, float(person.tau.min()), qrs.shape[1])
            problem = BodyProblem(
                self.patient, self.heart.grad, None, qrs - other, self.config, WAVE
            )
            twin = problem.fit(person, (steps,))
            person = person._replace(tau=twin.twin.activation_time,
                                     log_gain=twin.twin.parameters.log_gain)  # fmt: skip
            wave = self._wave(beat, person, self._sigmas(twin))
            fields = wave.fit(cells, levels=levels)
        return self._found(wave, fields, twin)

    def _person(self, beat: VentricularBeat, seed: int) -> LikelyPerson:
        """A physiology of people that has nearly a beat's QRS."""
        rows, start = qrs_of(beat)[INDEPENDENT_ROWS], self.nearest(beat).start_ms
        begin = max(0, start - LEAD_MS)
        rng = generator(seed, self.patient.name, "beat", "search")
        found = people_like(self.heart, rows[:, begin:], float(start - begin),
                            (self.deviations, self.played), PeopleSearch(), rng)  # fmt: skip
        return found.later(begin)

    def _wave(
        self, beat: VentricularBeat, person: LikelyPerson, sigmas: tuple[float, float]
    ) -> KnownWave:
        first = float(person.tau.min())
        return KnownWave(
            self.patient, self.heart.grad, self.transfer, self.gradients, person.tau - first,
            sigmas, float(np.exp(person.log_gain)), BEFORE_MS - first, beat, self.other,
        )  # fmt: skip

    def _sigmas(self, twin: BodyTwin) -> tuple[float, float]:
        section = self.config.leadfield
        settings = np.array([section.sigma_il_s_per_m, section.sigma_it_s_per_m])
        along, across = settings * np.exp(twin.twin.parameters.log_sigmas)
        return float(along), float(across)

    def _found(self, wave: KnownWave, fields: CellFields, twin: BodyTwin) -> FittedBeat:
        off = wave.beyond(fields)[:, wave.samples] - wave.wanted
        rms = [float(np.sqrt(np.mean(off[:, part] ** 2))) for part in (wave.is_st, ~wave.is_st)]
        return FittedBeat(
            patient=self.patient.name,
            fitted_time=wave.tau.astype(np.float32),
            apd90=fields.apd90.astype(np.float32),
            low_plateau=fields.low.astype(np.float32),
            sigma_il_s_per_m=wave.sigmas[0],
            sigma_it_s_per_m=wave.sigmas[1],
            gain=wave.gain,
            qrs_correlation=float(twin.twin.correlation),
            onsets_sd=float(twin.off_in_sd()["onsets_rms"]),
            st_rms_mv=rms[0],
            t_rms_mv=rms[1],
        )


@dataclass(frozen=True)
class BeatSettings:
    """Settings that a patient's beat depends on.

    Attributes:
        config: sections activation, leadfield and repolarisation, as the patient has them.
        atria: of the patient.
        traits: cycle_length_ms and age_years, as far as they are known.
        sex: female, male or None.
        seed: of the draws.
        usual: whether the beat is the mean of such people, not that of a drawn one.
    """

    config: Config
    atria: AtriaSettings
    traits: Mapping[str, float]
    sex: str | None
    seed: int
    usual: bool = False

    @classmethod
    def of_params(
        cls, activation: Any, leadfield: Any, repolarisation: Any, atria: Any,
        person: Mapping[str, Any],
    ) -> Self:  # fmt: skip
        """Settings from a rule's sections, and seed, sex, traits and kind of the person."""
        config = Config.model_validate(
            {"activation": activation, "leadfield": leadfield, "repolarisation": repolarisation}
        )
        traits = {name: float(person[name]) for name in (CYCLE_LENGTH, AGE) if name in person}
        return cls(config, AtriaSettings.model_validate(atria), traits, person.get("sex"),
                   int(person["seed"]), person.get("usual", False))  # fmt: skip

    @property
    def known(self) -> dict[str, float]:
        """Numbers for `PeopleBeats.draw`: cycle length, age and, if any, sex."""
        found = {"age_years": self.traits[AGE]} if AGE in self.traits else {}
        if CYCLE_LENGTH in self.traits:
            found["log_cycle_ms"] = float(np.log(self.traits[CYCLE_LENGTH]))
        return found | ({} if self.sex is None else {"female": float(self.sex == "female")})


def fitted_beat(
    patient: Patient, gradients: LeadFieldGradients, beats: PeopleBeats, settings: BeatSettings
) -> FittedBeat:
    """The beat of a drawn person, or the usual one, on a patient's body.

    Args:
        patient: with mesh, fibres and ventricular coordinates.
        gradients: of the nine electrodes, in the order of `core.names.STANDARD_ELECTRODES`.
        beats: distribution that the beat is drawn from.
        settings: of the patient.

    Raises:
        BadInput: stages that are missing or do not fit each other.
        StepFailed, NotConverged: of wave or cells, or the QRS is not that of the drawn person.
    """
    config, seed = settings.config, settings.seed
    cells = CellFields.of(apd90_field(patient, config.repolarisation),
                          plateau_field(patient, config.repolarisation))  # fmt: skip
    other = atrial_repolarisation(patient, gradients, settings.atria)
    body = BeatBody.of(patient, gradients.grad, config, other, seed)
    if settings.usual:
        chosen = beats.usual(settings.known)
    else:
        drawn = beats.draw(N_BEATS, settings.known, generator(seed, patient.name, "beat"))
        chosen = suitable(body, drawn)
    return near_enough(body.fitted(chosen, cells, seed), patient.name,
                       "take another variation.seed, leave the patient out by dataset.exclude, or "
                       'set variation.beats to ""')  # fmt: skip


def near_enough(found: FittedBeat, whose: str, remedy: str) -> FittedBeat:
    """A fitted beat whose QRS is the wanted one.

    Raises:
        StepFailed: it is not; `whose` and `remedy` are for the message.
    """
    if found.qrs_correlation < LEAST_CORRELATION:
        raise StepFailed(
            f"{whose}: the QRS that was fitted correlates with the wanted one by "
            f"{found.qrs_correlation:.2f}, below {LEAST_CORRELATION:g}; {remedy}"
        )
    return found


def qrs_of(beat: VentricularBeat) -> np.ndarray:
    """The fitted interval of a beat: [12, time] mV, with its onset at `BEFORE_MS`."""
    return beat.window(BEFORE_MS, round(BEFORE_MS + beat.qrs_ms + AFTER_MS))


def suitable(body: BeatBody, beats: Sequence[VentricularBeat]) -> VentricularBeat:
    """The beat, of some, that suits a body best."""
    return min(beats, key=lambda beat: body.nearest(beat).cost)


def atrial_repolarisation(
    patient: Patient, fields: LeadFieldGradients, settings: AtriaSettings
) -> np.ndarray:
    """Part of the atria in the ventricles' beat, from their level at the first activation.

    A recorded beat, whose zero is at the QRS onset, has it as well.

    Args:
        patient: with mesh. fields: of the electrodes of the 12 leads and any others.
        settings: a patient's atria.

    Returns:
        [12, N_TIMES] mV.

    Raises:
        BadInput: as `AtrialWave`.
    """
    if not settings.enabled:
        return np.zeros((len(LEADS), N_TIMES))
    wave = AtrialWave.of(patient.heart, settings)
    time = np.arange(-np.ceil(wave.pr_ms), N_TIMES)
    ecg = wave.ecg(patient.mesh, fields, time)[:, time >= 0]
    return ecg - ecg[:, :1]

"""The twin on one body that is not the person's own: the wave and the body are fitted together.

Lead fields are linear in small moves of the body. The fit runs in rounds: the lead fields are
predicted anew where the moves of the last round led, and in the last round the body stays, so that
the reported ECG is that of a body and not of a linearisation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from einthoven.base.config import Config
from einthoven.base.config.people import derived, people_conductivities
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.patient import Patient
from einthoven.imaging.inputs.points import recording_points
from einthoven.imaging.twin.body_moves import MOVES, BodyFields
from einthoven.imaging.twin.forward import SIGMAS, UNMOVED, ForwardModel
from einthoven.imaging.twin.people_heart import qrs_people
from einthoven.imaging.twin.people_search import LikelyPerson
from einthoven.imaging.twin.prior import TwinPrior, TwinSettings
from einthoven.imaging.twin.wave import SPEEDS, WaveModel
from einthoven.imaging.twin.wave_twin import Parameters, Twin, TwinProblem, fit_problem

ABOUT = TwinSettings(onset_sd_ms=4.0, log_speed_sd=0.2, log_sigma_sd=0.2, log_gain_sd=0.1,
                     shift_sd_ms=2.0, noise_share=0.04)  # fmt: skip
"""Settings of the fit about a person that the search found; chosen on people of the fit."""
ROUNDS = (5, 4, 3)
"""Gauss-Newton steps of the rounds; in the last one the body stays."""


@dataclass(frozen=True, eq=False)
class BodyTwin:
    """A twin on a body."""

    name: str
    """Name of the virtual patient whose heart and torso it has."""
    person: LikelyPerson
    """Beat at which the fit began."""
    twin: Twin
    """Wave and ECG."""
    moved: np.ndarray
    """[move] SD of `body_moves.MOVES` by which the body was changed."""
    off: np.ndarray
    """[parameter] SD by which those of the twin are off the centre of their prior."""
    cost: float
    """Minus the logarithm of the posterior density of wave and body, up to a constant."""
    times: np.ndarray
    """[75] ms at the recording points."""
    sds: np.ndarray
    """[75] ms, in Laplace's approximation on this body."""

    def off_in_sd(self) -> dict[str, float]:
        """Distance of the parameters from the centres of their priors, in SD.

        Root mean square and largest of the onsets, root mean square of the person's physiology;
        speeds, conductivities, gain and moves of the body each.
        """
        names = (*SPEEDS, *SIGMAS, "gain", *MOVES)
        n = len(self.off) - len(SPEEDS) - len(SIGMAS) - 1
        onsets, others = self.off[:n], [*self.off[n:], *self.moved]
        return {
            "onsets_rms": float(np.sqrt(np.mean(onsets**2))),
            "onsets_largest": float(np.abs(onsets).max()),
            "person_rms": float(np.sqrt(np.mean(self.person.deviation**2))),
            **{name: float(value) for name, value in zip(names, others)},
        }


@dataclass(frozen=True, eq=False)
class BodyProblem:
    """An ECG and a body on which a twin of it is fitted."""

    patient: Patient
    """Patient with anatomy, mesh, fibres and ventricular coordinates."""
    grad: np.ndarray
    """[9, cell, 3] kOhm/mm of the body as it is."""
    fields: BodyFields | None
    """Changes of the lead fields with the body; None: the body is known."""
    ecg: np.ndarray
    """[12, time] mV, baseline at zero, 1 ms per sample."""
    config: Config
    """Sections activation and leadfield."""
    about: TwinSettings = ABOUT
    """Settings of the fit."""

    def fit(self, person: LikelyPerson, rounds: Sequence[int] = ROUNDS) -> BodyTwin:
        """The twin that begins with a person's beat; times are from the ECG's first sample."""
        prior = TwinPrior.about(
            self.patient.heart.points, person.tau, self.about, self._logs(person)
        )
        if self.fields is None:
            problem = self._problem(self._forward(self.grad), prior, sum(rounds))
            return self._found(person, problem, fit_problem(problem, self._first(problem)), UNMOVED)
        moves, rest = self.fields.moves(), self.fields.moved(np.zeros(len(MOVES)))
        moved, grad, begin = np.zeros(len(MOVES)), self.grad, None
        for steps in rounds[:-1]:
            model = self._forward(grad).with_moves(self.patient, self.config.leadfield, moves)
            problem = self._problem(model, prior.with_moves(-moved), steps)
            still = np.zeros(len(MOVES))
            start = begin._replace(moved=still) if begin else self._first(problem)
            begin = fit_problem(problem, start).parameters
            moved = self.fields.allowed(moved + begin.moved)
            grad = self.grad + self.fields.moved(moved) - rest
        problem = self._problem(self._forward(grad), prior, rounds[-1])
        start = begin._replace(moved=UNMOVED) if begin else self._first(problem)
        return self._found(person, problem, fit_problem(problem, start), moved)

    def _first(self, problem: TwinProblem) -> Parameters:
        """The person's beat with a slower wave behind its onsets, so that they alone give it.

        At the person's own speeds all onsets are when the wave comes: a kink in every node, where
        round-off chose the derivatives and every second fit ended at its first step.
        """
        first = problem.first
        return first._replace(log_speeds=first.log_speeds - self.about.log_speed_sd)

    def _problem(self, model: ForwardModel, prior: TwinPrior, n_steps: int) -> TwinProblem:
        wave, settings = WaveModel(self.patient, self.config.activation), self.about
        ecg = self.ecg[INDEPENDENT_ROWS].astype(np.float64)
        return TwinProblem(wave, model, ecg, prior, replace(settings, max_steps=n_steps))

    def _forward(self, grad: np.ndarray) -> ForwardModel:
        nine = np.array(STANDARD_ELECTRODES)
        fields = LeadFieldGradients(nine, np.zeros((len(nine), 3)), grad)
        time = np.arange(float(self.ecg.shape[1]))
        return ForwardModel.of(self.patient, fields, self.config.leadfield, time)

    def _logs(self, person: LikelyPerson) -> np.ndarray:
        """[7] logarithms of a person's speeds and conductivities over the settings', and gain."""
        drawn = derived(qrs_people().at(person.deviation))
        drawn |= people_conductivities(drawn)
        settings = [getattr(self.config.activation, f"{name}_mm_per_ms") for name in SPEEDS]
        settings += [getattr(self.config.leadfield, f"{name}_s_per_m") for name in SIGMAS]
        values = [drawn[f"{name}_mm_per_ms"] for name in SPEEDS]
        values += [drawn[f"{name}_s_per_m"] for name in SIGMAS]
        return np.r_[np.log(np.array(values) / settings), person.log_gain]

    def _found(
        self, person: LikelyPerson, problem: TwinProblem, twin: Twin, moved: np.ndarray
    ) -> BodyTwin:
        weights = recording_points(self.patient).weights
        off = (twin.parameters.vector - problem.prior.mean) / problem.prior.sds
        cost = problem.cost(twin.parameters) + float((moved**2).sum()) / 2
        return BodyTwin(self.patient.name, person, twin, moved, off, cost,
                        weights @ twin.activation_time, twin.sd_of(weights))  # fmt: skip

"""One method, one unknown, several forward operators: what the error of each costs.

The body potentials are the finite elements' own of the patient's beat, which the exact sweep of
the wave made, on the heart's mesh: the operator by finite elements knows the right lead fields, but
neither that mesh nor what V_m does inside the muscle.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Self

import numpy as np

from einthoven.base.config.inverse import InverseSettings
from einthoven.base.core.seeds import generator
from einthoven.base.metrics.activation_times import ActivationErrors, spatiotemporal_times
from einthoven.base.metrics.potentials import PotentialErrors
from einthoven.data.patient.patient import Patient
from einthoven.inverse.methods.regularisation.criteria import CRITERIA
from einthoven.inverse.methods.regularisation.tikhonov import Tikhonov2
from einthoven.inverse.problem.inverse_problem import InverseProblem
from einthoven.inverse.problem.method import Method
from einthoven.inverse.problem.reference import less_area_mean
from einthoven.inverse.synthetic.operators import OPERATORS, Known
from einthoven.inverse.synthetic.transmembrane import SurfaceSource, referenced
from einthoven.inverse.synthetic.trials import Trial
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.simulate import HOMOGENEOUS

BEFORE_MS, AFTER_MS = 10.0, 20.0
"""What is reconstructed: from so long before the first activation to so long after the last."""
SMOOTH_MS = 4.0
"""Of the upstroke, when activation times are read from V_m."""


@dataclass(frozen=True, eq=False)
class Depolarisation:
    """The QRS of one scenario.

    Attributes:
        scenario: its name.
        time: [time] ms.
        body: [electrode, time] mV relative to the electrodes' mean.
        activation_time: [surface node] ms.
        v_m: [surface node, time] mV relative to its mean over the surface, which no electrode sees.
    """

    scenario: str
    time: np.ndarray
    body: np.ndarray
    activation_time: np.ndarray
    v_m: np.ndarray

    @classmethod
    def of(cls, patient: Patient, membrane: Membrane, source: SurfaceSource, scenario: str) -> Self:
        """From the stages `activation` and `ecg`.

        Raises:
            BadInput: there is no such scenario.
        """
        activation, ecg = patient.activation(scenario), patient.ecg
        tau = activation.activation_time[source.nearest].astype(float)
        inside = (ecg.time >= -BEFORE_MS) & (ecg.time <= tau.max() + AFTER_MS)
        time, row = ecg.time[inside], ecg.scenario.tolist().index(scenario)
        body = referenced(ecg.electrode_potential[row][:, inside].astype(float))
        v_m = np.interp(time - tau[:, None], *membrane.during(activation).template)
        return cls(scenario, time, body, tau, less_area_mean(v_m, source.surface.areas))


@dataclass(frozen=True, eq=False)
class OperatorComparison:
    """Beats of one patient, with one method.

    Attributes:
        known: what the operators are made of.
        source: the unknown.
        beats: whose V_m is sought.
        method: the same for all operators.
        noise_mv: SDs of white noise on the body.
        repeats: of each noise.
        seed: of the noise; the operators see the same.
    """

    known: Known
    source: SurfaceSource
    beats: Sequence[Depolarisation]
    method: Method
    noise_mv: Sequence[float]
    repeats: int
    seed: int

    @classmethod
    def of(cls, known: Known, scenarios: Sequence[str], config: InverseSettings) -> Self:
        """By Tikhonov's method of second order, its weight by the config's criterion or its own.

        Raises:
            BadInput: a scenario that the patient has not.
            StepFailed: the heart's surface cannot be remeshed.
        """
        name = config.criterion
        membrane = Membrane.of(known.patient, known.config, HOMOGENEOUS)
        source = SurfaceSource.of(known.patient.heart, membrane.sigma_i, config.source_edge_mm)
        return cls(
            known=known,
            source=source,
            beats=[Depolarisation.of(known.patient, membrane, source, s) for s in scenarios],
            method=Tikhonov2(criterion=CRITERIA[name]()) if name else Tikhonov2(),
            noise_mv=config.operator_noise_mv,
            repeats=config.repeats,
            seed=config.seed,
        )

    def trials(self, operators: Iterable[str]) -> Iterator[Trial]:
        """Of all operators, beats and noises; `transfer_rel` is the operator's own error.

        Raises:
            BadInput: an operator has not what it is made of.
        """
        for name in operators:
            transfer = self.source.transfer(OPERATORS[name].gradients(self.known))
            for beat, noise in product(self.beats, self.noise_mv):
                for repeat in range(self.repeats):
                    trial = Trial(beat.scenario, name, noise, repeat)
                    yield trial.of(partial(self._numbers, transfer, beat, noise, repeat))

    @cached_property
    def exact(self) -> np.ndarray:
        """The transfer matrix that the body potentials were made with, on the source's surface."""
        return self.source.transfer(OPERATORS["fem"].gradients(self.known))

    def _numbers(
        self, transfer: np.ndarray, beat: Depolarisation, noise: float, repeat: int
    ) -> dict[str, float]:
        rng = generator(self.seed, self.known.patient.name, beat.scenario, str(noise), repeat)
        body = referenced(beat.body + rng.normal(0.0, noise, beat.body.shape))
        surface = self.source.surface
        problem = InverseProblem(transfer, body, surface, beat.time, transmembrane=True)
        found, diagnostics = self.method.fit(problem)
        errors = PotentialErrors.of(less_area_mean(found, surface.areas), beat.v_m)
        times = diagnostics.activation_time
        if times is None:
            triangles = surface.points, surface.faces
            times = spatiotemporal_times(found, beat.time, triangles, SMOOTH_MS, falling=False)
        activation = ActivationErrors.of(times, beat.activation_time)
        return {
            "transfer_rel": float(
                np.linalg.norm(transfer - self.exact) / np.linalg.norm(self.exact)
            ),
            "re": errors.re,
            "cc": errors.cc,
            "at_error_ms": activation.mean_absolute,
            "at_cc": activation.correlation,
            "residual_rel": diagnostics.residual_rel,
            "seconds": diagnostics.seconds,
        }

"""One method and one unknown with several forward operators, for the cost of each one's error.

The body potentials are the finite elements' own of the patient's beat, which the exact sweep of
the wave made, on the heart's mesh. The operator by finite elements has the right lead fields, but
neither that mesh nor V_m inside the muscle.
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
from einthoven.inverse.problem.mean_reference import less_area_mean
from einthoven.inverse.synthetic.operators import OPERATORS, TransferInputs
from einthoven.inverse.synthetic.transmembrane import SurfaceSource, referenced
from einthoven.inverse.synthetic.trials import Trial
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.simulate import HOMOGENEOUS

BEFORE_MS, AFTER_MS = 10.0, 20.0
"""Margins of what is reconstructed, before the first activation and after the last."""
SMOOTH_MS = 4.0
"""SD of the Gaussian by whose derivative the upstroke of V_m is read."""


@dataclass(frozen=True, eq=False)
class Depolarisation:
    """The QRS of one scenario."""

    scenario: str
    time: np.ndarray
    """[time] ms."""
    body: np.ndarray
    """[electrode, time] mV relative to the electrodes' mean."""
    activation_time: np.ndarray
    """[surface node] ms."""
    v_m: np.ndarray
    """[surface node, time] mV relative to its mean over the surface, which no electrode sees."""

    @classmethod
    def of(cls, patient: Patient, membrane: Membrane, source: SurfaceSource, scenario: str) -> Self:
        """QRS from the stages `activation` and `ecg`.

        Raises:
            BadInput: the patient does not have that scenario.
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
    """Beats of one patient, reconstructed by Tikhonov's method of second order."""

    inputs: TransferInputs
    """Inputs from which the operators are made."""
    config: InverseSettings
    """Noises, repeats, seed and criterion; the operators see the same noise."""
    source: SurfaceSource
    """The unknown."""
    beats: Sequence[Depolarisation]
    """Beats of which V_m is estimated."""

    @classmethod
    def of(cls, inputs: TransferInputs, scenarios: Sequence[str], config: InverseSettings) -> Self:
        """Comparison of some scenarios.

        Raises:
            BadInput: the patient does not have a scenario.
            StepFailed: the heart's surface cannot be remeshed.
        """
        patient = inputs.patient
        membrane = Membrane.of(patient, inputs.config, HOMOGENEOUS)
        source = SurfaceSource.of(patient.heart, membrane.sigma_i, config.source_edge_mm)
        beats = [Depolarisation.of(patient, membrane, source, name) for name in scenarios]
        return cls(inputs, config, source, beats)

    def trials(self, operators: Iterable[str]) -> Iterator[Trial]:
        """Trials of all operators, beats and noises; `transfer_rel` is the operator's own error.

        Raises:
            BadInput: the inputs of an operator are missing.
        """
        for name in operators:
            transfer = self._transfer(name)
            for beat, noise in product(self.beats, self.config.operator_noise_mv):
                for repeat in range(self.config.repeats):
                    trial = Trial(beat.scenario, name, noise, repeat)
                    yield trial.of(partial(self._numbers, transfer, beat, noise, repeat))

    def _transfer(self, name: str) -> np.ndarray:
        return self.source.transfer(OPERATORS[name](self.inputs))

    @cached_property
    def _exact(self) -> np.ndarray:
        """The transfer matrix that the body potentials were made with, on the source's surface."""
        return self._transfer("fem")

    @cached_property
    def _method(self) -> Tikhonov2:
        """The same method for all operators."""
        name = self.config.criterion
        return Tikhonov2(criterion=CRITERIA[name]()) if name else Tikhonov2()

    def _numbers(
        self, transfer: np.ndarray, beat: Depolarisation, noise: float, repeat: int
    ) -> dict[str, float]:
        name, surface = self.inputs.patient.name, self.source.surface
        rng = generator(self.config.seed, name, beat.scenario, str(noise), repeat)
        body = referenced(beat.body + rng.normal(0.0, noise, beat.body.shape))
        problem = InverseProblem(transfer, body, surface, beat.time, transmembrane=True)
        v_m, diagnostics = self._method.fit(problem)
        errors = PotentialErrors.of(less_area_mean(v_m, surface.areas), beat.v_m)
        triangles = surface.points, surface.faces
        times = spatiotemporal_times(v_m, beat.time, triangles, SMOOTH_MS, falling=False)
        activation = ActivationErrors.of(times, beat.activation_time)
        error = np.linalg.norm(transfer - self._exact) / np.linalg.norm(self._exact)
        return {
            "transfer_rel": float(error),
            "re": errors.re,
            "cc": errors.cc,
            "at_error_ms": activation.mean_absolute,
            "at_cc": activation.correlation,
            "residual_rel": diagnostics.residual_rel,
            "seconds": diagnostics.seconds,
        }

"""Gauss-Newton iterations of 4D-Var: the most probable control, and its covariance."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from einthoven.inverse.methods.variational.control import (
    CONSTANTS,
    PER_SOURCE,
    POSES,
    TAIL,
    Control,
)
from einthoven.inverse.methods.variational.model_error import ModelError
from einthoven.inverse.methods.variational.trajectory import Dynamics
from einthoven.numerics.optimisation.levenberg_marquardt import Damping, minimise

LARGEST_MOVE = np.array([0.3, 6.0, 1.0, 0.3])
"""Largest change in a step of a log constant or coefficient, a centre (mm), an onset, a log
width."""
MAX_REFUSED = 12
ROUND_OFF = 1e-12
"""Share of the largest diagonal entry that is added to the Gauss-Newton matrix, as centres and
onsets have no prior."""


@dataclass(frozen=True)
class ControlPrior:
    """Prior of the controls: independent Gaussians, flat for centres and onsets."""

    constants_sd: np.ndarray
    """[4] SD of the logarithms of the constants."""
    diffusion_sd: np.ndarray
    """[mode] SD of the coefficients of log D."""
    log_width: float
    gain: float
    """Gain of the first guess; the SD of the gain is half of it, that of the resting potential a
    fifth."""
    log_width_sd: float = 0.5
    pose_sd: float = 1e-3
    """mm."""

    def precision(self, control: Control) -> np.ndarray:
        """Inverse variances: [control]."""
        source = [0.0, 0.0, 0.0, self.log_width_sd**-2]
        return np.concatenate(
            [
                self.constants_sd**-2,
                self.diffusion_sd**-2,
                np.tile(source, len(control.sources)),
                np.array([0.5 * self.gain, 0.2 * self.gain]) ** -2.0,
                np.full(POSES, self.pose_sd**-2.0),
            ]
        )

    def deviation(self, control: Control) -> np.ndarray:
        """Deviation of the control from the centre; 0 where the prior is flat: [control]."""
        local = np.zeros((len(control.sources), PER_SOURCE))
        local[:, 3] = control.sources.log_widths - self.log_width
        linear = [control.gain - self.gain, control.rest, *control.pose]
        return np.concatenate([control.log_constants, control.log_diffusion, local.ravel(), linear])


@dataclass(frozen=True)
class Analysis:
    """A control, and the covariance of the model error that weights its misfit."""

    dynamics: Dynamics
    control: Control
    prior: ControlPrior
    error: ModelError

    @cached_property
    def solution(self) -> np.ndarray:
        """u: [node, time]."""
        return self.dynamics.solution(self.control)

    @property
    def modelled(self) -> np.ndarray:
        """Potentials on the heart without the model error: [node, time]."""
        return self.control.rest + self.control.gain * self.solution

    @cached_property
    def residual(self) -> np.ndarray:
        """Residual of the recording: [component, time]."""
        observed = self.error.observed
        transfer = observed.recording.reduced + np.tensordot(
            self.control.pose, observed.displaced, axes=1
        )
        return observed.recording.data - transfer @ self.modelled

    @cached_property
    def cost(self) -> float:
        """Minus the logarithm of the posterior density but for a constant."""
        deviation = self.prior.deviation(self.control)
        penalty = np.sum(self.prior.precision(self.control) * deviation**2)
        return 0.5 * float(np.sum(self.error.whitened(self.residual) ** 2) + penalty)

    @cached_property
    def sensitivity(self) -> np.ndarray:
        """Derivatives of the recording's components: [control, component, time]."""
        observed = self.error.observed
        pose, displaced = self.control.pose, observed.displaced
        transfer = observed.recording.reduced + np.tensordot(pose, displaced, axes=1)
        blocks = np.empty((self.control.size, *observed.recording.data.shape))
        for snapshot in self.dynamics.run(self.control, tangent=True):
            wave = self.control.gain * (transfer @ snapshot.tangent)
            blocks[:-TAIL, :, snapshot.sample] = wave.T
            blocks[-TAIL, :, snapshot.sample] = transfer @ snapshot.u
        blocks[-TAIL + 1] = transfer.sum(axis=1)[:, None]
        blocks[-POSES:] = displaced @ self.modelled
        return blocks

    @cached_property
    def jacobian(self) -> np.ndarray:
        """Jacobian of the whitened recording: [component * time, control]."""
        return self.error.whitened(self.sensitivity).reshape(self.control.size, -1).T

    @cached_property
    def hessian(self) -> np.ndarray:
        """Gauss-Newton matrix with the prior: [control, control]."""
        return self.jacobian.T @ self.jacobian + np.diag(self.prior.precision(self.control))

    @cached_property
    def covariance(self) -> np.ndarray:
        """Covariance of the controls: [control, control].

        Controls that the data do not determine have the prior's variance, or 0 where it is flat.
        """
        return np.linalg.pinv(self.hessian, hermitian=True, rcond=1e-13)

    def covariance_given(self, error: ModelError) -> np.ndarray:
        """Covariance of controls that this analysis' weights give, for errors as in `error`.

        H^-1 (J' R J + P) H^-1, J and H of the weights used, R of the errors, P of the prior.
        """
        rotated, variance = error.diagonal(self.sensitivity)
        # white weights are the same in every orthonormal basis
        weight = self.error.sizes.noise**-2
        rows = rotated.reshape(self.control.size, -1) * np.sqrt(variance).ravel() * weight
        prior = np.diag(self.prior.precision(self.control))
        return self.covariance @ (rows @ rows.T + prior) @ self.covariance

    def descended(self, n_iterations: int, tolerance: float = 1e-3) -> "Analysis":
        """The analysis after damped Gauss-Newton steps; the tolerance is relative to the cost."""
        damping = Damping(1e-6, 0.1, 10.0, MAX_REFUSED, least=1e-8, floor=ROUND_OFF)
        return minimise(AnalysisCost(), self, damping, n_iterations, (tolerance, 0.0))[0]


class AnalysisCost:
    """The cost of an analysis as `minimise` takes it."""

    def cost(self, analysis: Analysis) -> float:
        """Minus the logarithm of the posterior density but for a constant."""
        return analysis.cost

    def quadratic(self, analysis: Analysis) -> tuple[np.ndarray, np.ndarray]:
        """Gradient [control] and Gauss-Newton matrix [control, control]."""
        control, prior = analysis.control, analysis.prior
        gradient = prior.precision(control) * prior.deviation(control)
        gradient -= analysis.jacobian.T @ analysis.error.whitened(analysis.residual).ravel()
        return gradient, analysis.hessian

    def moved(self, analysis: Analysis, step: np.ndarray) -> Analysis:
        """The analysis after a step [control], shortened to LARGEST_MOVE."""
        fields = CONSTANTS + analysis.control.modes.shape[1]
        local = step[fields:-TAIL].reshape(-1, PER_SOURCE)
        sizes = [
            np.abs(step[:fields]).max(),
            np.linalg.norm(local[:, :2], axis=1).max(),
            np.abs(local[:, 2]).max(),
            np.abs(local[:, 3]).max(),
        ]
        share = min(1.0, float(np.min(LARGEST_MOVE / np.maximum(sizes, 1e-12))))
        return replace(analysis, control=analysis.control.moved(share * step))

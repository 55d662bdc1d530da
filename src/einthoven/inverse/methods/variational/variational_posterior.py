"""Posterior means and standard deviations of an analysis."""

from typing import NamedTuple

import numpy as np

from einthoven.inverse.methods.variational.control import POSES
from einthoven.inverse.methods.variational.gauss_newton import Analysis
from einthoven.inverse.methods.variational.model_error import ModelError


class VariationalPosterior(NamedTuple):
    """Potentials and activation with their SD, to first order in the controls."""

    potentials: np.ndarray
    """[node, time]."""
    sd: np.ndarray
    """[node, time]."""
    activation_time: np.ndarray
    """[node] time units; NaN where u never reaches half."""
    activation_sd: np.ndarray
    """[node]."""

    @classmethod
    def of(cls, analysis: Analysis, error: ModelError) -> "VariationalPosterior":
        """Posterior of wave plus error field; their variances add, without their correlation."""
        covariance = analysis.covariance_given(error)
        variance = controls_variance(analysis, covariance) + error.variance[:, None]
        potentials = analysis.modelled + error.gain(analysis.residual)
        at, index = first_crossing(analysis.solution, analysis.dynamics.times)
        nodes = np.arange(len(at))
        slope = np.gradient(analysis.solution, analysis.dynamics.interval, axis=1)[nodes, index]
        at_sd = np.sqrt(variance[nodes, index]) / np.abs(analysis.control.gain * slope)
        return cls(potentials, np.sqrt(variance), at, np.where(np.isnan(at), np.nan, at_sd))


def controls_variance(analysis: Analysis, covariance: np.ndarray) -> np.ndarray:
    """Variance of the modelled potentials from that of the controls: [node, time]."""
    control = analysis.control
    covariance = covariance[:-POSES, :-POSES]  # the rest do not change potentials
    variance = np.empty(analysis.solution.shape)
    for snapshot in analysis.dynamics.run(control, tangent=True):
        ones = np.ones_like(snapshot.u)
        jacobian = np.column_stack([control.gain * snapshot.tangent, snapshot.u, ones])
        spread = np.einsum("ij,ij->i", jacobian @ covariance, jacobian)
        variance[:, snapshot.sample] = np.maximum(spread, 0.0)
    return variance


def first_crossing(u: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Time of the first rise of u through 1/2, linear, and the next sample: [node] each."""
    rises = (u[:, 1:] >= 0.5) & (u[:, :-1] < 0.5)
    index = np.argmax(rises, axis=1) + 1
    nodes = np.arange(len(u))
    low, high = u[nodes, index - 1], u[nodes, index]
    part = (0.5 - low) / np.where(rises.any(axis=1), high - low, 1.0)
    at = times[index - 1] + part * (times[1] - times[0])
    return np.where(rises.any(axis=1), at, np.nan), index

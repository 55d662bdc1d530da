"""Spatiotemporal regularisation (STRE) of Yao and Yang, solved exactly mode by mode."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import scipy.linalg
from scipy.optimize import minimize_scalar

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.base.geometry.laplacian_modes import laplacian_modes
from einthoven.inverse.methods.regularisation.criteria import (
    Criterion,
    Minimum,
    RestrictedLikelihood,
)
from einthoven.inverse.methods.regularisation.standard_form import constant_is_observable, without
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.method import CriterionMethod, Diagnostics, Estimate
from einthoven.inverse.problem.spectrum import TikhonovSpectrum

RANK = 1e-9
"""Singular values of the transfer below this share of the largest are rounding."""
SMALLEST = 1e-7
"""Singular values of the blocks below this share of the largest are rounding: they are roots of
eigenvalues, whose rounding is the square."""
SAME = 1.4
"""Largest ratio of mu of temporal modes that share singular vectors in the choice of the weights;
in the solution each has its own."""


@dataclass(frozen=True)
class Stre(CriterionMethod):
    """Regularisation in space and in time.

    min sum over t of |y_t - A u_t|^2 + lambda_s^2 |Laplacian u_t|^2
    + lambda_t^2 sum over t and over t' within a window of |u_t - u_t'|^2.

    In the eigenvectors of the window's quadratic form (eigenvalues mu) the problem separates into
    one of Tikhonov's for each, with penalty lambda_s^2 |Laplacian u|^2 + lambda_t^2 mu |u|^2. The
    eigenfunctions of the Laplace-Beltrami operator make both terms diagonal. Norms are integrals
    over the surface.

    Both weights minimise the criterion together: for each ratio lambda_t^2 / lambda_s^2 the whole
    beat is one spectrum, for which the criterion chooses lambda_s. Criteria with a score expect
    white noise. Where a wrong transfer matrix is most of the error, give the ratio and choose
    lambda_s by an L-curve.

    References:
        Yao and Yang, Sci Rep 6:39012 (2016), doi:10.1038/srep39012.
    """

    name: ClassVar[str] = "stre"
    criterion: Criterion = field(default_factory=RestrictedLikelihood)
    """Criterion for both weights, or for lambda_s alone if `ratio` is stated."""
    window: int = 2
    """Number of steps to each side of an instant with which it is compared."""
    ratio: float | None = None
    """Ratio lambda_t^2 / lambda_s^2, mm^-4; None: by the criterion, which must be a `Minimum`."""

    def solve(self, problem: InverseProblem) -> Estimate:
        """Estimate whose `reg_weight` is lambda_s; `numbers` has lambda_t as temporal_weight."""
        transfer, body = problem.transfer, problem.body_potentials
        modal, ratio = modal_problem(transfer, body, problem.surface, self.window), self.ratio
        if ratio is None:
            if not isinstance(self.criterion, Minimum):
                raise BadInput(
                    f"stre: criterion {self.criterion.name} has no score by which pairs of weights "
                    "can be compared: take evidence, gcv or robust-gcv, or give the ratio"
                )
            ratio = _chosen_ratio(self.criterion, modal)
        weight = self.criterion.choose(modal.spectrum(ratio))
        diagnostics = Diagnostics(
            reg_weight=weight,
            criterion=self.criterion.name,
            numbers={"temporal_weight": weight * float(np.sqrt(ratio))},
        )
        return Estimate(modal.solution(ratio, weight), diagnostics)


@dataclass(frozen=True)
class ModalProblem:
    """Problem y_k = B a_k for each temporal mode k, with penalty sum of (g + ratio mu_k) a_k^2."""

    images: np.ndarray
    """[row, mode] B: images of the surface's modes, in the range of the transfer."""
    data: np.ndarray
    """[row, temporal mode] mV."""
    residual_sq: float
    """Squared norm of the data outside the range of the transfer, mV^2."""
    n_data: int
    """Electrodes times instants."""
    roughness: np.ndarray
    """[mode] g, mm^-4; 0 for the constant, if that is among the modes."""
    slowness: np.ndarray
    """[temporal mode] mu, increasing from 0."""
    functions: np.ndarray
    """[node, mode]."""
    courses: np.ndarray
    """[time, temporal mode], orthonormal."""

    @property
    def has_constant(self) -> bool:
        """Whether a constant in space and time is fitted without penalty."""
        return bool(self.roughness[0] == 0)

    def block(self, extra: float) -> tuple[np.ndarray, np.ndarray]:
        """Singular values [mode] and left vectors [row, mode] of B (g + extra)^(-1/2)."""
        images, precision = self.penalised(extra)
        values, vectors = scipy.linalg.eigh((images / precision) @ images.T)
        kept = values > 1e-14 * values[-1]
        return np.sqrt(values[kept]), vectors[:, kept]

    def penalised(self, extra: float) -> tuple[np.ndarray, np.ndarray]:
        """B of the modes with penalty, orthogonal to those without; and their precision."""
        if extra > 0 or not self.has_constant:
            return self.images, self.roughness + extra
        return without(self.images[:, 0], self.images[:, 1:]), self.roughness[1:]

    def groups(self) -> Iterator[np.ndarray]:
        """Groups of temporal modes of nearly equal mu; the constant course alone."""
        yield np.array([0])
        with np.errstate(divide="ignore"):
            bins = np.floor(np.log(self.slowness) / np.log(SAME))
        for value in np.unique(bins[1:]):
            yield 1 + np.flatnonzero(bins[1:] == value)

    def spectrum(self, ratio: float) -> TikhonovSpectrum:
        """Spectrum of all temporal modes together."""
        values, power, counts = [], [], []
        for group in self.groups():
            mean = np.exp(np.log(self.slowness[group]).mean()) if group[0] else 0.0
            s, left = self.block(ratio * mean)
            coeffs = left.T @ self.data[:, group]
            values.append(s)
            power.append(np.einsum("mk,mk->m", coeffs, coeffs))
            counts.append(np.full(len(s), len(group)))
        data = self.data.copy()
        if self.has_constant:
            data[:, [0]] = without(self.images[:, 0], data[:, [0]])
        total = np.einsum("rk,rk->", data, data) + self.residual_sq
        s, power_all, counts_all = (np.concatenate(part) for part in (values, power, counts))
        kept = s > SMALLEST * s.max()
        residual_sq = max(float(total - power_all[kept].sum()), 0.0)
        return TikhonovSpectrum(
            s[kept],
            power_all[kept],
            counts_all[kept],
            residual_sq,
            self.n_data,
            int(self.has_constant),
        )

    def solution(self, ratio: float, weight: float) -> np.ndarray:
        """Potentials [node, time] mV."""
        coeffs = np.zeros((len(self.roughness), len(self.slowness)))
        for k, mu in enumerate(self.slowness):
            images, precision = self.penalised(ratio * mu)
            first = len(self.roughness) - len(precision)
            data = without(self.images[:, 0], self.data[:, [k]]) if first else self.data[:, [k]]
            gram = (images / precision) @ images.T
            gram[np.diag_indices_from(gram)] += weight**2
            dual = scipy.linalg.solve(gram, data, assume_a="pos")[:, 0]
            coeffs[first:, k] = images.T @ dual / precision
            if first:
                residual = self.data[:, k] - self.images @ coeffs[:, k]
                coeffs[0, k] = (
                    self.images[:, 0] @ residual / (self.images[:, 0] @ self.images[:, 0])
                )
        return self.functions @ coeffs @ self.courses.T


def modal_problem(
    transfer: np.ndarray, body_potentials: np.ndarray, surface: SourceSurface, window: int
) -> ModalProblem:
    """Problem in the modes of space and time; `window` as in `Stre`.

    transfer [electrode, node] 1, body_potentials [electrode, time] mV.

    Raises:
        BadInput: as `temporal_modes`.
    """
    modes = laplacian_modes(surface.points, surface.faces, len(surface.points))
    roughness, functions = modes.eigenvalues**2, modes.functions
    roughness[0] = 0.0
    if not constant_is_observable(transfer):
        roughness, functions = roughness[1:], functions[:, 1:]
    slowness, courses = temporal_modes(body_potentials.shape[1], window)
    left, s, _ = scipy.linalg.svd(transfer, full_matrices=False)
    left = left[:, s > RANK * s[0]]
    inside = left.T @ body_potentials
    residual = body_potentials - left @ inside
    return ModalProblem(
        images=left.T @ transfer @ functions,
        data=inside @ courses,
        residual_sq=float(np.einsum("et,et->", residual, residual)),
        n_data=body_potentials.size,
        roughness=roughness,
        slowness=slowness,
        functions=functions,
        courses=courses,
    )


def temporal_modes(n_time: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues [mode] and vectors [time, mode] of sum over |t - t'| <= window of |u_t - u_t'|^2.

    Raises:
        BadInput: the window has no neighbour, or there is one instant only.
    """
    if n_time < 2:
        raise BadInput("time: stre compares instants; take tikhonov-2 for a single one")
    if window < 1:
        raise BadInput(f"window = {window}: take 1 step to each side or more")
    steps = np.abs(np.subtract.outer(np.arange(n_time), np.arange(n_time)))
    near = (steps > 0) & (steps <= window)
    # Each pair occurs twice in the sum: once from either end.
    values, vectors = scipy.linalg.eigh(2.0 * (np.diag(near.sum(axis=1)) - near))
    values[0] = 0.0
    return values, vectors


def _chosen_ratio(criterion: Minimum, problem: ModalProblem) -> float:
    """Ratio lambda_t^2 / lambda_s^2 that minimises the criterion with its lambda_s."""

    def least(log_ratio: float) -> float:
        spectrum = problem.spectrum(np.exp(log_ratio))
        try:
            return criterion.score(spectrum, np.array([criterion.choose(spectrum)])).item()
        except NotConverged:
            return np.inf

    # from equal temporal and spatial penalties of the smoothest modes to those of the roughest
    smooth, rough = problem.roughness[1], problem.roughness[-1]
    low, high = smooth / problem.slowness[-1], rough / problem.slowness[1]
    grid = np.linspace(np.log(low), np.log(high), 7)
    scores = [least(x) for x in grid]
    if not np.isfinite(scores).any():
        raise NotConverged(
            f"stre: criterion {criterion.name} finds no weights; "
            "give the ratio, and a `Fixed` criterion"
        )
    k = int(np.argmin(scores))
    bounds = (grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)])
    optimum = minimize_scalar(least, bounds=bounds, method="bounded", options={"xatol": 0.2})
    return float(np.exp(optimum.x))

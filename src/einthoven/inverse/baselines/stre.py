"""Spatiotemporal regularisation (STRE) of Yao and Yang, solved exactly mode by mode."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import scipy.linalg
from scipy.optimize import minimize_scalar

from einthoven.base.core.errors import BadInput, NotConverged
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
"""Singular values of the transfer below this times the largest are left out: round-off."""
SMALLEST = 1e-7
"""Singular values of the blocks below this times the largest are left out: they are roots of
eigenvalues, whose round-off is the square."""
SAME = 1.4
"""Temporal modes whose mu differ by less than this factor share singular vectors while the
weights are chosen; the solution uses each with its own."""


@dataclass(frozen=True)
class Stre(CriterionMethod):
    """Smooth in space and in time.

    min sum over t of |y_t - A u_t|^2 + lambda_s^2 |Laplacian u_t|^2
    + lambda_t^2 sum over t and over t' within a window of |u_t - u_t'|^2.

    In the eigenvectors of the window's quadratic form (eigenvalues mu) the problem falls apart
    into one of Tikhonov's for each, with penalty lambda_s^2 |Laplacian u|^2 + lambda_t^2 mu |u|^2;
    the eigenfunctions of the Laplacian make both diagonal. Norms are integrals over the surface, or
    with the neighbours' Laplacian plain sums over nodes as in the paper.

    Both weights minimise the criterion together: for each ratio lambda_t^2 / lambda_s^2 the whole
    beat is one spectrum, of which the criterion takes lambda_s. All criteria that can do that
    expect white noise; where a wrong transfer matrix is most of the error, give the ratio and let
    an L-curve take lambda_s.

    References:
        Yao and Yang, Sci Rep 6:39012 (2016), doi:10.1038/srep39012.
    """

    name: ClassVar[str] = "stre"
    criterion: Criterion = field(default_factory=RestrictedLikelihood)
    """Chooses both weights, or lambda_s alone if `ratio` is given."""
    window: int = 2
    """Steps to each side of an instant to which it is compared."""
    ratio: float | None = None
    """lambda_t^2 / lambda_s^2 in mm^-4; None: by the criterion, which then is a `Minimum`."""
    laplacian: Literal["beltrami", "neighbour"] = "beltrami"

    def solve(self, problem: InverseProblem) -> Estimate:
        """As `Method.fit`; `reg_weight` is lambda_s, `numbers` has temporal_weight, lambda_t.

        Raises:
            NotConverged: the criterion finds no weight for any ratio.
            BadInput: an unknown Laplacian, or a criterion without a score for the ratio.
        """
        modal = modal_problem(problem.transfer, problem.body_potentials, problem.surface, self)
        if self.ratio is None:
            if not isinstance(self.criterion, Minimum):
                raise BadInput(
                    f"stre: criterion {self.criterion.name} has no score that two pairs of weights "
                    "could be compared by: take evidence, gcv or robust-gcv, or give the ratio"
                )
            ratio = chosen_ratio(self.criterion, modal)
        else:
            ratio = self.ratio
        weight = self.criterion.choose(modal.spectrum(ratio))
        potentials = modal.solution(ratio, weight)
        return Estimate(
            potentials,
            Diagnostics(
                reg_weight=weight,
                criterion=self.criterion.name,
                numbers={"temporal_weight": weight * float(np.sqrt(ratio))},
            ),
        )


@dataclass(frozen=True)
class ModalProblem:
    """y_k = B a_k for each temporal mode k, penalty sum of (g + ratio mu_k) a_k^2."""

    seen: np.ndarray
    """[row, mode] B: the transfer of the surface's modes, in the range of the transfer."""
    data: np.ndarray
    """[row, temporal mode] mV."""
    lost_sq: float
    """Squared norm of the data outside that range, mV^2."""
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
        seen, precision = self.penalised(extra)
        values, vectors = scipy.linalg.eigh((seen / precision) @ seen.T)
        kept = values > 1e-14 * values[-1]
        return np.sqrt(values[kept]), vectors[:, kept]

    def penalised(self, extra: float) -> tuple[np.ndarray, np.ndarray]:
        """B of the modes that are penalised, free of those that are not; and their precision."""
        if extra > 0 or not self.has_constant:
            return self.seen, self.roughness + extra
        return without(self.seen[:, 0], self.seen[:, 1:]), self.roughness[1:]

    def groups(self) -> Iterator[np.ndarray]:
        """Temporal modes of nearly equal mu; the constant course alone."""
        yield np.array([0])
        with np.errstate(divide="ignore"):
            bins = np.floor(np.log(self.slowness) / np.log(SAME))
        for value in np.unique(bins[1:]):
            yield 1 + np.flatnonzero(bins[1:] == value)

    def spectrum(self, ratio: float) -> TikhonovSpectrum:
        """Of all temporal modes together."""
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
            data[:, [0]] = without(self.seen[:, 0], data[:, [0]])
        total = np.einsum("rk,rk->", data, data) + self.lost_sq
        s, power_all, counts_all = (np.concatenate(part) for part in (values, power, counts))
        kept = s > SMALLEST * s.max()
        lost_sq = max(float(total - power_all[kept].sum()), 0.0)
        return TikhonovSpectrum(
            s[kept], power_all[kept], counts_all[kept], lost_sq, self.n_data, int(self.has_constant)
        )

    def solution(self, ratio: float, weight: float) -> np.ndarray:
        """Potentials [node, time] mV."""
        coeffs = np.zeros((len(self.roughness), len(self.slowness)))
        for k, mu in enumerate(self.slowness):
            seen, precision = self.penalised(ratio * mu)
            first = len(self.roughness) - len(precision)
            data = without(self.seen[:, 0], self.data[:, [k]]) if first else self.data[:, [k]]
            gram = (seen / precision) @ seen.T
            gram[np.diag_indices_from(gram)] += weight**2
            dual = scipy.linalg.solve(gram, data, assume_a="pos")[:, 0]
            coeffs[first:, k] = seen.T @ dual / precision
            if first:
                rest = self.data[:, k] - self.seen @ coeffs[:, k]
                coeffs[0, k] = self.seen[:, 0] @ rest / (self.seen[:, 0] @ self.seen[:, 0])
        return self.functions @ coeffs @ self.courses.T


def modal_problem(
    transfer: np.ndarray, body_potentials: np.ndarray, surface: SourceSurface, method: Stre
) -> ModalProblem:
    """The problem in the modes of space and time."""
    roughness, functions = surface_modes(surface, method.laplacian)
    if not constant_is_observable(transfer):
        roughness, functions = roughness[1:], functions[:, 1:]
    slowness, courses = temporal_modes(body_potentials.shape[1], method.window)
    left, s, _ = scipy.linalg.svd(transfer, full_matrices=False)
    left = left[:, s > RANK * s[0]]
    inside = left.T @ body_potentials
    lost = body_potentials - left @ inside
    return ModalProblem(
        seen=left.T @ transfer @ functions,
        data=inside @ courses,
        lost_sq=float(np.einsum("et,et->", lost, lost)),
        n_data=body_potentials.size,
        roughness=roughness,
        slowness=slowness,
        functions=functions,
        courses=courses,
    )


def surface_modes(surface: SourceSurface, laplacian: str) -> tuple[np.ndarray, np.ndarray]:
    """Squared eigenvalues [mode] mm^-4 and eigenfunctions [node, mode] of a Laplacian.

    The functions are orthonormal in the integral over the surface (beltrami) or in the sum over
    nodes (neighbour, whose squares are those of its singular values); the first is constant.

    Raises:
        BadInput: an unknown Laplacian.
    """
    if laplacian == "beltrami":
        root = 1 / np.sqrt(surface.areas)
        values, vectors = scipy.linalg.eigh(surface.stiffness.toarray() * root[:, None] * root)
        values, functions = values**2, vectors * root[:, None]
    elif laplacian == "neighbour":
        dense = surface.neighbour_laplacian.toarray()
        values, functions = scipy.linalg.eigh(dense.T @ dense)
    else:
        raise BadInput(f"laplacian {laplacian!r} is none of beltrami, neighbour")
    values[0] = 0.0
    return values, functions


def temporal_modes(n_time: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues [mode] and vectors [time, mode] of sum over |t - t'| <= window of |u_t - u_t'|^2.

    Raises:
        BadInput: the window has no neighbour, or there is one instant only.
    """
    if n_time < 2:
        raise BadInput("time: stre compares instants; take tikhonov-2 for a single one")
    if window < 1:
        raise BadInput(f"window = {window}: at least 1 step to each side is needed")
    steps = np.abs(np.subtract.outer(np.arange(n_time), np.arange(n_time)))
    near = (steps > 0) & (steps <= window)
    # Each pair occurs twice in the sum: once from either end.
    values, vectors = scipy.linalg.eigh(2.0 * (np.diag(near.sum(axis=1)) - near))
    values[0] = 0.0
    return values, vectors


def chosen_ratio(criterion: Minimum, problem: ModalProblem) -> float:
    """lambda_t^2 / lambda_s^2 that minimises the criterion with its own lambda_s.

    Raises:
        NotConverged: no ratio has a lambda_s.
    """

    def least(log_ratio: float) -> float:
        spectrum = problem.spectrum(np.exp(log_ratio))
        try:
            return criterion.score(spectrum, np.array([criterion.choose(spectrum)])).item()
        except NotConverged:
            return np.inf

    # Where temporal and spatial penalties of the smoothest to the roughest modes are equal.
    smooth, rough = problem.roughness[1], problem.roughness[-1]
    low, high = smooth / problem.slowness[-1], rough / problem.slowness[1]
    grid = np.linspace(np.log(low), np.log(high), 7)
    scores = [least(x) for x in grid]
    if not np.isfinite(scores).any():
        raise NotConverged(f"stre: criterion {criterion.name} finds no weights; give them")
    k = int(np.argmin(scores))
    bounds = (grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)])
    found = minimize_scalar(least, bounds=bounds, method="bounded", options={"xatol": 0.2})
    return float(np.exp(found.x))

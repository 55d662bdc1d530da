"""Transformation of min |y - A u|^2 + lambda^2 |L u|^2 to standard form.

References:
    Elden, BIT 22:487 (1982), doi:10.1007/BF01934412 (A-weighted pseudo-inverse);
    Hansen, Discrete Inverse Problems, SIAM 2010, ch. 8, doi:10.1137/1.9780898718836.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import scipy.linalg

from einthoven.inverse.methods.regularisation.penalties import Penalty
from einthoven.inverse.problem.spectrum import TikhonovSpectrum

UNOBSERVABLE = 1e-2
"""Least ratio of |A 1| to the norm of the sums of |A|; below it data have another reference."""
RANK = 1e-13
"""Singular values below this share of the largest are rounding."""


@dataclass(frozen=True)
class StandardForm:
    """Standard form u = modes (f c / s) + constant, c = U' y.

    The constant on the heart is the null space of L. It is fitted to the residual of the modes.
    Where the data do not determine it (A 1 = 0, referenced data), potentials have zero mean over
    the surface.
    """

    singular_values: np.ndarray
    """[mode], decreasing: generalised singular values of (A, L)."""
    left: np.ndarray
    """Orthonormal U: [electrode, mode]."""
    modes: np.ndarray
    """[node, mode]; L modes is orthonormal."""
    constant_response: np.ndarray | None
    """A 1: [electrode]; None: no constant is fitted."""

    @classmethod
    def of(cls, transfer: np.ndarray, penalty: Penalty, areas: np.ndarray) -> Self:
        """Standard form of a transfer [electrode, node] and a penalty; areas [node] mm^2."""
        response, matrix = None, transfer
        if penalty.free_constant:
            response = transfer.sum(axis=1)
            if constant_is_observable(transfer):
                matrix = without(response, transfer)
            else:
                matrix = transfer - np.outer(response, areas / areas.sum())
                response = None
        left, s, right = scipy.linalg.svd(penalty.whiten(matrix), full_matrices=False)
        kept = s > RANK * s[0]
        modes = penalty.unwhiten(right[kept].T)
        if penalty.free_constant and response is None:
            modes = modes - areas @ modes / areas.sum()
        elif response is not None:
            modes = modes - response @ transfer @ modes / (response @ response)
        return cls(s[kept], left[:, kept], modes, response)

    def spectrum(self, body_potentials: np.ndarray) -> TikhonovSpectrum:
        """Spectrum of body potentials [electrode, time] mV, all instants together."""
        inside = self.projected(body_potentials)
        coeffs = self.left.T @ inside
        residual_sq = float(((inside - self.left @ coeffs) ** 2).sum())
        spectrum = TikhonovSpectrum.pooled(
            self.singular_values, coeffs, residual_sq, len(self.left)
        )
        n_free = 0 if self.constant_response is None else body_potentials.shape[1]
        return replace(spectrum, n_free=n_free)

    def projected(self, body_potentials: np.ndarray) -> np.ndarray:
        """Body potentials [electrode, time] mV without the image of a constant on the heart."""
        if self.constant_response is None:
            return body_potentials
        return without(self.constant_response, body_potentials)

    def solution(self, body_potentials: np.ndarray, filters: np.ndarray) -> np.ndarray:
        """Potentials of the heart [node, time] mV for filter factors [mode, 1]."""
        coeffs = self.left.T @ self.projected(body_potentials)
        potentials = self.modes @ (filters / self.singular_values[:, None] * coeffs)
        if self.constant_response is None:
            return potentials
        # The modes' own constants make A modes orthogonal to A 1, so this one is separate.
        fit = self.constant_response @ body_potentials
        return potentials + fit / (self.constant_response @ self.constant_response)


def constant_is_observable(transfer: np.ndarray) -> bool:
    """Whether data determine a constant on the heart; not if they have another reference."""
    size = np.linalg.norm(np.abs(transfer).sum(axis=1))
    return bool(np.linalg.norm(transfer.sum(axis=1)) > UNOBSERVABLE * size)


def without(direction: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Columns minus their projections on a direction: [row, column]."""
    unit = direction / np.linalg.norm(direction)
    return columns - np.outer(unit, unit @ columns)

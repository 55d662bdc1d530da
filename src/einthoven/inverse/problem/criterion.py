"""Criteria for the regularisation weight: the contract."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from scipy.optimize import minimize_scalar

from einthoven.base.core.errors import NotConverged
from einthoven.inverse.problem.spectrum import Spectrum


class Criterion(ABC):
    """A choice of one weight for all data of a spectrum.

    A criterion that needs filter factors smooth in the weight takes Tikhonov's for truncated SVD.
    """

    name: ClassVar[str]
    """Name in tables, in the configuration and on the command line."""

    @abstractmethod
    def choose(self, spectrum: Spectrum) -> float:
        """Weight, in the unit of the singular values.

        Raises:
            BadInput: a setting of the criterion is outside its range.
            NotConverged: the criterion has no corner or minimum in the range of weights.
        """


class Minimum(Criterion):
    """A criterion that is the least value of a function of the weight."""

    @abstractmethod
    def score(self, spectrum: Spectrum, weights: np.ndarray) -> np.ndarray:
        """Function that is minimised: [weight]."""

    def choose(self, spectrum: Spectrum) -> float:
        """Weight of the lowest relative minimum on a grid, refined where the filter is smooth.

        A score that only falls gives the largest weight, as for data without signal.

        Raises:
            NotConverged: the score rises from the smallest weight on.
        """
        weights = spectrum.weights()
        score = self.score(spectrum, weights)
        inner = score[1:-1]
        lows = 1 + np.flatnonzero((inner < score[:-2]) & (inner <= score[2:]))
        k = int(lows[np.argmin(score[lows])]) if len(lows) else int(np.argmin(score))
        if k == 0:
            raise NotConverged(
                f"criterion {self.name}: no minimum above the smallest weight {weights[0]:.2e}, so "
                "the misfit does not look like white noise (model error, or electrodes that share "
                "noise): take creso or an L-curve, or give the weight"
            )
        if not spectrum.smooth or k == len(weights) - 1:
            return float(weights[k])
        return minimum_near(lambda weight: self.score(spectrum, weight), weights, k)


def minimum_near(score: Callable[[np.ndarray], np.ndarray], weights: np.ndarray, k: int) -> float:
    """Weight of the minimum of a score [weight] between the neighbours of a weight on a grid."""
    optimum = minimize_scalar(
        lambda log: score(np.exp([log])).item(),
        bounds=tuple(np.log(weights[[k - 1, k + 1]])),
        method="bounded",
    )
    return float(np.exp(optimum.x))

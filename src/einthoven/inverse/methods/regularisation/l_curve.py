"""The corner of the L-curve.

References:
    Hansen and O'Leary, SIAM J Sci Comput 14:1487 (1993), doi:10.1137/0914086;
    Hansen, Discrete Inverse Problems, SIAM 2010, doi:10.1137/1.9780898718836.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from einthoven.base.core.errors import NotConverged
from einthoven.inverse.problem.criterion import Criterion
from einthoven.inverse.problem.spectrum import Spectrum


@dataclass(frozen=True)
class LCurve(Criterion):
    """Corner of Tikhonov's curve (log |y - A u|, log |L u|): the largest curvature."""

    name = "l-curve"

    def curvature(self, spectrum: Spectrum, weights: np.ndarray) -> np.ndarray:
        """Signed curvature, positive at a corner that is convex to the origin: [weight].

        With rho = |y - A u|^2, eta = |L u|^2 and d = d / d log lambda, d rho = -lambda^2 d eta,
        so that the second derivatives of eta cancel (Hansen 2010, sec. 4.7).
        """
        rho, eta = spectrum.misfit_sq(weights), spectrum.penalty_sq(weights)
        falls = spectrum.remainders(weights) * spectrum.filters(weights) ** 2
        d_eta = -4 * falls @ (spectrum.power / spectrum.singular_values**2)
        t = weights**2
        bend = 2 + d_eta / eta + t * d_eta / rho
        return 2 * t * (rho * eta) ** 2 / np.abs(d_eta) * bend / (t**2 * eta**2 + rho**2) ** 1.5

    def choose(self, spectrum: Spectrum) -> float:
        """Weight at the corner.

        Raises:
            NotConverged: the curve has no corner inside the range of weights.
        """
        spectrum = spectrum.smoothed()
        weights = spectrum.weights()
        kappa = self.curvature(spectrum, weights)
        inner = kappa[1:-1]
        peaks = 1 + np.flatnonzero((inner > kappa[:-2]) & (inner >= kappa[2:]) & (inner > 0))
        if not len(peaks):
            raise NotConverged(
                "criterion l-curve: the curve has no corner between the weights "
                f"{weights[0]:.2e} and {weights[-1]:.2e} (very smooth data): take creso or "
                "robust-gcv, or give the weight"
            )
        k = peaks[np.argmax(kappa[peaks])]
        optimum = minimize_scalar(
            lambda log: -self.curvature(spectrum, np.exp([log])).item(),
            bounds=tuple(np.log(weights[[k - 1, k + 1]])),
            method="bounded",
        )
        return float(np.exp(optimum.x))

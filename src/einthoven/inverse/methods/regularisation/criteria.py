"""Criteria for the regularisation weight.

References:
    Hansen, Discrete Inverse Problems, SIAM 2010, ch. 5, doi:10.1137/1.9780898718836.
    Karoui, Bear, Migerditichan, Zemzemi, Front Physiol 9:1708 (2018),
    doi:10.3389/fphys.2018.01708.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from einthoven.base.core import check
from einthoven.base.core.errors import NotConverged
from einthoven.inverse.problem.criterion import Criterion, Minimum, minimum_near
from einthoven.inverse.problem.spectrum import Spectrum


@dataclass(frozen=True)
class Fixed(Criterion):
    """A weight of the user."""

    name = "fixed"
    weight: float
    """Weight in the method's unit."""

    def choose(self, spectrum: Spectrum) -> float:
        """Weight of the user."""
        return check.between("weight", self.weight, 0.0, np.finfo(float).max)


@dataclass(frozen=True)
class LCurve(Criterion):
    """Corner of Tikhonov's curve (log |y - A u|, log |L u|): the largest curvature.

    References:
        Hansen, O'Leary, SIAM J Sci Comput 14:1487 (1993), doi:10.1137/0914086.
    """

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
        """Weight at the corner."""
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
        return minimum_near(lambda weight: -self.curvature(spectrum, weight), weights, k)


@dataclass(frozen=True)
class Creso(Criterion):
    """Composite residual and smoothing operator: first maximum of C(t), t = lambda^2.

    C = d/dt (t |L u|^2) - d/dt |y - A u|^2 = sum of s^2 c^2 (s^2 - 3 t) / (s^2 + t)^3, with the
    smallest t > 0 at which it has a relative maximum.

    References:
        Colli Franzone et al., Math Biosci 77:353 (1985), doi:10.1016/0025-5564(85)90106-3;
        Rudy and Messinger-Rapport, Crit Rev Biomed Eng 16:215 (1988).
    """

    name = "creso"

    def slope(self, spectrum: Spectrum, t: np.ndarray) -> np.ndarray:
        """Slope dC/dt: [t]."""
        s_sq, t = spectrum.singular_values**2, np.atleast_1d(t)[:, None]
        return (s_sq * (6 * t - 6 * s_sq) / (s_sq + t) ** 4) @ spectrum.power

    def choose(self, spectrum: Spectrum) -> float:
        """Weight lambda = sqrt(t)."""
        spectrum = spectrum.smoothed()
        t = spectrum.weights() ** 2
        slope = self.slope(spectrum, t)
        falls = np.flatnonzero((slope[:-1] > 0) & (slope[1:] <= 0))
        if not len(falls):
            raise NotConverged(
                f"criterion creso: no relative maximum between the weights {t[0] ** 0.5:.2e} and "
                f"{t[-1] ** 0.5:.2e}: take robust-gcv, or give the weight"
            )
        k = falls[0]
        return float(brentq(lambda x: self.slope(spectrum, x).item(), t[k], t[k + 1]) ** 0.5)


@dataclass(frozen=True)
class Gcv(Minimum):
    """Generalised cross-validation: misfit / (n - tr H)^2 (Golub, Heath, Wahba 1979).

    References:
        doi:10.1080/00401706.1979.10489751.
    """

    name = "gcv"

    def score(self, spectrum: Spectrum, weights: np.ndarray) -> np.ndarray:
        """Score V up to a factor: [weight]."""
        unused = spectrum.n_data - spectrum.n_free - spectrum.counts.sum()
        free = unused + spectrum.remainders(weights) @ spectrum.counts
        # With as many modes as data nothing is left over at weight 0: 0/0 there, so not tried.
        with np.errstate(divide="ignore", invalid="ignore"):
            score = spectrum.misfit_sq(weights) / free**2
        return np.where(free > 1e-8 * spectrum.n_data, score, np.inf)


@dataclass(frozen=True)
class RobustGcv(Minimum):
    """Robust GCV: V (gamma + (1 - gamma) tr H^2 / n) (Lukas 2006).

    gamma = 1 is GCV. A smaller gamma makes a weight that is too small less likely. Barnes and
    Johnston 2016 found 0 sufficient in the inverse problem of electrocardiology, but then the score
    of a penalty without null space goes to 0 at large weights, where no signal is left.

    References:
        Lukas, Inverse Problems 22:1883 (2006), doi:10.1088/0266-5611/22/5/021;
        Barnes and Johnston, Comput Biol Med 69:213 (2016), doi:10.1016/j.compbiomed.2015.12.011.
    """

    name = "robust-gcv"
    gamma: float = 0.1

    def score(self, spectrum: Spectrum, weights: np.ndarray) -> np.ndarray:
        """Robust score: [weight]."""
        check.between("gamma", self.gamma, 0.0, 1.0)
        hat_sq = spectrum.n_free + spectrum.filters(weights) ** 2 @ spectrum.counts
        robust = self.gamma + (1 - self.gamma) * hat_sq / spectrum.n_data
        return Gcv().score(spectrum, weights) * robust


@dataclass(frozen=True)
class RestrictedLikelihood(Minimum):
    """Restricted marginal likelihood of c ~ N(0, sd^2 (1 + s^2 / lambda^2)), sd profiled.

    The weight is the ratio of the noise's deviation to that of the whitened source; the part
    without penalty has an improper prior and costs degrees of freedom only (Wahba 1985).

    References:
        doi:10.1214/aos/1176349743.
    """

    name = "evidence"

    def score(self, spectrum: Spectrum, weights: np.ndarray) -> np.ndarray:
        """Twice the negative logarithm of the likelihood, up to a constant: [weight]."""
        remainders = spectrum.smoothed().remainders(weights)  # lambda^2 / (s^2 + lambda^2)
        misfit = remainders @ spectrum.power + spectrum.residual_sq
        n = spectrum.n_data - spectrum.n_free
        return n * np.log(misfit) - np.log(remainders) @ spectrum.counts


CRITERIA: dict[str, type[Criterion]] = {
    c.name: c for c in (LCurve, Creso, Gcv, RobustGcv, RestrictedLikelihood, Fixed)
}
"""Name -> class."""

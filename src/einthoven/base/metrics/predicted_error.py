"""The error to expect of a prediction, from how far the networks of an ensemble differ.

On bodies that no network saw the logarithm of a body's true error is nearly linear in that of the
ensemble's mean SD. The line is fitted to bodies of several classes; how far a body of a class that
was left out lies from the line of the others gives the interval (conformal prediction by groups:
Barber et al. 2021, doi:10.1214/20-AOS1965).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.stats import spearmanr

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput

SD = "sd_deg"
ECG_SD = "ecg_sd_share"
"""Norm of the ensemble's SD of a lead over that of the lead, mean over leads."""
LEVEL = 0.90
"""Share of bodies whose error lies in the interval."""
LEAST_BODIES, LEAST_CLASSES = 20, 2


class PredictedError(NamedTuple):
    """Error to expect, with an interval."""

    expected: float
    """Median, and below limits of an interval of `LEVEL`, in the unit of the errors."""
    low: float
    high: float
    is_known: bool
    """Whether the SD lies in the range of the bodies of the fit."""

    def times(self, factor: float) -> Self:
        """The error in another unit."""
        return self._replace(
            expected=factor * self.expected, low=factor * self.low, high=factor * self.high
        )

    def words(self, unit: str) -> str:
        """The error in words, such as `expect 3.8 degrees, 3.0 to 6.1`."""
        words = f"expect {self.expected:.1f} {unit}, {self.low:.1f} to {self.high:.1f}"
        return words if self.is_known else f"{words} at least: beyond all bodies it is known for"


@dataclass(frozen=True)
class ErrorModel:
    """Line of log errors over log SDs, and its residuals.

    Attributes:
        slope, intercept: log error = intercept + slope log SD.
        low, high: limits of residuals (log).
        limits: measure of `OutOfDistributionCheck` -> largest of the bodies; the SD among them.
        about: number of bodies and classes, rank correlation, coverage.
        sd: name of the measure that is the SD, `SD` for directions or `ECG_SD` for ECGs.
    """

    slope: float
    intercept: float
    low: float
    high: float
    limits: Mapping[str, float]
    about: Mapping[str, Any]
    sd: str = SD

    def at(self, sd: float) -> PredictedError:
        """The error at a mean SD, in the unit of the errors of the fit."""
        centre = self.intercept + self.slope * np.log(max(sd, 1e-9))
        expected, low, high = np.exp(centre + np.array([0.0, self.low, self.high])).tolist()
        return PredictedError(expected, low, high, sd <= self.limits[self.sd])

    def to_json(self) -> dict[str, Any]:
        """Entry `error` of uncertainty.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any], path: str, sd: str = SD) -> Self:
        """Inverse of `to_json`; `path` names the file and the entry, `sd` the SD it must be for.

        Raises:
            BadInput: keys that are missing, no such numbers, or the errors by another SD.
        """
        try:
            numbers = {key: float(found[key]) for key in ("slope", "intercept", "low", "high")}
            limits = {key: float(value) for key, value in found["limits"].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            raise BadInput(f"{path}: not an error model ({problem})") from problem
        if (given := found.get("sd", SD)) != sd:
            raise BadInput(f"{path}: errors by {given!r}, where those by {sd!r} belong; "
                           "are two entries exchanged?")  # fmt: skip
        if sd not in limits:
            raise BadInput(f"{path}: limits: {sd} is missing")
        if not np.isfinite([*numbers.values(), *limits.values()]).all() or numbers["slope"] <= 0:
            raise BadInput(f"{path}: not finite, or an error that falls with the SD")
        return cls(**numbers, limits=limits, about=dict(found.get("about", {})), sd=sd)

    @classmethod
    def fit(
        cls,
        measures: Mapping[str, np.ndarray],
        errors: np.ndarray,
        classes: np.ndarray,
        sd: str = SD,
    ) -> Self:
        """Fit bodies that no network learned from.

        Args:
            measures: measure -> [body], `sd` among them.
            errors: [body] true ones.
            classes: [body] names; the line that judges a body knows none of its class.
            sd: name of the measure that is the SD.

        Raises:
            BadInput: fewer than `LEAST_BODIES` or `LEAST_CLASSES`, values that are not positive, or
                errors that do not rise with the SD.
        """
        sds, names = np.asarray(measures[sd], float), np.unique(classes)
        if len(sds) < LEAST_BODIES or len(names) < LEAST_CLASSES:
            raise BadInput(f"error model: {len(sds)} bodies of {len(names)} classes; at least "
                           f"{LEAST_BODIES} of {LEAST_CLASSES} are needed")  # fmt: skip
        for key, values in (("sds", sds), ("errors", errors)):
            if not (check.finite(key, values) > 0).all():
                raise BadInput(f"error model: {key}: values that are not positive")
        x, y, residuals = np.log(sds), np.log(errors), np.empty(len(sds))
        for name in names:
            out = classes == name
            slope, intercept = np.polyfit(x[~out], y[~out], 1)
            residuals[out] = y[out] - intercept - slope * x[out]
        slope, intercept = np.polyfit(x, y, 1)
        if slope <= 0:
            raise BadInput("error model: errors do not rise with the SD; is it of this ensemble?")
        low, high = _limits(residuals)
        about = {"n_bodies": len(sds), "classes": {str(name): int((classes == name).sum())
                                                   for name in names},
                 "rank_correlation": float(spearmanr(x, y).statistic),
                 "coverage_left_out": _coverage_left_out(residuals, classes)}  # fmt: skip
        limits = {key: float(np.max(values)) for key, values in measures.items()}
        return cls(float(slope), float(intercept), low, high, limits, about, sd)


def _limits(residuals: np.ndarray) -> tuple[float, float]:
    """Quantiles between which a further residual lies with probability `LEVEL`."""
    n, tail = len(residuals), (1 - LEVEL) / 2
    shares = np.clip([tail - (1 - tail) / n, 1 - tail + (1 - tail) / n], 0.0, 1.0)
    low, high = np.quantile(residuals, shares)
    return float(low), float(high)


def _coverage_left_out(residuals: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Class -> share of its bodies within limits that the other classes give."""
    found = {}
    for name in np.unique(classes):
        out = classes == name
        low, high = _limits(residuals[~out])
        found[str(name)] = float(((residuals[out] >= low) & (residuals[out] <= high)).mean())
    return found

"""Regression of an atlas' shape coefficients on sex, height and BMI."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays
from einthoven.body.anatomy.population.reference import BMI, SEXES, STATURE

MAX_SD = 3.0
"""Largest deviation in SD from a sex's mean for which a linear regression is plausible."""


@dataclass(frozen=True)
class BodySize:
    """One person: sex (female, male), height in cm, BMI in kg/m2."""

    sex: str
    height_cm: float
    bmi: float

    @classmethod
    def from_sds(cls, sex: str, height_sd: float, bmi_sd: float) -> Self:
        """Person from the SDs of height and BMI for that sex."""
        (height, height_spread), (bmi, bmi_spread) = STATURE.of(sex), BMI.of(sex)
        return cls(sex, height + height_spread * height_sd, bmi + bmi_spread * bmi_sd)

    def covariates(self) -> np.ndarray:
        """Covariates [4]: 1, female (0 or 1), height and BMI in SD of that sex.

        Raises:
            BadInput: an unknown sex.
        """
        if self.sex not in SEXES:
            raise BadInput(f"sex: {self.sex!r} is none of {', '.join(SEXES)}")
        sds = [
            (value - law.of(self.sex)[0]) / law.of(self.sex)[1]
            for value, law in ((self.height_cm, STATURE), (self.bmi, BMI))
        ]
        return np.array([1.0, float(self.sex == "female"), *sds])


@dataclass(frozen=True)
class CovariateRegression:
    """Linear regression of an atlas' coefficients on `BodySize.covariates`, and its residual.

    Attributes:
        weights: [4, mode] SD of the atlas.
        residual: [mode, mode] symmetric root of the residual covariance; nearly the identity for an
            atlas whose modes do not depend on the covariates.
    """

    weights: np.ndarray
    residual: np.ndarray

    def coeffs(self, body: BodySize, free: np.ndarray) -> np.ndarray:
        """Coefficients [mode] in SD of a person of this size; `free` [mode] SD is the residual.

        Raises:
            BadInput: height or BMI is more than 3 SD from the mean of that sex.
        """
        covariates = body.covariates()
        if not np.abs(covariates[2:]).max() <= MAX_SD:
            laws = [f"{law.of(body.sex)[0]:g} +- {law.of(body.sex)[1]:g}" for law in (STATURE, BMI)]
            raise BadInput(
                f"height_cm {body.height_cm:g} or bmi {body.bmi:g} is more than {MAX_SD:g} SD from "
                f"the mean of that sex ({body.sex}: {laws[0]} cm, {laws[1]} kg/m2)"
            )
        return covariates @ self.weights + self.residual @ free


@lru_cache(maxsize=4)
def load_regression(atlas: Path) -> CovariateRegression:
    """The regression stored in an atlas file.

    Raises:
        BadInput: the file cannot be read or holds none.
    """
    arrays = load_arrays(atlas)
    if missing := [k for k in ("covariate_weights", "covariate_residual") if k not in arrays]:
        raise BadInput(
            f"{atlas}: holds no {', '.join(missing)}, so its shapes "
            "do not depend on sex; set cohort.sex: any"
        )
    return CovariateRegression(
        arrays["covariate_weights"].astype(float), arrays["covariate_residual"].astype(float)
    )

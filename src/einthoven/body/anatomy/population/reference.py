"""Measured means and SDs in adults by sex, and regression of shapes on sex, height and BMI.

Each norm has its source. Sphericity and relative wall thickness were computed here, from the
subjects' values; docs/reference/heart-atlas.md and docs/reference/torso-atlas.md say how each other
figure was checked.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays

SEXES = ("female", "male")

ANSUR = "ANSUR II, Gordon et al. 2014, NATICK/TR-15/007"
UKB = "UK Biobank, Petersen et al. 2017, doi:10.1186/s12968-017-0327-9"
ASE = "ASE and EACVI, Lang et al. 2015, doi:10.1016/j.echo.2014.10.003"
CAP = "MESA, Medrano-Gracia et al. 2014, doi:10.1186/s12968-014-0056-2"
MAX_SD = 3.0
"""Largest deviation in SD from a sex's mean for which a linear regression is plausible."""


@dataclass(frozen=True)
class AdultNorm:
    """Mean and SD of one quantity in adults of each sex."""

    title: str
    """Title for tables."""
    unit: str
    """Unit of the numbers."""
    male: tuple[float, float]
    female: tuple[float, float]
    """Mean and SD."""
    source: str
    """Source where they come from."""
    comparable: bool = True
    """False where our measure is not the source's; `note` says why."""
    note: str = ""
    """Quantity that the source measured, where that needs saying."""

    def of(self, sex: str) -> tuple[float, float]:
        """Mean and SD of one sex."""
        return {"male": self.male, "female": self.female}[sex]


STATURE = AdultNorm("stature", "cm", (175.6, 6.9), (162.9, 6.4), ANSUR)
BMI = AdultNorm("body mass index", "kg/m2", (27.7, 4.0), (25.5, 3.7), ANSUR,
                note="means from mean weight and mean stature")  # fmt: skip
BOTH_SEXES = "one range for both sexes"
MIDDLE = "middle and quarter of the normal range"
ADULTS = "1,991 adults of both sexes"

TORSO: dict[str, AdultNorm] = {
    "chest_girth": AdultNorm("chest circumference", "mm", (1059.0, 87.0), (947.0, 83.0), ANSUR,
                             note="at the nipples"),
    "chest_depth": AdultNorm("chest depth", "mm", (254.0, 26.0), (247.0, 27.0), ANSUR,
                             note="at the nipples"),
    "waist_girth": AdultNorm("waist circumference", "mm", (941.0, 112.0), (861.0, 100.0), ANSUR,
                             note="at the navel"),
    "chest_breadth": AdultNorm(
        "chest breadth", "mm", (289.0, 18.0), (269.0, 18.0), ANSUR, comparable=False,
        note="calipers pressed on the ribs; ours runs from skin to skin, over the back's muscles",
    ),
}  # fmt: skip
HEART: dict[str, AdultNorm] = {
    "lv_volume": AdultNorm("LV end-diastolic volume", "ml", (166.0, 32.0), (124.0, 21.0), UKB),
    "rv_volume": AdultNorm("RV end-diastolic volume", "ml", (182.0, 36.0), (130.0, 24.0), UKB),
    "lv_mass": AdultNorm("LV mass", "g", (103.0, 21.0), (70.0, 13.0), UKB),
    "lv_diameter": AdultNorm("LV internal diameter", "mm", (50.2, 4.1), (45.0, 3.6), ASE),
    "septum": AdultNorm("septal thickness", "mm", (8.0, 1.0), (7.5, 0.75), ASE, note=MIDDLE),
    "posterior_wall": AdultNorm("posterior wall thickness", "mm", (8.0, 1.0), (7.5, 0.75), ASE,
                                note=MIDDLE),
    "rv_basal_diameter": AdultNorm("RV basal diameter", "mm", (33.0, 4.0), (33.0, 4.0), ASE,
                                   note=BOTH_SEXES),
    "rv_mid_diameter": AdultNorm("RV mid diameter", "mm", (27.0, 4.0), (27.0, 4.0), ASE,
                                 note=BOTH_SEXES),
    "rv_wall": AdultNorm("RV wall thickness", "mm", (3.0, 1.0), (3.0, 1.0), ASE, note=BOTH_SEXES),
    "sphericity": AdultNorm("LV sphericity", "%", (37.6, 7.8), (37.6, 7.8), CAP, note=ADULTS),
    "relative_wall": AdultNorm("relative wall thickness", "%", (39.7, 9.5), (39.7, 9.5), CAP,
                               note=ADULTS),
}  # fmt: skip


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
    """Linear regression of an atlas' coefficients on `BodySize.covariates`, and its residual."""

    weights: np.ndarray
    """[4, mode] SD of the atlas."""
    residual: np.ndarray
    """[mode, mode] symmetric root of the residual covariance; nearly the identity for an atlas
    whose modes do not depend on the covariates."""

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

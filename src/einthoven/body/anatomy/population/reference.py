"""Measured means and SDs in adults by sex, each with its source.

Sphericity and relative wall thickness were computed here, from the subjects' values;
docs/reference/heart-atlas.md and docs/reference/torso-atlas.md say how each other figure was
checked.
"""

from dataclasses import dataclass

SEXES = ("female", "male")

ANSUR = "ANSUR II, Gordon et al. 2014, NATICK/TR-15/007"
UKB = "UK Biobank, Petersen et al. 2017, doi:10.1186/s12968-017-0327-9"
ASE = "ASE and EACVI, Lang et al. 2015, doi:10.1016/j.echo.2014.10.003"
CAP = "MESA, Medrano-Gracia et al. 2014, doi:10.1186/s12968-014-0056-2"


@dataclass(frozen=True)
class AdultNorm:
    """Mean and SD of one quantity in adults of each sex.

    Attributes:
        title: for tables. unit: of the numbers. source: where they come from.
        male, female: mean and SD.
        comparable: False where our measure is not the source's; `note` says why.
        note: what the source measured, where that needs saying.
    """

    title: str
    unit: str
    male: tuple[float, float]
    female: tuple[float, float]
    source: str
    comparable: bool = True
    note: str = ""

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

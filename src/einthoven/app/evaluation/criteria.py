"""Criteria of infarction in the 12-lead ECG: ST elevation, its mirror image, and Q waves.

Fourth universal definition of myocardial infarction (Thygesen et al., Circulation 138:e618, 2018,
doi:10.1161/CIR.0000000000000617), tables 2 and 3, which the ESC and the AHA share. Contiguous
leads are neighbours in space: V1 to V6 in their order, and aVL, I, -aVR, II, aVF, III in theirs;
aVR itself is not used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.features import FeatureRow, feature_name

CONTIGUOUS = (
    ("V1", "V2"), ("V2", "V3"), ("V3", "V4"), ("V4", "V5"), ("V5", "V6"),
    ("aVL", "I"), ("II", "aVF"), ("aVF", "III"), ("II", "III"),
)  # fmt: skip
Q_GROUPS = (("I", "aVL"), ("V1", "V2", "V3", "V4", "V5", "V6"), ("II", "III", "aVF"))
"""Leads of which any two with Q waves are contiguous."""
ELEVATION_MV, DEPRESSION_MV = 0.1, 0.05
HIGH = ("V2", "V3")
"""Leads in which healthy people have ST elevation, so that more is asked for."""
YOUNG_YEARS = 40.0
Q_MS, Q_HIGH_MS, Q_MV, TALL_R_MS = 30.0, 20.0, 0.1, 40.0
ROUNDED = 6
"""Decimals of mV, so that 0.1 stored as float32 reaches a threshold of 0.1."""


@dataclass(frozen=True)
class InfarctCriteria:
    """Findings of one ECG; leads in their usual order."""

    elevated: tuple[str, ...]
    """Leads above their threshold at the J point."""
    depressed: tuple[str, ...]
    """Leads at least 0.05 mV below the baseline at the J point."""
    q_leads: tuple[str, ...]
    """Leads with a Q wave of infarction or a QS complex."""
    tall_r: bool = False
    """Whether V1 and V2 have the mirror image of a posterior Q wave: R of 40 ms and more, at least
    as high as S, with an upright T."""

    @property
    def has_st_elevation(self) -> bool:
        """Whether two contiguous leads are elevated."""
        return any(set(pair) <= set(self.elevated) for pair in CONTIGUOUS)

    @property
    def has_posterior_signs(self) -> bool:
        """Whether V1 to V3 are depressed, the mirror image of V7 to V9, without elevation."""
        return {"V1", "V2", "V3"} <= set(self.depressed) and not self.has_st_elevation

    @property
    def calls_acute(self) -> bool:
        """Whether an acute occlusion is named: ST elevation, or its posterior equivalent."""
        return self.has_st_elevation or self.has_posterior_signs

    @property
    def calls_old(self) -> bool:
        """Whether an old infarct is named: Q in V2 or V3, in two contiguous leads, or tall R."""
        found = set(self.q_leads)
        paired = any(len(found & set(group)) > 1 for group in Q_GROUPS)
        return bool(found & set(HIGH)) or paired or self.tall_r


def elevation_threshold_mv(
    lead: str, sex: str | None = None, age_years: float | None = None
) -> float:
    """ST elevation at the J point from which on a lead counts, mV.

    In V2 and V3 it is 0.15 in women, 0.25 in men under 40 years, 0.2 in other men; of unknown sex
    or age, 0.2.
    """
    if lead not in HIGH:
        return ELEVATION_MV
    if sex == "female":
        return 0.15
    return 0.25 if sex == "male" and age_years is not None and age_years < YOUNG_YEARS else 0.2


def infarct_criteria(
    values: Mapping[str, float], sex: str | None = None, age_years: float | None = None
) -> InfarctCriteria:
    """The criteria of an ECG from its features (`ecg.features`), such as `j_mv_v2`.

    What could not be measured (NaN) fulfils no criterion. Q waves count from 20 ms on in V2 and V3,
    from 30 ms and 0.1 mV on elsewhere but in V1 and aVR; QS complexes count in all of these.

    Args:
        values: features of one beat.
        sex: female or male, None if unknown.
        age_years: None if unknown.
    """
    used = [lead for lead in LEADS if lead != "aVR"]
    level = {lead: round(values[feature_name("j_mv", lead)], ROUNDED) for lead in used}
    return InfarctCriteria(
        tuple(v for v in used if level[v] >= elevation_threshold_mv(v, sex, age_years)),
        tuple(v for v in used if level[v] <= -DEPRESSION_MV),
        tuple(v for v in used if v != "V1" and _has_q(v, values)),
        all(_has_tall_r(v, values) for v in ("V1", "V2")),
    )


def called_shares(rows: Sequence[FeatureRow]) -> dict[str, float]:
    """Shares of beats that the criteria call an acute occlusion, and an old infarct.

    Raises:
        BadInput: no beat.
    """
    if not rows:
        raise BadInput("criteria: no beat to judge")
    found = [infarct_criteria(row.values, row.sex, row.age_years) for row in rows]
    return {
        "acute": sum(one.calls_acute for one in found) / len(found),
        "old": sum(one.calls_old for one in found) / len(found),
    }


def _has_q(lead: str, values: Mapping[str, float]) -> bool:
    q_mv, q_ms, r_mv = (values[feature_name(kind, lead)] for kind in ("q_mv", "q_ms", "r_mv"))
    if q_mv > 0 and r_mv == 0:
        return True
    if lead in HIGH:
        return q_ms >= Q_HIGH_MS
    return q_ms >= Q_MS and q_mv >= Q_MV


def _has_tall_r(lead: str, values: Mapping[str, float]) -> bool:
    r_mv, r_ms, s_mv, t_mv = (
        values[feature_name(kind, lead)] for kind in ("r_mv", "r_ms", "s_mv", "t_mv")
    )
    return r_ms >= TALL_R_MS and r_mv >= s_mv and r_mv > 0 and t_mv > 0

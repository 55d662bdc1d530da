"""Gains of a file that contradict Einthoven's law, although its counts obey it."""

from collections.abc import Mapping

import numpy as np

from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.recordings.lead_names import LIMB_WEIGHTS, lead_of
from einthoven.physics.ecg.recordings.units import QRS_MV, qrs_size

GAIN = 1000.0
"""Counts per mV that are taken: one count is 1 uV, the resolution of PTB, PTB-XL and most
exports. With it, the QRS of 100 recordings of LUDB is as high as in PTB-XL (largest lead: median
2.40 and 2.30 mV); a per-lead gain made every lead 1 mV high there."""
ROUNDING_COUNTS = 1.5
"""Largest difference from the law by rounding of three leads to whole counts."""
LEAST_COUNTS = 50.0
"""Least range of lead II in which that rounding does not matter."""
LEAST_RATIO = 1.005
"""Ratio of the largest to the smallest gain at which they differ."""


def with_common_gain(
    leads: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray], gains: Mapping[str, float]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The leads by one gain, if the counts of the limb leads obey the law and the gains differ.

    Counts are integers. Where I + III - II and the augmented leads vanish in them to the rounding,
    all leads were converted alike, and a gain for each lead is wrong. Chest leads are part of the
    same file and get the same gain.

    Args:
        leads: name -> [time] mV by the gains of the file, NaN where a sample is missing.
        counts: name -> [time] integers of the file.
        gains: name -> counts per unit.

    Returns:
        leads in mV; a sentence if they were corrected.
    """
    named = {lead: name for name in leads if (lead := lead_of(name))}
    limbs = [lead for lead in LEADS[:6] if lead in named]
    values = [gains[named[lead]] for lead in limbs]
    if not {"I", "II", "III"} <= set(limbs) or max(values) < LEAST_RATIO * min(values):
        return dict(leads), []
    valid = np.isfinite(np.stack([leads[named[lead]] for lead in limbs])).all(axis=0)
    raw = {lead: counts[named[lead]].astype(np.float64)[valid] for lead in limbs}
    if not valid.any() or np.ptp(raw["II"]) < LEAST_COUNTS or not _obey(raw):
        return dict(leads), []
    corrected = {name: np.where(np.isfinite(row), counts[name] / GAIN, np.nan)
                 for name, row in leads.items()}  # fmt: skip
    if not QRS_MV[0] <= qrs_size(corrected, 1.0e3) <= QRS_MV[1]:
        return dict(leads), []
    given = sorted(gains[name] for name in leads)
    return corrected, [
        f"the gains of the leads ({given[0]:g} to {given[-1]:g} per mV) break I + III = II, and "
        f"the counts obey it exactly: one gain of {GAIN:g} per mV was taken for all leads"
    ]


def _obey(raw: Mapping[str, np.ndarray]) -> bool:
    """Whether each limb lead follows from I and II, up to a constant and the rounding."""
    return all(
        float(np.ptp(raw[lead] - a * raw["I"] - b * raw["II"])) <= 2 * ROUNDING_COUNTS
        for lead, (a, b) in LIMB_WEIGHTS.items()
        if lead in raw
    )

"""Frontal axes and the spatial angle between QRS and T, from net areas."""

from collections.abc import Mapping

import numpy as np

# Kors et al., Eur. Heart J. 11 (1990) 1083: Frank leads by regression on eight leads.
KORS_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
KORS = np.array(
    [
        [0.38, -0.07, -0.13, 0.05, -0.01, 0.14, 0.06, 0.54],
        [-0.07, 0.93, 0.06, -0.02, -0.05, 0.06, -0.17, 0.13],
        [0.11, -0.23, -0.43, -0.06, -0.14, -0.20, -0.11, 0.31],
    ]
)
"""Rows X (to the left), Y (to the feet), Z (to the back)."""
AXIS_RANGE_DEG = (-90.0, 270.0)
"""Range of axes, chosen so that right axes do not wrap around at 180 degrees."""


def frontal_axis_deg(area_i: float, area_avf: float) -> float:
    """Frontal axis of net areas, 0 to the left and 90 to the feet.

    It uses the areas of the waves in I and aVF, as MEANS does for the normal limits of Rijnbeek
    2014. The augmented lead is shorter than a bipolar one by cos 30 degrees (Einthoven's triangle).

    Args:
        area_i, area_avf: mV ms.

    Returns:
        Degrees in AXIS_RANGE_DEG; NaN where both areas vanish.
    """
    if area_i == 0 and area_avf == 0:
        return float("nan")
    angle = float(np.degrees(np.arctan2(2 / np.sqrt(3) * area_avf, area_i)))
    return angle + 360.0 if angle < AXIS_RANGE_DEG[0] else angle


def spatial_angle_deg(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Angle in space between two mean vectors, such as those of QRS and T.

    Args:
        first, second: lead -> net area, mV ms; needs `KORS_LEADS`.

    Returns:
        0 to 180 degrees; NaN where a vector vanishes.
    """
    a, b = (KORS @ np.array([areas[lead] for lead in KORS_LEADS]) for areas in (first, second))
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.degrees(np.arccos(np.clip(a @ b / lengths, -1, 1)))) if lengths else np.nan

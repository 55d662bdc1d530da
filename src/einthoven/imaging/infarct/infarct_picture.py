"""Bull's-eye of the segments that an infarct takes."""

import numpy as np

from einthoven.base.plots.heart_maps import Bands
from einthoven.base.plots.imaging_maps import UNCERTAIN, Bullseye, bullseye_figure, segment_places
from einthoven.base.plots.style import Figure
from einthoven.imaging.infarct.infarct_model import InfarctReport

PERCENT = tuple(range(0, 101, 10))
"""Edges of the colours."""


def infarct_figure(report: InfarctReport, name: str) -> Figure:
    """Probability in per cent that each AHA segment is infarcted, in a bull's-eye.

    It is the probability of any infarct times that of the segment, if there is one.
    """
    estimate = report.estimate
    values = np.full(len(segment_places()), np.nan)
    values[: estimate.segments.shape[1]] = 100.0 * estimate.presence[0] * estimate.segments[0]
    bands = Bands("probability of an infarct (%)", PERCENT, UNCERTAIN)
    figure = bullseye_figure([Bullseye("core in a quarter of the segment or more", values, bands)])
    figure.suptitle(f"{name}: {report.line().partition(', most')[0]}", size=9)
    return figure

"""Mean ECG of a cohort with its 2 to 98 % band, and features between their published limits."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.base.plots.mean_ecg import WIDTH_INCHES, CohortEcg, draw_mean_ecg, panels_height
from einthoven.base.plots.style import house_style, new_figure

BAND_COLOUR, LIMIT_COLOUR = "#0072B2", "#009E73"
SHOWN = (-1.0, 2.0)
"""Places beyond this, in widths of the limits, are drawn at the edge."""


@house_style()
def audit_figure(
    cohort: CohortEcg,
    positions: Mapping[str, Sequence[float]],
    labels: Mapping[str, str],
    title: str,
) -> Figure:
    """Both pictures, one below the other.

    Args:
        cohort: ECGs and the published limits of their waves.
        positions: feature -> 2nd, 50th and 98th percentile of its place, 0 at the lower and 1 at
            the upper limit; the worst first.
        labels: feature -> what is written beside it.
        title: heading.
    """
    heights = panels_height(cohort) + 1.0, 0.8 + 0.3 * len(positions)
    figure = new_figure(WIDTH_INCHES, sum(heights) + 0.3)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
    draw_mean_ecg(parts[0, 0], cohort)
    _limits(parts[1, 0].subplots(), positions, labels)
    figure.suptitle(title, size=10)
    return figure


@house_style()
def limits_figure(
    positions: Mapping[str, Sequence[float]], labels: Mapping[str, str], title: str = ""
) -> Figure:
    """Only the features between their limits; arguments as of `audit_figure`."""
    figure = new_figure(9.0, 1.2 + 0.3 * len(positions))
    _limits(figure.subplots(), positions, labels)
    figure.suptitle(title, size=10)
    return figure


def _limits(
    axes: Axes, positions: Mapping[str, Sequence[float]], labels: Mapping[str, str]
) -> None:
    """One bar per feature from the 2nd to the 98th percentile, the median as a mark."""
    axes.axvspan(0, 1, color=LIMIT_COLOUR, alpha=0.15, lw=0)
    for k, (name, place) in enumerate(positions.items()):
        low, median, high = np.clip(place, *SHOWN)
        axes.plot([low, high], [k, k], color=BAND_COLOUR, lw=5, alpha=0.5, solid_capstyle="butt")
        axes.plot(median, k, "o", color=BAND_COLOUR, ms=5)
        beyond = place[1] < SHOWN[0] or place[1] > SHOWN[1]
        note = f"  median at {place[1]:.1f}" if beyond else ""
        axes.text(SHOWN[1] + 0.05, k, labels[name] + note, va="center", size=8)
    axes.set_yticks(range(len(positions)), list(positions))
    axes.set(xlim=SHOWN, ylim=(len(positions) - 0.5, -0.5), xticks=[0, 1])
    axes.set_xticklabels(["lower limit", "upper limit"])
    axes.grid(axis="x", alpha=0.25)

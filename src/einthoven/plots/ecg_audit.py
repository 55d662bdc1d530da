"""Mean ECG of a cohort with its 2 to 98 % band, and features between their published limits."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from einthoven.core.names import LEADS
from einthoven.plots.ecg_paper import LAYOUT
from einthoven.plots.style import house_style, new_figure

BAND_COLOUR, LIMIT_COLOUR = "#0072B2", "#009E73"
SHOWN = (-1.0, 2.0)
"""Places beyond this, in widths of the limits, are drawn at the edge."""


@house_style()
def audit_figure(
    time: np.ndarray,
    traces: np.ndarray,
    positions: Mapping[str, Sequence[float]],
    labels: Mapping[str, str],
    title: str,
) -> Figure:
    """Both pictures, one below the other.

    Args:
        time: [time] ms from the QRS onset.
        traces: [patient, 12, time] mV; NaN where a record ends.
        positions: feature -> 2nd, 50th and 98th percentile of its place, 0 at the lower and 1 at
            the upper limit; the worst first.
        labels: feature -> what is written beside it.
        title: heading.
    """
    figure = new_figure(11.0, 7.5 + 0.3 * len(positions))
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[7.0, 0.8 + 0.3 * len(positions)])
    _bands(parts[0, 0], time, traces)
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


def _bands(figure: SubFigure, time: np.ndarray, traces: np.ndarray) -> None:
    """Twelve panels in the order of a print, each row with one mV axis."""
    known = np.isfinite(traces).all(axis=(0, 1))
    time, traces = time[known], traces[:, :, known]
    low, high = np.percentile(traces, (2, 98), axis=0)
    mean = traces.mean(axis=0)
    panels = figure.subplots(3, 4, sharex=True, sharey="row")
    for axes, lead in zip(panels.flat, np.ravel(LAYOUT)):
        k = LEADS.index(lead)
        axes.axhline(0, color="#999999", lw=0.6)
        axes.fill_between(time, low[k], high[k], color=BAND_COLOUR, alpha=0.25, lw=0)
        axes.plot(time, mean[k], color=BAND_COLOUR, lw=1.3)
        axes.text(0.98, 0.95, lead, transform=axes.transAxes, weight="bold", ha="right", va="top")
        axes.grid(alpha=0.25)
    for axes in panels[-1]:
        axes.set_xlabel("from the QRS onset (ms)")
    for axes in panels[:, 0]:
        axes.set_ylabel("mV")


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

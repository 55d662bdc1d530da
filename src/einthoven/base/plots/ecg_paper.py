"""12-lead ECGs over each other on the grid of ECG paper, stretched so that differences are seen.

Small squares are 40 ms by 0.1 mV, but not 1 mm wide; `plots.ecg_print` is to scale.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.base.core.names import LEADS
from einthoven.base.plots.style import house_style, legend_below, look, new_figure

# Columns of the usual 3 x 4 print.
LAYOUT = (
    ("I", "aVR", "V1", "V4"),
    ("II", "aVL", "V2", "V5"),
    ("III", "aVF", "V3", "V6"),
)
SMALL_MS, SMALL_MV = 40.0, 0.1
LARGE_MS, LARGE_MV = 5 * SMALL_MS, 5 * SMALL_MV
INCHES_PER_MV = 0.42


def paper_grid(axes: Axes, time_ms: tuple[float, float], level_mv: tuple[float, float]) -> None:
    """Draw the pink grid between two times and two levels, and leave only it as a scale."""
    for squares, width, alpha in ((1, 0.25, 0.55), (5, 0.7, 0.9)):
        style: dict[str, Any] = {"color": "#F2B8B5", "lw": width, "alpha": alpha, "zorder": 0}
        ms, mv = squares * SMALL_MS, squares * SMALL_MV
        axes.vlines(_multiples(ms, time_ms), *level_mv, **style)
        axes.hlines(_multiples(mv, level_mv), *time_ms, **style)
    axes.set(xlim=time_ms, ylim=level_mv, xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _multiples(step: float, ends: tuple[float, float]) -> np.ndarray:
    """Multiples of a step, from the last one before the first end."""
    return np.arange(np.floor(ends[0] / step), ends[1] / step + 1) * step


def _row_levels(ecgs: Sequence[np.ndarray], rows: Sequence[int]) -> tuple[float, float]:
    """Ends of the mV axis of one row of leads, at full large squares (0.5 mV)."""
    values = np.concatenate([np.asarray(ecg)[rows].ravel() for ecg in ecgs])
    low, high = min(values.min(), -0.5), max(values.max(), 0.5)
    return float(np.floor(low / 0.5) * 0.5), float(np.ceil(high / 0.5) * 0.5)


@house_style()
def ecg_figure(
    time: np.ndarray,
    ecgs: Mapping[str, np.ndarray],
    title: str = "",
    bands: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Figure:
    """Overlay 12-lead ECGs on ECG paper.

    Args:
        time: [time] ms.
        ecgs: method name (see `style.METHODS`) -> [lead, time] mV, in the order of `LEADS`.
        title: heading, e.g. patient and scenario.
        bands: method name -> lower and upper ends of an interval about its ECG.

    Returns:
        A figure whose grid is the scale: small squares 40 ms by 0.1 mV, as on paper.
    """
    bands = bands or {}
    drawn = [*ecgs.values(), *(end for ends in bands.values() for end in ends)]
    levels = [_row_levels(drawn, [LEADS.index(name) for name in names]) for names in LAYOUT]
    window = (float(time[0]), float(time[-1]))
    spans = [high - low for low, high in levels]
    figure = new_figure(11.0, min(13.0, 1.0 + INCHES_PER_MV * sum(spans)))
    grid = {"wspace": 0.0, "hspace": 0.0, "height_ratios": spans}
    panels = figure.subplots(3, 4, gridspec_kw=grid)
    for axes, name, level in zip(panels.flat, np.ravel(LAYOUT), np.repeat(levels, 4, axis=0)):
        paper_grid(axes, window, level)
        for method, ecg in ecgs.items():
            colour, line, label = look(method)
            axes.plot(time, ecg[LEADS.index(name)], color=colour, ls=line, lw=1.1, label=label)
            if method in bands:
                low, high = (end[LEADS.index(name)] for end in bands[method])
                axes.fill_between(time, low, high, color=colour, alpha=0.25, lw=0)
        axes.text(0.02, 0.96, name, transform=axes.transAxes, weight="bold", va="top")
    legend_below(figure)
    scale = f"(small square 40 ms × 0.1 mV, {window[0]:g} to {window[1]:g} ms)"
    figure.suptitle(f"{title}   {scale}", size=10)
    return figure

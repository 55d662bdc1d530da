"""The 12-lead ECG on the usual paper grid: 25 mm/s, 10 mm/mV, small squares 40 ms by 0.1 mV."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.core.names import LEADS
from einthoven.plots.style import house_style, look, new_figure

# Columns of the usual 3 x 4 print.
LAYOUT = (
    ("I", "aVR", "V1", "V4"),
    ("II", "aVL", "V2", "V5"),
    ("III", "aVF", "V3", "V6"),
)
SMALL_MS, SMALL_MV = 40.0, 0.1
INCHES_PER_MV = 0.42


def _paper(axes: Axes, time_ms: tuple[float, float], level_mv: tuple[float, float]) -> None:
    """Draw the pink grid and leave only it as a scale."""
    for step, width, alpha in ((1, 0.25, 0.55), (5, 0.7, 0.9)):
        x = np.arange(np.floor(time_ms[0] / (step * SMALL_MS)), time_ms[1] / (step * SMALL_MS) + 1)
        y = np.arange(
            np.floor(level_mv[0] / (step * SMALL_MV)), level_mv[1] / (step * SMALL_MV) + 1
        )
        axes.vlines(
            x * step * SMALL_MS, *level_mv, color="#F2B8B5", lw=width, alpha=alpha, zorder=0
        )
        axes.hlines(y * step * SMALL_MV, *time_ms, color="#F2B8B5", lw=width, alpha=alpha, zorder=0)
    axes.set(xlim=time_ms, ylim=level_mv, xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _row_levels(ecgs: Mapping[str, np.ndarray], rows: Sequence[int]) -> tuple[float, float]:
    """Ends of the mV axis of one row of leads, at full large squares (0.5 mV)."""
    values = np.concatenate([np.asarray(ecg)[rows].ravel() for ecg in ecgs.values()])
    low, high = min(values.min(), -0.5), max(values.max(), 0.5)
    return float(np.floor(low / 0.5) * 0.5), float(np.ceil(high / 0.5) * 0.5)


def ecg_figure(
    time: np.ndarray,
    ecgs: Mapping[str, np.ndarray],
    title: str = "",
    leads: Sequence[str] = LEADS,
) -> Figure:
    """Overlay 12-lead ECGs on ECG paper.

    Args:
        time: [time] ms.
        ecgs: method name (see `style.METHODS`) -> [lead, time] mV.
        title: heading, e.g. patient and scenario.
        leads: names of the rows of each ECG.

    Returns:
        A figure whose grid is the scale: small squares 40 ms by 0.1 mV, as on paper.
    """
    levels = [_row_levels(ecgs, [list(leads).index(n) for n in names]) for names in LAYOUT]
    window = (float(time[0]), float(time[-1]))
    spans = [high - low for low, high in levels]
    figure = new_figure(11.0, min(13.0, 1.0 + INCHES_PER_MV * sum(spans)))
    with house_style():
        grid = {"wspace": 0.0, "hspace": 0.0, "height_ratios": spans}
        panels = figure.subplots(3, 4, gridspec_kw=grid)
        for row, names, level in zip(panels, LAYOUT, levels):
            for axes, name in zip(row, names):
                _paper(axes, window, level)
                for method, ecg in ecgs.items():
                    colour, line, label = look(method)
                    axes.plot(
                        time,
                        ecg[list(leads).index(name)],
                        color=colour,
                        ls=line,
                        lw=1.1,
                        label=label,
                    )
                axes.text(0.02, 0.96, name, transform=axes.transAxes, weight="bold", va="top")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        figure.suptitle(
            f"{title}   (small square 40 ms × 0.1 mV, {window[0]:g} to {window[1]:g} ms)", size=10
        )
    return figure

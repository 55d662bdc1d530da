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
    axes.set_aspect(SMALL_MS / SMALL_MV)


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
        A figure at twice life size whose grid is the scale: small squares 40 ms by 0.1 mV.
    """
    every = np.concatenate([np.asarray(v).ravel() for v in ecgs.values()])
    low = np.floor(min(every.min(), -0.5) / 0.5) * 0.5
    high = np.ceil(max(every.max(), 0.5) / 0.5) * 0.5
    window = (float(time[0]), float(time[-1]))
    inches_per_mm = 2 / 25.4
    width = 4 * (window[1] - window[0]) / SMALL_MS * inches_per_mm
    height = 3 * (high - low) / SMALL_MV * inches_per_mm
    scale = 11.0 / width  # page width
    figure = new_figure(11.0, height * scale + 0.9)
    with house_style():
        panels = figure.subplots(3, 4, gridspec_kw={"wspace": 0.0, "hspace": 0.0})
        for row, names in zip(panels, LAYOUT):
            for axes, name in zip(row, names):
                _paper(axes, window, (low, high))
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

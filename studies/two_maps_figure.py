"""Two activation maps of one heart with one ECG, and what a posterior says of both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.base.core.names import LEADS
from einthoven.base.plots.ecg_paper import paper_grid
from einthoven.base.plots.imaging_maps import Bullseye, draw_bullseye
from einthoven.base.plots.style import house_style, new_figure

COLOURS, MARKERS, LINES = ("#000000", "#D55E00"), ("o", "^"), ("-", (0, (4, 1.2)))
BAND_COLOUR = "#56B4E9"
N_COLUMNS = 6


@dataclass(frozen=True, eq=False)
class TwoMaps:
    """Content of the figure.

    Attributes:
        names: of both maps. panels: a bull's-eye of each, with the same bands.
        time: [time] ms. ecgs: [2, 12, time] mV.
        maps: [2, 75] ms.
        interval: [2, 75] ms, ends of the posterior's 90 % intervals given the first ECG.
        median: [75] ms of the posterior.
    """

    names: tuple[str, str]
    panels: Sequence[Bullseye]
    time: np.ndarray
    ecgs: np.ndarray
    maps: np.ndarray
    interval: np.ndarray
    median: np.ndarray


@house_style()
def two_maps_figure(shown: TwoMaps, title: str = "") -> Figure:
    """Bull's-eyes of both maps, their ECGs over one another, and both within the intervals."""
    figure = new_figure(12.5, 11.5)
    parts = figure.subfigures(3, 1, squeeze=False, height_ratios=(1.25, 1.1, 1.0))
    top, middle, bottom = parts.ravel()
    axes = top.subplots(1, 2)
    for one, panel in zip(axes, shown.panels):
        draw_bullseye(one, panel)
    shown.panels[0].bands.bar(top, list(axes), shrink=0.8)
    _ecgs(middle.subplots(2, N_COLUMNS, sharey=True, gridspec_kw={"wspace": 0, "hspace": 0}), shown)
    _intervals(bottom.subplots(), shown)
    figure.suptitle(title, size=10)
    return figure


def _ecgs(panels: np.ndarray, shown: TwoMaps) -> None:
    """All leads on the grid of ECG paper with one scale."""
    levels = (float(np.floor(shown.ecgs.min() / 0.5) * 0.5),
              float(np.ceil(shown.ecgs.max() / 0.5) * 0.5))  # fmt: skip
    for k, (axes, name) in enumerate(zip(panels.flat, LEADS)):
        paper_grid(axes, (float(shown.time[0]), float(shown.time[-1])), levels)
        for ecg, label, colour, line in zip(shown.ecgs, shown.names, COLOURS, LINES):
            axes.plot(shown.time, ecg[k], color=colour, ls=line, lw=1.2, label=label)
        axes.text(0.03, 0.96, name, transform=axes.transAxes, weight="bold", va="top")
    scale = f"{shown.time[0]:g} to {shown.time[-1]:g} ms; small square 40 ms × 0.1 mV"
    panels.flat[0].figure.supxlabel(scale, size=8)


def _intervals(axes: Axes, shown: TwoMaps) -> None:
    """Every point's interval with the times of both maps, points in the order of the first map."""
    order = np.argsort(shown.maps[0], kind="stable")
    at = np.arange(len(order))
    low, high = shown.interval[:, order]
    axes.bar(at, high - low, bottom=low, width=0.9, color=BAND_COLOUR, alpha=0.5,
             label="posterior: 90 % interval")  # fmt: skip
    axes.plot(at, shown.median[order], "_", color="#0072B2", ms=6, label="its median")
    for values, name, colour, marker in zip(shown.maps, shown.names, COLOURS, MARKERS):
        axes.plot(at, values[order], marker, color=colour, ms=3.5, ls="", label=name)
    axes.set(xlabel="recording points in the order of the first map",
             ylabel="activation time (ms)", xlim=(-1, len(at)))  # fmt: skip
    axes.legend(ncols=4, loc="upper left")

"""Simulated and real people side by side: mean beats of twelve leads, and single features.

The groups differ in colour, in brightness and in line style, so that they differ in grey and
without colour vision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from einthoven.base.core.names import LEADS
from einthoven.base.core.percentiles import band_of
from einthoven.base.plots.ecg_paper import LARGE_MS, LARGE_MV, LAYOUT, paper_grid
from einthoven.base.plots.style import house_style, new_figure

WIDTH_INCHES, INCHES_PER_MV, MOST_INCHES, ROW_INCHES = 11.0, 0.8, 8.0, 2.4
N_COLUMNS = 5
JITTER, SEED = 0.17, 0
LOOKS: tuple[dict[str, Any], dict[str, Any]] = (
    {"color": "#0B3C6F", "ls": "-", "lw": 1.3},
    {"color": "#B35900", "ls": (0, (4, 1.5)), "lw": 1.3},
)
"""Lines of the means: simulated dark blue and solid, real orange and dashed."""
BANDS: tuple[dict[str, Any], dict[str, Any]] = (
    {"color": "#3D7AB8", "alpha": 0.55, "lw": 0, "zorder": 2},
    {"color": "#F2C48D", "alpha": 0.75, "lw": 0, "zorder": 1},
)
DOTS = ("#3D7AB8", "#E0954A")


@dataclass(frozen=True, eq=False)
class GroupsOfBeats:
    """Beats and features of two groups, the simulated one first.

    Attributes:
        labels: names of the groups.
        time: [time] ms from the QRS onset.
        traces: two arrays [person, 12, time] mV; NaN where a record has ended.
        features: name with its unit -> two arrays [person].
    """

    labels: tuple[str, str]
    time: np.ndarray
    traces: tuple[np.ndarray, np.ndarray]
    features: Mapping[str, tuple[np.ndarray, np.ndarray]]

    def shown(self) -> np.ndarray:
        """[time] whether most people of both groups have a value."""
        shares = [np.isfinite(traces).all(axis=1).mean(axis=0) for traces in self.traces]
        return np.minimum(*shares) > 0.5


@house_style()
def realism_figure(groups: GroupsOfBeats, title: str) -> Figure:
    """Mean beats with bands above, and the features as points with boxes below."""
    levels = _levels(groups)
    span = sum(high - low for low, high in levels)
    n_rows = -(-len(groups.features) // N_COLUMNS)
    heights = min(MOST_INCHES, INCHES_PER_MV * span) + 1.2, ROW_INCHES * n_rows + 0.3
    figure = new_figure(WIDTH_INCHES, sum(heights) + 0.4)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
    _draw_beats(parts[0, 0], groups, levels)
    panels = parts[1, 0].subplots(n_rows, N_COLUMNS, squeeze=False)
    for axes in panels.flat[len(groups.features) :]:
        axes.set_axis_off()
    for axes, (name, values) in zip(panels.flat, groups.features.items()):
        _draw_feature(axes, name, values, groups.labels)
    figure.suptitle(title, size=10)
    return figure


def _statistics(traces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [12, time] and ends of the band [2, 12, time] of those who have a value."""
    band = band_of(len(traces))
    return np.nanmean(traces, axis=0), np.nanpercentile(traces, band[:2], axis=0)


def _levels(groups: GroupsOfBeats) -> list[tuple[float, float]]:
    """Ends of the mV axis of each row, at full large squares, that hold both bands."""
    known = groups.shown()
    bands = [_statistics(traces[:, :, known])[1] for traces in groups.traces]
    levels = []
    for names in LAYOUT:
        rows = [LEADS.index(name) for name in names]
        low = min(float(band[:, rows].min()) for band in bands)
        high = max(float(band[:, rows].max()) for band in bands)
        levels.append((float(np.floor(min(low, -LARGE_MV) / LARGE_MV)) * LARGE_MV,
                       float(np.ceil(max(high, LARGE_MV) / LARGE_MV)) * LARGE_MV))  # fmt: skip
    return levels


def _draw_beats(
    figure: SubFigure, groups: GroupsOfBeats, levels: Sequence[tuple[float, float]]
) -> None:
    known = groups.shown()
    time = groups.time[known]
    window = float(time[0]), float(time[-1])
    found = [_statistics(traces[:, :, known]) for traces in groups.traces]
    grid = {"wspace": 0.0, "hspace": 0.0, "height_ratios": [high - low for low, high in levels]}
    panels = figure.subplots(3, 4, gridspec_kw=grid)
    for row, names, level in zip(panels, LAYOUT, levels):
        for axes, lead in zip(row, names):
            paper_grid(axes, window, level)
            for (mean, band), look, fill in zip(found, LOOKS, BANDS):
                k = LEADS.index(lead)
                axes.fill_between(time, *band[:, k], **fill)
                axes.plot(time, mean[k], **look)
            axes.text(0.97, 0.96, lead, transform=axes.transAxes, weight="bold", ha="right",
                      va="top")  # fmt: skip
        row[0].set_yticks(_inside(level, LARGE_MV))
        row[0].tick_params(axis="y", length=0, labelsize=7)
        row[0].set_ylabel("mV")
    for axes in panels[-1]:
        axes.set_xticks(_inside(window, LARGE_MS))
        axes.tick_params(axis="x", length=0, labelsize=7)
        axes.set_xlabel("from the QRS onset (ms)")
    handles: list[Line2D | Patch] = []
    for label, traces, look, fill in zip(groups.labels, groups.traces, LOOKS, BANDS):
        n = len(traces)
        handles.append(Line2D([], [], label=f"{label}: mean", **look))
        shown = {key: fill[key] for key in ("color", "alpha", "lw")}
        handles.append(Patch(label=f"{label}: {band_of(n).name} of {n}", **shown))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def _inside(ends: tuple[float, float], step: float) -> list[float]:
    """Multiples of a step between two ends, without these, where panels meet."""
    ticks = np.arange(np.ceil(ends[0] / step), np.floor(ends[1] / step) + 1) * step
    margin = 0.05 * step
    return [float(tick) for tick in ticks if ends[0] + margin < tick < ends[1] - margin]


def _draw_feature(
    axes: Axes, name: str, values: tuple[np.ndarray, np.ndarray], labels: tuple[str, str]
) -> None:
    """Every person as a point, and a box of quartiles with whiskers at the band's ends."""
    jitter = np.random.default_rng(SEED)
    for place, (some, colour, look) in enumerate(zip(values, DOTS, LOOKS)):
        known = some[np.isfinite(some)]
        x = place + jitter.uniform(-JITTER, JITTER, len(known))
        marker = "os"[place]
        axes.plot(x, known, marker, ms=2.5, mew=0, color=colour, alpha=0.6, zorder=1)
        ink = {"color": look["color"], "lw": 1.1}
        axes.boxplot(known, positions=[place], widths=0.55, whis=band_of(len(known))[:2],
                     showfliers=False, boxprops=ink, whiskerprops=ink, capprops=ink,
                     medianprops=ink | {"lw": 2.0}, zorder=2)  # fmt: skip
    axes.set_xticks([0, 1], labels)
    axes.set_xlim(-0.6, 1.6)
    axes.set_ylabel(name, size=8)
    axes.tick_params(labelsize=7)
    axes.grid(axis="y", alpha=0.25)

"""Mean ECG of a cohort and its band beside published limits, on the grid of ECG paper.

Below it, features between their published limits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from einthoven.base.core.names import LEADS
from einthoven.base.core.percentiles import band_of
from einthoven.base.plots.ecg_paper import LARGE_MS, LARGE_MV, LAYOUT, paper_grid
from einthoven.base.plots.style import house_style, new_figure

WIDTH_INCHES, INCHES_PER_MV, MAX_HEIGHT_INCHES = 11.0, 0.75, 8.0
BAND_COLOUR = "#7F7F7F"
SEX_LINES: dict[str | None, Any] = {None: "-", "male": "-", "female": (0, (3.5, 1.3))}
PEOPLE: dict[str | None, str] = {None: "adults", "male": "men", "female": "women"}
KIND_LOOKS = {
    "percentile": ("#0072B2", "2nd to 98th percentile of healthy adults"),
    "clinical": ("#D55E00", "limits of textbooks"),
}
EDGE_SHARE = 0.05
"""Share of a large square; no number is closer to the border of panels."""
CAP_MS, SEX_SHIFT_MS = 9.0, 7.0
"""Half the width of a bracket's ends; how far brackets of men and women stand from the peak."""
PLACE_COLOUR, LIMIT_COLOUR = "#0072B2", "#009E73"
SHOWN = (-1.0, 2.0)
"""Places beyond this, in widths of the limits, are drawn at the edge."""


@dataclass(frozen=True)
class WaveLimits:
    """Published limits of one wave, drawn at the cohort's time."""

    lead: str
    """Lead of `core.names.LEADS`."""
    time: float
    """Time of the wave's peak, ms."""
    low: float | None
    high: float | None
    """Limits of its amplitude with its sign, mV; None where not published."""
    centre: float | None
    """Median or mean of healthy people, mV, or None."""
    kind: str
    """Percentile or clinical."""
    sex: str | None = None
    """Female, male, or None for both."""


@dataclass(frozen=True, eq=False)
class CohortEcg:
    """ECGs of a cohort."""

    time: np.ndarray
    """[time] ms from the QRS onset."""
    traces: np.ndarray
    """[patient, 12, time] mV; NaN where a record ends."""
    sexes: Sequence[str | None]
    """[patient] female, male or None."""
    limits: Sequence[WaveLimits] = ()
    """Published ones."""

    @property
    def means(self) -> dict[str | None, np.ndarray]:
        """Means of women and of men if both are present, else of all: [12, time] mV."""
        sexes = np.array(self.sexes, dtype=object)
        if {"female", "male"} <= set(self.sexes):
            return {sex: self.traces[sexes == sex].mean(axis=0) for sex in ("male", "female")}
        return {None: self.traces.mean(axis=0)}

    def shown(self) -> "CohortEcg":
        """Only the times that all records have."""
        known = np.isfinite(self.traces).all(axis=(0, 1))
        return CohortEcg(self.time[known], self.traces[:, :, known], self.sexes, self.limits)


@house_style()
def mean_ecg_figure(cohort: CohortEcg, title: str = "") -> Figure:
    """Twelve leads: band in grey, mean in black (women dashed), published limits as brackets."""
    cohort = cohort.shown()
    figure = new_figure(WIDTH_INCHES, panels_height(cohort) + 1.3)
    draw_mean_ecg(figure, cohort)
    figure.suptitle(title, size=10)
    return figure


def panels_height(cohort: CohortEcg) -> float:
    """Height of the twelve panels, inches."""
    span = sum(high - low for low, high in _levels(cohort.shown()))
    return min(MAX_HEIGHT_INCHES, INCHES_PER_MV * span)


def draw_mean_ecg(figure: Figure | SubFigure, cohort: CohortEcg) -> None:
    """`mean_ecg_figure` on a figure or a part of one."""
    cohort = cohort.shown()
    levels = _levels(cohort)
    window = (float(cohort.time[0]), float(cohort.time[-1]))
    grid = {"wspace": 0.0, "hspace": 0.0, "height_ratios": [high - low for low, high in levels]}
    panels = figure.subplots(3, 4, gridspec_kw=grid)
    band = band_of(len(cohort.traces))
    bands = np.percentile(cohort.traces, band[:2], axis=0)
    for row, names, level in zip(panels, LAYOUT, levels):
        for axes, lead in zip(row, names):
            k = LEADS.index(lead)
            paper_grid(axes, window, level)
            axes.fill_between(cohort.time, *bands[:, k], color=BAND_COLOUR, alpha=0.45, lw=0)
            for sex, mean in cohort.means.items():
                axes.plot(cohort.time, mean[k], color="black", ls=SEX_LINES[sex], lw=1.2)
            for limits in cohort.limits:
                if limits.lead == lead:
                    _bracket(axes, limits)
            axes.text(
                0.97, 0.96, lead, transform=axes.transAxes, weight="bold", ha="right", va="top"
            )
        _number(row[0].yaxis, level, LARGE_MV)
        row[0].set_ylabel("mV")
    for axes in panels[-1]:
        _number(axes.xaxis, window, LARGE_MS)
        axes.set_xlabel("from the QRS onset (ms)")
    figure.legend(handles=_legend(cohort), loc="outside lower center", ncols=3)


def _levels(cohort: CohortEcg) -> list[tuple[float, float]]:
    """Ends of the mV axis of each row, at full large squares, that hold band and limits."""
    found, band = [], band_of(len(cohort.traces))
    for names in LAYOUT:
        traces = [cohort.traces[:, LEADS.index(name)] for name in names]
        values = [np.percentile(trace, band[:2], axis=0) for trace in traces]
        values += [np.array([v for v in (its.low, its.high, its.centre) if v is not None])
                   for its in cohort.limits if its.lead in names]  # fmt: skip
        every = np.concatenate([v.ravel() for v in values])
        low, high = min(every.min(), -LARGE_MV), max(every.max(), LARGE_MV)
        ends = np.floor(low / LARGE_MV - 1e-9), np.ceil(high / LARGE_MV + 1e-9)
        found.append((float(ends[0]) * LARGE_MV, float(ends[1]) * LARGE_MV))
    return found


def _number(axis: Axis, ends: tuple[float, float], step: float) -> None:
    """Numbers at the large squares, without those at the very ends, where panels meet."""
    ticks = np.arange(np.ceil(ends[0] / step), np.floor(ends[1] / step) + 1) * step
    margin = EDGE_SHARE * step
    axis.set_ticks([t for t in ticks if ends[0] + margin < t < ends[1] - margin])
    axis.set_tick_params(length=0, labelsize=7)


def _bracket(axes: Axes, limits: WaveLimits) -> None:
    """A vertical line with ends at the limits, and a diamond at the centre."""
    colour, line = KIND_LOOKS[limits.kind][0], SEX_LINES[limits.sex]
    x = limits.time + {None: 0.0, "male": -SEX_SHIFT_MS, "female": SEX_SHIFT_MS}[limits.sex]
    if limits.low is not None and limits.high is not None:
        axes.plot([x, x], [limits.low, limits.high], color=colour, ls=line, lw=1.3)
        for level in (limits.low, limits.high):
            axes.plot([x - CAP_MS, x + CAP_MS], [level, level], color=colour, lw=1.6)
    if limits.centre is not None:
        filled = "white" if limits.sex == "female" else colour
        axes.plot(x, limits.centre, "D", mec=colour, mfc=filled, ms=4.5, mew=1.1)


def _legend(cohort: CohortEcg) -> list[Artist]:
    """Legend of the elements drawn."""
    n = len(cohort.traces)
    entries: list[Artist] = [
        Line2D(
            [],
            [],
            color="black",
            ls=SEX_LINES[sex],
            label=f"mean, {PEOPLE[sex]}" if sex else "mean",
        )
        for sex in cohort.means
    ]
    entries.append(
        Patch(color=BAND_COLOUR, alpha=0.45, lw=0, label=f"{band_of(n).name} of {n} patients")
    )
    for kind, (colour, label) in KIND_LOOKS.items():
        some = [its for its in cohort.limits if its.kind == kind]
        if any(its.low is not None and its.high is not None for its in some):
            entries.append(Line2D([], [], color=colour, marker="_", ms=9, mew=1.6, label=label))
        for sex in (None, "male", "female"):
            if any(its.centre is not None and its.sex == sex for its in some):
                filled = "white" if sex == "female" else colour
                label = f"median or mean of healthy {PEOPLE[sex]}"
                mark = Line2D([], [], ls="none", marker="D", mec=colour, mfc=filled, ms=4.5)
                mark.set_label(label)
                entries.append(mark)
    return entries


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
        positions: feature -> lower end, median and upper end of the band of its places, 0 at the
            lower and 1 at the upper limit; the worst first.
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
    """One bar per feature over the band of the group, the median as a mark."""
    axes.axvspan(0, 1, color=LIMIT_COLOUR, alpha=0.15, lw=0)
    for k, (name, place) in enumerate(positions.items()):
        low, median, high = np.clip(place, *SHOWN)
        axes.plot([low, high], [k, k], color=PLACE_COLOUR, lw=5, alpha=0.5, solid_capstyle="butt")
        axes.plot(median, k, "o", color=PLACE_COLOUR, ms=5)
        beyond = place[1] < SHOWN[0] or place[1] > SHOWN[1]
        note = f"  median at {place[1]:.1f}" if beyond else ""
        axes.text(SHOWN[1] + 0.05, k, labels[name] + note, va="center", size=8)
    axes.set_yticks(range(len(positions)), list(positions))
    axes.set(xlim=SHOWN, ylim=(len(positions) - 0.5, -0.5), xticks=[0, 1])
    axes.set_xticklabels(["lower limit", "upper limit"])
    axes.grid(axis="x", alpha=0.25)

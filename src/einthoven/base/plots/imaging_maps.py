"""Pictures of an imaged beat: bull's-eyes of both ventricles, voltages at recording points.

A bull's-eye has the 17 AHA segments of the LV as Cerqueira et al. print them (Circulation 105:539,
2002, doi:10.1161/hc0402.102975): basal segments outside, the apex in the middle, anterior above,
the septum at the left. The RV beside it, to which no standard gives segments, has the 13 recording
points of Landajuela et al. (Computing in Cardiology 2022) in the same way: the free wall at the
left, the septum, which is the LV's, at the right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Wedge

from einthoven.base.core import check
from einthoven.base.plots.heart_maps import Bands
from einthoven.base.plots.style import house_style, legend_below, new_figure

_SIX, _FOUR = ([90.0 + (k - 0.5) * 360.0 / n for k in range(n + 1)] for n in (6, 4))
"""Degrees of the limits of even walls, the first of which is centred above."""
_LV_RINGS = ((3.0, 4.0, _SIX), (2.0, 3.0, _SIX), (1.0, 2.0, _FOUR), (0.0, 1.0, [-90.0, 270.0]))
"""Inner radius, outer radius, degrees of the limits: basal, mid, apical, and the apex."""
_RV_WALLS = (90.0, 150.0, 210.0, 270.0, 360.0, 450.0)
_RV_RINGS = (
    (2.6, 3.5, _RV_WALLS),
    (1.7, 2.6, _RV_WALLS),
    (0.0, 1.7, (90.0, 180.0, 270.0, 450.0)),
)
"""Inner radius, outer radius, degrees of the limits: the free wall's places from anterior to
inferior, then those of the septum from inferior to anterior."""
RV_CENTRE = -8.3
WORDS = (
    ("anterior", 0.0, 4.4), ("inferior", 0.0, -4.4), ("lateral", 4.3, 0.0), ("septal", -4.4, 0.0),
    ("anterior", RV_CENTRE, 3.9), ("inferior", RV_CENTRE, -3.9),
    ("free wall", RV_CENTRE - 3.9, 0.0),
)  # fmt: skip
"""Labels beside the discs, and their positions."""
UNCERTAIN = "magma_r"
"""Colour map of interval widths: dark is uncertain."""
INCHES, UNITS = 0.36, (16.6, 9.5)
"""Per unit of the radius; units that a panel is wide and high."""
NO_VALUE = {"facecolor": "white", "hatch": "////"}
REFERENCE_COLOUR, ESTIMATE_COLOUR = "#000000", "#D55E00"
ESTIMATE_LINE = (0, (4, 1.2))


@dataclass(frozen=True)
class SegmentPlace:
    """Position of one segment."""

    centre: float
    """x of the disc."""
    inner: float
    outer: float
    """Radii."""
    start: float
    end: float
    """Degrees from the right, rising."""
    name: str
    """Number in the LV, R and number in the RV."""

    @property
    def middle(self) -> tuple[float, float]:
        """Position of its value; for the apex, the disc's centre."""
        if self.end - self.start >= 360:
            return self.centre, 0.0
        angle = np.deg2rad((self.start + self.end) / 2)
        radius = 0.64 * self.outer if self.inner == 0 else (self.inner + self.outer) / 2
        return self.centre + radius * float(np.cos(angle)), radius * float(np.sin(angle))


def segment_places() -> tuple[SegmentPlace, ...]:
    """Places of AHA segments 1 to 17 and of the RV's points 1 to 13."""
    found: list[SegmentPlace] = []
    for centre, letter, rings in ((0.0, "", _LV_RINGS), (RV_CENTRE, "R", _RV_RINGS)):
        arcs = [(a, b, *ends) for a, b, limits in rings for ends in pairwise(limits)]
        found += [
            SegmentPlace(centre, inner, outer, start, end, f"{letter}{k}")
            for k, (inner, outer, start, end) in enumerate(arcs, 1)
        ]
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Bullseye:
    """One bull's-eye."""

    title: str
    """Title such as endocardium."""
    values: np.ndarray
    """[30] ms, AHA segments, then RV points; NaN where there is no value."""
    bands: Bands
    """Colours; panels that share one share its colour bar."""


@house_style()
def bullseye_figure(panels: Sequence[Bullseye], columns: int = 2) -> Figure:
    """Bull's-eyes side by side, every value written into its segment.

    Lightness alone tells early from late, so they are read in grey and by the colour-blind.

    Raises:
        BadInput: not 30 values.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    width, height = (UNITS[0] + 2.2) * INCHES, (UNITS[1] + 0.6) * INCHES
    figure = new_figure(columns * width, rows * height)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes, panel in zip(grid, panels):
        draw_bullseye(axes, panel)
    for bands in dict.fromkeys(panel.bands for panel in panels):
        shown = [axes for axes, panel in zip(grid, panels) if panel.bands == bands]
        bands.bar(figure, shown, shrink=0.85)
    return figure


def draw_bullseye(axes: Axes, panel: Bullseye) -> None:
    """Draw one bull's-eye into axes.

    Raises:
        BadInput: not 30 values.
    """
    places = segment_places()
    values = check.shape("values", np.asarray(panel.values, float), (len(places),))
    edges, colours = panel.bands.edges, panel.bands.colours
    for place, value in zip(places, values):
        known = bool(np.isfinite(value))
        band = int(np.clip(np.searchsorted(edges, value, side="right") - 1, 0, colours.N - 1))
        colour = to_rgb(colours(band)) if known else (1.0, 1.0, 1.0)
        axes.add_patch(
            Wedge((place.centre, 0.0), place.outer, place.start, place.end,
                  width=place.outer - place.inner, edgecolor="black" if known else "#888888",
                  linewidth=0.8, **({"facecolor": colour} if known else NO_VALUE))
        )  # fmt: skip
        _write(axes, place, f"{value:.0f}" if known else "", colour)
    for text, x, y in WORDS:
        axes.text(x, y, text, ha="center", va="center", rotation=0 if y else 90, size=7,
                  color="#444444")  # fmt: skip
    for text, x in (("RV", RV_CENTRE - 3.0), ("LV", -3.4)):
        axes.text(x, 4.0, text, ha="center", va="center", size=9, weight="bold")
    axes.set(xlim=(RV_CENTRE - 4.2, 4.6), ylim=(-4.75, 4.75), xticks=[], yticks=[])
    axes.set_aspect("equal")
    axes.spines[:].set_visible(False)
    axes.set_title(panel.title)


def _write(axes: Axes, place: SegmentPlace, text: str, colour: tuple[float, ...]) -> None:
    """The value, and small above it the segment's number, in black or white."""
    ink = "black" if np.dot(colour, (0.299, 0.587, 0.114)) > 0.5 else "white"
    x, y = place.middle
    inside: dict[str, Any] = {"ha": "center", "va": "center", "color": ink, "in_layout": False}
    axes.text(x, y - 0.12, text, size=8, weight="bold", **inside)
    axes.text(x, y + 0.3, place.name, size=6, **inside)


@dataclass(frozen=True, eq=False)
class VoltageTrace:
    """V_m at one recording point."""

    title: str
    """Title of the panel, such as the point and its segment."""
    time: np.ndarray
    """[time] ms."""
    estimate: np.ndarray
    """[time] mV."""
    reference: np.ndarray | None = None
    """[time] mV; None of a recorded ECG, where nobody knows it."""
    interval: tuple[np.ndarray, np.ndarray] | None = None
    """Lower and upper end [time] mV of the estimate's interval; None: not stated."""


def draw_voltage(axes: Axes, trace: VoltageTrace, interval_label: str = "90 % interval") -> None:
    """One panel: reference, estimate (dashed) and the band of its interval."""
    if trace.interval is not None:
        axes.fill_between(trace.time, *trace.interval, color=ESTIMATE_COLOUR, alpha=0.25, lw=0,
                          label=interval_label)  # fmt: skip
    if trace.reference is not None:
        axes.plot(trace.time, trace.reference, color=REFERENCE_COLOUR, lw=1.2, label="simulated")
    axes.plot(trace.time, trace.estimate, color=ESTIMATE_COLOUR, ls=ESTIMATE_LINE, lw=1.3,
              label="from the ECG")  # fmt: skip
    axes.axhline(0, color="#cccccc", lw=0.6, zorder=0)
    axes.set(title=trace.title, xlabel="time (ms)", ylabel="Vₘ (mV)",
             xlim=(trace.time[0], trace.time[-1]))  # fmt: skip


@house_style()
def voltages_figure(traces: Sequence[VoltageTrace], title: str = "") -> Figure:
    """Panels side by side, all with the same axes: V_m at points such as 1, 17 and 67."""
    figure = new_figure(3.4 * len(traces), 3.0)
    panels = figure.subplots(1, len(traces), sharex=True, sharey=True, squeeze=False)[0]
    for axes, trace in zip(panels, traces):
        draw_voltage(axes, trace)
        axes.label_outer()
    legend_below(figure)
    figure.suptitle(title, size=10)
    return figure

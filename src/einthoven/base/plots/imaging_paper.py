"""Figures 3 and 4 of Landajuela et al. (Computing in Cardiology 2022) from arrays of any model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from einthoven.base.core.names import LEADS
from einthoven.base.plots.ecg_paper import LAYOUT
from einthoven.base.plots.heart_maps import Bands, HeartMap, draw_heart_map
from einthoven.base.plots.heart_views import SIDES, HeartView
from einthoven.base.plots.imaging_traces import VoltageTrace, draw_error_boxes, draw_voltage
from einthoven.base.plots.style import house_style, legend_below, new_figure

VIEWS = SIDES[0], SIDES[2]
"""Anterior and posteroinferior."""


@dataclass(frozen=True, eq=False)
class ImagedCase:
    """One ECG with its maps.

    Attributes:
        ecg: [12, time] mV. time: [time] ms.
        heart: on which the maps are drawn.
        reference, estimate: [node of the heart] activation times, ms.
    """

    ecg: np.ndarray
    time: np.ndarray
    heart: HeartView
    reference: np.ndarray
    estimate: np.ndarray

    @property
    def bands(self) -> Bands:
        """Isochrones every 10 ms that hold both maps."""
        return Bands.of("activation time (ms)", np.r_[self.reference, self.estimate])


@house_style()
def activation_paper_figure(
    case: ImagedCase, errors: Mapping[str, np.ndarray], title: str = ""
) -> Figure:
    """Figure 3: (a) ECG, (b) simulated map, (c) errors over all cases, (d) map from the ECG.

    Args:
        case: one case.
        errors: recording point -> [case] ms, of all cases; the paper shows 15 points.
        title: such as the model, and on what it was trained.
    """
    figure = new_figure(11.0, 7.6)
    parts = figure.subfigures(2, 2, squeeze=False, width_ratios=(1.0, 1.1))
    (upper_left, upper_right), (lower_left, lower_right) = parts
    _draw_ecg(upper_left, case)
    for part, name, values in (
        (upper_right, "(b) simulated", case.reference),
        (lower_right, "(d) from the ECG", case.estimate),
    ):
        _draw_map(part, case, name, values)
    axes = lower_left.subplots()
    draw_error_boxes(axes, errors)
    axes.set_title("(c) errors, estimate minus simulated")
    figure.suptitle(title, size=10)
    return figure


@house_style()
def voltage_paper_figure(
    case: ImagedCase, traces: Sequence[VoltageTrace], errors: Mapping[str, np.ndarray],
    title: str = "",
) -> Figure:  # fmt: skip
    """Figure 4: (a) to (c) V_m at points 1, 17 and 67, (d) errors of times read from V_m, (e) map.

    Args:
        case: one case; its estimate is of the times that are read from the estimated V_m.
        traces: of that case.
        errors: recording point -> [case] ms, of all cases.
        title: such as the model, and on what it was trained.
    """
    figure = new_figure(11.0, 7.0)
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.0, 1.3))[:, 0]
    panels: Sequence[Axes] = upper.subplots(1, len(traces), sharex=True, sharey=True)
    for letter, axes, trace in zip("abc", panels, traces):
        draw_voltage(axes, trace)
        axes.set_title(f"({letter}) {trace.title}")
        axes.label_outer()
    legend_below(upper)  # type: ignore[arg-type]  # a part of a figure has legends, too
    left, right = lower.subfigures(1, 2, squeeze=False, width_ratios=(1.0, 1.2))[0]
    axes = left.subplots()
    draw_error_boxes(axes, errors)
    axes.set_title("(d) errors of times read from $V_m$")
    _draw_map(right, case, "(e) from the ECG", case.estimate)
    figure.suptitle(title, size=10)
    return figure


def _draw_ecg(part: SubFigure, case: ImagedCase) -> None:
    """Three rows of four leads with axes in ms and mV."""
    panels = part.subplots(len(LAYOUT), len(LAYOUT[0]), sharex=True, sharey=True)
    for axes, name in zip(panels.flat, np.ravel(LAYOUT)):
        axes.plot(case.time, case.ecg[LEADS.index(name)], color="black", lw=1.0)
        axes.axhline(0, color="#cccccc", lw=0.6, zorder=0)
        axes.text(0.97, 0.95, name, transform=axes.transAxes, weight="bold", va="top", ha="right")
    part.supxlabel("time (ms)", size=9)
    part.supylabel("mV", size=9)
    part.suptitle("(a) ECG", size=10)


def _draw_map(part: SubFigure, case: ImagedCase, name: str, values: np.ndarray) -> None:
    panels = part.subplots(1, len(VIEWS))
    for axes, side in zip(panels, VIEWS):
        draw_heart_map(axes, case.heart, HeartMap("", values, case.bands), side)
        axes.set_title(side.name, size=8)
    case.bands.bar(part, list(panels), shrink=0.8)
    part.suptitle(name, size=10)

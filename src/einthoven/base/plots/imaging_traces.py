"""Transmembrane voltages at recording points, and errors at points as box-and-whisker plots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.base.plots.style import house_style, legend_below, new_figure

REFERENCE_COLOUR, ESTIMATE_COLOUR = "#000000", "#D55E00"
ESTIMATE_LINE = (0, (4, 1.2))


@dataclass(frozen=True, eq=False)
class VoltageTrace:
    """V_m at one recording point.

    Attributes:
        title: of the panel, such as the point and its segment.
        time: [time] ms. estimate: [time] mV.
        reference: [time] mV; None of a recorded ECG, where nobody knows it.
        interval: lower and upper end [time] mV of the estimate's interval; None: not stated.
    """

    title: str
    time: np.ndarray
    estimate: np.ndarray
    reference: np.ndarray | None = None
    interval: tuple[np.ndarray, np.ndarray] | None = None


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
    axes.set(title=trace.title, xlabel="time (ms)", ylabel="$V_m$ (mV)",
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


def draw_error_boxes(axes: Axes, errors: Mapping[str, np.ndarray]) -> None:
    """One box per recording point, as panel c of figure 3 of Landajuela et al. 2022.

    Boxes are quartiles with the median, whiskers end at the last value within 1.5 times the
    interquartile range, what lies beyond is a dot.

    Args:
        axes: to draw into.
        errors: point -> [case] ms, estimate minus reference.
    """
    ink = {"color": "black", "linewidth": 0.9}
    axes.boxplot(
        [np.asarray(values, float) for values in errors.values()], widths=0.6, patch_artist=True,
        boxprops={"facecolor": "#9ecae1", **ink}, medianprops={**ink, "linewidth": 1.6},
        whiskerprops=ink, capprops=ink,
        flierprops={"marker": ".", "ms": 3, "mec": "none", "mfc": "#555555", "alpha": 0.5},
    )  # fmt: skip
    axes.axhline(0, color="#999999", lw=0.7, zorder=0)
    axes.set_xticks(range(1, len(errors) + 1), list(errors), rotation=60, ha="right", size=7,
                    rotation_mode="anchor")  # fmt: skip
    n = {len(values) for values in errors.values()}
    cases = f"{min(n)}" if len(n) == 1 else f"{min(n)} to {max(n)}"
    axes.set(xlabel=f"recording point ({cases} cases)", ylabel="error of activation time (ms)")


@house_style()
def error_boxes_figure(errors: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Errors at a selection of points; arguments as of `draw_error_boxes`."""
    figure = new_figure(0.45 * len(errors) + 1.4, 3.4)
    axes = figure.subplots()
    draw_error_boxes(axes, errors)
    axes.set_title(title)
    return figure

"""Transmembrane voltages at recording points."""

from collections.abc import Sequence
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

"""Contributions of regions of the heart to leads, strip by strip under the leads themselves."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.base.plots.style import house_style, legend_below, new_figure

UP, DOWN = "#0072B2", "#F0C060"
"""Dark above the baseline, light below it: also in grey."""
LABELS = ("towards the lead's positive end", "away from it",
          "region is activated: first to last, mark at the median")  # fmt: skip
STRIP_INCHES, LEAD_INCHES = 0.36, 1.5
STRIPS_OF_LARGEST = 1.1
"""Number of strips that the largest contribution fills."""
SCALES_MV = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@house_style()
def contributions_figure(
    time: np.ndarray,
    leads: Mapping[str, np.ndarray],
    regions: Sequence[str],
    activation: np.ndarray,
    title: str = "",
) -> Figure:
    """One column per lead: a strip per region, all on one scale, and the lead below.

    Args:
        time: [time] ms.
        leads: name -> [region, time] mV, whose sum over regions is the lead.
        regions: [region] names.
        activation: [region, 3] ms, first, median and last activation of each region.
        title: heading, e.g. patient and scenario.
    """
    height = STRIP_INCHES * (len(regions) + 1)
    figure = new_figure(1.9 + 2.9 * len(leads), height + LEAD_INCHES + 1.2)
    grid = {"height_ratios": [height, LEAD_INCHES]}
    panels = figure.subplots(2, len(leads), squeeze=False, sharex=True, gridspec_kw=grid)
    for (strips, whole), (lead, parts) in zip(panels.T, leads.items()):
        _strips(strips, time, parts, activation)
        whole.plot(time, parts.sum(axis=0), color="black", lw=1.6)
        whole.axhline(0, color="#999999", lw=0.6)
        strips.set_title(lead, weight="bold")
        whole.set(xlabel="time from the first activation (ms)", xlim=(time[0], time[-1]))
        for axes in (strips, whole):
            axes.grid(axis="x", alpha=0.35)
    panels[0, 0].set_yticklabels(regions)
    panels[0, 0].set_ylabel("contribution (mV, scale by the bar)")
    panels[1, 0].set_ylabel("sum: the lead (mV)")
    legend_below(figure, 3 if len(leads) > 2 else 1)
    figure.suptitle(title, size=10)
    return figure


def _strips(axes: Axes, time: np.ndarray, parts: np.ndarray, activation: np.ndarray) -> None:
    """Draw the contributions, each about its baseline, and the scale above the first."""
    spacing = max(float(np.ptp(parts, axis=1).max()) / STRIPS_OF_LARGEST, 1e-6)
    baselines = -spacing * np.arange(len(parts))
    for k, (part, base, (first, median, last)) in enumerate(zip(parts, baselines, activation)):
        labels = LABELS if k == 0 else (None, None, None)
        axes.fill_between(time, base, base + np.maximum(part, 0), color=UP, lw=0, label=labels[0])
        axes.fill_between(time, base, base + np.minimum(part, 0), color=DOWN, lw=0, label=labels[1])
        axes.plot(time, base + part, color="black", lw=0.5)
        axes.plot([first, last], [base, base], color="black", lw=1.6, solid_capstyle="butt",
                  label=labels[2])  # fmt: skip
        axes.plot(median, base, color="black", marker="|", ms=7)
    axes.set_yticks(baselines, [])
    axes.set_ylim(baselines[-1] - spacing, spacing)
    scale = max([s for s in SCALES_MV if s <= spacing], default=SCALES_MV[0])
    x = time[-1] - 0.03 * (time[-1] - time[0])
    axes.plot([x, x], [spacing - scale, spacing], color="black", lw=3, solid_capstyle="butt")
    axes.text(x, spacing, f"{scale:g} mV  ", ha="right", va="top")

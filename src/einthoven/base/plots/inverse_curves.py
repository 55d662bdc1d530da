"""Inverse methods compared: potentials of a node over time, and relative errors.

Each method has one look everywhere. Colours are those of Okabe and Ito, which the colour-blind can
distinguish; lines and markers differ, too, for print in grey.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.base.plots.style import house_style, legend_below, new_figure

ZOOM_SHARE = 0.05
"""Half the width of the zoomed part, of the whole time."""
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
LARGEST = 1.5
"""Right end of the axes; what is beyond is written as a number."""


class Look(NamedTuple):
    """Appearance of a method's line and point."""

    colour: str
    line: object
    marker: str
    label: str


REFERENCE = Look("#000000", "-", "", "reference")
LOOKS: dict[str, Look] = {
    "tikhonov-0": Look("#999999", (0, (1, 1.2)), "v", "Tikhonov 0"),
    "tikhonov-1": Look("#999999", (0, (4, 1.5)), "<", "Tikhonov 1"),
    "tikhonov-2": Look("#666666", (0, (1, 1.2)), "^", "Tikhonov 2"),
    "tsvd": Look("#666666", (0, (5, 1.5, 1, 1.5)), ">", "truncated SVD"),
    "stre": Look("#E69F00", (0, (5, 1.5, 1, 1.5)), "s", "STRE"),
    "total-variation": Look("#F0E442", (0, (4, 1.2)), "d", "total variation"),
    "l1-normal": Look("#E69F00", (0, (1, 1.2)), "p", "L1 of the normal derivative"),
    "map": Look("#009E73", (0, (6, 1.5)), "P", "Bayesian MAP"),
    "mfs": Look("#009E73", (0, (1, 1.2)), "h", "fundamental solutions"),
    "activation": Look("#CC79A7", (0, (6, 1.5, 1, 1.5)), "X", "activation-based"),
    "ep-dl": Look("#56B4E9", (0, (4, 1.2)), "D", "EP-DL"),
    "ep-dl-spatial": Look("#56B4E9", (0, (1, 1.2)), "<", "EP-DL, spatial differences"),
    "ep-dl-spatiotemporal": Look("#56B4E9", (0, (6, 1, 1, 1)), ">", "EP-DL, all differences"),
    "eand-arn": Look("#0072B2", (0, (7, 1.2)), "o", "EAND-ARN"),
    "variational": Look("#D55E00", (0, (3, 1)), "*", "4D-Var"),
    "waves": Look("#D55E00", "-", "*", "wave prior"),
    "average": Look("#0072B2", "-", "o", "average of methods"),
}


def look_of(method: str) -> Look:
    """The look of a method; unknown ones are drawn thin and named as given."""
    return LOOKS.get(method, Look("#CC79A7", (0, (2, 1)), ".", method))


@dataclass(frozen=True, eq=False)
class TracePanel:
    """Traces under one condition, such as a noise level."""

    title: str
    """The condition."""
    estimates: Mapping[str, np.ndarray]
    """Method -> [time]."""
    reference: np.ndarray | None = None
    """[time] the true or recorded trace; None: unknown."""
    sd: Mapping[str, np.ndarray] | None = None
    """Method -> [time] standard deviation, drawn as a band of 90 % (1.645 SD), where stated."""
    activation: float | None = None
    """Time that is marked and zoomed to; None: the steepest slope is zoomed to."""


@house_style()
def traces_figure(
    time: np.ndarray, panels: Sequence[TracePanel], labels: tuple[str, str], zoom: bool = True
) -> Figure:
    """Traces of a node, with an inset of the activation, as figure 11 of Zhu 2025.

    Args:
        time: [time]. panels: side by side, of one scale.
        labels: of the axes with their units, such as `time (ms)`, `potential (mV)`.
        zoom: draw the inset.
    """
    figure = new_figure(max(3.4 * len(panels), 5.0), 3.4)
    columns = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, panel in zip(columns, panels):
        _traces(axes, time, panel)
        axes.set(title=panel.title, xlabel=labels[0], xlim=(time[0], time[-1]))
        if zoom:
            _inset(axes, time, panel)
    columns[0].set_ylabel(labels[1])
    names = len(columns[0].get_legend_handles_labels()[0])
    legend_below(figure, min(names, 2 * len(panels) + 1))
    return figure


def _traces(axes: Axes, time: np.ndarray, panel: TracePanel) -> None:
    if panel.reference is not None:
        axes.plot(time, panel.reference, color=REFERENCE.colour, lw=2.2, label=REFERENCE.label)
    alone = panel.reference is None and len(panel.estimates) == 1
    for method, values in panel.estimates.items():
        look = look_of(method)
        colour, line = ("black", "-") if alone else (look.colour, look.line)
        axes.plot(time, values, color=colour, ls=line, lw=1.3, label=look.label)
        if panel.sd is not None and method in panel.sd:
            half = 1.645 * panel.sd[method]
            axes.fill_between(time, values - half, values + half, color=look.colour, alpha=0.2,
                              lw=0, label=f"{look.label}, 90 %")  # fmt: skip
    if panel.activation is not None:
        axes.axvline(panel.activation, color="#444444", ls=":", lw=1.0, label="activation")


def _inset(axes: Axes, time: np.ndarray, panel: TracePanel) -> None:
    """The part around the activation, in the corner where the traces leave most room."""
    shown = next(iter(panel.estimates.values())) if panel.reference is None else panel.reference
    if panel.activation is None:
        middle = int(np.abs(np.gradient(shown)).argmax())
    else:
        middle = int(np.abs(time - panel.activation).argmin())
    half = max(3, round(ZOOM_SHARE * len(time)))
    part = slice(max(middle - half, 0), min(middle + half + 1, len(time)))
    traces = np.stack([*panel.estimates.values(), shown])
    low, high = axes.get_ylim()
    # corners: right or left, top or bottom; room is the distance of the traces from the edge
    boxes = [(x, y) for x in (0.56, 0.1) for y in (0.6, 0.12)]

    def crowded(box: tuple[float, float]) -> float:
        inside = slice(int(box[0] * len(time)), int((box[0] + 0.4) * len(time)))
        heights = (traces[:, inside] - low) / (high - low)
        return float(((heights > box[1]) & (heights < box[1] + 0.42)).mean())

    inset = axes.inset_axes((*min(boxes, key=crowded), 0.4, 0.4))
    _traces(inset, time, panel)
    values = traces[:, part]
    margin = 0.08 * max(float(np.ptp(values)), 1e-12)
    inset.set(xlim=(time[part][0], time[part][-1]),
              ylim=(values.min() - margin, values.max() + margin))  # fmt: skip
    inset.tick_params(labelsize=7)
    inset.spines[:].set_visible(True)
    axes.indicate_inset_zoom(inset, edgecolor="#444444", ls="--")


@house_style()
def errors_figure(
    problems: Mapping[str, Mapping[str, Mapping[str, Any]]], columns: int = 3
) -> Figure:
    """Mean and SD of RE: problem -> method -> noise -> `re` {mean, sd}, as scores' `summary`."""
    every = (noise for its in problems.values() for row in its.values() for noise in row)
    levels = sorted(set(every), key=float)
    colours = {noise: COLOURS[k % len(COLOURS)] for k, noise in enumerate(levels)}
    most = max(len(its) for its in problems.values())
    rows = -(-len(problems) // columns)
    width = min(columns, len(problems))
    figure = new_figure(3.4 * width + 1.0, rows * (0.9 + 0.24 * most))
    panels = figure.subplots(rows, width, squeeze=False, sharex=True).ravel()
    for axes, (title, methods) in zip(panels, problems.items()):
        shown = [*methods][::-1]
        own = [noise for noise in levels if any(noise in row for row in methods.values())]
        for k, noise in enumerate(own):
            colour = colours[noise]
            shift = 0.5 * (k - (len(own) - 1) / 2) / len(own)
            for place, name in enumerate(shown):
                error = methods[name].get(noise, {}).get("re")
                if error is None:  # all failed
                    axes.text(0.02, place - shift, "failed", color=colour, va="center", fontsize=7)
                    continue
                mean, sd = error["mean"], error["sd"] or 0.0
                axes.errorbar(min(mean, LARGEST), place - shift, xerr=sd if mean < LARGEST else 0,
                              fmt="o", ms=3.5, lw=1, color=colour)  # fmt: skip
                if mean >= LARGEST:
                    axes.text(LARGEST, place - shift, f"{mean:.3g} ", ha="right", va="bottom",
                              color=colour, fontsize=7)  # fmt: skip
        axes.set(title=title, xlim=(0, LARGEST), ylim=(-0.6, len(shown) - 0.4))
        axes.set_yticks(range(len(shown)), shown)
        axes.grid(axis="x", lw=0.3)
    for axes in panels[len(problems) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(problems) - width) : len(problems)]:
        axes.set_xlabel("relative error")
        axes.tick_params(labelbottom=True)
    for noise, colour in colours.items():
        panels[0].plot([], [], "o", ms=3.5, color=colour, label=f"noise {noise}")
    legend_below(figure)
    return figure

"""Potentials of a node over time by several methods, and errors of methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.base.plots.inverse_looks import REFERENCE, look_of
from einthoven.base.plots.style import house_style, legend_below, new_figure

ZOOM_SHARE = 0.05
"""Half the width of the zoomed part, of the whole time."""


@dataclass(frozen=True, eq=False)
class TracePanel:
    """Traces under one condition, such as a noise level.

    Attributes:
        title: the condition. estimates: method -> [time].
        reference: [time] the true or recorded trace; None: unknown.
        sd: method -> [time] standard deviation, drawn as a band of 90 % (1.645 SD), where stated.
        activation: time that is marked and zoomed to; None: the steepest slope is zoomed to.
    """

    title: str
    estimates: Mapping[str, np.ndarray]
    reference: np.ndarray | None = None
    sd: Mapping[str, np.ndarray] | None = None
    activation: float | None = None


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

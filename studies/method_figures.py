"""Figures 9 and 10 of Zhu 2025: errors and maps of several inverse methods by condition."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from einthoven.base.plots.heart_maps import Bands, HeartView, Side
from einthoven.base.plots.inverse_curves import look_of
from einthoven.base.plots.inverse_maps import BACK, FRONT, Panel, draw_map
from einthoven.base.plots.style import house_style, legend_below, new_figure

PANEL_INCHES = 1.75


@house_style()
def method_maps_figure(
    heart: HeartView,
    reference: np.ndarray | None,
    grid: Mapping[str, Mapping[str, Panel]],
    scale: Bands,
    sides: Sequence[Side] = (FRONT, BACK),
) -> Figure:
    """Maps of several methods under several conditions, as figure 10 of Zhu 2025.

    Args:
        heart: the surface.
        reference: [node] the true values, drawn first; None: unknown.
        grid: method -> condition (noise level) -> map; all methods have the same conditions.
        scale: shared by all.
        sides: a block of panels for each.
    """
    conditions = list(next(iter(grid.values())))
    n_columns = len(conditions) + (reference is not None)
    ratio = heart.half_size[1] / heart.half_size[0]
    cell = PANEL_INCHES * max(ratio, 0.8) + 0.22
    width = PANEL_INCHES * n_columns * len(sides) + 1.3
    figure = new_figure(width, cell * len(grid) + 0.6)
    blocks = figure.subfigures(1, len(sides), squeeze=False)[0]
    for block, side in zip(blocks, sides):
        block.suptitle(f"{side.name} view", weight="bold")
        panels = block.subplots(len(grid), n_columns, squeeze=False)
        if reference is not None:
            for axes in panels[:, 0]:
                axes.set_axis_off()
            first = panels[0, 0]
            first.set_axis_on()
            draw_map(first, heart, Panel(reference), scale, side)
            first.set_title("reference")
        for row, (method, maps) in zip(panels[:, -len(conditions) :], grid.items()):
            for axes, condition in zip(row, conditions):
                draw_map(axes, heart, maps[condition], scale, side)
                if axes in panels[0]:
                    axes.set_title(condition)
            row[0].set_ylabel(look_of(method).label)
    last = block.axes
    block.colorbar(scale.mappable, ax=last, label=scale.label, shrink=0.6, fraction=0.05)
    return figure


@house_style()
def method_errors_figure(
    errors: Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]],
    condition_label: str = "noise SD",
) -> Figure:
    """Mean and standard deviation of errors by method and condition, as figure 9 of Zhu 2025.

    Args:
        errors: error with its unit (a panel) -> method -> condition -> mean and SD over repeats.
        condition_label: of the horizontal axis.
    """
    figure = new_figure(max(3.3 * len(errors), 5.0), 3.5)
    panels = figure.subplots(1, len(errors), squeeze=False)[0]
    for axes, (error, by_method) in zip(panels, errors.items()):
        conditions = list(dict.fromkeys(c for found in by_method.values() for c in found))
        places = np.arange(len(conditions), dtype=float)
        shifts = np.linspace(-0.3, 0.3, len(by_method)) if len(by_method) > 1 else [0.0]
        for shift, (method, found) in zip(shifts, by_method.items()):
            look = look_of(method)
            known = [k for k, condition in enumerate(conditions) if condition in found]
            mean, sd = np.array([found[conditions[k]] for k in known]).T
            axes.errorbar(
                places[known] + shift,
                mean,
                sd,
                color=look.colour,
                marker=look.marker,
                ms=6,
                ls="none",
                capsize=3,
                mec="black",
                mew=0.5,
                label=look.label,
            )
        axes.set_xticks(places, conditions)
        axes.set(xlabel=condition_label, ylabel=error, xlim=(-0.5, len(conditions) - 0.5))
        axes.grid(axis="y", color="#dddddd", lw=0.6)
        for edge in places[1:] - 0.5:
            axes.axvline(edge, color="#eeeeee", lw=0.8)
    legend_below(figure, min(len(next(iter(errors.values()))), 6))
    return figure

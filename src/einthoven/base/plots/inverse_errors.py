"""Relative errors of reconstructions: methods or forward operators, a panel a problem."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from einthoven.base.plots.style import house_style, legend_below, new_figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
LARGEST = 1.5
"""Right end of the axes; what is beyond is written as a number."""


@house_style()
def errors_figure(
    problems: Mapping[str, Mapping[str, Mapping[str, Any]]], columns: int = 3
) -> Figure:
    """Mean and SD of RE by method and noise.

    Args:
        problems: problem -> method -> noise -> row with `re` {mean, sd}, as scores' `summary`.
        columns: of panels.
    """
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

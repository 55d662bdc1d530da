"""Stated uncertainties beside the errors that came out."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from einthoven.plots.style import house_style, look, new_figure


def reliability_figure(curves: Mapping[str, np.ndarray]) -> Figure:
    """Measured against stated median of the angular error; on the diagonal they agree.

    Args:
        curves: method -> [patient, 2, group] degrees: stated, measured.
    """
    figure = new_figure(5.2, 4.4)
    with house_style():
        axes = figure.subplots()
        top = 1.05 * max(float(curve.max()) for curve in curves.values())
        axes.plot([0, top], [0, top], color="#999999", lw=1)
        for method, curve in curves.items():
            colour, line, label = look(method)
            axes.plot(*curve.transpose(1, 2, 0), color=colour, alpha=0.3, lw=0.8)
            axes.plot(*curve.mean(axis=0), color=colour, ls=line, marker="o", ms=4, label=label)
        axes.set(xlabel="stated median (degrees)", ylabel="median of the angular errors (degrees)",
                 xlim=(0, top), ylim=(0, top), aspect="equal")  # fmt: skip
        axes.grid(alpha=0.25)
        axes.legend(loc="upper left")
    return figure

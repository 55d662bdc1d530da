"""A heart with scar or ischaemia from four sides, above ECGs."""

from collections.abc import Mapping

import numpy as np
import pyvista as pv
from matplotlib.figure import Figure

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.base.plots.scene import new_plotter, render, tetrahedra
from einthoven.base.plots.style import new_figure

VIEWS = {"from the front": (0.0, -1.0, 0.1), "from the left": (1.0, 0.0, 0.1),
         "from the back": (0.0, 1.0, 0.1), "from below": (0.1, -0.2, -1.0)}  # fmt: skip
COLOURS = (("#E3C9B8", 0.35), ("#F2A541", 1.0), ("#A4161A", 1.0))
"""Colour and opacity of healthy muscle, border zone, core."""
GREY, RED = "#9A9A9A", "#A4161A"


def substrate_figure(
    points: np.ndarray,
    cells: np.ndarray,
    tissue: np.ndarray,
    time: np.ndarray,
    ecgs: Mapping[str, np.ndarray],
) -> Figure:
    """The tissues of a heart from four sides, and one or two ECGs.

    Args:
        points: [node, 3] mm of the heart, patient frame.
        cells: [cell, 4] tetrahedra.
        tissue: [cell] 0 healthy, 1 border zone, 2 core.
        time: [time] ms.
        ecgs: name -> [12, time] mV in the order of core.names.LEADS, the healthy one first.

    Raises:
        BadInput: shapes that do not fit, an unknown tissue, or more than two ECGs.
    """
    check.shape("tissue", tissue, (len(cells),))
    if unknown := set(np.unique(tissue).tolist()) - set(range(len(COLOURS))):
        raise BadInput(f"tissue: {sorted(unknown)}: it is 0 healthy, 1 border zone or 2 core")
    if not 1 <= len(ecgs) <= 2:
        raise BadInput(f"ecgs: {len(ecgs)} of them; one or two are drawn")
    for name, ecg in ecgs.items():
        check.shape(f"ECG {name}", ecg, (len(LEADS), len(time)))
    figure = new_figure(11.0, 8.6)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.0, 2.1])
    upper, lower = parts[:, 0]
    for axes, (name, view) in zip(upper.subplots(1, len(VIEWS)), VIEWS.items()):
        axes.imshow(_from_one_side(points, cells, tissue, view))
        axes.set_title(name)
        axes.set_axis_off()
    for axes, lead in zip(lower.subplots(3, 4, sharex=True).T.ravel(), LEADS):
        axes.axhline(0.0, color="#F2B8B5", lw=0.8)
        for (name, ecg), colour in zip(ecgs.items(), (GREY, RED)):
            axes.plot(time, ecg[LEADS.index(lead)], color=colour, lw=1.2, label=name)
        axes.set_title(lead, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    lower.supxlabel("time from the first activation, ms")
    lower.supylabel("mV")
    return figure


def _from_one_side(
    points: np.ndarray, cells: np.ndarray, tissue: np.ndarray, view: tuple[float, float, float]
) -> np.ndarray:
    plotter = new_plotter(520, 460)
    for value, (colour, opacity) in enumerate(COLOURS):
        if (tissue == value).any():
            grid = tetrahedra(points, cells[tissue == value])
            skin = grid.extract_surface(algorithm="dataset_surface")
            assert isinstance(skin, pv.PolyData)
            plotter.add_mesh(skin, color=colour, opacity=opacity, smooth_shading=False)
    return render(plotter, view, 1.3)

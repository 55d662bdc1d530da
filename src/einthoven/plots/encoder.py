"""How well anatomies are rebuilt: error against the data given, and one rebuilt body."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from einthoven.plots.scene import FRONT, LEFT_BACK, grid_figure, new_plotter, render, surface
from einthoven.plots.style import TISSUE_COLOURS, house_style, new_figure

HEART = ("lv", "rv", "epi")
MARKERS = "osD^"
COLOURS = ("#0072B2", "#009E73", "#E69F00", "#CC79A7")
NEAR_MM = 10.0
"""Points up to this far outside the heart's box are shown with it."""
SIZE_PX = (560, 620)


def given_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Chamfer distance against slices, points on the skin, and noise.

    Args:
        rows: `cases` of `studies/encoder.py --json`: name, slices, torso_points, noise_mm,
            chamfer_mm. The first is the mean shape, the second the complete surfaces.
    """
    bounds, sparse = rows[:2], rows[2:]
    noise = np.unique([row["noise_mm"] for row in sparse])
    usual = max(noise, key=lambda x: sum(row["noise_mm"] == x for row in sparse))
    clean = [row for row in sparse if row["noise_mm"] == usual]
    with house_style():
        figure = new_figure(9.5, 3.2)
        axes = figure.subplots(1, 3)
        _lines(axes[0], clean, "slices", "torso_points", HEART, "skin points")
        _lines(axes[1], clean, "torso_points", "slices", ("torso",), "slices")
        _by_noise(axes[2], sparse)
        for ax, names, label in (
            (axes[0], HEART, "short-axis slices"),
            (axes[1], ("torso",), "points on the skin"),
        ):
            for row, style in zip(bounds, (":", "--")):
                ax.axhline(_mean(row, names), color="#666666", ls=style, lw=1, label=row["name"])
            ax.set_xlabel(label)
            ax.legend(fontsize=7)
        axes[0].set_title("ventricles and epicardium")
        axes[1].set_title("torso")
        axes[0].set_ylabel("Chamfer distance (mm)")
        for ax in axes:
            ax.set_ylim(bottom=0)
            ax.grid(alpha=0.3)
    return figure


def _mean(row: Mapping[str, Any], names: Sequence[str]) -> float:
    return float(np.mean([row["chamfer_mm"][name] for name in names]))


def _lines(
    ax: Axes,
    rows: Sequence[Mapping[str, Any]],
    along: str,
    apart: str,
    names: Sequence[str],
    unit: str,
) -> None:
    """One line for each value of `apart`, over the values of `along`."""
    for value, marker, colour in zip(sorted({row[apart] for row in rows}), MARKERS, COLOURS):
        mine = sorted((r for r in rows if r[apart] == value), key=lambda r: r[along])
        x, y = [r[along] for r in mine], [_mean(r, names) for r in mine]
        ax.plot(x, y, marker=marker, ms=4, color=colour, label=f"{value} {unit}")


def _by_noise(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """All surfaces over the noise, for the slices and points that have several noises."""
    keys = [(row["slices"], row["torso_points"]) for row in rows]
    chosen = max(keys, key=keys.count)
    mine = sorted((r for r, k in zip(rows, keys) if k == chosen), key=lambda r: r["noise_mm"])
    for name, marker, colour in zip(("torso", *HEART), MARKERS, COLOURS):
        y = [row["chamfer_mm"][name] for row in mine]
        ax.plot([r["noise_mm"] for r in mine], y, marker=marker, ms=4, color=colour, label=name)
    ax.set_xlabel("noise of the points (SD, mm)")
    ax.set_title("{} slices, {} skin points".format(*chosen))
    ax.legend(fontsize=7)


def rebuilt_figure(
    truth: Mapping[str, tuple[np.ndarray, np.ndarray]],
    decoded: Mapping[str, tuple[np.ndarray, np.ndarray]],
    given: np.ndarray,
) -> Figure:
    """The true body with the given points beside the decoded one, then the hearts alone.

    Args:
        truth: surface -> points [vertex, 3] mm and faces [face, 3].
        decoded: likewise.
        given: [point, 3] mm.
    """
    low, high = truth["epi"][0].min(axis=0) - NEAR_MM, truth["epi"][0].max(axis=0) + NEAR_MM
    at_heart = given[((low <= given) & (given <= high)).all(axis=1)]
    images, titles = [], []
    for whole, points, view in ((True, given, FRONT), (False, at_heart, LEFT_BACK)):
        for what, surfaces in (("true", truth), ("decoded", decoded)):
            plotter = new_plotter(*SIZE_PX)
            for name in surfaces if whole else HEART:
                colour = TISSUE_COLOURS["skin" if name == "torso" else name]
                opacity = {"torso": 0.25, "epi": 0.35}.get(name, 1.0)
                mesh = surface(*surfaces[name])
                plotter.add_mesh(mesh, color=colour, opacity=opacity, smooth_shading=True)
            if what == "true":
                plotter.add_points(points, color="black", point_size=6.0)
            images.append(render(plotter, view, 1.3))
            titles.append(f"{what} {'body' if whole else 'heart'}")
    return grid_figure(images, titles, columns=4)

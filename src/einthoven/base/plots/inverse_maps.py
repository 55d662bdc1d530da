"""Potentials on heart and torso at an instant, and activation times with their SD.

One lightness per potential throughout, so that maps can be read in grey and by the colour-blind;
isolines at the edges of the bands, that of zero drawn thick.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from einthoven.base.plots.heart_maps import (
    SIDES,
    Bands,
    HeartMap,
    HeartView,
    Side,
    heart_maps_figure,
    show_picture,
)
from einthoven.base.plots.style import house_style, new_figure

FRONT, BACK = SIDES[0], Side("posterior", (0.0, 1.0, 0.0), ("L", "R"))
UNCERTAIN = "magma_r"
"""Colour map of standard deviations: dark is uncertain."""


@dataclass(frozen=True, eq=False)
class Panel:
    """One map: values [node], and what is written under it, such as its errors."""

    values: np.ndarray
    caption: str = ""


@dataclass(frozen=True, eq=False)
class ElectrodeMarks:
    """Measured values drawn on a torso's map in the same colours."""

    points: np.ndarray
    """[electrode, 3] mm."""
    values: np.ndarray
    """[electrode]."""


def closed_surface(points: np.ndarray, faces: np.ndarray) -> HeartView:
    """A closed surface, heart or torso, all of which carries values."""
    return HeartView(np.asarray(points, float), faces, np.empty((0, 3), np.int64))


def draw_map(
    axes: Axes, surface: HeartView, panel: Panel, scale: Bands, side: Side,
    electrodes: ElectrodeMarks | None = None,
) -> None:  # fmt: skip
    """One surface from one side, with isolines, the ends of the picture, and electrodes."""
    lines = surface.isolines(panel.values, scale.edges[1:-1])
    limits = scale.edges[0], scale.edges[-1]
    clipped = np.clip(panel.values, *limits)
    (image,) = surface.images(clipped, limits, scale.colours, lines, [side])
    show_picture(axes, surface, image, side, size=7)
    if electrodes is not None:
        seen = [surface.is_visible(point, side) for point in electrodes.points]
        x, y = surface.place(electrodes.points[seen], side).T
        axes.scatter(x, y, c=electrodes.values[seen], s=16, cmap=scale.colours, edgecolors="white",
                     norm=BoundaryNorm(scale.edges, scale.colours.N), linewidths=0.7)  # fmt: skip
    axes.set_xlabel(panel.caption, size=7)


@house_style()
def body_and_heart_figure(
    surfaces: tuple[HeartView, HeartView],
    panels: tuple[Panel, Panel],
    electrodes: ElectrodeMarks,
    title: str,
) -> Figure:
    """Potentials at an instant on torso and heart, each from the front and from the back.

    Args:
        surfaces: torso and heart.
        panels: their values [node] mV: on the torso those that follow from the heart's.
        electrodes: measured values, mV, in the colours of the torso's map: the nearer to what
            surrounds them, the better the fit.
        title: such as the instant.
    """
    figure = new_figure(10.5, 4.5)
    measured = np.r_[panels[0].values, electrodes.values]
    scales = Bands.of_potentials(measured), Bands.of_potentials(panels[1].values)
    blocks = figure.subfigures(1, 2, squeeze=False)[0]
    for k, (surface, panel, scale) in enumerate(zip(surfaces, panels, scales)):
        blocks[k].suptitle(f"{('torso', 'heart')[k]}, {title}", weight="bold")
        both = blocks[k].subplots(1, 2)
        for axes, side in zip(both, (FRONT, BACK)):
            draw_map(axes, surface, panel, scale, side, None if k else electrodes)
            axes.set_title(side.name)
        blocks[k].colorbar(scale.mappable, ax=list(both), label=scale.label, location="bottom",
                        shrink=0.8, aspect=30)  # fmt: skip
    return figure


def activation_figure(
    heart: HeartView, activation_time: np.ndarray, activation_sd: np.ndarray | None
) -> Figure:
    """Activation times [node] ms from four sides and, where known, their standard deviations."""
    times = Bands.of("activation time (ms)", activation_time)
    earliest = (int(activation_time.argmin()),)
    rows = [HeartMap("activation time", activation_time, times, earliest)]
    if activation_sd is not None:
        found = Bands.of("SD of the activation time (ms)", activation_sd)
        bands = Bands(found.label, found.edges, UNCERTAIN)
        rows.append(HeartMap("standard deviation", activation_sd, bands))
    return heart_maps_figure(heart, rows)

"""Pictures of unmodified files: surfaces and points from three sides, slices of labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from einthoven.base.plots.style import house_style, new_figure

VIEWS = ((0, 2), (1, 2), (0, 1))
"""Pairs of axes: in the patient frame from the front, from the left and from above."""
COLOURS = ("#c44536", "#33658a", "#2a9d8f", "#e09f3e", "#6d597a", "#555555", "#8d99ae", "#bc6c25",
           "#b5179e", "#80b918")  # fmt: skip
MANY_TRIANGLES = 12000


@dataclass(frozen=True, eq=False)
class GivenPart:
    """A surface or points of one file."""

    name: str
    """Name of the part."""
    points: np.ndarray
    """[point, 3] in the file's unit and axes."""
    faces: np.ndarray = field(default_factory=lambda: np.empty((0, 3), int))
    """[face, 3]; none of points alone."""

    @property
    def legend(self) -> str:
        """Name, count and size."""
        what = f"{len(self.faces)} triangles" if len(self.faces) else f"{len(self.points)} points"
        size = " x ".join(f"{side:.4g}" for side in np.ptp(self.points, axis=0))
        return f"{self.name}: {what}, {size}"


@dataclass(frozen=True, eq=False)
class GivenLabels:
    """A label image."""

    name: str
    """Name of the file."""
    labels: np.ndarray
    """[i, j, k] integers."""
    spacing: np.ndarray
    """[3] between voxels, in the header's unit."""


@house_style()
def given_files_figure(
    parts: Sequence[GivenPart], image: GivenLabels | None, axes: Sequence[str], title: str
) -> Figure:
    """Three views of all parts, and three slices of a label image through the middle of its labels.

    The axes are the names of x, y and z, with unit and direction.
    """
    rows = bool(parts) + (image is not None)
    figure = new_figure(11.0, 4.4 * rows + 0.3)
    figure.suptitle(title)
    panels = figure.subplots(rows, 3, squeeze=False)
    if image is not None:
        _draw_slices(panels[0], image)
    if parts:
        _draw_parts(panels[-1], parts, axes)
    return figure


def _draw_parts(panels: Sequence[Axes], parts: Sequence[GivenPart], axes: Sequence[str]) -> None:
    for panel, view in zip(panels, VIEWS):
        for k, part in enumerate(parts):
            colour, corners = COLOURS[k % len(COLOURS)], part.points[:, view]
            if len(part.faces):
                stride = -(-len(part.faces) // MANY_TRIANGLES)
                triangles = corners[part.faces[::stride]]
                seen = PolyCollection(triangles, alpha=0.12, linewidths=0.3)
                seen.set_color(colour)
                panel.add_collection(seen)
            else:
                panel.plot(*corners.T, "o", color=colour, markersize=4)
            panel.plot([], [], "s", color=colour, label=part.legend)
        panel.autoscale_view()
        panel.set_aspect("equal")
        panel.set_xlabel(axes[view[0]])
        panel.set_ylabel(axes[view[1]])
    panels[0].legend(loc="upper left", bbox_to_anchor=(0.0, -0.18))


def _draw_slices(panels: Sequence[Axes], image: GivenLabels) -> None:
    values, counts = np.unique(image.labels, return_counts=True)
    shown = values[values != 0][: len(COLOURS)]
    colours = ListedColormap(["#ffffff", *COLOURS[: len(shown)]])
    ids = np.searchsorted(shown, image.labels) + 1
    ids = np.where(np.isin(image.labels, shown), ids, 0)
    middle = np.argwhere(ids > 0).mean(axis=0) if len(shown) else 0.5 * np.array(ids.shape)
    norm = BoundaryNorm(np.arange(len(shown) + 2) - 0.5, len(shown) + 1)
    for axis, panel in enumerate(panels):
        across, up = (a for a in range(3) if a != axis)
        number = int(middle[axis])
        extent = (0.0, ids.shape[across] * image.spacing[across], 0.0,
                  ids.shape[up] * image.spacing[up])  # fmt: skip
        panel.imshow(ids.take(number, axis).T, origin="lower", extent=extent, cmap=colours,
                     norm=norm, interpolation="none")  # fmt: skip
        panel.set_title(f"{image.name}: {'ijk'[axis]} = {number} of {ids.shape[axis]}")
        panel.set_xlabel(f"{'ijk'[across]}, in the header's unit")
        panel.set_ylabel("ijk"[up])
    bar = panels[0].figure.colorbar(
        ScalarMappable(norm, colours), ax=list(panels), ticks=range(len(shown) + 1), shrink=0.8
    )
    held = dict(zip(values.tolist(), counts.tolist()))
    words = [f"{value} ({held[value]} voxels)" for value in shown.tolist()]
    bar.set_ticklabels(["others", *words])

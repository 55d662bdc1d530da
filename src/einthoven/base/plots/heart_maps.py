"""Isochrones and other times on the epicardium from four sides, in bands of equal width."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Self

import numpy as np
import pyvista as pv
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure, FigureBase
from matplotlib.patheffects import withStroke

from einthoven.base.plots.heart_views import SIDES, HeartView, Side
from einthoven.base.plots.style import EARLY_IS_BRIGHT, house_style, new_figure

WIDTHS_MS = (10.0, 5.0, 2.0, 1.0)
"""Widths of a band: the first that gives at least `LEAST_BANDS` is used, or the last."""
LEAST_BANDS = 5
TICKS = 12
"""At most so many numbers along a colour bar, or lines that are labelled."""
WIDTH_INCHES = 11.0
FACING = 0.35
"""Cosine between the surface's normal and the line of sight, below which nothing is labelled."""
LABEL_GAP_MM = 11.0
"""Least distance between labels, and from the marks."""
RULER_MM = 20.0
TITLE_LETTERS = 24
"""Longest line of a row's title."""
HALO = (withStroke(linewidth=2.2, foreground="white"),)


@dataclass(frozen=True)
class Bands:
    """A colour scale in bands; bright is early, as a cardiologist's maps have it.

    Attributes:
        label: of the colour bar, with the unit.
        edges: of the bands, multiples of their width, ms.
        cmap: matplotlib colour map whose lightness falls or rises throughout.
    """

    label: str
    edges: tuple[float, ...]
    cmap: str = EARLY_IS_BRIGHT

    @classmethod
    def of(cls, label: str, values: np.ndarray) -> Self:
        """Bands that hold all values, ms: 10 ms wide, narrower where the values hardly differ."""
        low, high = float(values.min()), float(values.max())
        widths = (w for w in WIDTHS_MS if high - low >= (LEAST_BANDS - 1) * w)
        width = next(widths, WIDTHS_MS[-1])
        first = np.floor(low / width)
        last = max(np.ceil(high / width), first + 1)
        return cls(label, tuple((width * np.arange(first, last + 1)).tolist()))

    @property
    def colours(self) -> ListedColormap:
        """One colour per band."""
        return ListedColormap(colormaps[self.cmap](np.linspace(0, 1, len(self.edges) - 1)))

    @property
    def ticks(self) -> list[float]:
        """Every edge, or every second, fifth or tenth one, so that there are at most `TICKS`."""
        width = self.edges[1] - self.edges[0]
        stride = next(s for s in (1, 2, 5, 10, 20) if len(self.edges) <= s * TICKS)
        return [edge for edge in self.edges if round(edge / width) % stride == 0]

    def bar(self, figure: FigureBase, panels: Sequence[Axes], shrink: float = 0.9) -> None:
        """A colour bar at the right of panels, with early, or little, above."""
        scale = ScalarMappable(BoundaryNorm(self.edges, self.colours.N), self.colours)
        bar = figure.colorbar(scale, ax=list(panels), label=self.label, ticks=self.ticks,
                              fraction=0.03, pad=0.01, shrink=shrink)  # fmt: skip
        bar.ax.invert_yaxis()


@dataclass(frozen=True, eq=False)
class HeartMap:
    """One row of the figure.

    Attributes:
        title: what is shown, e.g. the scenario.
        values: [node] ms.
        bands: colour scale; rows that share one share its colour bar.
        marks: nodes drawn as stars with their times, such as the earliest ones.
    """

    title: str
    values: np.ndarray
    bands: Bands
    marks: Sequence[int] = ()


@house_style()
def heart_maps_figure(heart: HeartView, maps: Sequence[HeartMap]) -> Figure:
    """A row per map: anterior, left lateral, posterior, right lateral, all at the same distance.

    Args:
        heart: what is seen of it; patient frame.
        maps: times at its nodes, ms.

    Returns:
        A figure with labelled isochrones at the edges of the bands, colour bars in ms and a ruler.
    """
    width, height = heart.half_size
    cell = (WIDTH_INCHES - 1.2) / len(SIDES)
    figure = new_figure(WIDTH_INCHES, len(maps) * (cell * height / width + 0.1) + 0.35)
    panels = figure.subplots(len(maps), len(SIDES), squeeze=False)
    for row, heart_map in zip(panels, maps):
        for axes, side in zip(row, SIDES):
            draw_heart_map(axes, heart, heart_map, side)
        row[0].set_ylabel(fill(heart_map.title, TITLE_LETTERS), weight="bold")
    for axes, side in zip(panels[0], SIDES):
        axes.set_title(side.name)
    _ruler(panels[0, 0], heart)
    for bands in dict.fromkeys(heart_map.bands for heart_map in maps):
        rows = [axes for row, its in zip(panels, maps) if its.bands == bands for axes in row]
        bands.bar(figure, rows, shrink=0.9 if len(rows) == len(SIDES) else 0.6)
    return figure


def draw_heart_map(axes: Axes, heart: HeartView, heart_map: HeartMap, side: Side) -> None:
    """One side: picture, marks with their times, and labels of the isochrones."""
    lines = heart.isolines(heart_map.values, heart_map.bands.edges[1:-1])
    width, height = heart.half_size
    edges, colours = heart_map.bands.edges, heart_map.bands.colours
    image = heart.image(heart_map.values, (edges[0], edges[-1]), colours, lines, side)
    axes.imshow(image, extent=(-width, width, -height, height))
    taken = list[np.ndarray]()
    for node in heart_map.marks:
        if heart.is_visible(heart.points[node], side):
            place = heart.place(heart.points[node], side)
            x, y = place
            axes.plot(x, y, marker="*", ms=12, mfc="white", mec="black", mew=0.9)
            axes.annotate(f"{heart_map.values[node]:.0f}", (x, y), (0, -9), ha="center", va="top",
                          textcoords="offset points", size=8, weight="bold",
                          path_effects=HALO)  # fmt: skip
            taken += [place, place - (0.0, 0.6 * LABEL_GAP_MM)]
    for text, (x, y) in _labels(heart, heart_map.bands, lines, side, taken):
        axes.text(x, y, text, ha="center", va="center", size=7, path_effects=HALO)
    for x, letter in zip((0.02, 0.98), side.ends):
        axes.text(x, 0.02, letter, transform=axes.transAxes, color="#666666",
                  ha="left" if x < 0.5 else "right", size=8)  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _labels(
    heart: HeartView, bands: Bands, lines: pv.PolyData, side: Side, taken: list[np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """Text and place of the label of each isochrone, where it faces the camera most and is free."""
    if not lines.n_points:
        return
    facing = np.asarray(lines["Normals"]) @ np.array(side.direction)
    places = heart.place(np.asarray(lines.points), side)
    for level in bands.ticks:
        on_line = np.flatnonzero((np.abs(lines["value"] - level) < 1e-6) & (facing > FACING))
        for k in on_line[np.argsort(-facing[on_line])]:
            free = all(np.linalg.norm(places[k] - other) > LABEL_GAP_MM for other in taken)
            if free and heart.is_visible(np.asarray(lines.points[k]), side):
                taken.append(places[k])
                yield f"{level:g}", places[k]
                break


def _ruler(axes: Axes, heart: HeartView) -> None:
    """A bar of 20 mm in the first panel; it holds in all of them."""
    width, height = heart.half_size
    x, y = width - RULER_MM - 2.0, height - 3.0
    axes.plot([x, x + RULER_MM], [y, y], color="black", lw=2, solid_capstyle="butt")
    axes.text(x + RULER_MM / 2, y - 2.0, f"{RULER_MM:g} mm", ha="center", va="top", size=7)

"""Isochrones and other times on the epicardium from four sides, in bands of equal width."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
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
from matplotlib.ticker import MaxNLocator

from einthoven.base.plots.scene import SOFT, new_plotter, surface
from einthoven.base.plots.style import EARLY_IS_BRIGHT, SEQUENTIAL, house_style, new_figure

HEIGHT_PX = 560
MARGIN_MM = 4.0
DISTANCE_MM = 500.0
"""Distance of the camera from the heart; in parallel projection it only affects clipping."""
CLEARANCE_MM = 0.5
"""Off the surface from where a line of sight begins, so that it does not end where it begins."""
PLAIN_COLOUR = "#D9D9D9"
WIDTHS_MS = (10.0, 5.0, 2.0, 1.0)
"""Widths of a band: the first that gives at least `LEAST_BANDS` is used, or the last."""
LEAST_BANDS = 5
N_BANDS = 10
"""Number of bands of potentials, approximately."""
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
class Side:
    """View direction of the camera, with the head up."""

    name: str
    """Name as a cardiologist calls it."""
    direction: tuple[float, float, float]
    """[3] unit vector from the heart to the camera, patient frame."""
    ends: tuple[str, str]
    """Sides of the patient at the left and at the right of the picture."""

    @property
    def axes(self) -> np.ndarray:
        """[2, 3] unit vectors to the right and upwards in the picture."""
        right = np.cross((0.0, 0.0, 1.0), self.direction)
        right /= np.linalg.norm(right)
        return np.stack([right, np.cross(self.direction, right)])


SIDES = (
    Side("anterior", (0.0, -1.0, 0.0), ("R", "L")),
    Side("left lateral", (1.0, 0.0, 0.0), ("A", "P")),
    Side("posteroinferior", (0.0, 0.5**0.5, -(0.5**0.5)), ("L", "R")),
    Side("right lateral", (-1.0, 0.0, 0.0), ("P", "A")),
)


@dataclass(frozen=True, eq=False)
class HeartView:
    """Surfaces of a heart that are drawn."""

    points: np.ndarray
    """[node, 3] mm."""
    faces: np.ndarray
    """[face, 3] triangles that carry values (epicardium), oriented outwards."""
    plain_faces: np.ndarray
    """[face, 3] the rest (base, endocardia), drawn grey; there may be none."""

    @cached_property
    def nodes(self) -> np.ndarray:
        """Sorted nodes that carry values."""
        return np.unique(self.faces)

    @cached_property
    def centre(self) -> np.ndarray:
        """[3] mm, the middle of the bounding box: what every camera looks at."""
        shown = self.points[self.nodes]
        return (shown.min(axis=0) + shown.max(axis=0)) / 2

    @cached_property
    def half_size(self) -> np.ndarray:
        """[2] mm, half the width and height that hold the heart from every side."""
        places = [np.abs(self.place(self.points[self.nodes], side)) for side in SIDES]
        return np.max(places, axis=(0, 1)) + MARGIN_MM

    @cached_property
    def whole(self) -> pv.PolyData:
        """All triangles: what hides what."""
        return surface(self.points, np.concatenate([self.faces, self.plain_faces]))

    def place(self, points: np.ndarray, side: Side) -> np.ndarray:
        """[point, 2] mm to the right of and above the middle of the picture."""
        return (points - self.centre) @ side.axes.T

    def is_visible(self, point: np.ndarray, side: Side) -> bool:
        """Whether nothing lies between a point of the surface, [3] mm, and the camera."""
        direction = np.array(side.direction)
        start, end = point + CLEARANCE_MM * direction, point + DISTANCE_MM * direction
        return len(self.whole.ray_trace(start, end)[0]) == 0

    def isolines(self, values: np.ndarray, levels: Sequence[float]) -> pv.PolyData:
        """Lines of equal values [node], with `value` and `Normals` at their points."""
        return self._valued(values).contour(list(levels), scalars="value")

    def images(
        self, values: np.ndarray, limits: tuple[float, float], colours: ListedColormap,
        lines: pv.PolyData, sides: Sequence[Side],
    ) -> list[np.ndarray]:  # fmt: skip
        """Pictures of nodal values in bands of colour with isolines, one per side.

        They have more than twice the pixels of a figure's panel, so edges are smooth there.

        Args:
            values: [node]. limits: lower edge of the first band, upper edge of the last.
            colours: one per band.
            lines: of `isolines`.
            sides: from which to look.
        """
        width, height = self.half_size
        plotter = new_plotter(round(HEIGHT_PX * width / height), HEIGHT_PX)
        if len(self.plain_faces):
            plain = surface(self.points, self.plain_faces)
            plotter.add_mesh(plain, color=PLAIN_COLOUR, **SOFT)
        plotter.add_mesh(self._valued(values), scalars="value", clim=limits, cmap=colours,
                         n_colors=colours.N, interpolate_before_map=True, show_scalar_bar=False,
                         smooth_shading=True, **SOFT)  # fmt: skip
        if lines.n_points:
            plotter.add_mesh(lines, color="black", line_width=1.5, lighting=False)
        found = [self._seen(plotter, side) for side in sides]
        plotter.close()
        return found

    def _seen(self, plotter: pv.Plotter, side: Side) -> np.ndarray:
        """Picture of a scene from one side, at the scale of all sides."""
        camera = plotter.camera
        camera.focal_point = self.centre
        camera.position = self.centre + DISTANCE_MM * np.array(side.direction)
        camera.up = (0.0, 0.0, 1.0)
        camera.parallel_projection, camera.parallel_scale = True, self.half_size[1]
        plotter.renderer.reset_camera_clipping_range()
        plotter.render()  # a screenshot renders the first time alone
        return np.array(plotter.screenshot(return_img=True))

    def _valued(self, values: np.ndarray) -> pv.PolyData:
        """The triangles that carry values, with normals."""
        mesh = pv.PolyData.from_regular_faces(np.asarray(self.points, float), self.faces)
        mesh["value"] = np.asarray(values, float)
        return mesh.clean().compute_normals(
            cell_normals=False, split_vertices=False, consistent_normals=False
        )


@dataclass(frozen=True)
class Bands:
    """A colour scale in bands; bright is early, as a cardiologist's maps have it."""

    label: str
    """Label of the colour bar, with the unit."""
    edges: tuple[float, ...]
    """Edges of the bands, multiples of their width, ms."""
    cmap: str = EARLY_IS_BRIGHT
    """Matplotlib colour map whose lightness falls or rises throughout."""

    @classmethod
    def of(cls, label: str, values: np.ndarray) -> Self:
        """Bands that hold all values, ms: 10 ms wide, narrower where the values hardly differ."""
        low, high = float(values.min()), float(values.max())
        widths = (w for w in WIDTHS_MS if high - low >= (LEAST_BANDS - 1) * w)
        width = next(widths, WIDTHS_MS[-1])
        first = np.floor(low / width)
        last = max(np.ceil(high / width), first + 1)
        return cls(label, tuple((width * np.arange(first, last + 1)).tolist()))

    @classmethod
    def of_potentials(cls, values: np.ndarray, label: str = "potential (mV)") -> Self:
        """About `N_BANDS` bands with round edges that hold all values of any shape."""
        low, high = float(np.min(values)), float(np.max(values))
        if high - low < 1e-9 * max(abs(low), abs(high), 1e-30):
            low, high = low - 0.5, high + 0.5
        ticks = MaxNLocator(N_BANDS, steps=[1, 2, 5, 10]).tick_values(low, high)
        return cls(label, tuple(map(float, ticks)), SEQUENTIAL)

    @property
    def colours(self) -> ListedColormap:
        """One colour per band."""
        return ListedColormap(colormaps[self.cmap](np.linspace(0, 1, len(self.edges) - 1)))

    @property
    def mappable(self) -> ScalarMappable:
        """The scale of a colour bar, and of points coloured like the surface."""
        return ScalarMappable(BoundaryNorm(self.edges, self.colours.N), self.colours)

    @property
    def ticks(self) -> list[float]:
        """Every edge, or every second, fifth or tenth one, so that there are at most `TICKS`."""
        width = self.edges[1] - self.edges[0]
        stride = next(s for s in (1, 2, 5, 10, 20) if len(self.edges) <= s * TICKS)
        return [edge for edge in self.edges if round(edge / width) % stride == 0]

    def bar(self, figure: FigureBase, panels: Sequence[Axes], shrink: float = 0.9) -> None:
        """A colour bar at the right of panels, with early, or little, above."""
        bar = figure.colorbar(self.mappable, ax=list(panels), label=self.label, ticks=self.ticks,
                              fraction=0.03, pad=0.01, shrink=shrink)  # fmt: skip
        bar.ax.invert_yaxis()


@dataclass(frozen=True, eq=False)
class HeartMap:
    """One row of the figure."""

    title: str
    """Title, e.g. the scenario."""
    values: np.ndarray
    """[node] ms."""
    bands: Bands
    """Colour scale; rows that share one share its colour bar."""
    marks: Sequence[int] = ()
    """Nodes drawn as stars with their times, such as the earliest ones."""


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
        draw_heart_map(row, heart, heart_map)
        row[0].set_ylabel(fill(heart_map.title, TITLE_LETTERS), weight="bold")
    for axes, side in zip(panels[0], SIDES):
        axes.set_title(side.name)
    _ruler(panels[0, 0], heart)
    for bands in dict.fromkeys(heart_map.bands for heart_map in maps):
        rows = [axes for row, its in zip(panels, maps) if its.bands == bands for axes in row]
        bands.bar(figure, rows, shrink=0.9 if len(rows) == len(SIDES) else 0.6)
    return figure


def draw_heart_map(row: Sequence[Axes], heart: HeartView, heart_map: HeartMap) -> None:
    """Every side: picture, marks with their times, and labels of the isochrones."""
    edges, colours = heart_map.bands.edges, heart_map.bands.colours
    lines = heart.isolines(heart_map.values, edges[1:-1])
    images = heart.images(heart_map.values, (edges[0], edges[-1]), colours, lines, SIDES)
    for axes, side, image in zip(row, SIDES, images):
        show_picture(axes, heart, image, side)
        taken = _draw_marks(axes, heart, heart_map, side)
        for text, (x, y) in _labels(heart, heart_map.bands, lines, side, taken):
            axes.text(x, y, text, ha="center", va="center", size=7, path_effects=HALO)


def _draw_marks(axes: Axes, heart: HeartView, heart_map: HeartMap, side: Side) -> list[np.ndarray]:
    """Stars with their times where they are seen; places of both, [2] mm."""
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
    return taken


def show_picture(
    axes: Axes, view: HeartView, image: np.ndarray, side: Side, size: float = 8
) -> None:
    """Picture of one side on axes in mm, with the patient's sides in letters of a size."""
    width, height = view.half_size
    axes.imshow(image, extent=(-width, width, -height, height))
    for x, letter in zip((0.02, 0.98), side.ends):
        axes.text(x, 0.02, letter, transform=axes.transAxes, color="#666666",
                  ha="left" if x < 0.5 else "right", size=size)  # fmt: skip
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

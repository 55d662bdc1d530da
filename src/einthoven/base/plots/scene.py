"""Three-dimensional pictures of hearts and bodies, rendered off-screen and set into figures.

All views are from the front (the patient's left is at the right of the picture, the head up),
unless a title says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyvista as pv
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from einthoven.base.core.tags import LUNGS, Surface
from einthoven.base.core.vtk import quiet_vtk
from einthoven.base.plots.style import EARLY_IS_BRIGHT, SEQUENTIAL, house_style, new_figure

FRONT = (0.0, -1.0, 0.0)
# Across the mean heart's long axis: the LV's lateral wall, and the RV's free wall.
LEFT_BACK = (0.75, 0.66, 0.15)
RIGHT_FRONT = (-0.75, -0.66, 0.15)

SOFT: dict[str, float] = {"ambient": 0.65, "diffuse": 0.4, "specular": 0.0}
"""Light with which colours on a surface are those of the colour bar, and its shape is seen."""
SIZE_PX = (620, 480)
LINE_MM, OFF_SURFACE_MM = 4.0, 2.0
"""Length of a line on a surface, and how far it is lifted so that none is hidden."""
MARKER_MM = 7.0
"""Radius of the balls for the electrodes of the 12-lead ECG."""
SHOWN: dict[tuple[Surface, ...], tuple[str, float]] = {
    (Surface.SKIN,): ("#E8D3C0", 0.28),
    LUNGS: ("#7A9A83", 0.35),
    (Surface.EPI,): ("#B03A2E", 0.35),
    (Surface.LV_ENDO,): ("#D55E00", 1.0),
    (Surface.RV_ENDO,): ("#0072B2", 1.0),
}
"""Surfaces -> colour and opacity."""
CUT_COLOURS = ["#B03A2E", "#F0A58A", "#8FBBD9", "#F1E6DA", "#BFD8B8"]


def surface(points: np.ndarray, faces: np.ndarray) -> pv.PolyData:
    """Triangles as pyvista wants them. points [node, 3] mm, faces [face, 3]."""
    return pv.PolyData.from_regular_faces(np.asarray(points, float), faces).clean()


def tetrahedra(points: np.ndarray, cells: np.ndarray) -> pv.UnstructuredGrid:
    """Tetrahedra as pyvista wants them. points [node, 3] mm, cells [cell, 4]."""
    return pv.UnstructuredGrid({pv.CellType.TETRA: cells}, np.asarray(points, float))


def segments(points: np.ndarray, edges: np.ndarray) -> pv.PolyData:
    """Straight lines as pyvista wants them. points [point, 3] mm, edges [edge, 2]."""
    lines = np.insert(edges, 0, 2, axis=1).ravel()
    return pv.PolyData(np.asarray(points, float), lines=lines)


def new_plotter(width: int, height: int) -> pv.Plotter:
    """An empty white scene; width and height in pixels."""
    quiet_vtk()  # it looks for an X server, and draws as well without
    plotter = pv.Plotter(off_screen=True, window_size=[width, height])
    plotter.background_color = pv.Color("white")
    plotter.renderer.enable_depth_peeling(8)  # or what is behind shines through what is before it
    return plotter


def render(plotter: pv.Plotter, view: Sequence[float], zoom: float = 1.0) -> np.ndarray:
    """Look along -`view` with the head up, take the picture and close the plotter."""
    plotter.renderer.view_vector(view, viewup=(0, 0, 1))
    plotter.renderer.enable_parallel_projection()
    plotter.renderer.reset_camera()
    plotter.camera.zoom(zoom)
    plotter.enable_anti_aliasing("ssaa")
    image = np.asarray(plotter.screenshot(return_img=True))
    plotter.close()
    return image


@house_style()
def grid_figure(images: Sequence[np.ndarray], titles: Sequence[str], columns: int = 4) -> Figure:
    """Rendered images side by side with a title each."""
    rows = -(-len(images) // columns)
    height, width = images[0].shape[:2]
    cell = 11.0 / columns
    figure = new_figure(cell * min(columns, len(images)), rows * (cell * height / width + 0.3))
    panels = figure.subplots(rows, min(columns, len(images)), squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, image, title in zip(panels, images, titles):
        axes.imshow(image)
        axes.set_title(title)
    return figure


def coloured_figure(
    images: Sequence[np.ndarray], titles: Sequence[str], limits: tuple[float, float], label: str
) -> Figure:
    """Pairs of rendered images that share one colour scale with its unit, bright at its start."""
    figure = grid_figure(images, titles, columns=2)
    figure.set_size_inches(figure.get_figwidth() + 0.9, figure.get_figheight())
    scale = ScalarMappable(Normalize(*limits), EARLY_IS_BRIGHT)
    figure.colorbar(scale, ax=figure.axes, label=label, shrink=0.8).ax.invert_yaxis()
    return figure


@dataclass(frozen=True)
class Colouring:
    """Drawing style of nodal values on a surface."""

    limits: tuple[float, float]
    """Ends of the colour scale."""
    cmap: str = SEQUENTIAL
    """Matplotlib colour map."""
    opacity: float = 1.0
    """Opacity of the surface."""


def heart_image(
    points: np.ndarray,
    faces: np.ndarray,
    values: np.ndarray,
    colouring: Colouring,
    view: Sequence[float],
    lines: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Nodal values on a surface, with a line network (Purkinje tree, fibers).

    points [node, 3] mm, faces [face, 3], values [node]; lines are points [k, 3] and edges [e, 2].
    """
    mesh = pv.PolyData.from_regular_faces(np.asarray(points, float), faces)
    mesh["value"] = values
    plotter = new_plotter(*SIZE_PX)
    plotter.add_mesh(mesh, scalars="value", clim=colouring.limits, cmap=colormaps[colouring.cmap],
                     show_scalar_bar=False, smooth_shading=True,
                     opacity=colouring.opacity, **SOFT)  # fmt: skip
    if lines is not None:
        plotter.add_mesh(segments(*lines), color="black", line_width=1.5)
    return render(plotter, view, zoom=1.6)


def direction_lines(
    centres: np.ndarray, directions: np.ndarray, middle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Short lines along directions, lifted away from a middle: points [2 line, 3], edges [line, 2].

    centres [line, 3] mm, directions [line, 3] unit vectors, middle [3] mm.
    """
    outwards = centres - middle
    lifted = centres + OFF_SURFACE_MM * outwards / np.linalg.norm(outwards, axis=1, keepdims=True)
    half = 0.5 * LINE_MM * directions
    first = np.arange(len(centres))
    edges = np.stack([first, first + len(centres)], axis=1)
    return np.concatenate([lifted - half, lifted + half]), edges


def streamline_image(
    lines: Sequence[np.ndarray], points: np.ndarray, faces: np.ndarray, colour: str
) -> np.ndarray:
    """Streamlines of grad Z about the heart's surface (Figs. 2 and 5 of Dokuchaev 2026).

    Each line is [k, 3] mm; points [node, 3] mm, faces [face, 3] of the heart.
    """
    plotter = new_plotter(*SIZE_PX)
    heart = surface(points, faces)
    plotter.add_mesh(heart, color="#F2C14E", opacity=0.45, smooth_shading=True)
    for line in lines:
        if len(line) > 1:
            tube = pv.lines_from_points(np.asarray(line, float)).tube(radius=0.45)
            plotter.add_mesh(tube, color=colour)
    return render(plotter, RIGHT_FRONT, zoom=1.15)


def streamlines(
    points: np.ndarray,
    cells: np.ndarray,
    gradient: np.ndarray,
    seeds: np.ndarray,
    length_mm: float,
) -> list[np.ndarray]:
    """Lines, each [k, 3] mm, of a vector field through seed points, for drawing.

    points [node, 3] mm, cells [cell, 4], seeds [seed, 3] mm; of the gradient [cell, 3] only the
    direction matters. Lines have at most `length_mm` to each side.
    """
    grid = tetrahedra(points, cells)
    grid.cell_data["direction"] = gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
    grid = grid.cell_data_to_point_data()  # VTK traces only what it can interpolate
    traced = grid.streamlines_from_source(
        pv.PolyData(np.asarray(seeds, float)),
        vectors="direction",
        integration_direction="both",
        max_length=length_mm,
        initial_step_length=0.5,
        max_step_length=1.0,
        step_unit="l",
    )
    return [np.asarray(traced.get_cell(k).points) for k in range(traced.n_cells)]


def anatomy_image(
    points: np.ndarray,
    faces: np.ndarray,
    face_tags: np.ndarray,
    electrodes: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Torso with its heart and electrodes, from the front.

    points [vertex, 3] mm, faces [face, 3], face_tags [face] core.tags.Surface. Electrodes,
    [electrode, 3] mm by colour, are drawn larger in black.
    """
    plotter = new_plotter(620, 620)
    for tags, (colour, opacity) in SHOWN.items():
        chosen = np.isin(face_tags, tags)
        if chosen.any():
            mesh, smooth = surface(points, faces[chosen]), Surface.SKIN in tags
            plotter.add_mesh(mesh, color=colour, opacity=opacity, smooth_shading=smooth)
    for colour, places in electrodes.items():
        if len(places):
            ball = pv.Sphere(radius=MARKER_MM if colour == "black" else 0.6 * MARKER_MM)
            balls = pv.PolyData(np.asarray(places, float))
            plotter.add_mesh(balls.glyph(geom=ball, scale=False, orient=False), color=colour)
    return render(plotter, FRONT, zoom=1.35)


def mesh_image(
    points: np.ndarray, cells: np.ndarray, cell_tags: np.ndarray, origin: np.ndarray
) -> np.ndarray:
    """Tetrahedra behind a frontal cut through the origin [3] mm, coloured by tissue.

    points [node, 3] mm, cells [cell, 4], cell_tags [cell] core.tags.Tissue.
    """
    behind = points[cells].mean(axis=1)[:, 1] > origin[1]
    grid = tetrahedra(points, cells[behind])
    grid.cell_data["tissue"] = cell_tags[behind]
    plotter = new_plotter(900, 900)
    plotter.add_mesh(grid, scalars="tissue", show_edges=True, line_width=0.4,
                     show_scalar_bar=False, cmap=CUT_COLOURS, clim=(0.5, 5.5))  # fmt: skip
    return render(plotter, FRONT, zoom=1.4)

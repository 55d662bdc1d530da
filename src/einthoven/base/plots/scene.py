"""Three-dimensional pictures, rendered off-screen and set into figures with units.

All views are from the front (the patient's left is at the right of the picture, the head up),
unless a title says otherwise.
"""

from collections.abc import Sequence

import numpy as np
import pyvista as pv
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from einthoven.base.plots.style import EARLY_IS_BRIGHT, house_style, new_figure

FRONT = (0.0, -1.0, 0.0)
# Across the mean heart's long axis: the LV's lateral wall, and the RV's free wall.
LEFT_BACK = (0.75, 0.66, 0.15)
RIGHT_FRONT = (-0.75, -0.66, 0.15)

SOFT: dict[str, float] = {"ambient": 0.65, "diffuse": 0.4, "specular": 0.0}
"""Light with which colours on a surface are those of the colour bar, and its shape is seen."""


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

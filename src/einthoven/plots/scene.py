"""Three-dimensional pictures, rendered off-screen and set into figures with units.

All views are from the front (the patient's left is at the right of the picture, the head up),
unless a title says otherwise.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyvista as pv
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from einthoven.core.names import STANDARD_ELECTRODES
from einthoven.core.tags import LUNGS, Surface
from einthoven.plots.style import TISSUE_COLOURS, house_style, new_figure

FRONT = (0.0, -1.0, 0.0)
# Across the mean heart's long axis: the LV's lateral wall, and the RV's free wall.
LEFT_BACK = (0.75, 0.66, 0.15)
RIGHT_FRONT = (-0.75, -0.66, 0.15)


def surface(points: np.ndarray, faces: np.ndarray) -> pv.PolyData:
    """Triangles as pyvista wants them. points [node, 3] mm, faces [face, 3]."""
    return pv.PolyData(
        np.asarray(points, float), np.c_[np.full(len(faces), 3), faces].ravel()
    ).clean()


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


def _plotter(size: tuple[int, int] = (620, 620)) -> pv.Plotter:
    plotter = pv.Plotter(off_screen=True, window_size=list(size))
    plotter.background_color = pv.Color("white")
    plotter.renderer.enable_depth_peeling(8)  # or what is behind shines through what is before it
    return plotter


def _tagged(anatomy: Mapping[str, np.ndarray], *tags: Surface) -> pv.PolyData:
    chosen = np.isin(anatomy["face_tags"], [int(t) for t in tags])
    return surface(anatomy["points"], anatomy["faces"][chosen])


def anatomy_image(
    anatomy: Mapping[str, np.ndarray], n_electrodes: int, view: Sequence[float] = FRONT
) -> np.ndarray:
    """Torso with its heart and the first electrodes; arrays as in anatomy.npz."""
    plotter = _plotter()
    plotter.add_mesh(
        _tagged(anatomy, Surface.SKIN),
        color=TISSUE_COLOURS["skin"],
        opacity=0.28,
        smooth_shading=True,
    )
    if np.isin(anatomy["face_tags"], LUNGS).any():
        plotter.add_mesh(_tagged(anatomy, *LUNGS), color=TISSUE_COLOURS["lung"], opacity=0.35)
    plotter.add_mesh(_tagged(anatomy, Surface.EPI), color=TISSUE_COLOURS["epi"], opacity=0.35)
    plotter.add_mesh(_tagged(anatomy, Surface.LV_ENDO), color=TISSUE_COLOURS["lv"])
    plotter.add_mesh(_tagged(anatomy, Surface.RV_ENDO), color=TISSUE_COLOURS["rv"])
    names = [str(n) for n in anatomy["site_names"][:n_electrodes]]
    standard = np.isin(names, STANDARD_ELECTRODES)
    points = np.asarray(anatomy["site_points"][:n_electrodes], float)
    size = 7.0
    for chosen, colour in ((standard, "black"), (~standard, "#6F6F6F")):
        if chosen.any():
            radius = size if colour == "black" else 0.6 * size
            plotter.add_mesh(
                pv.PolyData(points[chosen]).glyph(
                    geom=pv.Sphere(radius=radius), scale=False, orient=False
                ),
                color=colour,
            )
    return render(plotter, view, zoom=1.35)


def grid_figure(images: Sequence[np.ndarray], titles: Sequence[str], columns: int = 4) -> Figure:
    """Rendered images side by side with a title each."""
    rows = -(-len(images) // columns)
    height, width = images[0].shape[:2]
    cell = 11.0 / columns
    figure = new_figure(cell * min(columns, len(images)), rows * (cell * height / width + 0.3))
    with house_style():
        panels = np.atleast_1d(figure.subplots(rows, min(columns, len(images)))).ravel()
        for axes in panels:
            axes.set_axis_off()
        for axes, image, title in zip(panels, images, titles):
            axes.imshow(image)
            axes.set_title(title)
    return figure


def heart_image(
    points: np.ndarray,
    faces: np.ndarray,
    values: np.ndarray,
    limits: tuple[float, float],
    view: Sequence[float] = RIGHT_FRONT,
    cmap: str = "viridis",
    n_isolines: int = 0,
    lines: tuple[np.ndarray, np.ndarray] | None = None,
    opacity: float = 1.0,
) -> np.ndarray:
    """Nodal values on a surface, with isolines and a line network (Purkinje tree, fibres).

    Args:
        points: [node, 3] mm; faces: [face, 3]; values: [node].
        limits: ends of the colour scale.
        view: direction from which to look.
        cmap: matplotlib colour map.
        n_isolines: number of level lines, 0 for none.
        lines: (points [k, 3], edges [e, 2]) to draw as lines.
        opacity: of the surface.
    """
    mesh = pv.PolyData(np.asarray(points, float), np.c_[np.full(len(faces), 3), faces].ravel())
    mesh["value"] = values
    plotter = _plotter((560, 560))
    plotter.add_mesh(
        mesh,
        scalars="value",
        clim=limits,
        cmap=colormaps[cmap],
        show_scalar_bar=False,
        smooth_shading=True,
        opacity=opacity,
    )
    if n_isolines:
        levels = np.linspace(*limits, n_isolines + 2)[1:-1]
        contours = mesh.contour(levels.tolist(), scalars="value")
        if contours.n_points:
            plotter.add_mesh(contours, color="black", line_width=2)
    if lines is not None:
        network = pv.PolyData(
            np.asarray(lines[0], float),
            lines=np.c_[np.full(len(lines[1]), 2), lines[1]].ravel(),
        )
        plotter.add_mesh(network, color="black", line_width=1.5)
    return render(plotter, view, zoom=1.2)


def coloured_figure(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    limits: tuple[float, float],
    label: str,
    cmap: str = "viridis",
    columns: int = 4,
) -> Figure:
    """A grid of rendered images that share one colour scale with its unit."""
    figure = grid_figure(images, titles, columns)
    figure.set_size_inches(figure.get_figwidth() + 0.9, figure.get_figheight())
    figure.colorbar(
        ScalarMappable(Normalize(*limits), cmap), ax=figure.axes, label=label, shrink=0.8
    )
    return figure


def mesh_image(mesh: Mapping[str, np.ndarray], origin: np.ndarray, view=FRONT) -> np.ndarray:  # noqa: ANN001
    """Tetrahedra behind a frontal cut through `origin` [3] mm, coloured by tissue."""
    cells = np.asarray(mesh["cells"])
    centroids = mesh["points"][cells].mean(axis=1)
    behind = centroids[:, 1] > origin[1]
    grid = pv.UnstructuredGrid(
        {pv.CellType.TETRA: cells[behind]}, np.asarray(mesh["points"], float)
    )
    grid.cell_data["tissue"] = np.asarray(mesh["cell_tags"])[behind]
    plotter = _plotter((900, 900))
    plotter.add_mesh(
        grid,
        scalars="tissue",
        show_edges=True,
        line_width=0.4,
        show_scalar_bar=False,
        cmap=["#B03A2E", "#F0A58A", "#8FBBD9", "#F1E6DA", "#BFD8B8"],
        clim=(0.5, 5.5),
    )
    return render(plotter, view, zoom=1.4)


def streamline_image(
    lines: Sequence[np.ndarray],
    heart_points: np.ndarray,
    heart_faces: np.ndarray,
    colour: str,
    view: Sequence[float] = RIGHT_FRONT,
) -> np.ndarray:
    """Streamlines [k, 3] mm of grad Z around the heart surface (the paper's Figs. 2 and 5)."""
    plotter = _plotter((560, 560))
    plotter.add_mesh(
        surface(heart_points, heart_faces), color="#F2C14E", opacity=0.45, smooth_shading=True
    )
    for line in lines:
        if len(line) > 1:
            plotter.add_mesh(
                pv.lines_from_points(np.asarray(line, float)).tube(radius=0.45), color=colour
            )
    return render(plotter, view, zoom=1.15)


def streamlines(
    mesh: Mapping[str, np.ndarray], gradient: np.ndarray, seeds: np.ndarray, length_mm: float
) -> list[np.ndarray]:
    """Lines of a cell-wise constant vector field through seed points, for drawing.

    Args:
        mesh: arrays as in mesh.npz.
        gradient: [cell, 3], any unit; only its direction matters.
        seeds: [seed, 3] mm.
        length_mm: largest length to each side.
    """
    grid = pv.UnstructuredGrid(
        {pv.CellType.TETRA: np.asarray(mesh["cells"])}, np.asarray(mesh["points"], float)
    )
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

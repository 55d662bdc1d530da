"""A body with its heart and electrodes, and the cut through its mesh."""

from collections.abc import Mapping

import numpy as np
import pyvista as pv

from einthoven.base.core.tags import LUNGS, Surface
from einthoven.base.plots.scene import FRONT, new_plotter, render, surface, tetrahedra

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


def anatomy_image(
    points: np.ndarray,
    faces: np.ndarray,
    face_tags: np.ndarray,
    electrodes: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Torso with its heart and electrodes, from the front.

    Args:
        points: [vertex, 3] mm; faces: [face, 3]; face_tags: [face] core.tags.Surface.
        electrodes: colour -> [electrode, 3] mm; black ones are drawn larger.
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
    """Tetrahedra behind a frontal cut through a point, coloured by tissue.

    Args:
        points: [node, 3] mm; cells: [cell, 4]; cell_tags: [cell] core.tags.Tissue.
        origin: [3] mm.
    """
    behind = points[cells].mean(axis=1)[:, 1] > origin[1]
    grid = tetrahedra(points, cells[behind])
    grid.cell_data["tissue"] = cell_tags[behind]
    plotter = new_plotter(900, 900)
    plotter.add_mesh(grid, scalars="tissue", show_edges=True, line_width=0.4,
                     show_scalar_bar=False, cmap=CUT_COLOURS, clim=(0.5, 5.5))  # fmt: skip
    return render(plotter, FRONT, zoom=1.4)

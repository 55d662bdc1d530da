"""Values, lines and streamlines on and about a heart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyvista as pv
from matplotlib import colormaps

from einthoven.base.plots.scene import (
    RIGHT_FRONT,
    SOFT,
    new_plotter,
    render,
    segments,
    surface,
    tetrahedra,
)
from einthoven.base.plots.style import SEQUENTIAL

SIZE_PX = (620, 480)
LINE_MM, OFF_SURFACE_MM = 4.0, 2.0
"""Length of a line on a surface, and how far it is lifted so that none is hidden."""


@dataclass(frozen=True)
class Colouring:
    """Drawing style of nodal values on a surface.

    Attributes:
        limits: ends of the colour scale.
        cmap: matplotlib colour map.
        opacity: of the surface.
    """

    limits: tuple[float, float]
    cmap: str = SEQUENTIAL
    opacity: float = 1.0


def heart_image(
    points: np.ndarray,
    faces: np.ndarray,
    values: np.ndarray,
    colouring: Colouring,
    view: Sequence[float],
    lines: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Nodal values on a surface, with a line network (Purkinje tree, fibers).

    Args:
        points: [node, 3] mm; faces: [face, 3]; values: [node].
        colouring: scale and opacity.
        view: direction from which to look.
        lines: points [k, 3] and edges [e, 2] to draw as lines.
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

    Args:
        centres: [line, 3] mm.
        directions: [line, 3], unit.
        middle: [3] mm.
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

    Args:
        lines: each [k, 3] mm.
        points: [node, 3] mm; faces: [face, 3] of the heart.
        colour: of the lines.
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
    """Lines of a vector field through seed points, for drawing.

    Args:
        points: [node, 3] mm; cells: [cell, 4].
        gradient: [cell, 3], any unit; only its direction matters.
        seeds: [seed, 3] mm.
        length_mm: largest length to each side.

    Returns:
        Lines, each [k, 3] mm.
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

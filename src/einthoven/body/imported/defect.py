"""A defect of a surface: its place, and a picture of it."""

from pathlib import Path

import numpy as np

from einthoven.base.core.atomic import atomic
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.surfaces import Surfaces


class Defect(BadInput):
    """A surface that cannot be used, with the places of the defect.

    Attributes:
        places: [place, 3] mm.
        surfaces: surfaces to draw.
    """

    def __init__(self, message: str, places: np.ndarray, *surfaces: Surfaces):
        super().__init__(message)
        self.places, self.surfaces = places, surfaces


def near(places: np.ndarray) -> str:
    """Text on the position of the first of some places [place, 3] mm."""
    x, y, z = places[0]
    return f"near ({x:.1f}, {y:.1f}, {z:.1f}) mm"


def draw(defect: Defect, path: Path) -> None:
    """Write a PNG: the whole with its size, and a close-up of the first place."""
    import pyvista as pv

    plotter = pv.Plotter(off_screen=True, shape=(1, 2), window_size=[1100, 550], border=False)
    size = max(surface.extent_mm for surface in defect.surfaces)
    for column in (0, 1):
        plotter.subplot(0, column)
        for surface, opacity in zip(defect.surfaces, (0.55, 0.9)):
            mesh = pv.PolyData.from_regular_faces(surface.points, surface.faces)
            plotter.add_mesh(mesh, color="#9db4c0", opacity=opacity, show_edges=True)
        plotter.add_mesh(
            pv.PolyData(defect.places), color="#d1495b", point_size=14,
            render_points_as_spheres=True,
        )  # fmt: skip
        plotter.camera_position = "xz"
        plotter.add_axes(xlabel="left", ylabel="back", zlabel="head", color="black")
    plotter.add_text(near(defect.places), position="upper_left", font_size=9, color="black")
    plotter.camera.focal_point = defect.places[0]
    outward = defect.places[0] - defect.surfaces[0].points.mean(axis=0)
    outward = outward / max(np.linalg.norm(outward), 1e-9) + [0.3, -0.3, 0.2]
    plotter.camera.position = defect.places[0] + 0.5 * size * outward
    plotter.camera.up = (0, 0, 1)
    plotter.subplot(0, 0)
    plotter.add_text(_sizes(defect), position="upper_left", font_size=9, color="black")
    with atomic(path) as temporary:
        png = temporary.with_suffix(".png")
        plotter.screenshot(png)
        png.replace(temporary)
    plotter.close()


def _sizes(defect: Defect) -> str:
    """Sides of the bounding boxes of all surfaces of a defect, one line each."""
    boxes = [np.ptp(s.points[np.unique(s.faces)], axis=0) for s in defect.surfaces]
    return "\n".join("{:.0f} x {:.0f} x {:.0f} mm (left, back, head)".format(*box) for box in boxes)

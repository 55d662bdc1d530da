"""Four sides of a heart at one distance: the camera, the picture, and places in it in mm."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyvista as pv
from matplotlib.colors import ListedColormap

from einthoven.base.plots.scene import SOFT, new_plotter, surface

HEIGHT_PX = 560
MARGIN_MM = 4.0
DISTANCE_MM = 500.0
"""Distance of the camera from the heart; in parallel projection it only affects clipping."""
CLEARANCE_MM = 0.5
"""Off the surface from where a line of sight begins, so that it does not end where it begins."""
PLAIN_COLOUR = "#D9D9D9"


@dataclass(frozen=True)
class Side:
    """View direction of the camera, with the head up.

    Attributes:
        name: as a cardiologist calls it.
        direction: [3] unit vector from the heart to the camera, patient frame.
        ends: what of the patient is at the left and at the right of the picture.
    """

    name: str
    direction: tuple[float, float, float]
    ends: tuple[str, str]

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
    """Surfaces of a heart that are drawn.

    Attributes:
        points: [node, 3] mm.
        faces: [face, 3] triangles that carry values (epicardium), oriented outwards.
        plain_faces: [face, 3] the rest (base, endocardia), drawn grey; there may be none.
    """

    points: np.ndarray
    faces: np.ndarray
    plain_faces: np.ndarray

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
        """Lines of equal values, with `value` and `Normals` at their points.

        Args:
            values: [node]. levels: of the lines.
        """
        return self._valued(values).contour(list(levels), scalars="value")

    def image(
        self, values: np.ndarray, limits: tuple[float, float], colours: ListedColormap,
        lines: pv.PolyData, side: Side,
    ) -> np.ndarray:  # fmt: skip
        """Picture of nodal values in bands of colour with isolines.

        Args:
            values: [node]. limits: lower edge of the first band, upper edge of the last.
            colours: one per band.
            lines: of `isolines`.
            side: from which to look.
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
            plotter.add_mesh(lines, color="black", line_width=2.0, lighting=False)
        camera = plotter.camera
        camera.focal_point = self.centre
        camera.position = self.centre + DISTANCE_MM * np.array(side.direction)
        camera.up = (0.0, 0.0, 1.0)
        camera.parallel_projection, camera.parallel_scale = True, height
        plotter.renderer.reset_camera_clipping_range()
        plotter.enable_anti_aliasing("ssaa")
        image = np.asarray(plotter.screenshot(return_img=True))
        plotter.close()
        return image

    def _valued(self, values: np.ndarray) -> pv.PolyData:
        """The triangles that carry values, with normals."""
        mesh = pv.PolyData.from_regular_faces(np.asarray(self.points, float), self.faces)
        mesh["value"] = np.asarray(values, float)
        return mesh.clean().compute_normals(
            cell_normals=False, split_vertices=False, consistent_normals=False
        )

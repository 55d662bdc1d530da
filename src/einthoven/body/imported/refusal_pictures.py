"""Pictures of refused patients: of a defect of a surface, or of the files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from einthoven.base.core.errors import BadInput, EinthovenError
from einthoven.base.core.files import atomic
from einthoven.base.core.log import logger
from einthoven.base.core.vtk import quiet_vtk
from einthoven.base.plots.given_files import GivenLabels, GivenPart, given_files_figure
from einthoven.base.plots.style import write_figures
from einthoven.body.imported.defect import Defect, near
from einthoven.body.imported.read import parts_of, read_cloud, read_points, read_surface
from einthoven.body.imported.sheet import Row
from einthoven.body.segmentation.image import raw_labels
from einthoven.body.segmentation.reading import DIRECTIONS, MM
from einthoven.body.segmentation.segmented_heart import is_label_image

WORDS = {"L": "left", "R": "right", "P": "back", "A": "front", "S": "head", "I": "feet"}


def draw(defect: Defect, path: Path) -> None:
    """Write a PNG: the whole with its size, and a close-up of the first place."""
    import pyvista as pv

    quiet_vtk()
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


@contextmanager
def refusals_drawn(row: Row, picture: Path) -> Iterator[None]:
    """Add the patient's name and a picture (a defect, or else the files) to errors in the block.

    Raises:
        BadInput: instead of any other error for the user; it names the picture, if there is one. If
            drawing fails, the reason is still reported.
    """
    try:
        yield
    except EinthovenError as error:
        try:
            if isinstance(error, Defect):
                draw(error, picture)
                drawn = True
            else:
                drawn = _draw_overview(row, picture)
        except Exception as failure:  # a machine without OpenGL, or a full disk
            logger.warning("no picture of what was refused: %s", failure)
            drawn = False
        seen = f"; see {picture}" if drawn else ""
        raise BadInput(f"{row.patient}: {error}{seen}") from error


def _draw_overview(row: Row, path: Path) -> bool:
    """Write a PNG of all files of a patient, unchanged, in one frame; return whether there is one.

    Units and axes are those of the files, because either may be wrong; the figure shows what the
    row states. A file that cannot be read is left out.
    """
    parts, image = list(_parts(row)), _labels(row)
    if not parts and image is None:
        return False
    stated = f"unit {row.unit or 'not stated'}, axes {row.axes or 'not stated'}"
    title = f"{row.patient}: the files as they are; {stated}"
    figure = given_files_figure(parts, image, _axes(row), title)
    write_figures({path.name: figure}, path.parent)
    return True


def _axes(row: Row) -> list[str]:
    """Names of x, y and z with the axes stated by the row."""
    unit = row.unit if row.unit in MM else "file's unit"
    letters = row.axes.strip().upper()
    known = len(letters) == 3 and all(letter in DIRECTIONS for letter in letters)
    towards = [f" to the {WORDS[letter]}" for letter in letters] if known else [""] * 3
    return [f"{name}{word} ({unit})" for name, word in zip("xyz", towards)]


def _parts(row: Row) -> Iterator[GivenPart]:
    """Surfaces and points that can be read."""
    folder = Path(row.folder)
    surfaces = {} if is_label_image(row.heart) else parts_of(row.heart)
    if row.torso and not is_label_image(row.torso):
        surfaces["torso"] = row.torso
    for name, place in surfaces.items():
        read = _cloud if place.lower().endswith(".csv") else _surface
        yield from _tried(read, name, folder / place)
    for name, place, read in (("electrodes", row.electrodes, _named), ("skin", row.skin, _cloud)):
        if place:
            yield from _tried(read, name, folder / place)


def _tried(read: Callable[[str, Path], GivenPart], name: str, path: Path) -> Iterator[GivenPart]:
    try:
        part = read(name, path)
    except (EinthovenError, OSError):  # the error itself may be that it cannot be read
        return
    if len(part.points) and np.isfinite(part.points).all():
        yield part


def _surface(name: str, path: Path) -> GivenPart:
    surface = read_surface(path)
    used, faces = np.unique(surface.faces, return_inverse=True)
    return GivenPart(name, surface.points[used], faces.reshape(-1, 3))


def _cloud(name: str, path: Path) -> GivenPart:
    return GivenPart(name, read_cloud(path))


def _named(name: str, path: Path) -> GivenPart:
    return GivenPart(name, np.array(list(read_points(path).values())).reshape(-1, 3))


def _labels(row: Row) -> GivenLabels | None:
    """The heart's label image; for a 4-D image, the phase with the most labels."""
    if not is_label_image(row.heart):
        return None
    path = Path(row.folder) / row.heart
    try:
        labels, spacing = raw_labels(path)
    except EinthovenError:
        return None
    return GivenLabels(path.name, labels, spacing)

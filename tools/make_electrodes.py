"""Draw docs/pictures/electrodes.png: where electrodes go, on a mean and on two other torsos.

Usage: python tools/make_electrodes.py
"""

from pathlib import Path

import numpy as np
import pyvista as pv

import einthoven as ei
from einthoven.base.core.files import atomic
from einthoven.base.core.tags import Surface
from einthoven.base.plots.scene import grid_figure, new_plotter, render, surface
from einthoven.data.patient.anatomy import Anatomy

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "electrodes.png"
VIEWS = {"from the front": (0.0, -1.0, 0.0), "from the left and front": (0.8, -0.6, 0.1)}
BESIDE = {"V1": (-32.0, 0.0, 10.0), "V3": (-4.0, 0.0, -30.0), "V5": (0.0, 0.0, -32.0)}
"""Position of a name that covers no other, mm."""
COLOURS = {Surface.SKIN: ("#E8D3C0", 0.45), Surface.EPI: ("#B03A2E", 0.6)}


def picture(anatomy: Anatomy, view: tuple[float, float, float]) -> np.ndarray:
    """A torso, its heart, and its nine electrodes with their names."""
    plotter = new_plotter(900, 1000)
    for tag, (colour, opacity) in COLOURS.items():
        faces = anatomy.faces[anatomy.face_tags == tag]
        plotter.add_mesh(
            surface(anatomy.points, faces), color=colour, opacity=opacity, smooth_shading=True,
            culling="back",
        )  # fmt: skip
    electrodes = anatomy.electrodes(0, 9)
    balls = pv.PolyData(np.asarray(electrodes.points, float))
    plotter.add_mesh(
        balls.glyph(geom=pv.Sphere(radius=7.0), scale=False, orient=False), color="black"
    )
    for name, point in zip(electrodes.names.tolist(), electrodes.points):
        # one text each: of several, those that overlap are left out
        at = point + 30.0 * np.asarray(view) + BESIDE.get(name, (0.0, 0.0, 17.0))
        plotter.add_point_labels(
            at[None], [name], font_size=24, text_color="black", shape=None, show_points=False,
            always_visible=True, bold=True,
        )  # fmt: skip
    return render(plotter, view, zoom=1.45)


def main() -> None:
    """Mean of the cohort from two sides, and the first two patients of the default one."""
    config = ei.Config()
    mean = ei.build_anatomy(ei.draw_patient(0, config.cohort), config.anatomy)
    other = ei.build_anatomy(ei.draw_patient(5, config.cohort), config.anatomy)
    shown = {f"{body.patient}, {name}": picture(body, view)
             for body in (mean, other) for name, view in VIEWS.items()}  # fmt: skip
    figure = grid_figure(list(shown.values()), list(shown), 4)
    with atomic(PICTURE) as temporary:
        figure.savefig(temporary, format="png", dpi=130)


if __name__ == "__main__":
    main()

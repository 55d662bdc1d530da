"""Pictures of the encoder's benchmark."""

import numpy as np
import pyvista

from einthoven.plots.encoder import given_figure, rebuilt_figure

SURFACES = ("torso", "lv", "rv", "epi")


def row(name, slices, torso_points, noise_mm, error):
    chamfer = dict(zip(SURFACES, error * np.array([4.0, 1.0, 2.0, 3.0])))
    return {"name": name, "slices": slices, "torso_points": torso_points, "noise_mm": noise_mm,
            "chamfer_mm": chamfer}  # fmt: skip


def test_every_case_is_a_point_of_its_line():
    rows = [row("nothing", 0, 0, 0.0, 5.0), row("complete", 0, 0, 0.0, 0.1)]
    rows += [row("", s, t, 1.0, 1.0 / s) for s in (4, 8) for t in (0, 20, 50)]
    rows += [row("", 8, 20, noise, noise / 8) for noise in (0.0, 2.0)]
    heart, torso, noise = given_figure(rows).axes
    lines = {line.get_label(): line for line in heart.lines}
    assert set(lines) == {
        "0 skin points",
        "20 skin points",
        "50 skin points",
        "nothing",
        "complete",
    }
    np.testing.assert_allclose(lines["20 skin points"].get_xydata(), [[4, 0.5], [8, 0.25]])
    np.testing.assert_allclose(lines["nothing"].get_ydata(), 10.0)
    lines = {line.get_label(): line for line in torso.lines}
    np.testing.assert_allclose(lines["8 slices"].get_xydata(), [[0, 0.5], [20, 0.5], [50, 0.5]])
    lines = {line.get_label(): line for line in noise.lines}
    np.testing.assert_allclose(lines["epi"].get_xydata(), [[0, 0], [1, 0.375], [2, 0.75]])


def test_true_and_decoded_bodies_stand_side_by_side():
    def ball(radius):
        mesh = pyvista.Icosphere(radius=radius, nsub=3)
        return np.asarray(mesh.points, float), mesh.regular_faces

    truth = dict(zip(SURFACES, (ball(150), ball(15), ball(20), ball(50))))
    figure = rebuilt_figure(truth, {**truth, "lv": ball(45)}, np.array([[0.0, -60.0, 0.0]]))
    assert [a.get_title() for a in figure.axes] == [
        f"{what} {part}" for part in ("body", "heart") for what in ("true", "decoded")
    ]
    images = [np.asarray(axes.images[0].get_array(), float) for axes in figure.axes]
    assert all(image.std() > 5 for image in images)  # something is drawn
    assert np.abs(images[0] - images[1]).mean() > 1  # and not the same

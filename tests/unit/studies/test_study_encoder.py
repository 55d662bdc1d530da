"""The figure of studies/encoder.py."""

import runpy
from pathlib import Path

import numpy as np

STUDY = Path(__file__).resolve().parents[3] / "studies" / "encoder.py"
SURFACES = ("torso", "lv", "rv", "epi")


def row(name, slices, torso_points, noise_mm, error):
    chamfer = dict(zip(SURFACES, error * np.array([4.0, 1.0, 2.0, 3.0])))
    return {"name": name, "slices": slices, "torso_points": torso_points, "noise_mm": noise_mm,
            "chamfer_mm": chamfer}  # fmt: skip


def test_every_case_is_a_point_of_its_line():
    rows = [row("nothing", 0, 0, 0.0, 5.0), row("complete", 0, 0, 0.0, 0.1)]
    rows += [row("", s, t, 1.0, 1.0 / s) for s in (4, 8) for t in (0, 20, 50)]
    rows += [row("", 8, 20, noise, noise / 8) for noise in (0.0, 2.0)]
    heart, torso, noise = runpy.run_path(str(STUDY))["given_figure"](rows).axes
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

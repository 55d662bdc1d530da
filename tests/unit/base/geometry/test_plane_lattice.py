"""Plane pieces without gmsh: the given boundary, the exact area, even triangles, or a refusal."""

import numpy as np
import pytest

from einthoven.base.core.errors import StepFailed
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.base.geometry.triangles import plane_lattice, triangle_quality


def circle(radius, n, centre=(0.0, 0.0), turn=0.0):
    angle = 2 * np.pi * np.arange(n) / n + turn
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle),
                     np.zeros(n)], axis=1)  # fmt: skip


def area(loop):
    x, y = loop[:, 0], loop[:, 1]
    return 0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum()


@pytest.mark.parametrize("clockwise", [False, True])
def test_a_base_with_two_openings(clockwise) -> None:
    """Like a heart's: walls of 4 mm, sides of 3 mm; holes may run either way."""
    loops = [circle(35, 73), circle(16, 33, (-15, 0), 0.1), circle(12, 25, (17, 3), 0.2)]
    if clockwise:
        loops = [loops[0], *(hole[::-1] for hole in loops[1:])]
    points, faces = plane_lattice(loops, 3.0)
    boundary = np.concatenate(loops)
    np.testing.assert_array_equal(points[: len(boundary)], boundary)
    normals = triangle_area_vectors(points, faces)
    assert (normals[:, 2] > 0).all()
    wanted = area(loops[0]) - sum(abs(area(hole)) for hole in loops[1:])
    assert np.linalg.norm(normals, axis=1).sum() == pytest.approx(wanted, rel=1e-9)
    assert triangle_quality(points, faces).min() > 0.2
    assert len(np.unique(faces)) == len(points) > len(boundary)


def test_sides_that_no_triangle_can_have_are_refused() -> None:
    sliver = np.array([[-25.0, 0, 0], [0, 0.5, 0], [25, 0, 0]])  # among many points, no sides
    with pytest.raises(StepFailed, match=r"of 103 sides are no edges; pip install 'einthoven"):
        plane_lattice([circle(30, 100), sliver], 3.0)

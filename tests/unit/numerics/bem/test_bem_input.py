"""Input that boundary elements refuse, and the reasons."""

import numpy as np
import pytest
from helpers.mesh import icosphere

from einthoven.base.core.errors import BadInput
from einthoven.numerics.bem.bem_body import BemBody, Inclusion, closed_surface
from einthoven.numerics.bem.transfer import heart_to_torso

POINTS, FACES = icosphere(100.0, 1)


def flipped(faces, some):
    faces = faces.copy()
    faces[some] = faces[some][:, ::-1]
    return faces


@pytest.mark.parametrize(
    "surface, message",
    [
        ((POINTS, FACES[1:]), "3 of 120 edges do not have two triangles"),
        ((POINTS, flipped(FACES, slice(0, 3))), "oriented against each other"),
        ((POINTS, FACES + 1), "1-based"),
        ((np.vstack([POINTS, POINTS[:1] + 1]), FACES), "1 nodes belong to no triangle"),
        ((np.vstack([POINTS, POINTS]), np.vstack([FACES, FACES + 42])), "42 nodes coincide"),
        ((np.vstack([POINTS, 2 * POINTS]), np.vstack([FACES, FACES + 42])), "2 connected"),
        ((np.where(POINTS == POINTS[0], np.nan, POINTS), FACES), "NaN"),
        ((POINTS * [1, 1, 0], FACES), "coincide|no area"),
        ((POINTS[:, :2], FACES), "shape"),
    ],
)
def test_bad_surfaces_are_named(surface, message):
    with pytest.raises(BadInput, match=f"torso: .*({message})"):
        closed_surface("torso", surface)


def test_an_inward_surface_is_turned():
    heart = icosphere(40.0, 1)
    inward = (heart[0], heart[1][:, ::-1])
    expected = heart_to_torso(heart, (POINTS, FACES))
    found = heart_to_torso(inward, (POINTS, FACES[:, ::-1]))
    np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-13)
    np.testing.assert_allclose(found.normal_derivative, expected.normal_derivative, atol=1e-12)


@pytest.mark.parametrize(
    "heart, message",
    [
        (icosphere(40.0, 1, (80, 0, 0)), "heart: crosses, touches or leaves"),
        (icosphere(40.0, 1, (300, 0, 0)), "heart: crosses, touches or leaves"),
        (icosphere(40.0, 1, -0.6 * POINTS[0]), "heart: crosses, touches or leaves"),
        (icosphere(130.0, 1), "heart: crosses, touches or leaves"),
        (icosphere(40.0, 1, (0, 10, 0)), "heart: a part lies in or on lung"),
        (icosphere(5.0, 1, (0, -45, 0)), "heart: a part lies in or on lung"),
    ],
)
def test_surfaces_that_do_not_lie_inside_each_other_are_refused(heart, message):
    lung = Inclusion(*icosphere(20.0, 1, (0, -45, 0)), conductivity=0.1, name="lung")
    with pytest.raises(BadInput, match=message):
        heart_to_torso(heart, (POINTS, FACES), [lung])


def spindle(axis):
    """A thin octahedron along an axis, its girdle off the middle of the body."""
    faces = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    points = np.array([[80, 0, 0], [-40, 0, 0], [20, 5, 0], [20, -5, 0], [20, 0, 5], [20, 0, -5]])
    return np.roll(points.astype(float), axis, axis=1), np.array(faces)


def test_surfaces_that_cross_without_a_node_in_each_other_are_refused():
    lung = Inclusion(*spindle(1), conductivity=0.1, name="lung")
    heart_to_torso((spindle(0)[0] + [0, 0, 20], spindle(0)[1]), (POINTS, FACES), [lung])
    with pytest.raises(BadInput, match="or crosses it"):
        heart_to_torso(spindle(0), (POINTS, FACES), [lung])


def test_wrong_units_and_conductivities_are_refused():
    with pytest.raises(BadInput, match="m or cm"):
        BemBody((POINTS / 1000, FACES))
    with pytest.raises(BadInput, match="conductivity"):
        BemBody((POINTS, FACES), conductivity=0.0)
    with pytest.raises(BadInput, match="conductivity"):
        BemBody((POINTS, FACES), inclusions=[Inclusion(*icosphere(40.0, 1), conductivity=-1.0)])

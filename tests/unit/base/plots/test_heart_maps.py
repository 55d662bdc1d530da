"""Pictures of a heart from four sides: what stands where, and in which colour."""

import numpy as np
import pytest
import pyvista as pv
from matplotlib.colors import to_rgb

from einthoven.base.plots.heart_maps import SIDES, Bands, HeartMap, HeartView, heart_maps_figure

ENDS = {"R": (-1, 0, 0), "L": (1, 0, 0), "A": (0, -1, 0), "P": (0, 1, 0)}
CENTRE, RADIUS = np.array([40.0, -70.0, 15.0]), 35.0


@pytest.fixture(scope="module")
def ball():
    mesh = pv.Icosphere(radius=RADIUS, center=CENTRE, nsub=4)
    return HeartView(np.asarray(mesh.points), mesh.regular_faces, np.zeros((0, 3), int))


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.name)
def test_the_head_is_up_and_the_letters_are_at_their_ends(side):
    right, up = side.axes
    np.testing.assert_allclose(np.cross(right, up), side.direction, atol=1e-12)
    assert up[2] > 0.7 and right[2] == 0
    left_end, right_end = (np.array(ENDS[letter]) for letter in side.ends)
    assert right @ right_end > 0.9 and right @ left_end < -0.9


def test_one_sees_the_half_of_a_ball_that_faces_the_camera(ball):
    for side in SIDES:
        height = (ball.points - CENTRE) @ np.array(side.direction)
        for node in np.flatnonzero(np.abs(height) > 0.1 * RADIUS)[::97]:
            assert ball.is_visible(ball.points[node], side) == (height[node] > 0)


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.name)
def test_a_place_in_mm_is_where_the_picture_has_it(ball, side):
    site = CENTRE + RADIUS * np.array(side.direction) + 12.0 * side.axes.sum(axis=0)
    site = CENTRE + RADIUS * (site - CENTRE) / np.linalg.norm(site - CENTRE)
    values = np.linalg.norm(ball.points - site, axis=1)
    bands = Bands("distance (mm)", (0.0, 10.0, 80.0), "gray")
    lines = ball.isolines(values, [])
    (image,) = ball.images(values, (0.0, 80.0), bands.colours, lines, [side])
    # limits are those of equal bands: 0 to 40 is black, 40 to 80 white
    height, width = image.shape[:2]
    assert width / height == pytest.approx(ball.half_size[0] / ball.half_size[1], rel=0.01)
    dark = np.argwhere(image.max(axis=2) < 60)
    in_mm = (dark[:, ::-1] + 0.5) / (width, height) * 2 * ball.half_size - ball.half_size
    in_mm[:, 1] *= -1
    seen = [
        node for node in np.flatnonzero(values < 40) if ball.is_visible(ball.points[node], side)
    ]
    places = ball.place(ball.points[seen], side)
    np.testing.assert_allclose(in_mm.min(axis=0), places.min(axis=0), atol=2.0)
    np.testing.assert_allclose(in_mm.max(axis=0), places.max(axis=0), atol=2.0)


def test_pictures_of_one_map_are_each_from_its_own_side(ball):
    """A scene that is drawn once and looked at four times: the site is seen from its side alone."""
    site = CENTRE + RADIUS * np.array(SIDES[2].direction)
    values = np.linalg.norm(ball.points - site, axis=1)
    bands = Bands("distance (mm)", (0.0, 10.0, 80.0), "gray")
    images = ball.images(values, (0.0, 80.0), bands.colours, ball.isolines(values, []), SIDES)
    dark = [int((image.max(axis=2) < 60).sum()) for image in images]
    assert int(np.argmax(dark)) == 2 and dark[2] > 2 * sorted(dark)[-2]
    assert len({image.tobytes() for image in images}) == len(SIDES)


def test_bands_hold_all_values_and_their_lightness_never_turns():
    for low, high, width in (
        (0.0, 90.0, 10),
        (23.4, 251.0, 10),
        (279.0, 296.0, 2),
        (300.9, 300.9, 1),
    ):
        bands = Bands.of("time (ms)", np.array([low, high]))
        edges = np.array(bands.edges)
        assert edges[0] <= low < edges[1] and edges[-2] <= high <= edges[-1]
        np.testing.assert_allclose(np.diff(edges), width)
        np.testing.assert_allclose(edges % width, 0)
        assert 1 <= len(bands.ticks) <= 13 and set(bands.ticks) <= set(bands.edges)
        lightness = [np.dot((0.299, 0.587, 0.114), to_rgb(c)) for c in bands.colours.colors]
        assert np.all(np.diff(lightness) < 0)  # late is dark: also in grey


def test_a_figure_has_four_sides_per_map_with_labels_marks_and_units(ball):
    late = (ball.points - CENTRE)[:, 0] + RADIUS  # from the patient's right to the left: 0 to 70 ms
    first = int(late.argmin())
    other = HeartMap("other", 10 * late, Bands.of("other time (ms)", 10 * late))
    maps = [HeartMap("sinus rhythm", late, Bands.of("activation time (ms)", late), [first]), other]
    figure = heart_maps_figure(ball, maps)
    panels, bars = figure.axes[:8], figure.axes[8:]
    assert [axes.get_title() for axes in panels[:4]] == [side.name for side in SIDES]
    assert [axes.get_ylabel() for axes in bars] == ["activation time (ms)", "other time (ms)"]
    stars = {side.name: len(axes.lines) - (side is SIDES[0])  # the ruler
             for side, axes in zip(SIDES, panels)}  # fmt: skip
    assert stars["left lateral"] == 0 and stars["right lateral"] == 1
    extents = {tuple(axes.images[0].get_extent()) for axes in panels}
    assert len(extents) == 1  # the same distance
    labels = {t.get_text(): t.get_position() for t in panels[0].texts if t.get_text().isdigit()}
    for text in ("20", "30", "40", "50"):
        assert labels[text][0] + RADIUS == pytest.approx(float(text), abs=0.5)

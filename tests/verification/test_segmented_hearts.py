"""Label images and contours to surfaces: closed forms, and the hearts that were voxelised."""

import numpy as np
import pytest
from helpers.label_images import (
    ACDC,
    SHORT_AXIS,
    Grid,
    drawn_heart,
    grid_around,
    label_image,
    rough_labels,
    write_contours,
    write_nifti,
)
from scipy.spatial.transform import Rotation

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.closest import TriangleTree
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.simplex import enclosed_volume, normal_sd
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.segmentation.base import base_of_stack
from einthoven.body.segmentation.image import LabelImage
from einthoven.body.segmentation.reading import Reading
from einthoven.body.segmentation.regions import masks_of, regions_of
from einthoven.body.segmentation.segmented_heart import segmented_heart
from einthoven.body.segmentation.stack import Stack, stack_of, surfaces_of
from einthoven.body.segmentation.volume import surface_of_mask

TAGS = {"lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO, "epi": Surface.EPI}
ALL_LABELS = {"rv": 1, "myo": 2, "lv": 3, "rv_myo": 4}
EDGE_MM = 4.0


def round_stack(radius, gap_mm, heights=(-60.0, 0.0)):
    """Slices of a body of revolution, the first half a gap above its lower end."""
    z = np.arange(heights[0] + 0.5 * gap_mm, heights[1], gap_mm)
    turn = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    slices = [[radius(height) * circle] for height in z]
    return Stack(np.eye(3), z, dict.fromkeys(("lv", "rv", "epi"), slices), 1.5)


def below(mesh, height):
    points, _ = mesh
    return points[points[:, 2] < height]


def test_between_slices_of_a_paraboloid_the_surface_is_exact_down_to_its_apex():
    mesh = surfaces_of(round_stack(lambda z: np.sqrt(9.0 * (z + 60.0)), 8.0))["lv"]
    x, y, z = below(mesh, -2.0).T
    off = (x**2 + y**2 - 9.0 * (z + 60.0)) / (2 * np.sqrt(9.0 * (z + 60.0) + 20.0))
    assert np.abs(off).max() < 0.1  # of the grid of 1.2 mm, 8 mm between slices
    assert z.min() == pytest.approx(-60.0, abs=0.1)


def test_slices_of_an_ellipsoid_converge():
    def worst(gap):
        mesh = surfaces_of(round_stack(lambda z: 30 * np.sqrt(1 - (z / 60) ** 2), gap))["lv"]
        scaled = np.linalg.norm(below(mesh, -3.0) / [30, 30, 60], axis=1)
        return np.abs(scaled - 1).max() * 30

    errors = [worst(gap) for gap in (20.0, 10.0, 5.0)]
    assert errors[1] < 0.5  # mm, near the apex, with slices 10 mm apart
    assert np.polyfit(np.log([20, 10, 5]), np.log(errors), 1)[0] > 1.8


def test_the_surface_of_a_mask_converges_with_the_voxel():
    axes = Rotation.from_rotvec([0.3, -0.5, 0.2]).as_matrix()
    errors, sizes = [], [4.0, 2.0, 1.0]
    for size in sizes:
        n = int(64 / size)
        index = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1)
        places = (index - n / 2 + 0.2) @ (axes * size).T
        ball = np.linalg.norm(places, axis=-1) < 25.0
        points, faces = surface_of_mask(ball, axes * size, places[0, 0, 0])
        errors.append(np.abs(np.linalg.norm(points, axis=1) - 25.0).mean())
    assert errors[-1] < 0.1  # of a voxel
    assert np.polyfit(np.log(sizes), np.log(errors), 1)[0] > 0.9  # voxels are drawn or not
    assert enclosed_volume(points, faces) == pytest.approx(4 / 3 * np.pi * 25**3, rel=2e-3)


def clipped(centre, radius, z, slope, height):
    """A circle in a slice at z, as far as it is below the plane height + slope x: none, or one."""
    turn = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    circle = np.array([centre, 0.0]) + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    if slope:
        edge = (z - height) / slope
        circle[:, 0] = (
            np.maximum(circle[:, 0], edge) if slope > 0 else np.minimum(circle[:, 0], edge)
        )
    elif z > height:
        return []
    return [circle] if np.ptp(circle[:, 0]) > 1.0 else []


def cylinders(slope, height, gap=8.0):
    """Two cavities in a wall of radius 45 mm, cut by a plane; the LV at -20, the RV at 25."""
    z = np.arange(-90.0, 30.0, gap)
    shapes = {"epi": (0.0, 45.0), "lv": (-20.0, 18.0), "rv": (25.0, 12.0)}
    return Stack(np.eye(3), z, {name: [clipped(*circle, k, slope, height) for k in z]
                                for name, circle in shapes.items()}, 1.5)  # fmt: skip


def test_an_oblique_base_is_found_between_slices():
    heights = np.arange(-8.0, 0.0, 1.0)  # wherever slices lie against it
    for slope in (-0.3, 0.2):
        off, tilts = [], []
        for height in heights:
            base, _ = base_of_stack(cylinders(slope, height))
            up = base.axes[:, 2] / base.axes[2, 2]
            tilts.append(np.degrees(np.arctan(-up[0]) - np.arctan(slope)))
            off.append(base.above(np.array([0.0, 0.0, height])))
        assert np.abs(tilts).max() < 3.0 and abs(np.mean(tilts)) < 1.0  # degrees, slices 8 mm apart
        assert np.abs(off).max() < 1.5 and abs(np.mean(off)) < 0.5  # mm
    flat, notes = base_of_stack(cylinders(0.0, -3.0))
    np.testing.assert_allclose(flat.axes[:, 2], [0, 0, 1], atol=1e-12)
    assert flat.origin[2] == pytest.approx(-6.0) and notes == []  # half a slice above -10


def written(folder, grid, values=ALL_LABELS, **options):
    heart, _ = drawn_heart()
    return write_nifti(folder / "heart.nii.gz", label_image(heart, grid, values), grid, **options)


CUBIC = pytest.param((2.0, 2.0, 2.0), marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=[SHORT_AXIS, CUBIC], ids=["thick", "cubic"])
def recovered(request, tmp_path_factory):
    """Spacing, and the heart that comes of labels with such voxels."""
    heart, axes = drawn_heart()
    grid = grid_around(heart.points, axes, request.param)
    path = written(tmp_path_factory.mktemp("labels"), grid)
    return request.param, segmented_heart(path, "acdc rv_myo=4", EDGE_MM)


def to_truth(found, name):
    """Distance [vertex] mm of a recovered surface, well below the base, to the true one."""
    heart, axes = drawn_heart()
    up = axes[:, 2]
    points = found.wall.points[np.unique(found.wall.tagged(TAGS[name]))]
    base = heart.points[np.unique(heart.tagged(Surface.BASE))] @ up
    points = points[points @ up < base.min() - 4.0]
    return TriangleTree(*heart.closed(name)).closest(points).distance


@pytest.mark.parametrize("name", TAGS)
def test_surfaces_are_recovered_to_a_fraction_of_the_pixel(recovered, name):
    spacing, found = recovered
    off = to_truth(found, name)
    assert off.mean() < 0.15 * spacing[0]
    assert np.quantile(off, 0.95) < 0.45 * spacing[0]
    assert off.max() < 0.6 * max(spacing)


def test_volumes_are_recovered(recovered):
    _, found = recovered
    heart, _ = drawn_heart()
    lv, rv, epi = (enclosed_volume(*heart.closed(name)) / 1000 for name in TAGS)
    true = {"lv": lv, "rv": rv, "myocardium": epi - lv - rv}
    # the flat base ends at the last slice that is whole, so volume is lost there
    for part, volume in found.volumes_ml.items():
        assert volume == pytest.approx(true[part], rel=0.05), part


def test_the_wall_is_closed_simple_and_outward(recovered):
    _, found = recovered
    wall = found.wall
    assert (unique_edges(wall.faces)[1] == 2).all()
    assert enclosed_volume(wall.points, wall.faces) > 0
    assert len(intersecting_pairs(wall.points, wall.faces)) == 0
    assert {*np.unique(wall.face_tags)} == {*TAGS.values(), Surface.BASE}
    base = wall.points[np.unique(wall.tagged(Surface.BASE))]
    assert np.linalg.svd(base - base.mean(axis=0))[1][2] < 1e-6  # a plane


def test_the_stated_sd_covers_the_errors(recovered):
    """Labels without observer error: half a step is the best possible accuracy."""
    _, found = recovered
    heart, _ = drawn_heart()
    sd = np.array([
        np.median(normal_sd(found.wall.points, found.wall.tagged(tag), found.covariance_mm2))
        for tag in TAGS.values()
    ])  # fmt: skip
    rms = np.array([np.sqrt((to_truth(found, name) ** 2).mean()) for name in TAGS])
    assert (rms < sd).all() and (rms > 0.1 * sd).all()
    ends = np.sqrt(np.linalg.eigvalsh(found.covariance_mm2)[[0, 2]])
    assert ends == pytest.approx(np.array([recovered[0][0], recovered[0][2]]) / np.sqrt(12))


ROTATION = Rotation.from_rotvec([0.2, -0.15, 0.25]).as_matrix()


def rotated(grid):
    return Grid(ROTATION @ grid.steps, ROTATION @ grid.origin, grid.shape), ROTATION


def flipped(grid):
    """The same voxels counted backwards along the first index, the last two exchanged."""
    last = grid.steps @ [grid.shape[0] - 1, 0, 0]
    steps = grid.steps[:, [0, 2, 1]] * [-1.0, 1, 1]
    return Grid(steps, grid.origin + last, tuple(grid.shape[k] for k in (0, 2, 1))), np.eye(3)


@pytest.mark.slow
@pytest.mark.parametrize("change", [rotated, flipped])
@pytest.mark.parametrize("recovered", [SHORT_AXIS], ids=["thick"], indirect=True)
def test_surfaces_turn_with_the_header_and_not_with_the_order_of_voxels(
    tmp_path, recovered, change
):
    heart, axes = drawn_heart()
    grid = grid_around(heart.points, axes, SHORT_AXIS)
    labels = label_image(heart, grid, ALL_LABELS)
    new, turn = change(grid)
    if change is flipped:
        labels = labels[::-1].transpose(0, 2, 1)
    path = write_nifti(tmp_path / "heart.nii.gz", labels, new)
    found = segmented_heart(path, "acdc rv_myo=4", EDGE_MM)
    back = found.wall.points @ turn
    for tag in TAGS.values():
        known = TriangleTree(recovered[1].wall.points, recovered[1].wall.tagged(tag))
        assert (
            known.closest(back[np.unique(found.wall.tagged(tag))]).distance.mean() < 0.1
        )  # chords of 4 mm
    assert turn.T @ found.covariance_mm2 @ turn == pytest.approx(recovered[1].covariance_mm2)


@pytest.mark.slow
def test_a_sheared_stack_gives_the_same_heart(tmp_path):
    """Slices shifted against each other by 0.3 of their distance; the header says so."""
    heart, axes = drawn_heart()
    grid = grid_around(heart.points, axes, SHORT_AXIS, margin_mm=25.0)
    steps = grid.steps.copy()
    steps[:, 2] += 2.4 * axes[:, 0]
    middle = grid.shape[2] / 2 * 2.4 * axes[:, 0]
    sheared = Grid(steps, grid.origin - middle, grid.shape)
    path = written(tmp_path, sheared, {"rv": 1, "myo": 2, "lv": 3})
    found = segmented_heart(path, "acdc", EDGE_MM)
    for name in ("lv", "rv"):
        assert to_truth(found, name).mean() < 0.3
    assert "3 mm grown outwards" in " ".join(found.notes)


@pytest.mark.slow
@pytest.mark.parametrize("recovered", [SHORT_AXIS], ids=["thick"], indirect=True)
def test_contours_of_the_labels_give_the_same_heart(tmp_path, recovered):
    """A table of points per slice, upside down, against the image it was drawn on."""
    heart, axes = drawn_heart()
    grid = grid_around(heart.points, axes, SHORT_AXIS)
    image = LabelImage(label_image(heart, grid, ALL_LABELS), grid.steps, grid.origin, "mm")
    masks = masks_of(image, Reading.parse("acdc rv_myo=4"))
    path = write_contours(tmp_path / "contours.csv", stack_of(regions_of(image, masks), 2).turned())
    found = segmented_heart(path, edge_mm=EDGE_MM)
    assert found.covariance_mm2 == pytest.approx(recovered[1].covariance_mm2, abs=1e-3)
    for tag in TAGS.values():
        known = TriangleTree(recovered[1].wall.points, recovered[1].wall.tagged(tag))
        off = known.closest(found.wall.points[np.unique(found.wall.tagged(tag))]).distance
        assert off.mean() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed, rough_mm", [(0, 0.8), (4, 0.8), (2, 1.2)])
def test_rough_labels_get_in(tmp_path, seed, rough_mm):
    heart, _ = drawn_heart()
    grid = grid_around(heart.points, np.eye(3), (1.2, 1.2, 1.2))
    labels = rough_labels(grid, heart, rough_mm, seed)
    found = segmented_heart(write_nifti(tmp_path / "rough.nii.gz", labels, grid), "acdc")
    wall = found.wall
    assert not len(intersecting_pairs(wall.points, wall.faces))
    assert (unique_edges(wall.faces)[1] == 2).all()
    for name in ("lv", "rv"):
        inside_ml = (labels == ACDC[name]).sum() * 1.2**3 / 1000
        assert found.volumes_ml[name] == pytest.approx(inside_ml, rel=0.1)

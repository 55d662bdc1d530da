"""Label images in any scanner's frame: fine slices, axial ones, arrays whose header is wrong."""

import re
from functools import lru_cache

import numpy as np
import pytest
from helpers.label_images import Grid, drawn_heart, grid_around, label_image, write_nifti
from scipy.spatial.transform import Rotation

from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.body.segmentation.image import LabelImage
from einthoven.body.segmentation.plausible import check_pose
from einthoven.body.segmentation.reading import DIRECTIONS, axes_of, axis_matrix
from einthoven.body.segmentation.regions import voxels_of
from einthoven.body.segmentation.segmented_heart import segmented_heart
from einthoven.body.segmentation.stack import thick_axis

SCANNER = Rotation.from_rotvec([0.25, -0.2, 0.3]).as_matrix() * [-1.0, -1.0, 1.0]
AXIAL = np.diag([-1.0, -1.0, 1.0])
CT = {"lv": 500, "rv": 600, "myo": 205}


@lru_cache(maxsize=4)
def scan(spacing, axial=False):
    heart, _ = drawn_heart(edge_mm=4.0)
    grid = grid_around(heart.points, AXIAL if axial else SCANNER, spacing)
    return label_image(heart, grid, CT), grid


def lv_ml():
    heart, _ = drawn_heart(edge_mm=4.0)
    return enclosed_volume(*heart.closed("lv")) / 1000


@pytest.mark.parametrize("spacing, axial", [((1.3, 1.3, 2.3), False), ((2.0, 2.0, 4.0), True)],
                         ids=["slices finer than 3 mm", "axial slices of 4 mm"])  # fmt: skip
def test_slices_that_do_not_run_across_the_lv_get_in(tmp_path, spacing, axial):
    """Taken for a short-axis stack, their base was across the slices and the pose was refused."""
    path = write_nifti(tmp_path / "ct.nii.gz", *scan(spacing, axial))
    found = segmented_heart(path, "mmwhs other=0", edge_mm=5.0)
    assert found.volumes_ml["lv"] == pytest.approx(lv_ml(), rel=0.05)


def test_only_slices_of_some_millimetres_are_a_stack():
    def axis(*spacing):
        return thick_axis(LabelImage(np.zeros((2, 2, 2), int), np.diag(spacing), np.zeros(3)))

    assert axis(0.37, 0.37, 0.65) is None and axis(0.4, 0.4, 2.5) is None
    assert axis(1.5, 8.0, 1.5) == 1 and axis(2.5, 2.5, 3.0) is None


TURN = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def test_a_heart_that_lies_like_no_patients_is_told_what_to_type(tmp_path):
    """An array saved with the axes of another one; what is typed lets it in."""
    labels, grid = scan((2.0, 2.0, 2.0))
    path = write_nifti(tmp_path / "ct.nii.gz", labels, Grid(TURN @ grid.steps, *grid[1:]))
    with pytest.raises(BadInput, match="or in a sheet leave torso empty") as caught:
        segmented_heart(path, "mmwhs other=0", edge_mm=5.0)
    typed = re.search(r"axes=[A-Z]{3} in tags", str(caught.value))[0].split()[0]
    found = segmented_heart(path, f"mmwhs other=0 {typed}", edge_mm=5.0)
    turned = segmented_heart(path, "mmwhs other=0", edge_mm=5.0, any_pose=True)
    for heart in (found, turned):
        assert heart.volumes_ml["lv"] == pytest.approx(lv_ml(), rel=0.05)


def test_what_is_typed_is_the_axes_that_the_array_has():
    from einthoven.body.segmentation.base import Base

    _, rotation = drawn_heart(edge_mm=4.0)
    for letters in ("LPS", "RAS", "ASR", "PIR"):
        true = axis_matrix(letters).T
        # read as LPS, the heart appears turned by the inverse
        base = Base(np.linalg.inv(true) @ rotation, np.zeros(3))
        if np.linalg.det(true) < 0:
            continue
        try:
            check_pose(base, np.eye(3))
        except BadInput as refusal:
            assert f"axes={letters} in tags" in str(refusal)
        else:
            assert letters == "LPS"


def test_letters_are_those_of_the_nearest_axes():
    for letters in ("LPS", "RAS", "ASR", "IPR"):
        matrix = axis_matrix(letters).T
        assert axes_of(Rotation.from_rotvec([0.2, 0.3, -0.1]).as_matrix() @ matrix) == letters
    assert set("".join(DIRECTIONS)) == set("LRPASI")
    diagonal = np.array([[1.0, 0.9, 0.0], [0.1, 0.4, 0.0], [0.0, 0.0, 1.0]])
    assert axes_of(diagonal) == ""


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32])
def test_labels_are_counted_as_by_numpy(order, kind):
    labels = np.random.default_rng(0).integers(0, 9, (5, 6, 7)).astype(kind, order=order)
    labels -= kind(0 if kind is np.uint8 else 3)
    labels[1, 2, 3] = 100
    values, counts = np.unique(labels, return_counts=True)
    assert voxels_of(labels) == dict(zip(values.tolist(), counts.tolist()))
    far = labels.astype(np.int64)
    far[0, 0, 0] = 10**9  # too far apart for a count of each
    assert sum(voxels_of(far).values()) == labels.size and voxels_of(far)[10**9] == 1

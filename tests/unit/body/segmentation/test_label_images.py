"""Files of label images and contours: three formats, one heart, and one clear line for bad ones."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from helpers.label_images import (
    ACDC,
    Grid,
    drawn_heart,
    grid_around,
    label_image,
    write_contours,
    write_metaimage,
    write_nifti,
    write_nrrd,
)
from scipy.spatial.transform import Rotation

from einthoven.app.cli import main
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.body.segmentation.contours import read_contours
from einthoven.body.segmentation.image import LabelImage, raw_labels, read_image
from einthoven.body.segmentation.plausible import check_labels
from einthoven.body.segmentation.reading import Reading
from einthoven.body.segmentation.regions import around_heart, filled, masks_of, regions_of
from einthoven.body.segmentation.segmented_heart import segmented_heart, segmented_torso
from einthoven.body.segmentation.stack import stack_of

READING = Reading.parse("acdc")
OBLIQUE = Rotation.from_rotvec([0.4, -0.3, 0.8]).as_matrix()
SHEARED = OBLIQUE + [[0, 0, 0.3], [0, 0, 0], [0, 0.2, 0]]


@lru_cache(maxsize=1)
def good():
    """Labels and grid of a coarse short-axis stack."""
    heart, axes = drawn_heart(edge_mm=4.0)
    grid = grid_around(heart.points, axes, (2.5, 2.5, 8.0))
    return label_image(heart, grid), grid


@pytest.mark.parametrize("axes", [np.eye(3), OBLIQUE, OBLIQUE * [1, -1, 1], SHEARED],
                         ids=["straight", "oblique", "flipped", "sheared"])  # fmt: skip
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "lps.nrrd", "ras.nrrd", "a.mha", "raw.mha"])
def test_formats_agree_on_where_voxels_lie(tmp_path, name, axes):
    if name.endswith("mha") and axes is SHEARED:
        axes = OBLIQUE
    grid = Grid(axes * [1.5, 1.2, 8.0], np.array([10.0, -20.0, 30.0]), (5, 4, 3))
    labels = np.arange(60).reshape(5, 4, 3).astype(np.int16)
    path = tmp_path / name
    if ".nii" in name:
        write_nifti(path, labels, grid)
    elif name == "ras.nrrd":
        write_nrrd(path, labels, grid, "right-anterior-superior")
    elif name == "lps.nrrd":
        write_nrrd(path, labels, grid)
    else:
        write_metaimage(path, labels, grid, compressed=name == "a.mha")
    image = read_image(path, READING)
    np.testing.assert_array_equal(image.labels, labels)
    np.testing.assert_allclose(image.steps, grid.steps, atol=1e-5)
    np.testing.assert_allclose(image.place(np.array([4, 3, 2])),
                               grid.origin + grid.steps @ [4, 3, 2], atol=1e-4)  # fmt: skip


def test_further_structures_are_background_and_named():
    labels, grid = good()
    more = labels.copy()
    place = tuple(slice(0, n) for n in (8, 8, 4))
    assert not labels[place].any()
    more[place] = 7  # 12.8 ml
    image = LabelImage(more, grid.steps, grid.origin, "mm")
    assert check_labels(image, READING) == [
        "labels: 7 (13 ml) taken as background, as no word of tags names them"
    ]
    assert check_labels(replace(image, labels=labels), READING) == []
    slip = labels.copy()
    slip[0, 0, 0] = 9  # one voxel, as a hand slips
    assert check_labels(replace(image, labels=slip), READING) == [
        "labels: 9 (0.05 ml) taken as background, as no word of tags names them"
    ]


def test_one_phase_of_four_dimensions(tmp_path):
    labels, grid = good()
    both = np.stack([np.zeros_like(labels), labels], axis=-1)
    path = write_nifti(tmp_path / "cine.nii.gz", both, grid)
    image = read_image(path, Reading.parse("acdc phase=1"))
    np.testing.assert_array_equal(image.labels, labels)
    with pytest.raises(BadInput, match=r"4-D with 2 phases; choose one .* labels are in 1"):
        read_image(path, READING)
    with pytest.raises(BadInput, match="phase=2, but it has 2"):
        read_image(path, Reading.parse("acdc phase=2"))


def test_a_table_of_contours_is_the_stack_that_was_written(tmp_path):
    labels, grid = good()
    image = LabelImage(labels, grid.steps, grid.origin, "mm")
    stack = stack_of(regions_of(image, masks_of(image, READING)), 2)
    read, has_rv_wall = read_contours(write_contours(tmp_path / "c.csv", stack), Reading())
    assert has_rv_wall
    assert abs(read.axes[:, 2] @ stack.axes[:, 2]) == pytest.approx(1.0, abs=1e-9)
    assert read.thickness_mm == pytest.approx(8.0, abs=1e-3)
    for region in ("lv", "rv", "epi"):
        assert len(read.filled(region)) == len(stack.filled(region))


def without_lv(labels, grid):
    return np.where(labels == ACDC["lv"], 0, labels), grid


def two_hearts(labels, grid):
    return np.concatenate([labels, labels]), grid


def without_a_slice(labels, grid):
    labels = labels.copy()
    labels[:, :, 6] = 0
    return labels, grid


def apex_cut_off(labels, grid):
    return labels[:, :, 7:], grid


def too_narrow(labels, grid):
    return labels[6:], grid


def mirrored(labels, grid):
    return labels, grid._replace(steps=grid.steps * np.array([[-1.0], [1], [1]]))


def of_another_frame(labels, grid):
    return labels, grid._replace(steps=grid.steps * np.array([[-1.0], [-1], [1]]))


def in_metres(labels, grid):
    return labels, grid._replace(steps=grid.steps / 1000)


def interpolated(labels, grid):
    return labels * 0.7, grid


BAD = [
    (without_lv, "acdc", {}, r"no voxel of lv=3; the image holds"),
    (two_hearts, "acdc", {}, r"has 2 pieces, the second with 50% of it; two hearts"),
    (without_a_slice, "acdc", {}, r"a slice left out|is missing in slice"),
    (apex_cut_off, "acdc", {}, r"no apex: .* are slices missing"),
    (too_narrow, "acdc", {}, r"cut off at the first plane of index i"),
    (mirrored, "acdc", {}, r"the LV's wrong side\. mirrored: turn the axis left-right round"),
    (of_another_frame, "acdc", {}, r"left-right and front-back are reversed \(RAS taken for LPS"),
    (in_metres, "acdc", {"unit": "unknown"}, r"states no unit .*; with unit=m it would be a heart"),
    (in_metres, "acdc", {"unit": "mm"}, r"the header's unit is mm, .*; with unit=m it would"),
    (interpolated, "acdc", {}, r"values like .* are not labels"),
    (lambda *good: good, "mms", {}, r"Swapped labels\? .*\(the preset acdc\) would be plausible"),
    (lambda *good: good, "rv=1 myo=3 lv=2", {}, r"Swapped labels\? lv=3 rv=1 myo=2"),
    (lambda *good: good, "acdc", {"oriented": False}, r"states no orientation.*axes=LPS"),
    (lambda *good: good, "lv=1", {}, r"which label is rv myo\?"),
    (lambda *good: good, "", {}, r"give a preset \(acdc, mms, mmwhs\)"),
]  # fmt: skip


@pytest.mark.parametrize("change, labels, header, reason", BAD,
                         ids=[f"{case[0].__name__}-{case[1]}" for case in BAD])  # fmt: skip
def test_a_bad_image_gets_its_one_line(tmp_path, change, labels, header, reason):
    path = write_nifti(tmp_path / "heart.nii.gz", *change(*good()), **header)
    with pytest.raises(BadInput, match=reason) as caught:
        segmented_heart(path, labels)
    assert str(path) in str(caught.value) or "labels:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("acdcc", "is not a preset; known: acdc, mms"),
        ("lv=1 la=2", "la unknown"),
        ("lv=one", "not integers"),
        ("lv=1 rv=1 myo=2", "1 is both lv and rv"),
        ("acdc rv_wall=30", "outside 1.5 to 12"),
        ("acdc phase=first", "not a number"),
    ],
)
def test_labels_that_say_nothing(text, reason):
    with pytest.raises(BadInput, match=reason):
        Reading.parse(text)


def test_files_that_are_no_images(tmp_path):
    for name in ("a.nii", "a.nrrd", "a.mha"):
        (tmp_path / name).write_bytes(b"what is that? \n\x00\x01")
        with pytest.raises(BadInput, match=name):
            segmented_heart(tmp_path / name, "acdc")
    whole = write_metaimage(tmp_path / "w.mha", *good(), compressed=False).read_bytes()
    (tmp_path / "half.mha").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="incomplete"):
        segmented_heart(tmp_path / "half.mha", "acdc")


def table(radii, heights, structures=("lv_endo", "rv_endo", "epi")):
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    lines = [
        f"{k},{what},{r * np.cos(t):.3f},{r * np.sin(t):.3f},{z}"
        for k, z in enumerate(heights)
        for what, r in zip(structures, radii)
        for t in turn
    ]
    return ["slice,structure,x,y,z", *lines]


@pytest.mark.parametrize(
    "lines, reason",
    [
        (["slice,structure,x,y", "1,lv_endo,0,0"], "no column z"),
        (["slice,structure,x,y,z", "1,la,0,0,0"], "line 2: structure 'la' is none of"),
        (["slice,structure,x,y,z", "1,lv_endo,0,zero,0"], "line 2: x, y, z are not three numbers"),
        (["slice,structure,x,y,z", "1,lv_endo,0,0,0"], "lv_endo has 1 points"),
        (table((20, 20), range(0, 40, 8), ("lv_endo", "epi")), "no contour of rv_endo"),
        (table((20, 20), range(0, 40, 8), ("lv_endo", "rv_endo")), "no contour of epi or lv_epi"),
        (table((20, 20, 40), (0, 8, 24, 32, 40)), r"a slice is missing between 8\.0 and 24\.0 mm"),
        (table((20, 20, 40), (0, 8)), "is in 2 slices; 4 are needed"),
        (table((20, 20, 40), (0, 8, 8, 16)), "slices 1 and 2 lie in one plane"),
        (table((20, 20, 40), (0, 8, 16, 24)), "no apex"),
    ],
)
def test_a_bad_table_gets_its_one_line(tmp_path, lines, reason):
    path = tmp_path / "contours.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInput, match=reason) as caught:
        segmented_heart(path)
    assert str(path) in str(caught.value)


def test_the_skin_of_a_torso_label_encloses_its_lungs(tmp_path):
    steps = OBLIQUE * [3.0, 3.0, 6.0]
    index = np.stack(np.meshgrid(*map(np.arange, (112, 112, 56)), indexing="ij"), axis=-1)
    places = (index - [56, 56, 28]) @ steps.T
    radius = np.linalg.norm(places / [150.0, 100.0, 130.0], axis=-1)
    labels = np.where(radius < 1, 5, 0)
    labels[np.linalg.norm(places - [40, 0, 0], axis=-1) < 30] = 0  # a lung without a label
    labels[np.linalg.norm(places + [40, 0, 0], axis=-1) < 30] = 1
    path = write_nrrd(tmp_path / "body.nrrd", labels.astype(np.uint8),
                      Grid(steps, places[0, 0, 0], labels.shape))  # fmt: skip
    torso = segmented_torso(path, "torso=5 other=1")
    inside = enclosed_volume(torso.points, torso.faces)
    assert inside == pytest.approx(4 / 3 * np.pi * 150 * 100 * 130, rel=0.02)
    assert np.abs(np.linalg.norm(torso.points / [150, 100, 130], axis=1) - 1).mean() < 0.01
    with pytest.raises(BadInput, match="which label is torso"):
        segmented_torso(path, "other=1,5")


def test_a_refused_image_is_drawn_as_it_is(tmp_path, capsys):
    """Its labels cannot be read as stated, but can be drawn: size, values, the slices' middle."""
    labels, grid = good()
    image = write_nifti(tmp_path / "swapped.nii.gz", labels, grid)
    assert main(["import", str(image), "--labels", "lv=1 rv=9 myo=2", "--to", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "no voxel of rv=9" in told and f"see {tmp_path / 'swapped.png'}" in told
    assert (tmp_path / "swapped.png").stat().st_size > 5000
    stored, spacing = raw_labels(image)
    np.testing.assert_array_equal(stored, labels)
    np.testing.assert_allclose(spacing, [2.5, 2.5, 8.0], rtol=1e-5)


def test_holes_are_filled_plane_by_plane():
    from scipy import ndimage

    rng = np.random.default_rng(3)
    for _ in range(30):
        mask = ndimage.gaussian_filter(rng.normal(size=rng.integers(2, 16, 3)), 1.0) > 0
        expected = mask.copy()
        for axis in range(3):
            for plane in np.moveaxis(expected, axis, 0):
                plane[...] = ndimage.binary_fill_holes(plane)
        np.testing.assert_array_equal(filled(mask), expected)


def test_what_is_far_from_the_heart_does_not_count():
    heart, _ = drawn_heart()
    grid = grid_around(heart.points, np.eye(3), (3.0, 3.0, 3.0), margin_mm=16.0)
    labels = label_image(heart, grid)
    whole = LabelImage(labels, grid.steps, grid.origin)
    wide = np.pad(labels, 20)
    far = LabelImage(wide, grid.steps, grid.origin - 20 * grid.steps.sum(axis=1))
    reading = Reading.parse("acdc")
    a, b = around_heart(whole, reading), around_heart(far, reading)
    np.testing.assert_array_equal(a.labels, b.labels)
    np.testing.assert_allclose(a.origin, b.origin)
    assert b.labels.size < wide.size / 4

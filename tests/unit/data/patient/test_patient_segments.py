"""Segments of an idealised heart: x from LV to RV, y to the anterior wall, z to the base."""

import numpy as np
import pytest
from helpers.heart import BASE_Z, LV_INNER, LV_OUTER, activated_patient

from einthoven.base.core.errors import BadInput
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.segments import (
    AHA_SEGMENTS,
    LEVELS,
    RV_SEGMENTS,
    SEGMENTS,
    Regions,
    SegmentLimits,
    ventricular_segments,
    ventricular_walls,
)

BASAL, MID, APICAL = AHA_SEGMENTS[:6], AHA_SEGMENTS[6:12], AHA_SEGMENTS[12:16]


@pytest.fixture(scope="module")
def heart():
    return activated_patient().heart


@pytest.fixture(scope="module")
def segments():
    return ventricular_segments(activated_patient())


def volume(heart, segments, name):
    return heart.volumes[segments.cells(name)].sum()


def test_names_are_those_of_the_heart_association():
    assert (len(AHA_SEGMENTS), len(RV_SEGMENTS), len(set(SEGMENTS))) == (17, 13, 30)
    known = {1: "basal anterior", 3: "basal inferoseptal", 5: "basal inferolateral",
             8: "mid anteroseptal", 10: "mid inferior", 12: "mid anterolateral",
             13: "apical anterior", 14: "apical septal", 17: "apex"}  # fmt: skip
    assert {k: SEGMENTS[k - 1] for k in known} == known


def test_every_node_and_cell_is_in_one_segment_and_none_is_empty(heart, segments):
    assert len(segments.node_region) == len(heart.points)
    assert len(segments.cell_region) == len(heart.cells)
    for name in SEGMENTS:
        assert len(segments.nodes(name)) and len(segments.cells(name)), name
    assert sum(volume(heart, segments, name) for name in SEGMENTS) == pytest.approx(
        heart.volumes.sum()
    )


@pytest.mark.parametrize("ring", [BASAL, MID, APICAL], ids=LEVELS)
def test_neighbours_follow_each_other_around_the_ring(heart, segments, ring):
    """From the anterior wall over the septum to the inferior wall, in equal steps."""
    direction = heart.centroids[:, 0] + 1j * heart.centroids[:, 1]
    direction /= np.abs(direction)
    mean = np.array([direction[segments.cells(name)].mean() for name in ring])
    step = np.degrees(np.angle(np.roll(mean, -1) / mean))
    np.testing.assert_allclose(step, -360 / len(ring), atol=12)
    assert abs(np.degrees(np.angle(mean[0])) - 90) < 12


def test_sizes_are_symmetric_about_the_plane_of_symmetry(heart, segments):
    for one, other in (("anterior", "inferior"), ("anteroseptal", "inferoseptal"),
                       ("anterolateral", "inferolateral")):  # fmt: skip
        for side in ("basal", "mid"):
            ratio = volume(heart, segments, f"{side} {one}") / volume(
                heart, segments, f"{side} {other}"
            )
            assert 0.8 < ratio < 1.25
    ratio = [volume(heart, segments, f"RV {level} anterior")
             / volume(heart, segments, f"RV {level} inferior") for level in LEVELS]  # fmt: skip
    assert 0.6 < min(ratio) and max(ratio) < 1.6


def test_levels_are_thirds_of_the_cavity_and_the_apex_is_beyond_it(heart, segments):
    z = activated_patient().coordinates.uvc_z
    end = (LV_OUTER[2] - LV_INNER[2]) / (LV_OUTER[2] + BASE_Z)  # of the ellipsoids, relative height
    ends = np.linspace(1, end, 4)
    for name in SEGMENTS:
        level = next((k for k, word in enumerate(LEVELS) if word in name), 3)
        inside = z[segments.nodes(name)]
        assert inside.max() < ends[level] + 0.01
        if level < 3 and not name.startswith("RV apical"):  # the RV has no apex apart
            assert inside.min() > ends[level + 1] - 0.01
    assert volume(heart, segments, "apex") > 0.004 * heart.volumes.sum()


def test_a_mirrored_angle_names_the_mirrored_wall():
    """Anterior and inferior are each other's mirror images, in both ventricles."""
    limits = SegmentLimits(0.1, np.array([[1.2, -1.2]] * 3))
    draw = np.random.default_rng(1).uniform
    z, phi, right = draw(0, 1, 4000), draw(-np.pi, np.pi, 4000), draw(0, 1, 4000) < 0.4
    swap = {
        "anterior": "inferior",
        "anteroseptal": "inferoseptal",
        "anterolateral": "inferolateral",
    }
    swap |= {other: one for one, other in swap.items()}
    named = np.array(SEGMENTS)
    one, other = (named[limits.segment(z, sign * phi, right)] for sign in (1, -1))
    assert set(one) == set(SEGMENTS)
    mirrored = [" ".join(swap.get(word, word) for word in name.split()) for name in one]
    np.testing.assert_array_equal(mirrored, other)


@pytest.mark.parametrize(
    ("z", "degrees", "right", "name"),
    [
        (0.9, 90, False, "basal anterior"),
        (0.9, 1, False, "basal anteroseptal"),
        (0.9, -1, False, "basal inferoseptal"),
        (0.6, 61, False, "mid anterior"),
        (0.6, 59, False, "mid anteroseptal"),
        (0.6, 179.9, False, "mid anterolateral"),
        (0.6, -179.9, False, "mid inferolateral"),
        (0.2, 44, False, "apical septal"),
        (0.2, 46, False, "apical anterior"),
        (0.2, 180, False, "apical lateral"),
        (0.2, -180, False, "apical lateral"),
        (0.05, 77, False, "apex"),
        (1.0, 0, True, "RV basal lateral"),
        (0.6, 59, True, "RV mid anterior"),
        (0.05, 0, True, "RV apical lateral"),
        (0.05, -99, True, "RV apical inferior"),
    ],
)
def test_places_with_known_names(z, degrees, right, name):
    limits = SegmentLimits(0.1, np.radians([[60.0, -60.0]] * 3))
    found = limits.segment(np.array([z]), np.radians([degrees]), np.array([right]))
    assert SEGMENTS[found[0]] == name


def test_walls_are_sums_of_segments(segments):
    walls = ventricular_walls(activated_patient())
    assert len(walls.names) == 9
    for wall, parts in {
        "basal septum": ("basal anteroseptal", "basal inferoseptal"),
        "apical septum": ("apical septal",),
        "apical LV free wall": ("apical anterior", "apical inferior", "apical lateral", "apex"),
        "mid RV free wall": [name for name in RV_SEGMENTS if "mid" in name],
    }.items():
        cells = np.concatenate([segments.cells(part) for part in parts])
        np.testing.assert_array_equal(walls.cells(wall), np.sort(cells))


def test_regions_are_found_by_name_and_misfits_are_refused(segments):
    assert segments.number("Mid Inferior") == SEGMENTS.index("mid inferior")
    with pytest.raises(BadInput, match="no region 'posterior'; there are basal anterior"):
        segments.nodes("posterior")
    with pytest.raises(BadInput, match="cell_region: numbers from 0 to 1"):
        Regions(("a", "b"), np.array([0, 1]), np.array([0, 2]))
    with pytest.raises(BadInput, match="regions: a given more than once"):
        Regions(("a", "a"), np.array([0, 1]), np.array([0, 1]))
    with pytest.raises(BadInput, match="has no coordinates"):
        ventricular_segments(Patient.of(activated_patient().mesh))

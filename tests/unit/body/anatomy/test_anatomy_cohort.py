import numpy as np
import pytest

from einthoven.base.config.models import CohortSettings
from einthoven.base.core.errors import BadInput
from einthoven.body.anatomy.population.cohort import block_splits, draw_patient, latin_hypercube

SECTION = CohortSettings(
    seed=1,
    n_patients=12,
    block_size=6,
    val_per_block=1,
    test_per_block=1,
    n_heart_modes=10,
    n_torso_modes=10,
    range_sd=1.0,
)
COEFFS = ("heart_coeffs", "torso_coeffs", "pose_coeffs")


def draw(n, **changes):
    config = CohortSettings(**dict(SECTION) | changes)
    return [draw_patient(index, config) for index in range(n)]


def test_a_larger_cohort_moves_nobody():
    assert draw(6)[:4] == draw(4)
    assert draw(20)[:12] == draw(12)  # across blocks


def test_fewer_modes_leave_the_other_coefficients():
    for full, few in zip(draw(5), draw(5, n_heart_modes=3, n_torso_modes=2)):
        assert few.heart_coeffs == full.heart_coeffs[:3] + [0.0] * 7
        assert few.torso_coeffs == full.torso_coeffs[:2] + [0.0] * 8
        assert few.pose_coeffs == full.pose_coeffs


@pytest.mark.parametrize("block", [0, 1])
def test_each_block_is_a_latin_hypercube(block):
    patients = draw(24, block_size=12, range_sd=1.5)[12 * block : 12 * block + 12]
    unit = np.array([sum((getattr(p, key) for key in COEFFS), []) for p in patients]) / 3.0 + 0.5
    assert unit.shape == (12, 26)
    slices = np.sort(np.floor(unit * 12).astype(int), axis=0)
    np.testing.assert_array_equal(slices, np.tile(np.arange(12)[:, None], (1, 26)))


def test_blocks_seeds_and_coordinates_differ():
    first, other_seed = draw(12), draw(12, seed=2)
    rows = np.array([sum((getattr(p, key) for key in COEFFS), []) for p in first + other_seed])
    assert len(np.unique(rows.round(12), axis=0)) == 24
    columns = latin_hypercube(40, 5, np.random.default_rng(0))
    assert np.abs(np.corrcoef(columns.T) - np.eye(5)).max() < 0.5


@pytest.mark.parametrize(
    "size,val,test", [(3, 1, 1), (6, 1, 1), (32, 4, 4), (10, 2, 3), (128, 8, 20)]
)
def test_splits_of_a_block(size, val, test):
    splits = block_splits(CohortSettings(block_size=size, val_per_block=val, test_per_block=test))
    assert [splits.count(s) for s in ("train", "val", "test")] == [size - val - test, val, test]
    for n in range(1, size + 1):
        for name, total in (("val", val), ("test", test)):
            assert abs(splits[:n].count(name) - total * n / size) < 1.01


def test_split_is_by_patient_and_repeats_in_blocks():
    patients = draw(12)
    names = [p.patient for p in patients]
    assert len(set(names)) == 12 and names[3] == "p0003"
    splits = [p.split for p in patients]
    assert splits[:6] == splits[6:] == block_splits(SECTION)
    assert [p.split for p in draw(3, block_size=3)] == ["train", "val", "test"]


def test_range_is_kept():
    for patient in draw(12, range_sd=0.5):
        assert max(abs(c) for key in COEFFS for c in getattr(patient, key)) <= 0.5


def test_nonsense_is_refused():
    with pytest.raises(BadInput, match="index"):
        draw_patient(-1, SECTION)
    with pytest.raises(ValueError, match="leave training patients"):
        CohortSettings(block_size=3, val_per_block=2, test_per_block=1)

"""Who is in the cohort: shape and pose coefficients and the split, one patient at a time."""

import numpy as np

from einthoven.anatomy.pose import POSE
from einthoven.core.check import between
from einthoven.core.errors import BadInput
from einthoven.core.names import patient_name
from einthoven.core.seeds import generator

MAX_MODES = 10


def draw_patient(
    index: int,
    seed: int,
    n_patients: int,
    block_size: int,
    val_per_block: int,
    test_per_block: int,
    n_heart_modes: int,
    n_torso_modes: int,
    range_sd: float,
) -> dict:
    """Parameters of patient number `index`.

    Patients come in blocks, each a Latin hypercube of its own generator, so a larger cohort
    leaves everybody as they were; so do other numbers of modes. A Latin hypercube of the whole
    cohort (Dokuchaev 2026, section 2.1) would change with every added patient. Another
    `block_size` draws another cohort.

    Args:
        index: 0 to n_patients - 1.
        seed: of the cohort.
        n_patients: size of the cohort.
        block_size: patients in one Latin hypercube.
        val_per_block: validation patients in a block.
        test_per_block: test patients in a block.
        n_heart_modes: modes that vary; the other coefficients are zero.
        n_torso_modes: likewise.
        range_sd: coefficients are uniform in +-range_sd.

    Returns:
        patient, index, split, heart_coeffs [10], torso_coeffs [10], pose_coeffs [6] as lists.

    Raises:
        BadInput: the index is outside the cohort, or there are too many modes.
    """
    between("index", index, 0, n_patients - 1, f"the cohort has {n_patients} patients")
    between("n_heart_modes", n_heart_modes, 1, MAX_MODES)
    between("n_torso_modes", n_torso_modes, 1, MAX_MODES)
    block, row = divmod(int(index), block_size)
    unit = latin_hypercube(
        block_size, 2 * MAX_MODES + len(POSE), generator(seed, "cohort", block_size, block)
    )
    coeffs = range_sd * (2 * unit[row] - 1)
    heart, torso, pose = np.split(coeffs, [MAX_MODES, 2 * MAX_MODES])
    heart[n_heart_modes:] = 0.0
    torso[n_torso_modes:] = 0.0
    return {
        "patient": patient_name(index),
        "index": int(index),
        "split": block_splits(block_size, val_per_block, test_per_block)[row],
        "heart_coeffs": heart.tolist(),
        "torso_coeffs": torso.tolist(),
        "pose_coeffs": pose.tolist(),
    }


def latin_hypercube(n: int, n_dimensions: int, rng: np.random.Generator) -> np.ndarray:
    """Points [n, n_dimensions] in the unit cube, one in each of n slices of every axis."""
    slices = rng.permuted(np.tile(np.arange(n)[:, None], (1, n_dimensions)), axis=0)
    return (slices + rng.random((n, n_dimensions))) / n


def block_splits(block_size: int, val_per_block: int, test_per_block: int) -> list[str]:
    """Split of each patient of a block, interleaved so that every prefix is nearly balanced.

    Each place goes to the split that lags most behind its share; ties go to train, val, test.

    Raises:
        BadInput: no training patient would be left.
    """
    if val_per_block + test_per_block >= block_size:
        raise BadInput(
            f"val_per_block + test_per_block = {val_per_block + test_per_block} leaves no "
            f"training patient in a block of {block_size}"
        )
    totals = {
        "train": block_size - val_per_block - test_per_block,
        "val": val_per_block,
        "test": test_per_block,
    }
    counts = dict.fromkeys(totals, 0)
    splits = []
    for place in range(1, block_size + 1):
        open_splits = [name for name in totals if counts[name] < totals[name]]
        lag = {name: totals[name] * place / block_size - counts[name] for name in open_splits}
        chosen = max(open_splits, key=lambda name: round(lag[name], 9))
        counts[chosen] += 1
        splits.append(chosen)
    return splits

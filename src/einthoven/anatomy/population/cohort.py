"""Who is in the cohort: shape and pose coefficients and the split, one patient at a time."""

from collections.abc import Sequence

import numpy as np

from einthoven.anatomy.population.covariates import Body, load_regression
from einthoven.anatomy.population.reference import SEXES
from einthoven.anatomy.population.splits import block_splits
from einthoven.anatomy.pose import POSE
from einthoven.anatomy.shape.heart import ATLAS_PATH as HEART_ATLAS
from einthoven.anatomy.shape.torso import ATLAS_PATH as TORSO_ATLAS
from einthoven.core.check import between
from einthoven.core.errors import BadInput
from einthoven.core.names import patient_name
from einthoven.core.seeds import generator

MAX_MODES = 10
SEX_CHOICES = ("any", "both", *SEXES)


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
    sex: str = "any",
    height_cm: Sequence[float] | None = None,
    bmi: Sequence[float] | None = None,
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
        sex: any (one population, no covariates), female, male, or both (half and half by chance).
            A sex moves the mean of heart and torso; the hypercube gives what is left.
        height_cm: lowest and highest, uniform between; None: +-range_sd of that sex.
        bmi: likewise, kg/m2.

    Returns:
        patient, index, split, sex, height_cm, bmi (None for any), heart_coeffs [10],
        torso_coeffs [10], pose_coeffs [6] as lists.

    Raises:
        BadInput: the index is outside the cohort, there are too many modes, or a height or BMI
            that nobody of that sex has.
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
    body = draw_body(
        latin_hypercube(block_size, 3, generator(seed, "cohort-body", block_size, block))[row],
        range_sd, sex, height_cm, bmi,
    )  # fmt: skip
    if body:
        heart = load_regression(HEART_ATLAS).coeffs(body, heart)
        torso = load_regression(TORSO_ATLAS).coeffs(body, torso)
    heart[n_heart_modes:] = 0.0
    torso[n_torso_modes:] = 0.0
    return {
        "patient": patient_name(index),
        "index": int(index),
        "split": block_splits(block_size, val_per_block, test_per_block)[row],
        "sex": body.sex if body else None,
        "height_cm": body.height_cm if body else None,
        "bmi": body.bmi if body else None,
        "heart_coeffs": heart.tolist(),
        "torso_coeffs": torso.tolist(),
        "pose_coeffs": pose.tolist(),
    }


def draw_body(
    unit: np.ndarray,
    range_sd: float,
    sex: str,
    height_cm: Sequence[float] | None,
    bmi: Sequence[float] | None,
) -> Body | None:
    """One body, or None without covariates.

    Args:
        unit: [3] uniform numbers in 0 to 1, for sex, height and BMI.
        range_sd: height and BMI without a range of their own are uniform in +-range_sd.
        sex: see `draw_patient`.
        height_cm: see `draw_patient`.
        bmi: see `draw_patient`.

    Raises:
        BadInput: an unknown sex, or a height or BMI without a sex.
    """
    if sex not in SEX_CHOICES:
        raise BadInput(f"sex: {sex!r} is none of {', '.join(SEX_CHOICES)}")
    if sex == "any":
        if height_cm or bmi:
            raise BadInput("height_cm and bmi need a sex: female, male or both")
        return None
    chosen = SEXES[int(unit[0] * len(SEXES))] if sex == "both" else sex
    usual = Body.from_sds(chosen, *(range_sd * (2 * unit[1:] - 1)))
    values = [
        low_high[0] + u * (low_high[1] - low_high[0]) if low_high else value
        for u, low_high, value in zip(
            unit[1:], (height_cm, bmi), (usual.height_cm, usual.bmi), strict=True
        )
    ]
    return Body(chosen, *map(float, values))


def latin_hypercube(n: int, n_dimensions: int, rng: np.random.Generator) -> np.ndarray:
    """Points [n, n_dimensions] in the unit cube, one in each of n slices of every axis."""
    slices = rng.permuted(np.tile(np.arange(n)[:, None], (1, n_dimensions)), axis=0)
    return (slices + rng.random((n, n_dimensions))) / n

"""Virtual cohort: shape and pose coefficients and the split, one patient at a time."""

import numpy as np

from einthoven.base.config.models import MAX_MODES, CohortSettings
from einthoven.base.config.traits import body_unit, sex_by
from einthoven.base.core.check import between
from einthoven.base.core.names import patient_name
from einthoven.base.core.seeds import generator, latin_hypercube
from einthoven.body.anatomy.population.reference import BodySize, load_regression
from einthoven.body.anatomy.pose import POSE
from einthoven.body.anatomy.shape.model import HEART_ATLAS, TORSO_ATLAS
from einthoven.data.patient.parameters import PatientParameters


def block_splits(config: CohortSettings) -> list[str]:
    """Split of each patient of a block, interleaved so that every prefix is nearly balanced.

    Each patient goes to the split that lags most behind its share; ties go to train, val, test.
    """
    val, test, size = config.val_per_block, config.test_per_block, config.block_size
    totals = {"train": size - val - test, "val": val, "test": test}
    counts = dict.fromkeys(totals, 0)
    splits = []
    for place in range(1, size + 1):
        open_splits = [name for name in totals if counts[name] < totals[name]]
        lag = {name: totals[name] * place / size - counts[name] for name in open_splits}
        chosen = max(open_splits, key=lambda name: round(lag[name], 9))
        counts[chosen] += 1
        splits.append(chosen)
    return splits


def draw_patient(index: int, config: CohortSettings) -> PatientParameters:
    """Parameters of patient number `index`.

    Patients come in blocks, each a Latin hypercube with its own generator, so neither a larger
    cohort nor other numbers of modes change existing patients. A Latin hypercube of the whole
    cohort (Dokuchaev 2026, section 2.1) would change with every added patient. Another `block_size`
    draws another cohort. Sex shifts the means of heart and torso; the hypercube samples the
    remainder.

    Args:
        index: 0, 1, ...; `n_patients` does not matter.
        config: the section `cohort`.

    Returns:
        The parameters, coefficients [10], [10] and [6] in SD.

    Raises:
        BadInput: a negative index, or a height or BMI outside the range of that sex.
    """
    between("index", index, 0, np.inf)
    block, row = divmod(int(index), config.block_size)
    size = config.block_size
    rng = generator(config.seed, "cohort", size, block)
    unit = latin_hypercube(size, 2 * MAX_MODES + len(POSE), rng)
    coeffs = config.range_sd * (2 * unit[row] - 1)
    heart, torso, pose = np.split(coeffs, [MAX_MODES, 2 * MAX_MODES])
    body = _draw_body(body_unit(int(index), config), config)
    if body:
        heart = load_regression(HEART_ATLAS).coeffs(body, heart)
        torso = load_regression(TORSO_ATLAS).coeffs(body, torso)
    heart[config.n_heart_modes :] = 0.0
    torso[config.n_torso_modes :] = 0.0
    return PatientParameters(
        patient=patient_name(index),
        split=block_splits(config)[row],
        index=int(index),
        heart_coeffs=heart.tolist(),
        torso_coeffs=torso.tolist(),
        pose_coeffs=pose.tolist(),
        **(vars(body) if body else {}),
    )


def _draw_body(unit: np.ndarray, config: CohortSettings) -> BodySize | None:
    """Sex, height and BMI of one person from uniform numbers [3], or None for any sex."""
    if config.sex == "any":
        return None
    sex = sex_by(unit[0]) if config.sex == "both" else config.sex
    usual = BodySize.from_sds(sex, *(config.range_sd * (2 * unit[1:] - 1)))
    values = [
        ends[0] + u * (ends[1] - ends[0]) if ends else value
        for u, ends, value in zip(
            unit[1:], (config.height_cm, config.bmi), (usual.height_cm, usual.bmi), strict=True
        )
    ]
    return BodySize(sex, *map(float, values))

"""The factor on an ensemble's SD, from the heart points of validation patients."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.metrics.fields import angular_error_deg
from einthoven.metrics.reliability import calibration_factor, calibration_metrics
from einthoven.surrogate.ensemble import Surrogate
from einthoven.surrogate.patients import Sample

ErrorAndSd = tuple[np.ndarray, np.ndarray | None]


def calibrate(surrogate: Surrogate, samples: Iterable[Sample]) -> dict[str, Any]:
    """What `uncertainty.json` holds.

    Args:
        surrogate: two or more networks; its own factor is not used.
        samples: validation patients.

    Returns:
        n_members, factor, n_patients, n_points, and `calibration_metrics` of the calibrated SD
        on these very patients.

    Raises:
        BadInput: no patient, or one network only.
    """
    plain = replace(surrogate, factor=1.0)

    def pairs() -> Iterator[ErrorAndSd]:
        for sample in samples:
            mean, sd = plain.predict(sample.inputs.at(sample.heart))
            yield angular_error_deg(mean, sample.grad[:, sample.heart].numpy()), sd

    return calibration_of(pairs(), len(surrogate.networks))


def calibration_of(pairs: Iterable[ErrorAndSd], n_members: int) -> dict[str, Any]:
    """`calibrate`, of angular errors and uncalibrated SDs in degrees, a pair per patient."""
    errors, sds = [], []
    for error, sd in pairs:
        if sd is None:
            raise BadInput("calibrate: one network states no SD; learning.ensemble?")
        errors.append(error.ravel())
        sds.append(sd.ravel())
    if not errors:
        raise BadInput("calibrate: no validation patients")
    error, sd = np.concatenate(errors), np.concatenate(sds)
    factor = calibration_factor(error, sd, n_members)
    return {
        "n_members": n_members,
        "factor": factor,
        "n_patients": len(errors),
        "n_points": len(error),
        **calibration_metrics(error, factor * sd, n_members),
    }

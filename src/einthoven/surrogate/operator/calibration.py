"""The factor on the SD of an ensemble of operators, from patients that none was trained on."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.metrics.fields import angular_error_deg
from einthoven.metrics.reliability import calibration_factor, calibration_metrics
from einthoven.surrogate.operator.operator import Operator
from einthoven.surrogate.operator.train import OperatorSample


def calibrate_operator(operator: Operator, samples: Iterable[OperatorSample]) -> dict[str, Any]:
    """What `uncertainty.json` holds.

    Args:
        operator: two or more networks; its own factor is not used.
        samples: validation patients.

    Returns:
        n_members, factor, n_patients, n_points, and `calibration_metrics` of the calibrated SD
        on these very patients.

    Raises:
        BadInput: no patient, or one network only.
    """
    plain = replace(operator, factor=1.0)
    n_members = len(operator.networks)
    errors, sds = [], []
    for sample in samples:
        mean, sd = plain.predict(sample.inputs)
        if sd is None:
            raise BadInput("calibrate: one network states no SD; learning.ensemble?")
        errors.append(angular_error_deg(mean, sample.grad.numpy()).ravel())
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

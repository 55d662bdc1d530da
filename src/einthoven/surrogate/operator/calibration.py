"""The factor on the SD of an ensemble of operators, from patients that none was trained on."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from einthoven.metrics.fields import angular_error_deg
from einthoven.surrogate.calibration import ErrorAndSd, calibration_of
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

    def pairs() -> Iterator[ErrorAndSd]:
        for sample in samples:
            mean, sd = plain.predict(sample.inputs)
            yield angular_error_deg(mean, sample.grad.numpy()), sd

    return calibration_of(pairs(), len(operator.networks))

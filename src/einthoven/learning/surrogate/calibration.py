"""Calibration of an ensemble's SD by the heart points of validation patients."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from einthoven.base.metrics.fields import angular_error_deg
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.learning.surrogate.members import ErrorAndSd, calibration_of
from einthoven.learning.surrogate.split_samples import PatientSample


def calibrate(surrogate: SurrogateEnsemble, samples: Iterable[PatientSample]) -> dict[str, Any]:
    """Content of `uncertainty.json`.

    Args:
        surrogate: two or more networks; its own factor is not used.
        samples: validation patients.

    Returns:
        n_members, factor, n_patients, n_points, and `calibration_metrics` of the calibrated SD on
        the same patients.

    Raises:
        BadInput: no patient, or one network only.
    """
    plain = replace(surrogate, factor=1.0)

    def pairs() -> Iterator[ErrorAndSd]:
        for sample in samples:
            mean, sd = plain.predict(sample.inputs.at(sample.heart))
            yield angular_error_deg(mean, sample.grad[:, sample.heart].numpy()), sd

    return calibration_of(pairs(), len(surrogate.networks))

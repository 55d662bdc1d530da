"""Factors on the SDs of an ensemble of operators, from patients not used for training.

One factor is for directions. Another is for ECGs, which are sums over fronts: errors of
neighbouring points add up or cancel, unlike in the SD of a direction. Validation patients have no
simulated beat, so plane fronts through their hearts are used.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from einthoven.base.metrics.fields import angular_error_deg
from einthoven.base.metrics.reliability import normal_bound_ratio
from einthoven.learning.surrogate.members import ErrorAndSd, calibration_of
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.learning.surrogate.operator.train import OperatorSample

LEVEL = 0.9
"""Share of the ECGs' errors that should lie within the interval."""
N_FRONTS = 10
"""Successive fronts per direction that cross a heart, with equal muscle between them."""
DIRECTIONS = np.array([d for d in product((-1, 0, 1), repeat=3) if d > (0, 0, 0)], float)
"""Axes of a cube, of its faces and of its diagonals, in the heart frame."""


def calibrate_operator(
    operator: OperatorEnsemble, samples: Iterable[OperatorSample]
) -> dict[str, Any]:
    """Content of `uncertainty.json`.

    Args:
        operator: two or more networks; its own factors are not used.
        samples: validation patients.

    Returns:
        n_members, factor, n_patients, n_points, and `calibration_metrics` of the calibrated SD on
        the same patients; ecg_factor, with which `LEVEL` of the ECGs' errors are covered.

    Raises:
        BadInput: no patient, or one network only.
    """
    plain, ratios = replace(operator, factor=1.0), list[np.ndarray]()

    def pairs() -> Iterator[ErrorAndSd]:
        for sample in samples:
            mean, sd = plain.predict(sample.inputs)
            if sd is not None:
                ratios.append(_ecg_ratios(plain, sample).ravel())
            yield angular_error_deg(mean, sample.grad.numpy()), sd

    n = len(operator.networks)
    found = calibration_of(pairs(), n)
    ecg_factor = np.quantile(np.concatenate(ratios), LEVEL) / normal_bound_ratio(LEVEL, n)
    return found | {"ecg_factor": float(ecg_factor)}


def _ecg_ratios(operator: OperatorEnsemble, sample: OperatorSample) -> np.ndarray:
    """Errors of potentials over their SD among the networks: [front, electrode]."""
    alone = (replace(operator, networks=(network,)) for network in operator.networks)
    members = np.stack([_potentials(m.predict(sample.inputs)[0], sample) for m in alone])
    error = np.abs(members.mean(axis=0) - _potentials(sample.grad.numpy(), sample))
    return error / np.maximum(members.std(axis=0, ddof=1), np.finfo(np.float32).tiny)


def _potentials(grad: np.ndarray, sample: OperatorSample) -> np.ndarray:
    """Potentials [front, electrode] of plane fronts, relative to the mean of all electrodes."""
    place, share = sample.inputs.local[:, :3].numpy(), sample.inputs.share.numpy()
    found = []
    for direction in DIRECTIONS:
        depth, along = place @ direction, (grad @ direction) * share
        rank = np.argsort(np.argsort(depth, kind="stable")) * N_FRONTS // len(depth)
        found += [along[:, rank == front].sum(axis=1) for front in range(N_FRONTS)]
    return np.array(found) - np.mean(found, axis=1, keepdims=True)

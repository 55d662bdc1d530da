"""Fit the distribution of a training's simulated ECGs, which `ship_imaging.py` packs."""

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.metrics.out_of_distribution import LEVEL
from einthoven.imaging.inputs.onsets import onset_delays
from einthoven.imaging.model.ecg_distribution import LENGTH_MS, EcgDistribution, ecg_features

N_COMPONENTS = 48
LEAST_BEATS = 4 * N_COMPONENTS
MAX_BEATS = 4000
"""Training ECGs that are kept, evenly spaced."""


def from_onset(ecg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Simulated beats with their QRS onset at 0 ms.

    Args:
        ecg: [beat, 12, time] mV at 1 kHz from the first activation.

    Returns:
        [kept beat, 12, LENGTH_MS] mV; [beat] ms from the first activation to the onset, NaN for
        beats that are not kept because their QRS complex cannot be separated from the T wave.
    """
    delays = np.array(list(onset_delays(ecg)))
    kept = np.isfinite(delays)
    beats = np.pad(ecg[kept], ((0, 0), (0, 0), (0, LENGTH_MS)), mode="edge")
    starts = np.rint(delays[kept]).astype(int).clip(0)
    return np.array([b[:, s : s + LENGTH_MS] for b, s in zip(beats, starts)]), delays


def fitted_distribution(train: np.ndarray, validation: np.ndarray) -> EcgDistribution:
    """Distribution of simulated ECGs at 1 kHz from the first activation.

    Args:
        train: [beat, 12, 500] mV, training ECGs.
        validation: [beat, 12, 500] mV, ECGs of other hearts, which decide the limit.

    Raises:
        BadInput: too few beats for the components.
    """
    beats, delays = from_onset(train[:: -(-len(train) // MAX_BEATS)])
    if len(beats) < LEAST_BEATS:
        raise BadInput(f"train: {len(beats)} beats, at least {LEAST_BEATS} are needed")
    x = ecg_features(beats)
    mean = x.mean(axis=0)
    _, values, rows = np.linalg.svd(x - mean, full_matrices=False)
    sd = np.maximum(values[:N_COMPONENTS] / np.sqrt(len(x)), 1e-9)
    rows = rows[:N_COMPONENTS]
    scores, delays = (x - mean) @ rows.T / sd, delays[np.isfinite(delays)]
    fitted = EcgDistribution(mean, rows, sd, scores, delays, {})
    reached = [
        fitted.values(ecg) for ecg in from_onset(validation[:: -(-len(validation) // MAX_BEATS)])[0]
    ]
    limits = {
        key: float(np.quantile([values[key] for values in reached], LEVEL)) for key in reached[0]
    }
    return EcgDistribution(mean, rows, sd, scores, delays, limits)

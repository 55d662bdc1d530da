"""Errors between a predicted and a reference lead field or ECG (Dokuchaev 2026, section 2.6).

Pure NumPy. Gradients are [..., 3] in kOhm/mm, ECGs [..., time] in mV.
"""

import numpy as np

from einthoven.base.core.check import finite
from einthoven.base.core.errors import BadInput


def _pair(predicted: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    predicted = finite("predicted", predicted).astype(np.float64)
    reference = finite("reference", reference).astype(np.float64)
    if predicted.shape != reference.shape:
        raise BadInput(f"predicted {predicted.shape} and reference {reference.shape} differ")
    return predicted, reference


def angular_error_deg(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Angle between two gradients, degrees: [..., 3] -> [...].

    The arc cosine of section 2.6 is computed as atan2(|a x b|, a . b), which is accurate at small
    angles, where the cosine is 1 to round-off. The angle to a zero vector is 90 degrees, as the
    epsilon in the denominator of Dokuchaev 2026 implies.

    Raises:
        BadInput: shapes differ or a value is not finite.
    """
    predicted, reference = _pair(predicted, reference)
    largest = max(np.abs(predicted).max(initial=0.0), np.abs(reference).max(initial=0.0)) or 1.0
    predicted, reference = predicted / largest, reference / largest  # no underflow in products
    across = np.linalg.norm(np.cross(predicted, reference), axis=-1)
    along = np.einsum("...i,...i->...", predicted, reference)
    angle = np.degrees(np.arctan2(across, along))
    return np.where((across == 0.0) & (along == 0.0), 90.0, angle)


def magnitude_error(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Length of the difference, kOhm/mm: [..., 3] -> [...] (section 2.6).

    Raises:
        BadInput: shapes differ or a value is not finite.
    """
    predicted, reference = _pair(predicted, reference)
    return np.linalg.norm(predicted - reference, axis=-1)


def magnitude_error_rel(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Length of the difference over the reference's length: [..., 3] -> [...].

    Raises:
        BadInput: as above, or a reference gradient is zero.
    """
    length = np.linalg.norm(_pair(predicted, reference)[1], axis=-1)
    if np.any(length == 0.0):
        raise BadInput(f"reference: {int((length == 0).sum())} gradients are zero; units?")
    return magnitude_error(predicted, reference) / length


def rel_l2(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Norm of the difference over the reference's norm, along time: [..., time] -> [...].

    ||V^ - V|| / ||V|| in L2(0, T), section 2.6; uniform time steps cancel. Its square is the
    relative mean squared error.

    Raises:
        BadInput: shapes differ, a value is not finite, or a reference signal is zero.
    """
    predicted, reference = _pair(predicted, reference)
    norm = np.linalg.norm(reference, axis=-1)
    if np.any(norm == 0.0):
        raise BadInput(f"reference: {int((norm == 0).sum())} signals are zero everywhere")
    return np.linalg.norm(predicted - reference, axis=-1) / norm


def cdf(errors: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Share of errors that do not exceed each value of `at`: [any], [value] -> [value].

    Raises:
        BadInput: there are no errors, or one is not finite.
    """
    errors = np.sort(finite("errors", errors).ravel())
    if not errors.size:
        raise BadInput("errors: empty, so there is no distribution")
    return np.searchsorted(errors, at, side="right") / errors.size


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over the last axis with weights, e.g. cell volumes: [..., n], [n] -> [...]."""
    return values @ (weights / weights.sum())

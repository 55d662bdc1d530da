"""Errors of reconstructed heart potentials [node, time]: RE, CC and MSE of Zhu 2025, and others.

Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1, equations (19) to (21).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput


@dataclass(frozen=True)
class PotentialErrors:
    """Errors of an estimate of the potentials of a heart."""

    re: float
    """Relative error, eq. (19)."""
    cc: float
    """Correlation coefficient, eq. (20)."""
    mse: float
    """Mean squared error, eq. (21), squared unit of the potentials."""
    spatial_cc: float
    """Median over time of the correlation across nodes."""
    temporal_cc: float
    """Median over nodes of the correlation along time."""

    @classmethod
    def of(cls, predicted: np.ndarray, reference: np.ndarray) -> Self:
        """All errors of an estimate; both are [node, time] in the same unit.

        A constant at a node, which a unipolar electrogram does not determine, does not matter to
        CC. An estimate that varies nowhere has correlation 0.

        Raises:
            BadInput: shapes differ, NaN, or a reference that is zero or does not vary in time.
        """
        predicted, reference = _pair(predicted, reference)
        if not (size := np.linalg.norm(reference)):
            raise BadInput("reference: all potentials are zero, so there is no relative error")
        found, true = (p - p.mean(axis=1, keepdims=True) for p in (predicted, reference))
        if not true.any():
            raise BadInput(
                "reference: no node's potential varies in time, so there is no correlation"
            )
        both = np.linalg.norm(found) * np.linalg.norm(true)
        return cls(
            float(np.linalg.norm(predicted - reference) / size),
            float((found * true).sum() / both) if both > 0 else 0.0,
            float(np.square(predicted - reference).mean()),
            float(np.median(spatial_correlation(predicted, reference))),
            float(np.median(temporal_correlation(predicted, reference))),
        )


def temporal_correlation(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Pearson's correlation along time of each node whose reference varies: [at most node].

    Both are [node, time]. An estimate that does not vary has correlation 0.

    Raises:
        BadInput: shapes differ, NaN, or no reference varies.
    """
    predicted, reference = (p - p.mean(axis=1, keepdims=True) for p in _pair(predicted, reference))
    lengths = np.linalg.norm(reference, axis=1)
    varies = lengths > 1e-12 * lengths.max(initial=0.0)
    if not varies.any():
        raise BadInput("reference: no signal varies, so there is no correlation")
    both = lengths[varies] * np.linalg.norm(predicted[varies], axis=1)
    products = np.einsum("nt,nt->n", predicted[varies], reference[varies])
    return np.divide(products, both, out=np.zeros_like(both), where=both > 0)


def spatial_correlation(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Pearson's correlation across nodes where the reference varies: [at most time].

    Arguments, errors and estimates that do not vary: as for `temporal_correlation`.
    """
    return temporal_correlation(np.transpose(predicted), np.transpose(reference))


def _pair(predicted: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    reference = check.finite("reference", check.shape("reference", reference, (None, None)))
    predicted = check.finite("predicted", check.shape("predicted", predicted, reference.shape))
    return predicted.astype(np.float64), reference.astype(np.float64)

"""Out-of-distribution check of an anatomy for an encoder."""

import math
from collections.abc import Mapping

import numpy as np

from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder

LEVEL = 0.99
"""Share of new codes of the training distribution whose distance is below the limit."""
MISFIT_FACTOR = 2.0
"""Limit of a misfit, as a multiple of the mean over validation patients."""


def check_code(
    encoder: DeepSdfEncoder, latent: np.ndarray, misfit_mm: Mapping[str, float]
) -> OutOfDistributionCheck:
    """Compare a code and its misfit with the patients of the encoder's training.

    Without validation patients the usual misfit is unknown, and nobody is in distribution.

    Args:
        encoder: with the codes of its cohort.
        latent: [latent] inferred code.
        misfit_mm: surface -> mean error of the decoded distances near it.
    """
    n_train = encoder.prior.n_codes or len(encoder.latents.rows("train"))
    residual = np.asarray(latent, dtype=np.float64) - encoder.prior.mean
    square = residual @ np.linalg.solve(encoder.prior.covariance, residual)
    values = {"code_sd": float(np.sqrt(square))}
    limits = {"code_sd": distance_limit(encoder.n_latent, n_train)}
    usual = encoder.validation["near_surface_mm"]
    for surface, error in misfit_mm.items():
        values[f"misfit_{surface}_mm"] = float(error)
        limits[f"misfit_{surface}_mm"] = MISFIT_FACTOR * usual.get(surface, math.nan)
    return OutOfDistributionCheck(values, limits)


def distance_limit(n_latent: int, n_train: int) -> float:
    """Distance that a share LEVEL of new codes of the training's distribution does not exceed.

    For a known mean and covariance the square follows chi-square. They are estimated from few
    codes, so it follows Hotelling's d (n^2 - 1) / (n (n - d)) times F(d, n - d), which tends to
    chi-square. If there are no more codes than entries of a code, the covariance is uninformative,
    and the narrower chi-square limit puts every new code out of distribution.
    """
    from scipy.special import fdtri, gammaincinv

    d, n = n_latent, n_train
    if n <= d:
        return float(np.sqrt(2 * gammaincinv(d / 2, LEVEL)))
    return float(np.sqrt(d * (n * n - 1) / (n * (n - d)) * fdtri(d, n - d, LEVEL)))

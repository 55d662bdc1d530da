"""Out-of-distribution check of an anatomy for an encoder."""

import math
from collections.abc import Mapping

import numpy as np

from einthoven.base.metrics.out_of_distribution import (
    FeatureDistribution,
    OutOfDistributionCheck,
    hotelling_limit,
)
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder

MISFIT_FACTOR = 2.0
"""Limit of a misfit, as a multiple of the mean over validation patients."""


def check_code(
    encoder: DeepSdfEncoder, latent: np.ndarray, misfit_mm: Mapping[str, float]
) -> OutOfDistributionCheck:
    """Compare a code [latent] and its misfit with the patients of the encoder's training.

    The misfit is the mean error of the decoded distances near each surface. Without validation
    patients the usual one is unknown, and nobody is in distribution.
    """
    n_train = encoder.prior.n_codes or len(encoder.latents.rows("train"))
    prior = FeatureDistribution.of_covariance(encoder.prior.mean, encoder.prior.covariance)
    scores = prior.scores(np.asarray(latent, dtype=np.float64))
    values = {"code_sd": float(np.linalg.norm(scores))}
    limits = {"code_sd": hotelling_limit(encoder.n_latent, n_train)}
    usual = encoder.validation["near_surface_mm"]
    for surface, error in misfit_mm.items():
        values[f"misfit_{surface}_mm"] = float(error)
        limits[f"misfit_{surface}_mm"] = MISFIT_FACTOR * usual.get(surface, math.nan)
    return OutOfDistributionCheck(values, limits)

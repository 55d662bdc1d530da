"""Calibration of a posterior: ranks of the truth, and factors that correct its intervals.

References:
    Talts et al. 2018, arXiv:1804.06788 (simulation-based calibration: ranks of the truth among
    draws are uniform if, averaged over the prior, the posterior is right); Romano et al. 2019,
    arXiv:1905.03222 (conformalised intervals).
"""

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput

N_BINS = 20


def sbc_ranks(samples: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Rank of the truth [beat, value] among the draws [beat, draw, value], from 0; NaN: -1."""
    check.shape("truth", truth, (samples.shape[0], samples.shape[2]))
    ranks = (samples < truth[:, None]).sum(axis=1)
    return np.where(np.isnan(truth), -1, ranks)


def rank_shares(ranks: np.ndarray, n_draws: int, n_bins: int = N_BINS) -> np.ndarray:
    """Share [bin] of the ranks [beat] of `sbc_ranks` in each of `n_bins` equal bins.

    Raises:
        BadInput: bins of unequal size.
    """
    if (n_draws + 1) % n_bins:
        raise BadInput(f"n_draws = {n_draws}: {n_draws + 1} ranks do not fill {n_bins} bins evenly")
    shares: np.ndarray = np.bincount(ranks * n_bins // (n_draws + 1), minlength=n_bins) / len(ranks)
    return shares


def widening(samples: np.ndarray, truth: np.ndarray, level: float = 0.9) -> np.ndarray:
    """Factors [value] on the distance of draws from their median, so that intervals cover `level`.

    The conformal score of a beat is the distance of the truth from the median, in half-widths of
    the interval on that side. The factor is the `level`-quantile of the scores, with the
    correction for a finite number of beats. It holds on other anatomies if the beats are of
    anatomies outside the training. samples [beat, draw, value], truth [beat, value]; NaN is left
    out.

    Raises:
        BadInput: too few beats for the level.
    """
    n = max(len(truth), 1)
    share = np.ceil((n + 1) * level) / n
    if share > 1:
        raise BadInput(f"truth: {n} beats are too few to calibrate intervals of level {level:g}")
    low, middle, high = np.quantile(samples, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=1)
    half = np.where(truth < middle, middle - low, high - middle)
    scores = np.abs(truth - middle) / np.maximum(half, 1e-12)
    return np.nanquantile(scores, share, axis=0, method="higher")

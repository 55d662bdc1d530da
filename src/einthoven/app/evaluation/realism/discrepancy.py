"""Maximum mean discrepancy of two groups, unbiased, with a permutation test.

Gretton et al., J. Mach. Learn. Res. 2012, 13:723, eq. (3), with a Gaussian kernel whose width is
the median distance of all pairs of both groups.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform

from einthoven.base.core.log import step
from einthoven.base.core.seeds import generator

N_PERMUTATIONS = 1000
BLOCK = 100
"""Permutations at a time, for the memory."""


@dataclass(frozen=True)
class MeanDiscrepancy:
    """Squared maximum mean discrepancy.

    Attributes:
        mmd2: unbiased estimate, which may be negative. p: of the permutation test.
        width: of the kernel, in SDs of the values.
    """

    mmd2: float
    p: float
    width: float


def mean_discrepancy(
    ours: np.ndarray, theirs: np.ndarray, seed: int, n_permutations: int = N_PERMUTATIONS
) -> MeanDiscrepancy:
    """MMD of two groups in standardised values.

    Args:
        ours, theirs: [person, value], at least two people each; NaN is replaced by the median of
            both groups.
        seed: of the permutations. n_permutations: their number.

    Returns:
        The estimate, and the share of permuted groups with at least as much.
    """
    step("maximum mean discrepancy")
    values = _standardised(np.concatenate([ours, theirs]))
    distances = pdist(values)
    width = float(np.median(distances)) or 1.0
    kernel = np.exp(-0.5 * squareform(distances / width) ** 2)
    np.fill_diagonal(kernel, 0.0)  # pairs of a person with themselves, which would bias
    member = np.zeros(len(values))
    member[: len(ours)] = 1.0
    found = float(_estimates(kernel, member[None])[0])
    rng, at_least = generator(seed, "mmd"), 0
    for start in range(0, n_permutations, BLOCK):
        n = min(BLOCK, n_permutations - start)
        permuted = rng.permuted(np.tile(member, (n, 1)), axis=1)
        at_least += int((_estimates(kernel, permuted) >= found).sum())
    return MeanDiscrepancy(found, (1 + at_least) / (1 + n_permutations), width)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Values in SDs of both groups together, NaN replaced; constant columns are zero."""
    filled = np.where(np.isfinite(values), values, np.nanmedian(values, axis=0))
    spread = filled.std(axis=0)
    return (filled - filled.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _estimates(kernel: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Unbiased MMD^2 of some divisions.

    Args:
        kernel: [person, person] with zeros on the diagonal.
        members: [division, person] 1 in the first group, else 0.
    """
    m = float(members[0].sum())
    n = members.shape[1] - m
    total = kernel.sum()
    rows = members @ kernel
    inside = (rows * members).sum(axis=1)
    across = rows.sum(axis=1) - inside
    others = total - inside - 2 * across
    return inside / (m * (m - 1)) + others / (n * (n - 1)) - 2 * across / (m * n)

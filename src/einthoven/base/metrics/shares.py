"""Shares of small counts."""


def wilson(count: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Args:
        count: how many of n. n: 0 gives [0, 1], as nothing is known.

    Returns:
        Its ends.
    """
    from scipy.stats import binomtest  # slow to import, and only reports need it

    if n == 0:
        return 0.0, 1.0
    ends = binomtest(count, n).proportion_ci(method="wilson")
    return float(ends.low), float(ends.high)

"""Work in blocks on several threads, for functions that leave Python's lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def in_blocks(work: Callable[[slice], None], n: int, size: int, threads: int = 1) -> None:
    """Call `work` for the slices of `size` that make up range(n).

    Blocks do not depend on the number of threads; where each writes to its own part, neither does
    the result.

    Args:
        work: given a slice; compiled code and products of matrices run at once.
        n: end of the last slice.
        size: of all slices but the last.
        threads: how many work at once.
    """
    blocks = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    if threads == 1:
        for block in blocks:
            work(block)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, blocks))

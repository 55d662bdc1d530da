"""Blocks of work on several threads, for functions that release the GIL."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_blocks(work: Callable[[slice], None], n: int, size: int, threads: int = 1) -> None:
    """Call `work` for consecutive slices of `size` that cover range(n).

    Blocks do not depend on the number of threads. If each writes to its own part, neither does the
    result.

    Args:
        work: called with a slice; it must release the GIL to run in parallel.
        n: end of the last slice.
        size: length of all slices but the last.
        threads: number of threads.
    """
    blocks = [slice(start, min(start + size, n)) for start in range(0, n, size)]
    if threads == 1:
        for block in blocks:
            work(block)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, blocks))


def at_once(parts: Sequence[Callable[[], Any]], threads: int = 1) -> list[Any]:
    """Results of independent functions in their order, on up to so many threads.

    If several raise, the error is that of the first in order, as without threads.
    """
    if threads == 1:
        return [part() for part in parts]
    with ThreadPoolExecutor(max(1, min(threads, len(parts)))) as pool:
        return [found.result() for found in [pool.submit(part) for part in parts]]

"""One logger, and progress bars that are silent without a terminal."""

import logging
import sys
from collections.abc import Iterable, Iterator

from tqdm import tqdm

logger = logging.getLogger("einthoven")

USED = "used %.1f s of processor time, at most %.0f MB of memory"
"""Last line of a job's log, which `run.costs.benchmarks` reads."""


def track[T](items: Iterable[T], description: str) -> Iterator[T]:
    """Iterate with a progress bar on a terminal, silently elsewhere."""
    return iter(tqdm(items, desc=description, disable=not sys.stderr.isatty()))


def log_to_stderr() -> None:
    """Send one-line summaries to stderr, which is a job's log file."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)

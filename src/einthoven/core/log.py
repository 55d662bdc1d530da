"""One logger, and progress bars that are quiet when nobody watches."""

import logging
import sys
from collections.abc import Iterable, Iterator

from tqdm import tqdm

logger = logging.getLogger("einthoven")

USED = "used %.1f s of processor time, at most %.0f MB of memory"
"""Last line of a job's log, which `runs.benchmarks` reads."""


def track[T](items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a progress bar on a terminal, silently elsewhere."""
    return iter(tqdm(items, desc=description, total=total, disable=not sys.stderr.isatty()))


def log_to(path: str | None) -> None:
    """Send one-line summaries to the rule's log file, or to the terminal if there is none."""
    handler = logging.FileHandler(path, mode="w") if path else logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)

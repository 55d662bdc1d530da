"""One logger, and progress that is silent without a terminal."""

import logging
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Any, TextIO

from tqdm import tqdm

logger = logging.getLogger("einthoven")

USED = "used %.1f s of processor time, at most %.0f MB of memory"
"""Last line of a job's log, which `run.costs.benchmarks` reads."""
SILENT_S, REDRAWN_S = 2.0, 1.0
"""Time before a command's line of progress appears, and between two drawings of it."""
_CLEAR = "\r\033[K"


class ProgressLine(threading.Thread):
    """One line on a terminal: what a command is doing, and for how long so far.

    Compiled code that holds Python's lock stops the clock. So the line is drawn by `step`, too.
    """

    def __init__(self, name: str, terminal: TextIO) -> None:
        super().__init__(daemon=True)
        self._text, self._terminal, self._shown = name, terminal, False
        self._start, self._drawn = time.monotonic(), 0.0
        self._ended, self._lock = threading.Event(), threading.Lock()

    def run(self) -> None:
        """Redraw until `end`."""
        wait = SILENT_S
        while not self._ended.wait(wait):
            self._draw()
            wait = REDRAWN_S

    def step(self, text: str) -> None:
        """Change the text; draw it unless the last drawing is newer than a tenth of a second."""
        self._text = text
        now = time.monotonic()
        if now - self._start > SILENT_S and now - self._drawn > 0.1 * REDRAWN_S:
            self._draw()

    def clear(self) -> None:
        """Make room for a line of the command's answer."""
        with self._lock:
            if self._shown:
                self._terminal.write(_CLEAR)
                self._terminal.flush()
            self._shown = False

    def end(self) -> None:
        """Remove the line."""
        self._ended.set()
        self.join()
        self.clear()

    def _draw(self) -> None:
        with self._lock:
            self._drawn = time.monotonic()
            text = f"  {self._text}, {self._drawn - self._start:.0f} s"
            width = shutil.get_terminal_size().columns - 1
            self._terminal.write(_CLEAR + text[:width])
            self._terminal.flush()
            self._shown = True


class _Answer:
    """Standard output that first removes the line of progress from the same terminal."""

    def __init__(self, output: TextIO, line: ProgressLine) -> None:
        self._output, self._line = output, line

    def write(self, text: str) -> int:
        self._line.clear()
        return self._output.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)


_line: ProgressLine | None = None


@contextmanager
def progress_line(name: str) -> Iterator[None]:
    """Show a line of progress on stderr's terminal while the block runs; silent elsewhere."""
    global _line
    if not sys.stderr.isatty():
        yield
        return
    _line = ProgressLine(name, sys.stderr)
    _line.start()
    answer = redirect_stdout(_Answer(sys.stdout, _line)) if sys.stdout.isatty() else nullcontext()  # type: ignore[type-var]
    try:
        with answer:
            yield
    finally:
        _line.end()
        _line = None


def step(text: str) -> None:
    """Say what is done now, in the line of progress if there is one."""
    if _line is not None:
        _line.step(text)


def track[T](items: Iterable[T], description: str) -> Iterator[T]:
    """Iterate with progress on a terminal, silently elsewhere: the line, or else a bar."""
    if _line is None:
        yield from tqdm(items, desc=description, disable=not sys.stderr.isatty())
        return
    total = f" of {len(items)}" if isinstance(items, Sized) else ""
    for number, item in enumerate(items, start=1):
        step(f"{description} {number}{total}")
        yield item


def log_to_stderr() -> None:
    """Send one-line summaries to stderr, which is a job's log file."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)

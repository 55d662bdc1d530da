"""What `einthoven progress` does: print one screen, or one after the other."""

import sys
import time
from pathlib import Path

from einthoven.run.monitor.page import clock, line, screen
from einthoven.run.monitor.state import load, lost

INTERVAL_S = 2.0
QUIET_INTERVAL_S = 60.0
_CLEAR = "\033[H\033[J"


def show(results: str | Path, follow: bool) -> None:
    """Print the state of the run that last wrote its progress to `results`.

    Args:
        results: the folder of the run.
        follow: go on until the run ends: a new screen every two seconds on a terminal, one line
            a minute elsewhere.

    Raises:
        BadInput: no run has written its progress there.
    """
    run, now = load(results), time.time()
    terminal = sys.stdout.isatty()
    while follow and run.state == "running" and not lost(run, now):
        text = f"{_CLEAR}{screen(run, now)}" if terminal else f"{clock(now)} {line(run, now)}"
        print(text, flush=True)
        try:
            time.sleep(INTERVAL_S if terminal else QUIET_INTERVAL_S)
        except KeyboardInterrupt:
            return
        run, now = load(results), time.time()
    print((_CLEAR if follow and terminal else "") + screen(run, now))

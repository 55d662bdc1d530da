"""Show what a run has done, what is running, what failed, and how long the rest may take.

Reads RESULTS/progress.json, which runs with --profile local or slurm write.

    einthoven progress results --follow
"""

import argparse
import sys
import time

INTERVAL_S, QUIET_INTERVAL_S = 2.0, 60.0
_CLEAR = "\033[H\033[J"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("results", metavar="RESULTS", nargs="?", default="results",
        help="folder of the run")  # fmt: skip
    add("--follow", action="store_true",
        help="repeat until the run ends; without a terminal, one line per minute")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Print one screen, or repeat it."""
    from einthoven.app.run.monitor.monitor_page import clock, line, screen
    from einthoven.app.run.monitor.state import load, lost

    state, now = load(arguments.results), time.time()
    terminal = sys.stdout.isatty()
    while arguments.follow and state.state == "running" and not lost(state, now):
        text = f"{_CLEAR}{screen(state, now)}" if terminal else f"{clock(now)} {line(state, now)}"
        print(text, flush=True)
        try:
            time.sleep(INTERVAL_S if terminal else QUIET_INTERVAL_S)
        except KeyboardInterrupt:
            return
        state, now = load(arguments.results), time.time()
    print((_CLEAR if arguments.follow and terminal else "") + screen(state, now))

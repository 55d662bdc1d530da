"""A run as text: one line for a log, one screen to follow, one page at the end."""

import time
from pathlib import Path

from tabulate import tabulate

from einthoven.app.run.monitor.state import Failure, WorkflowRun, lost, seconds_left

WIDTH = 24
N_SHOWN = 20
"""Number of failures and running jobs that are listed; the others are counted."""
CLOCK_S = 1.0
"""Time by which the clock of a file system may be behind that of the machine."""
PRODUCTS = {
    "data set": "dataset/einthoven.zarr.zip",
    "report": "report/index.html",
}


def duration(seconds: float) -> str:
    """34 s, 5 min, 2 h 10 min, 3 d 4 h."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours = round(seconds / 3600)
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"


def counts(run: WorkflowRun, name: str = "") -> tuple[int, int, int]:
    """Numbers of finished, working and all jobs, of one rule or of the run.

    Jobs that a running group has finished count as finished.
    """
    rules = [run.rules[name]] if name else list(run.rules.values())
    jobs = [job for job in run.running.values() if name in ("", job.rule)]
    done = sum(rule.done for rule in rules) + sum(job.written for job in jobs)
    return done, sum(job.at_work for job in jobs), sum(rule.total for rule in rules)


def line(run: WorkflowRun, now: float) -> str:
    """Progress of the run in one line."""
    done, working, total = counts(run)
    waiting = sum(not job.working for job in run.running.values())
    parts = [
        f"{done} of {total} jobs ({done / max(total, 1):.0%})",
        f"{working} running" + (f", {waiting} in the queue" if waiting else ""),
        f"{len(run.failures)} failed",
    ]
    left = seconds_left(run, now) if run.state == "running" else None
    if left is not None:
        parts.append(f"{'about' if left[1] else 'at least'} {duration(left[0])} left")
    ago = duration(now - run.started)
    return ", ".join([*parts, f"{ago} so far" if run.state == "running" else f"after {ago}"])


def screen(run: WorkflowRun, now: float) -> str:
    """Screen of a running workflow: failures first, then every rule, then the working jobs."""
    state = run.state
    if reason := lost(run, now):
        state, now = f"KILLED, {reason}; the same command goes on\nwas", run.updated
    elif state != "running":
        now = run.updated
    working = sorted(
        (job for job in run.running.values() if job.at_work), key=lambda job: job.working or now
    )
    rows = [(job.rule, job.name, duration(now - (job.working or now))) for job in working]
    table = tabulate(rows[:N_SHOWN], ("running now", "", "for"), disable_numparse=True)
    return _page(run, state, now, table + _more(len(rows)) if rows else "")


def summary(run: WorkflowRun, results: str | Path) -> str:
    """Page at the end of a run: failures first, then every rule, then the products.

    A product of an earlier run is named only if this run found it up to date.
    """
    since = 0.0 if run.state == "finished" else run.started - CLOCK_S
    products = {name: Path(results) / path for name, path in PRODUCTS.items()}
    made = [
        f"{name:<10}{path}"
        for name, path in products.items()
        if path.exists() and path.stat().st_mtime >= since
    ]
    if run.state != "finished":
        made.append(f"{'go on':<10}{run.command}")
    return _page(run, run.state, run.updated, "\n".join(made))


def _page(run: WorkflowRun, state: str, now: float, end: str) -> str:
    failures = [failure_text(failure) for failure in run.failures.values()]
    parts = [f"{state}: {line(run, now)}\n{run.command}", rules_table(run), end]
    if failures:
        shown = "\n".join(failures[:N_SHOWN]) + _more(len(failures))
        parts.insert(1, f"FAILED: {len(failures)}\n{shown}")
    return "\n\n".join(filter(None, parts))


def failure_text(failure: Failure) -> str:
    """A failure in three lines: job and reason, log, command to repeat it."""
    return (
        f"  {failure.rule} {failure.name}: {failure.reason}\n"
        f"    log    {failure.log or '-'}\n"
        f"    again  {failure.again}"
    )


def _more(n: int) -> str:
    return f"\n  and {n - N_SHOWN} more" if n > N_SHOWN else ""


def rules_table(run: WorkflowRun) -> str:
    """Bars and counts of every rule, with its mean seconds per job and largest memory."""
    rows = []
    for name, rule in run.rules.items():
        done, working, total = counts(run, name)
        failed = sum(failure.rule == name for failure in run.failures.values())
        typical = f"{rule.seconds / rule.done:.1f}" if rule.done else ""
        memory = "" if rule.memory_mb is None else f"{rule.memory_mb:.0f}"
        signs = bar(done, working, failed, total)
        numbers = [number or "" for number in (working, failed, rule.retried)]
        rows.append([name, signs, f"{done}/{total}", *numbers, typical, memory])
    headings = ("rule", "", "done", "running", "failed", "retried", "s per job", "max MB")
    align = ("left", "left", *["right"] * 6)
    return tabulate(rows, headings, disable_numparse=True, colalign=align)


def bar(done: int, working: int, failed: int, total: int) -> str:
    """[####>x...]: done, working, failed, waiting; a count above zero has at least one sign."""
    signs = {"#": done, ">": working, "x": failed}
    widths = {sign: max(int(WIDTH * n / max(total, 1)), n > 0) for sign, n in signs.items()}
    text = "".join(sign * width for sign, width in reversed(widths.items()))
    return "[" + text[-WIDTH:][::-1].ljust(WIDTH, ".") + "]"


def clock(now: float) -> str:
    """Local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(now))

"""Logger plugin of Snakemake: `snakemake --logger einthoven`, which profiles/local and slurm set.

It takes the place of Snakemake's messages about single jobs: on a terminal one line that is
renewed, elsewhere one line a minute; failures at once; one page at the end. The same goes to
results/progress.json (`einthoven progress`) and results/summary.txt. Everything else that
Snakemake says passes through. Dry runs and the processes of single jobs never come here, or do
nothing here, and an error in here is reported once and does not affect the run.
"""

import logging
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from einthoven.app.run.monitor.forecast import foreseen, kind_of
from einthoven.app.run.monitor.monitor_page import clock, failure_text, line, summary
from einthoven.app.run.monitor.state import Job, WorkflowRun, save
from einthoven.base.core.files import write_text

RESULTS = "results"
TO_LOOK_AT = (".png", ".html")
LINE_S = 60.0
WRITE_S, LATEST_WRITE_S = 5.0, 60.0
LOAD = 0.01
"""Largest share of the time that may go into looking at files and writing."""
HIDDEN = {LogEvent.JOB_INFO, LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR,
          LogEvent.GROUP_INFO, LogEvent.GROUP_ERROR, LogEvent.SHELLCMD,
          LogEvent.PROGRESS}  # fmt: skip
"""Events of single jobs, which the line and the page stand for."""


class LogHandler(LogHandlerBase):
    """Keeps the counts of a run, writes them, and shows them."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

        its = self.common_settings
        self.stream = sys.stdout if its.stdout else sys.stderr
        self.usual = ColorizingTextHandler(
            nocolor=its.nocolor,
            stream=self.stream,
            formatter=DefaultFormatter(its.quiet, its.show_failed_logs),
            filter=DefaultFilter(
                its.quiet, its.debug_dag, its.verbose, its.dryrun, its.printshellcmds
            ),
        )
        self.run: WorkflowRun | None = None
        self.remote, self.cores, self.jobs_begun = False, None, False
        self.off = its.dryrun or not {"--touch", "-t"}.isdisjoint(sys.argv)
        self.silent = any(str(level).endswith("ALL") for level in its.quiet or ())
        self.drawn = False
        self.stopping = threading.Event()
        self.next_write = self.next_line = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Count what happened to a job; show what is for people."""
        if not self._guarded(self._take, record):
            self._erase()
            self.usual.handle(record)

    def close(self) -> None:
        """Write and show the page at the end."""
        self.stopping.set()
        with self.lock or threading.RLock():
            run, self.run = self.run, None
            if run:
                self._guarded(self._conclude, run)
        super().close()

    def _guarded(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Result of an action; its first error is reported, and later actions are skipped."""
        try:
            return None if self.off else action(*arguments)
        except Exception as error:
            self.off = True
            self._say(f"einthoven: progress is no longer shown ({error!r}); the run goes on")

    def _take(self, record: Any) -> bool:
        """Whether a record needs no further showing."""
        event = getattr(record, "event", None)
        self.remote |= event == LogEvent.RESOURCES_INFO and hasattr(record, "nodes")
        if event == LogEvent.RESOURCES_INFO:
            self.cores = getattr(record, "cores", self.cores)
        if event == LogEvent.RUN_INFO and self.run is None:
            self._begin(record.stats)
        if self.run is None:
            return False
        if event == LogEvent.JOB_INFO:
            if not self.jobs_begun:  # the Snakefile has foreseen them by now
                self.run.kinds, self.jobs_begun = foreseen() or self.run.kinds, True
            self.run.start(str(record.jobid), _job(record, self.remote))
        elif event == LogEvent.JOB_FINISHED:
            self._finished(self.run, str(record.job_id))
        elif event == LogEvent.JOB_ERROR:
            self._failed(self.run, [vars(record)], record.rule_msg, record.log)
        elif event == LogEvent.GROUP_ERROR:
            self._failed(self.run, record.job_error_info, None, record.aux_logs)
        elif record.getMessage().startswith("Trying to restart job"):
            self._say("    tried again")
        noise = event is None and record.levelno <= logging.INFO
        return noise or event in HIDDEN or getattr(record, "exception", "") == "RuleException"

    def _begin(self, stats: dict[str, int]) -> None:
        self.results = Path(RESULTS).resolve()
        self.run = WorkflowRun(shlex.join(["snakemake", *sys.argv[1:]]))
        self.run.cores = self.cores
        self.run.plan({k: n for k, n in stats.items() if k != "total"}, self.results)
        self.next_line = time.time() + LINE_S
        threading.Thread(target=self._beat, name="einthoven-progress", daemon=True).start()

    def _finished(self, run: WorkflowRun, jobid: str) -> None:
        """Tell what there is to look at already."""
        job = run.running.get(jobid)
        run.finish(jobid)
        if job and job.output and job.output.endswith(TO_LOOK_AT):
            self._say(f"{clock(time.time())} made {job.output}")

    def _failed(
        self, run: WorkflowRun, jobs: list[dict], message: str | None, logs: list[str]
    ) -> None:
        for failure in run.fail([str(job["jobid"]) for job in jobs], message or "", logs):
            self._say(f"{clock(time.time())} FAILED\n{failure_text(failure)}")

    def _beat(self) -> None:
        """Write and show the state from time to time, in a thread of its own."""
        while not self.stopping.wait(1.0):
            with self.lock or threading.RLock():
                if self.run is None or self.off:
                    return
                self._guarded(self._refresh, self.run)

    def _refresh(self, run: WorkflowRun) -> None:
        now = time.time()
        if now >= self.next_write:
            run.observe()
            self._write(run)
            pause = min((time.time() - now) / LOAD, LATEST_WRITE_S)
            self.next_write = now + max(WRITE_S, pause)
        if self.stream.isatty():
            self._draw(line(run, now))
        elif now >= self.next_line:
            self._say(f"{clock(now)} {line(run, now)}")
            self.next_line = now + LINE_S

    def _write(self, run: WorkflowRun) -> None:
        run.updated = time.time()
        save(run, self.results)

    def _conclude(self, run: WorkflowRun) -> None:
        run.end()
        self._write(run)
        page = summary(run, self.results)
        write_text(self.results / "summary.txt", page + "\n")
        self._say("\n" + page)

    def _say(self, text: str) -> None:
        self._erase()
        if not self.silent:
            print(text, file=self.stream, flush=True)

    def _draw(self, text: str) -> None:
        """Renew the line at the bottom of a terminal."""
        if not self.silent:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{text[:width]}", end="", file=self.stream, flush=True)
            self.drawn = True

    def _erase(self) -> None:
        if self.drawn:
            print("\r\033[K", end="", file=self.stream, flush=True)
            self.drawn = False


def _job(record: Any, remote: bool) -> Job:
    """The job of a JOB_INFO record; one of a cluster has a queue before it."""
    now = time.time()
    return Job(
        rule=record.rule_name,
        name=" ".join(map(str, dict(record.wildcards).values())),
        since=now,
        kind=kind_of(record.rule_name, dict(record.wildcards)),
        log=next(iter(record.log), None),
        benchmark=record.benchmark,
        output=next(iter(record.output), None),
        working=None if remote and not record.local else now,
    )

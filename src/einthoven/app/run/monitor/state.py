"""State of a run: jobs of each rule, done, running and failed, and a forecast of the rest.

A `WorkflowRun` takes what happens to jobs and keeps counts, not histories, so that it stays
small for any number of jobs. Jobs of a group start and end together for the controller of the
workflow; what goes on inside is seen from their logs and benchmark files.
"""

import math
import os
import re
import shlex
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from einthoven.app.run.costs.benchmarks import last_lines, read_benchmark, usual_seconds
from einthoven.app.run.monitor.forecast import Kind, seconds_to_end
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json, write_json

FILE = "progress.json"
SILENCE_S = 180.0
"""A run that wrote nothing for so long is taken for dead (it writes every minute or oftener)."""
TARGETS = frozenset({"all", "dataset", "models"})
"""Rules that only ask for files, and take no time."""
CHATTER = re.compile(
    r"Traceback|Exiting because|WorkflowError|RuleException|At least one job|Complete log"
    r"|Elapsed time|Shutting down|Storing output|\(command exited|srun: error: .* exit code"
)
"""Starts of lines that say nothing of a job's failure."""
STAMP = re.compile(r"^[-0-9]{10} [:,0-9]+ [A-Z]+ ")
"""Time and level of a line of the library's log."""
BLAME = re.compile(r"(?!.* INFO ).*(error|input|failed|exception|killed|oom|limit)", re.IGNORECASE)
"""Lines that do."""


@dataclass
class Rule:
    """Counts of one rule; `seconds` are those of all jobs done, `failed_s` of failed ones."""

    total: int = 0
    done: int = 0
    retried: int = 0
    seconds: float = 0.0
    failed_s: float = 0.0
    memory_mb: float | None = None


@dataclass
class Job:
    """One submitted job: `since` when, and since when it is seen to work; epoch seconds."""

    rule: str
    name: str
    since: float
    kind: str = ""
    """Name of its kind, of which the forecast knows the time; empty: that of the rule."""
    log: str | None = None
    benchmark: str | None = None
    output: str | None = None
    working: float | None = None
    written: bool = False
    log_before: float | None = None
    benchmark_before: float | None = None
    """Times of the log and the benchmark file that earlier runs left."""

    @property
    def at_work(self) -> bool:
        """Whether it was seen to work, and has not ended inside its group."""
        return bool(self.working) and not self.written


@dataclass
class Failure:
    """A job that failed: why, where its log is, and the command that runs it again."""

    rule: str
    name: str
    reason: str
    log: str | None
    again: str


@dataclass
class WorkflowRun:
    """One run of the workflow, as its controller sees it."""

    command: str
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    state: str = "running"
    started: float = field(default_factory=time.time)
    updated: float = field(default_factory=time.time)
    cores: int | None = None
    """Jobs at a time on one machine; None for a cluster."""
    rules: dict[str, Rule] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    running: dict[str, Job] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)

    def plan(self, jobs: Mapping[str, int], results: str | Path) -> None:
        """Take the number of jobs of each rule, and their usual times from earlier runs.

        Every rule is one kind until the workflow says more (`forecast.foresee`).
        """
        usual = usual_seconds(results)
        self.rules = {name: Rule(total) for name, total in jobs.items()}
        self.kinds = {name: Kind(total, usual_s=usual.get(name)) for name, total in jobs.items()}

    def start(self, jobid: str, job: Job) -> None:
        """A job was submitted; after a failure this is its next attempt."""
        rule = self.rules.setdefault(job.rule, Rule(total=1))
        if job.kind not in self.kinds:
            job.kind = job.rule
            self.kinds.setdefault(job.kind, Kind(total=1))
        if self.failures.pop(jobid, None):
            rule.retried += 1
        job.log_before, job.benchmark_before = _changed(job.log), _changed(job.benchmark)
        self.running[jobid] = job

    def finish(self, jobid: str) -> None:
        """A job ended well; its benchmark file says how long it took by itself."""
        job = self.running.pop(jobid, None)
        if job is None:
            return
        rule, kind, seconds = self.rules[job.rule], self.kinds[job.kind], time.time() - job.since
        if job.benchmark and Path(job.benchmark).is_file():
            measured = read_benchmark(Path(job.benchmark))
            seconds = measured.seconds
            rule.memory_mb = max(rule.memory_mb or 0.0, measured.memory_mb or 0.0) or None
        for counts in (rule, kind):
            counts.done += 1
            counts.seconds += seconds

    def fail(self, jobids: Sequence[str], message: str, logs: Sequence[str]) -> list[Failure]:
        """Jobs that were submitted together failed; the failures if any of them was running.

        Of a group, only jobs that wrote to their log and left no benchmark file failed
        themselves; the others were finished before, or never begun, and will be done later.
        Message and logs are the executor's.
        """
        self.observe()
        jobs = {jobid: self.running.pop(jobid) for jobid in jobids if jobid in self.running}
        begun = {k: job for k, job in jobs.items() if job.at_work}
        spoke = {k: job for k, job in begun.items() if last_line(self._own_log(job))}
        guilty = spoke or begun or jobs
        if len(jobs) > 1 and not spoke:
            guilty = dict(list(guilty.items())[:1])
        for job in begun.values():
            self.rules[job.rule].failed_s += time.time() - (job.working or job.since)
        found = {k: self._failure(job, message, logs) for k, job in guilty.items()}
        self.failures |= found
        return list(found.values())

    def _own_log(self, job: Job) -> str | None:
        """The job's log, unless an earlier run wrote it."""
        return None if _changed(job.log) in (None, job.log_before) else job.log

    def _failure(self, job: Job, message: str, logs: Sequence[str]) -> Failure:
        own = self._own_log(job)
        blamed = {path: line for path in (own, *logs) if (line := last_line(path, BLAME))}
        log, reason = next(iter(blamed.items()), (own or job.log, message or last_line(own)))
        reason = STAMP.sub("", reason or "it left no word; killed?")
        return Failure(job.rule, job.name, reason, log, again(self.command, job.output))

    def observe(self) -> None:
        """Look at the files of submitted jobs: which of them work, which have ended."""
        for job in self.running.values():
            if not job.working and self._own_log(job):
                job.working = time.time()
            job.written = _changed(job.benchmark) not in (None, job.benchmark_before)

    def end(self) -> None:
        """The controller stops, and with it all jobs."""
        self.running.clear()
        left = sum(rule.total - rule.done for rule in self.rules.values())
        self.state = "finished" if left == 0 else "failed" if self.failures else "stopped"


def _changed(path: str | None) -> float | None:
    """Time when a file was changed, by the clock of its file system; None without a file."""
    try:
        return os.stat(path).st_mtime if path else None
    except OSError:
        return None


def last_line(path: str | Path | None, like: re.Pattern[str] | None = None) -> str | None:
    """The last line of a log that says something, and matches `like`; None if there is none."""
    for line in reversed(last_lines(path) if path else []):
        text = line.strip()
        wanted = like is None or like.match(text)
        if wanted and any(map(str.isalpha, text)) and not CHATTER.match(text):
            return text
    return None


def again(command: str, output: str | None) -> str:
    """The command line that makes one file, with the options of the run."""
    options = command.partition(" -- ")[0]
    return f"{options} -- {shlex.quote(output)}" if output else command


def save(run: WorkflowRun, results: str | Path) -> None:
    """Write `results`/progress.json; rules as a list, in the order of the plan."""
    data = asdict(run)
    data["rules"] = [{"name": name, **its} for name, its in data["rules"].items()]
    write_json(Path(results) / FILE, data)


def load(results: str | Path) -> WorkflowRun:
    """The run that last wrote `results`/progress.json.

    Raises:
        BadInput: there is none, or it is not what `WorkflowRun` writes.
    """
    path = Path(results) / FILE
    if not path.exists():
        raise BadInput(f"{path}: no such file; start the workflow with --profile local or slurm")
    data: dict[str, Any] = read_json(path)
    try:
        rules = {its.pop("name"): Rule(**its) for its in data.pop("rules")}
        kinds = {key: Kind(**its) for key, its in data.pop("kinds").items()}
        running = {key: Job(**its) for key, its in data.pop("running").items()}
        failures = {key: Failure(**its) for key, its in data.pop("failures").items()}
        return WorkflowRun(**data, rules=rules, kinds=kinds, running=running,
                           failures=failures)  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: of another version ({error!r}); delete it") from error


def lost(run: WorkflowRun, now: float) -> str | None:
    """Why a run that says it is running cannot be; None if it may."""
    if run.state != "running":
        return None
    if run.host == socket.gethostname() and not Path(f"/proc/{run.pid}").exists():
        return f"its process {run.pid} is gone"
    if now - run.updated > SILENCE_S:
        return f"no sign of life from {run.host} for {(now - run.updated) / 60:.0f} min"
    return None


def seconds_left(run: WorkflowRun, now: float) -> tuple[float, bool] | None:
    """Forecast of the seconds that remain; None while nothing is known of any job.

    Returns:
        Seconds, and whether the time of every rule is known: if not, it is at least so long.
    """
    at_work = [job for job in run.running.values() if job.working]
    running = [(job.kind, math.inf if job.written else now - (job.working or now))
               for job in at_work]  # fmt: skip
    left = {name for name, kind in run.kinds.items() if kind.done < kind.total}
    known = {name for name in left if run.kinds[name].typical_s() is not None}
    if left and not known:
        return None
    seconds = seconds_to_end(run.kinds, running, run.cores or _jobs_at_a_time(run, now))
    return seconds, known >= left - TARGETS


def _jobs_at_a_time(run: WorkflowRun, now: float) -> int:
    """Mean number of jobs at work since the start of the run, which a cluster does not tell."""
    worked = sum(rule.seconds + rule.failed_s for rule in run.rules.values())
    worked += sum(now - (job.working or now) for job in run.running.values())
    return max(1, round(worked / max(now - run.started, 1.0)))

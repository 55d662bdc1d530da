"""Forecast at every minute of a run of the demo, from the processor seconds of its jobs.

`demo_run.json` holds the kinds of a run of `config/config.yaml` with the seconds of each job, on
busy cores and divided as `announce.USUAL_S` says. Here they are put on two cores in Snakemake's
order: the highest priority first, then the oldest.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from einthoven.app.run.announce import USUAL_OF_KIND_S, USUAL_S
from einthoven.app.run.monitor.forecast import Kind, seconds_to_end

RECORDED = json.loads(Path(__file__).with_name("demo_run.json").read_text())
CORES = 2
SHORT_S = 15.0
"""Error that is allowed at the very end, when a third of the rest is less."""


@dataclass
class Played:
    """One job of the run, with the time of its start and of its end."""

    kind: str
    number: int
    start: float
    end: float


def inputs(kind: str, number: int) -> list[tuple[str, int]]:
    """Jobs before a job: that of the same patient, or all of another number of jobs."""
    n = len(RECORDED[kind]["seconds"])
    found = []
    for other in RECORDED[kind]["after"]:
        n_other = len(RECORDED[other]["seconds"])
        found += [(other, k) for k in ([number] if n == n_other else range(n_other))]
    return found


def played(slowness: float) -> list[Played]:
    """The run on a machine that is slower by a factor."""
    waiting = [(kind, k) for kind, its in RECORDED.items() for k in range(len(its["seconds"]))]
    ends: dict[tuple[str, int], float] = {}
    jobs: list[Played] = []
    now = 0.0
    while waiting:
        done = {job for job, end in ends.items() if end <= now}
        free = CORES - sum(end > now for end in ends.values())
        ready = [job for job in waiting if done.issuperset(inputs(*job))]
        ready.sort(key=lambda job: -RECORDED[job[0]]["priority"])
        for kind, k in ready[:free]:
            ends[kind, k] = now + slowness * RECORDED[kind]["seconds"][k]
            jobs.append(Played(kind, k, now, ends[kind, k]))
            waiting.remove((kind, k))
        now = min(end for end in ends.values() if end > now)
    return jobs


def forecast(jobs: list[Played], now: float) -> float:
    """What a run says at a moment."""
    totals = Counter(job.kind for job in jobs)
    kinds = {
        name: Kind(n, usual_s=USUAL_OF_KIND_S.get(name, USUAL_S.get(name.split()[0])),
                   after=RECORDED[name]["after"])
        for name, n in totals.items()
    }  # fmt: skip
    for job in jobs:
        if job.end <= now:
            kinds[job.kind].done += 1
            kinds[job.kind].seconds += job.end - job.start
    running = [(job.kind, now - job.start) for job in jobs if job.start <= now < job.end]
    return seconds_to_end(kinds, running, CORES)


@pytest.mark.parametrize("slowness", [1.0, 2.0])
def test_forecast_is_right_within_a_third_from_the_second_minute_on(slowness):
    jobs = played(slowness)
    end = max(job.end for job in jobs)
    assert len(jobs) > 400 and end > 300
    for now in range(120, int(end), 60):
        left = end - now
        assert forecast(jobs, now) == pytest.approx(left, abs=max(left / 3, SHORT_S)), now


def test_the_default_times_are_those_of_the_demo():
    """The sum over all jobs: a stage that became slower or faster must be measured again."""
    measured = sum(sum(its["seconds"]) for its in RECORDED.values())
    usual = sum(
        len(its["seconds"]) * USUAL_OF_KIND_S.get(name, USUAL_S.get(name.split()[0], 0.0))
        for name, its in RECORDED.items()
    )
    assert usual == pytest.approx(measured, rel=0.1)

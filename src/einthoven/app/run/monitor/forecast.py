"""Forecast of the time left in a run: its remaining jobs, put on the cores one after another.

Jobs of one rule that differ only in their patient are one kind: they take about as long. The run
hands over its kinds when it starts (`foresee`), with the kinds that each waits for.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from einthoven.app.run.costs.benchmarks import N_USUAL, read_benchmark, usual_seconds

BY_PATIENT = frozenset({"patient", "imported", "batch", "chunk"})
"""Wildcards that do not make a kind."""
N_TOKENS = 400
"""Largest number of pieces of work in a forecast; larger runs put several jobs into one piece."""
PRIOR_S, PRIOR_JOBS = 150.0, 4
"""Weight of what is expected, in seconds of jobs of all kinds and in jobs of one kind: the first
jobs of a run also compile and read what later ones find ready."""
OVERDUE = 0.1
"""Share of its time so far that a job is given once it has taken longer than expected."""


@dataclass
class Kind:
    """Jobs of one kind: number, those done and their seconds, seconds expected per job.

    `after` holds the names of the kinds that it waits for.
    """

    total: int = 0
    done: int = 0
    seconds: float = 0.0
    usual_s: float | None = None
    after: list[str] = field(default_factory=list)

    def typical_s(self, speed: float = 1.0) -> float | None:
        """Seconds of a job: those of this run, and the usual ones times `speed` as `PRIOR_JOBS`."""
        if self.usual_s is None:
            return self.seconds / self.done if self.done else None
        expected = PRIOR_JOBS * self.usual_s * speed
        return (self.seconds + expected) / (self.done + PRIOR_JOBS)


def kind_of(rule: str, wildcards: Mapping[str, Any]) -> str:
    """Name of the kind of a job, `surrogate pca mlp`."""
    values = [str(value) for key, value in wildcards.items() if key not in BY_PATIENT]
    return " ".join([rule, *filter(None, values)])


_foreseen: dict[str, Kind] = {}


def foresee(dag: Any, results: str, expected: Mapping[str, float]) -> None:
    """Take the kinds of a run from Snakemake's complete graph of jobs, for `foreseen`.

    Usual seconds are those of earlier jobs of the kind, whose benchmark files are in the results,
    or else of its rule, or else as expected (by kind or rule, on some machine).
    """
    jobs = set(dag.needrun_jobs())
    names = {job: kind_of(job.rule.name, job.wildcards_dict) for job in jobs}
    kinds: dict[str, Kind] = {name: Kind() for name in names.values()}
    after: dict[str, set[str]] = {name: set() for name in kinds}
    measured: dict[str, list[float]] = {name: [] for name in kinds}
    for job, name in names.items():
        kinds[name].total += 1
        after[name] |= {names[other] for other in dag.dependencies[job] if other in jobs}
        file = Path(str(job.benchmark or ""))
        if len(measured[name]) < N_USUAL and file.is_file() and file.stat().st_size:
            measured[name].append(read_benchmark(file).seconds)
    by_rule = dict(expected) | usual_seconds(results)
    for name, kind in kinds.items():
        kind.after = sorted(after[name] - {name})
        usual = expected.get(name, by_rule.get(name.split()[0]))
        kind.usual_s = mean(measured[name]) if measured[name] else usual
    _foreseen.clear()
    _foreseen.update(kinds)


def foreseen() -> dict[str, Kind]:
    """Kinds of the run of this process; empty if nobody called `foresee`."""
    return dict(_foreseen)


def speed_of(kinds: Mapping[str, Kind], running: Sequence[tuple[str, float]] = ()) -> float:
    """Seconds of jobs in units of their usual seconds; near 1 until `PRIOR_S` are done.

    Jobs that are done count, and those at work once they have taken longer than usual: on a machine
    that has become busy, long before the first training ends.
    """
    known = {name: kind.usual_s for name, kind in kinds.items() if kind.usual_s}
    late = [
        (worked, known[name])
        for name, worked in running
        if name in known and known[name] < worked < math.inf
    ]
    usual = sum(kinds[name].done * seconds for name, seconds in known.items())
    taken = sum(kinds[name].seconds for name in known if kinds[name].done)
    usual += sum(seconds for _, seconds in late)
    taken += sum(worked for worked, _ in late)
    return (taken + PRIOR_S) / (usual + PRIOR_S)


def seconds_to_end(
    kinds: Mapping[str, Kind], running: Sequence[tuple[str, float]], cores: int
) -> float:
    """Time until the last job ends, if every free core takes the job with the longest way to go.

    A kind waits for the same share of the kinds before it: of 32 activations and 32 ECGs the first
    ECG waits for one activation, and a training waits for all its patients.

    Args:
        kinds: of the run; those of unknown time are taken to need none.
        running: kind of each job at work, and the seconds that it has worked; infinite ones if it
            has ended inside its group.
        cores: jobs at a time.
    """
    speed = speed_of(kinds, running)
    typical = {name: kind.typical_s(speed) or 0.0 for name, kind in kinds.items()}
    at_work = [name for name, _ in running]
    left = {name: max(k.total - k.done - at_work.count(name), 0) for name, k in kinds.items()}
    size = max(1, math.ceil(sum(left.values()) / N_TOKENS))
    way = _ways(kinds, typical)
    order = sorted((name for name in kinds if left[name]), key=lambda name: -way[name])
    ended = {name: kind.done for name, kind in kinds.items()}
    ends = [(_rest(typical[name], worked), name, 1) for name, worked in running]
    heapq.heapify(ends)
    now = 0.0
    while ends or any(left.values()):
        free = max(cores - len(ends), 0)
        for name in order:
            while free and left[name] and _is_ready(kinds, name, left[name], ended):
                n = min(size, left[name])
                heapq.heappush(ends, (now + n * typical[name], name, n))
                left[name] -= n
                free -= 1
        if not ends:  # what remains waits for jobs that are not of this run
            break
        now, name, n = heapq.heappop(ends)
        ended[name] += n
    return now


def _rest(typical: float, worked: float) -> float:
    """Seconds until a job at work ends; those of one that has ended already are infinite."""
    return max(typical - worked, 0.0 if math.isinf(worked) else OVERDUE * worked)


def _is_ready(kinds: Mapping[str, Kind], name: str, left: int, ended: Mapping[str, int]) -> bool:
    """Whether the next job of a kind has its share of the jobs before it."""
    kind = kinds[name]
    nth = kind.total - left + 1
    return all(
        ended[other] >= -(-nth * kinds[other].total // kind.total)  # rounded up
        for other in kind.after
        if other in kinds
    )


def _ways(kinds: Mapping[str, Kind], typical: Mapping[str, float]) -> dict[str, float]:
    """Seconds from the start of a job of each kind to the end of the run, with cores for all."""
    before: dict[str, list[str]] = {name: [] for name in kinds}
    for name, kind in kinds.items():
        for other in kind.after:
            if other in before:
                before[other].append(name)
    ways: dict[str, float] = {}

    def way(name: str) -> float:
        if name not in ways:
            ways[name] = 0.0  # a circle, which Snakemake has none of, would end here
            ways[name] = typical[name] + max(map(way, before[name]), default=0.0)
        return ways[name]

    return {name: way(name) for name in kinds}

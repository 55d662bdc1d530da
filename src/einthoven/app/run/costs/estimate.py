"""Costs of each rule, resources to request, and costs of a larger run.

Memory and minutes are measured at the sizes of one run: mesh, electrodes, training. Another
number of patients is a matter of counting; other sizes need one patient measured at those sizes.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from einthoven.app.run.costs.benchmarks import JobBenchmark
from einthoven.app.run.jobs import GATHERING, Asked

MEMORY_FACTOR = 1.5
"""Memory to ask for, in units of the largest measured: patients differ."""
TIME_FACTOR = 3.0
"""Time to ask for, in units of the longest measured: machines and file systems differ."""
START_SECONDS = 60.0
"""Starts of Snakemake and Python on a cold node."""

LARGE = {
    "patients": "patients/p[0-9]*/*",
    "dataset/patients": "dataset/patients/p[0-9]*.zarr.zip",
    "dataset": "dataset/*.zarr.zip",
    "predictions": "predictions/*/p[0-9]*.npz",
}
"""Folders with nearly all bytes of a run -> their files."""
_PATIENT = re.compile(r"\bp\d{4}\b(?!.*\bp\d{4}\b)")


@dataclass(frozen=True)
class RuleCost:
    """Measured jobs of one rule, in s, MB and core-hours, beside what the rule asks for."""

    rule: str
    jobs: int
    median_s: float
    max_s: float
    core_hours: float
    share: float
    memory_mb: float | None
    efficiency: float | None
    asked_mem_mb: int | None
    advised_mem_mb: int | None
    asked_runtime_min: int | None
    advised_runtime_min: int


@dataclass(frozen=True)
class Forecast:
    """Jobs of one rule in another run; hours are None where nothing was measured.

    Core-hours are as reserved; CPU-hours are the processor time within, which a busy machine
    does not lengthen.
    """

    rule: str
    jobs: int
    core_hours: float | None
    cpu_hours: float | None


def rule_costs(
    measured: Mapping[str, Sequence[JobBenchmark]], asked: Mapping[str, Asked]
) -> list[RuleCost]:
    """Costs of every measured rule, the most expensive one first; `asked` may lack a rule."""
    wanted = {rule: asked.get(rule, Asked()) for rule in measured}
    total = sum(_core_hours(jobs, wanted[rule]) for rule, jobs in measured.items()) or 1.0
    costs = [_rule_cost(rule, jobs, wanted[rule], total) for rule, jobs in measured.items()]
    return sorted(costs, key=lambda cost: -cost.core_hours)


def _core_hours(jobs: Sequence[JobBenchmark], asked: Asked) -> float:
    """Wall time by threads: those recorded, or else what the rule asks for."""
    return sum(job.seconds * (job.threads or asked.threads) for job in jobs) / 3600


def _rule_cost(
    rule: str, jobs: Sequence[JobBenchmark], asked: Asked, total_hours: float
) -> RuleCost:
    seconds, hours = [job.seconds for job in jobs], _core_hours(jobs, asked)
    memory = max((job.memory_mb for job in jobs if job.memory_mb is not None), default=None)
    timed = [job for job in jobs if job.cpu_seconds is not None]
    reserved = 3600 * _core_hours(timed, asked)
    return RuleCost(
        rule=rule,
        jobs=len(jobs),
        median_s=median(seconds),
        max_s=max(seconds),
        core_hours=hours,
        share=hours / total_hours,
        memory_mb=memory,
        efficiency=sum(job.cpu_seconds or 0.0 for job in timed) / reserved if reserved else None,
        asked_mem_mb=asked.mem_mb,
        advised_mem_mb=None if memory is None else _round_up(MEMORY_FACTOR * memory, 500),
        asked_runtime_min=asked.runtime,
        advised_runtime_min=_round_up((TIME_FACTOR * max(seconds) + START_SECONDS) / 60, 5),
    )


def _round_up(value: float, step: int) -> int:
    return step * max(1, math.ceil(value / step))


def forecast(costs: Sequence[RuleCost], jobs: Mapping[str, int], n_patients: int) -> list[Forecast]:
    """Core-hours of another run at the measured sizes: measured cost of a job times the jobs.

    A job that goes through all patients is taken to grow with their number, `n_patients` there.
    """
    known = {cost.rule: cost for cost in costs}
    grown = n_patients / max(1, measured_patients(costs))
    found = []
    for rule, n_jobs in jobs.items():
        cost, hours, used = known.get(rule), None, None
        if cost:
            hours = n_jobs * cost.core_hours / cost.jobs * (grown if rule in GATHERING else 1.0)
            used = None if cost.efficiency is None else hours * cost.efficiency
        found.append(Forecast(rule, n_jobs, hours, used))
    return sorted(found, key=lambda row: -(row.core_hours or 0.0))


def measured_patients(costs: Sequence[RuleCost]) -> int:
    """Patients of the measured run: every patient has one anatomy."""
    return next((cost.jobs for cost in costs if cost.rule == "anatomy"), 0)


def bytes_per_patient(results: str | Path) -> dict[str, float]:
    """Mean size in bytes of what a patient adds to the large folders; absent ones are left out.

    The consolidated store counts by the patients' stores beside it; predictions exist for test
    patients only, and count by these.
    """
    root = Path(results)
    found = {}
    for name, pattern in LARGE.items():
        files = [path for path in root.glob(pattern) if path.is_file()]
        named = files if "p[0-9]" in pattern else list(root.glob(LARGE["dataset/patients"]))
        n_patients = len({match[0] for path in named if (match := _PATIENT.search(str(path)))})
        if files and n_patients:
            found[name] = sum(path.stat().st_size for path in files) / n_patients
    return found

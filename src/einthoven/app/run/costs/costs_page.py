"""Page of `einthoven costs`: measured costs, and those of a larger run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from einthoven.app.run.costs.benchmarks import read_benchmarks
from einthoven.app.run.costs.estimate import (
    MEMORY_FACTOR,
    TIME_FACTOR,
    Forecast,
    RuleCost,
    bytes_per_patient,
    forecast,
    measured_patients,
    rule_costs,
)
from einthoven.app.run.jobs import GATHERING, asked_resources, planned_jobs
from einthoven.app.run.plan import Plan
from einthoven.base.config import Config, load, validate
from einthoven.base.core.errors import BadInput

GIGABYTE = 1e9


def costs_report(
    results: str | Path, config_file: str | None = None, n_patients: int | None = None
) -> tuple[str, dict[str, Any]]:
    """Costs of a run, and of a larger one if a config or a number of patients is given.

    Args:
        results: the folder that the measured run wrote; its workflow lies beside it.
        config_file: config of the larger run; without it the defaults.
        n_patients: patients of the larger run, in place of the config's.

    Returns:
        The text to print, and the same numbers as builtins.

    Raises:
        BadInput: the folder holds no benchmark files; the config is not valid.
    """
    measured = read_benchmarks(results)
    if not measured:
        raise BadInput(f"{results}/benchmarks: no benchmark files; run the workflow first")
    costs = rule_costs(measured, asked_resources(Path(results).resolve().parent / "workflow/rules"))
    data: dict[str, Any] = {"rules": [vars(cost) for cost in costs]}
    if config_file is None and n_patients is None:
        return costs_page(costs), data
    config = load(config_file) if config_file else Config()
    if n_patients is not None:
        whole = config.model_dump(mode="json")
        config = validate(whole | {"cohort": whole["cohort"] | {"n_patients": n_patients}})
    plan = Plan.of(config)
    n = len(plan.patients)
    rows = forecast(costs, planned_jobs(plan), n)
    owners = {"predictions": plan.sizes["test"]}  # of all other folders, every patient
    disk = {name: size * owners.get(name, n) for name, size in bytes_per_patient(results).items()}
    data |= {"forecast": [vars(row) for row in rows], "disk_bytes": disk}
    return f"{costs_page(costs)}\n\n{forecast_page(rows, costs, n, disk)}", data


def costs_page(costs: Sequence[RuleCost]) -> str:
    """Table of the measured rules with their total, and how to read it."""
    headings = ("rule\n", "jobs\n", "median\ns", "longest\ns", "core-\nhours", "share\n",
                "memory\nMB", "effi-\nciency", "mem_mb\nasked", "mem_mb\nadvised",
                "runtime\nasked", "runtime\nadvised")  # fmt: skip
    formats = ("", "", ".1f", ".1f", ".3f", ".1%", ".0f", ".0%")  # in the order of RuleCost
    hours = sum(cost.core_hours for cost in costs)
    total = ("total", sum(cost.jobs for cost in costs), "", "", hours, 1.0, *[""] * 6)
    rows = [*(tuple(vars(cost).values()) for cost in costs), total]
    return f"""{_table(rows, headings, formats, "-")}

Memory is the largest of all jobs; efficiency is processor time over wall time x threads.
Advised: {MEMORY_FACTOR:g} x memory; {TIME_FACTOR:g} x the longest job and a minute to start."""


def forecast_page(
    forecasts: Sequence[Forecast],
    costs: Sequence[RuleCost],
    n_patients: int,
    disk: Mapping[str, float],
) -> str:
    """Jobs, core-hours and disk (bytes of each large folder) of another run; what was assumed."""
    total = Forecast(
        "total",
        sum(row.jobs for row in forecasts),
        sum(row.core_hours or 0.0 for row in forecasts),
        sum(row.cpu_hours or 0.0 for row in forecasts),
    )
    rows = [tuple(vars(row).values()) for row in [*forecasts, total]]
    headings, formats = ("rule", "jobs", "core-hours", "CPU-hours"), ("", "", ".2f", ".2f")
    sizes = ", ".join(f"{folder}/ {size / GIGABYTE:.1f}" for folder, size in disk.items())
    gathering = ", ".join(sorted(GATHERING & {cost.rule for cost in costs}))
    missing = ", ".join(row.rule for row in forecasts if row.core_hours is None)
    lines = [
        f"{n_patients} patients, from {measured_patients(costs)} measured:",
        "",
        _table(rows, headings, formats, "not measured"),
        "",
        f"Disk: {sum(disk.values()) / GIGABYTE:.1f} GB ({sizes}).",
        "Core-hours are reserved time, CPU-hours the work in it; starts of Snakemake come on top.",
        "Assumed: mesh sizes, electrodes and trainings as in the measured run; for others, measure",
        "one patient with that config: docs/how-to/estimate-costs.md.",
    ]
    if gathering:
        lines.append(f"Grown with the number of patients: a job of {gathering}.")
    if missing:
        lines.append(f"Not measured, and so not in the total: {missing}.")
    return "\n".join(lines)


def _table(
    rows: Sequence[Sequence[object]], headings: Sequence[str], formats: Sequence[str], missing: str
) -> str:
    align = ("left", *["right"] * (len(headings) - 1))
    return tabulate(rows, headings, floatfmt=formats, missingval=missing, colalign=align)

"""Summary of a run before it starts: what it will do and how long it may take."""

from collections.abc import Mapping
from pathlib import Path

from einthoven.app.run.costs.benchmarks import usual_seconds
from einthoven.app.run.jobs import planned_jobs
from einthoven.app.run.monitor.monitor_page import duration
from einthoven.app.run.plan import Plan
from einthoven.base.config.models import Config

USUAL_S: Mapping[str, float] = {
    "cohort": 0.1, "cohort_sheet": 0.1, "anatomy": 1.5, "sdf_samples": 0.3, "mesh": 1.4,
    "fibers": 0.4, "purkinje": 0.5, "activation": 0.9, "leadfield": 0.6, "field_samples": 0.7,
    "ecg": 1.4, "patient_store": 0.5, "first": 2.0,
    "shapes": 3.1, "consolidate": 6.4, "recipe": 0.1, "population": 14.0, "encoder": 54.0,
    "surrogate": 75.0, "predict": 4.0, "reconstruct": 1.9, "evaluate": 6.0, "report": 21.0,
    "operator_train": 33.0, "operator_predict": 2.8,
}  # fmt: skip
"""Processor seconds per job of the default config, on one machine (2026-11-24)."""
USUAL_OF_KIND_S: Mapping[str, float] = {
    "encoder pca": 2.0, "encoder deepsdf": 106.0,
    "surrogate pca mlp": 95.0, "surrogate deepsdf mlp": 95.0,
    "surrogate pca refraction": 55.0, "surrogate deepsdf refraction": 55.0,
    "predict pca mlp": 5.8, "predict deepsdf mlp": 5.8,
    "predict pca refraction": 2.0, "predict deepsdf refraction": 2.0,
}  # fmt: skip
"""The same for kinds that differ within their rule."""
CHAIN = ("encoder", "surrogate", "predict", "evaluate", "report")
"""Jobs that wait for one another, so that more cores do not help."""
FIRST_PICTURE = "results/report/first.png"


def expected_seconds(plan: Plan) -> dict[str, float]:
    """Rule or kind of jobs -> seconds per job of a plan; empty unless it is that of the demo."""
    return {**USUAL_S, **USUAL_OF_KIND_S} if plan.config == Config() else {}


def announcement(plan: Plan, cores: int, results: str | Path = "results") -> str:
    """Patients, trainings, jobs, time and products of a run from scratch, on some cores.

    Times are from jobs measured in the folder `results`, if there are any.
    """
    jobs = {rule: n for rule, n in planned_jobs(plan).items() if n}
    measured = usual_seconds(results)
    seconds = {rule: measured.get(rule, USUAL_S.get(rule, 5.0)) for rule in jobs}
    work = sum(n * seconds[rule] for rule, n in jobs.items())
    # of two encoders one is read from the atlases, so the other takes all the time
    chain = [rule for rule in CHAIN if rule in jobs]
    alone = sum(seconds[rule] for rule in chain) + seconds.get("encoder", 0.0)
    known = plan.config == Config() or measured.keys() >= set(chain)
    time = f"about {duration(max(work / cores, alone))} on {cores} idle cores; " if known else ""
    sizes = ", ".join(f"{n} {split}" for split, n in plan.sizes.items())
    networks = len(plan.coded) + sum(len(plan.networks(method)) for method in plan.methods)
    return (
        f"{len(plan.patients)} virtual patients ({sizes}) with {plan.n_electrodes} electrodes, "
        f"{plan.config.deepsdf.n_shapes} further shapes, {networks} trainings\n"
        f"scenarios {', '.join(plan.scenarios)}\n"
        f"{sum(jobs.values())} jobs, {time}what is done already is not done again\n"
        f"first   {FIRST_PICTURE}: activation and Purkinje trees of {plan.example}\n"
        "last    results/report/index.html: the page with the table of errors\n"
        "Ctrl-C stops it, and the same command goes on."
    )

"""Summary of a run before it starts: what it will do and how long it may take."""

from collections.abc import Mapping
from pathlib import Path

from einthoven.app.run.costs.benchmarks import usual_seconds
from einthoven.app.run.jobs import planned_jobs
from einthoven.app.run.monitor.monitor_page import duration
from einthoven.app.run.plan import Plan
from einthoven.base.config.models import Config

USUAL_S: Mapping[str, float] = {
    "cohort": 0.6, "cohort_sheet": 1.0, "anatomy": 3.0, "sdf_samples": 2.0, "mesh": 4.0,
    "fibers": 2.0, "purkinje": 3.0, "activation": 3.0, "leadfield": 2.0, "field_samples": 3.0,
    "ecg": 4.0, "patient_store": 2.0,
    "shapes": 7.5, "consolidate": 10.0, "recipe": 0.4, "population": 22.0, "encoder": 160.0,
    "surrogate": 142.0, "predict": 10.0, "reconstruct": 8.5, "evaluate": 10.0, "report": 32.0,
    "operator_train": 90.0, "operator_predict": 8.0,
}  # fmt: skip
"""Seconds per job of the default config, for a folder without earlier runs."""
USUAL_OF_KIND_S: Mapping[str, float] = {
    "encoder pca": 4.0, "encoder deepsdf": 110.0,
    "predict pca mlp": 14.0, "predict deepsdf mlp": 14.0,
    "predict pca refraction": 5.0, "predict deepsdf refraction": 5.0,
}  # fmt: skip
"""Seconds per job of kinds that differ within their rule."""
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

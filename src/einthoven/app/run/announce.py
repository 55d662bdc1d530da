"""Summary of a run before it starts: what it will do and how long it may take."""

from collections.abc import Mapping
from pathlib import Path

from einthoven.app.run.costs.benchmarks import usual_seconds
from einthoven.app.run.jobs import planned_jobs
from einthoven.app.run.monitor.monitor_page import duration
from einthoven.app.run.plan import Plan
from einthoven.base.config.models import Config

USUAL_S: Mapping[str, float] = {
    "cohort": 0.1, "cohort_sheet": 0.1, "anatomy": 0.8, "sdf_samples": 0.3, "mesh": 2.1,
    "fibers": 1.2, "purkinje": 0.9, "activation": 0.6, "leadfield": 1.1, "field_samples": 0.9,
    "ecg": 4.2, "patient_store": 0.6, "first": 2.0,
    "shapes": 4.6, "consolidate": 7.5, "recipe": 0.1, "population": 17.0, "encoder": 57.0,
    "surrogate": 69.0, "predict": 6.6, "reconstruct": 3.0, "evaluate": 19.0, "report": 20.0,
    "operator_train": 44.0, "operator_predict": 4.3,
}  # fmt: skip
"""Processor seconds per job of the default config, measured on busy cores (2026-11-26) and divided
by 1.41: so much longer took the jobs there that do not depend on the mesh than on idle cores."""
USUAL_OF_KIND_S: Mapping[str, float] = {
    "encoder pca": 0.2, "encoder deepsdf": 115.0,
    "surrogate pca mlp": 90.0, "surrogate deepsdf mlp": 90.0,
    "surrogate pca refraction": 49.0, "surrogate deepsdf refraction": 49.0,
    "predict pca mlp": 9.4, "predict deepsdf mlp": 9.4,
    "predict pca refraction": 3.8, "predict deepsdf refraction": 3.8,
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

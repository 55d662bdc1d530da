"""ECGs of new virtual patients against published limits and the project's goals.

    python benchmarks/physiology.py --n 100 --json OUT [--config FILE] [--jobs N] [--work FOLDER]

Makes patients of another seed than the cohort's, so no constant was fitted to them: anatomy, mesh,
fibres and lead fields of the nine electrodes, then sinus rhythm, both bundle branch blocks, CRT
and the config's other scenarios. Nothing but this machine is needed. What is made stays in
`--work`, laid out as results/ is (`einthoven explain WORK/patients/p0000` and `einthoven audit
WORK` read it), and is made again only where its settings or code changed: a run may be stopped,
continued and enlarged.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from physiology_goals import CohortFeatures, goals_table, judge
from physiology_patients import Made, PatientTask, make, tasks_of
from tabulate import tabulate

from einthoven.app.evaluation.audit import table
from einthoven.app.evaluation.sexes import sex_table, statement
from einthoven.app.report.audit import write_audit_figure
from einthoven.base.config import Config, load
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.files import write_json

SHOWN = {
    "anatomy": ("anatomy",),
    "mesh": ("mesh",),
    "lead_fields": ("fibers", "leadfield"),
    "activation_and_ecg": ("purkinje", "activation", "ecg"),
}
"""Names of the cost -> steps."""


def made(tasks: list[PatientTask], n_jobs: int, failed: dict[str, str]) -> Iterator[Made]:
    """Patients as they get ready; `failed` learns who could not be made, and why."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_jobs, mp_context=context) as pool:
        futures = {pool.submit(make, task): task for task in tasks}
        for count, future in enumerate(as_completed(futures), 1):
            index = futures[future].index
            try:
                yield future.result()
            except (BadInput, StepFailed) as problem:
                failed[f"p{index:04d}"] = str(problem)
            print(f"{count} of {len(tasks)}", end="\r", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def settings_of(options: argparse.Namespace) -> Config:
    """The config with the benchmark's own cohort.

    Raises:
        BadInput: the cohort is the config's own.
    """
    config = load(options.config)
    if options.seed == config.cohort.seed:
        raise BadInput(f"--seed {options.seed}: that of the cohort to which constants are fitted")
    cohort = config.cohort.model_copy(update={"seed": options.seed, "sex": options.sex})
    # draws of the physiology go by patients' names, which the cohort's patients have, too
    variation = config.variation.model_copy(update={"seed": options.seed})
    return config.model_copy(update={"cohort": cohort, "variation": variation})


def results(patients: list[Made], failed: dict[str, str]) -> dict[str, Any]:
    """All that is written as JSON."""
    rows = [row for its in patients for row in its.rows]
    cohort = CohortFeatures(rows, {its.parameters.patient: its.epicardium for its in patients})
    seconds = {name: statistics.median(sum(its.seconds[step] for step in steps)
                                       for its in patients)
               for name, steps in SHOWN.items()}  # fmt: skip
    undelineated = {beat: why for its in patients for beat, why in its.failed.items()}
    return cohort.found | {
        "goals": judge(cohort),
        "breakthroughs": {name: asdict(arrival) | {"first_anterior_rv_ms":
                          arrival.first_anterior_rv_ms}
                          for name, arrival in cohort.epicardium.items()},
        "seconds_per_patient": seconds | {"total": sum(seconds.values())},
        "n_scenarios": len({row.scenario for row in rows}),
        "failed": failed | undelineated,
    }  # fmt: skip


def main() -> None:
    """Make the patients, print the figures beside the goals, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=100, help="patients")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path, help="mean ECG and limits: .png, .svg or .pdf")
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--work", type=Path, default=Path("results/physiology"))
    parser.add_argument("--seed", type=int, default=2027, help="of the cohort")
    parser.add_argument("--sex", choices=["any", "female", "male", "both"], default="both",
                        help="as cohort.sex; both, as limits are by sex")  # fmt: skip
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # processes share the cores
    try:
        tasks = tasks_of(settings_of(options), options.n, options.work)
    except BadInput as problem:
        parser.error(str(problem))
    failed: dict[str, str] = {}
    patients = sorted(made(tasks, options.jobs, failed), key=lambda its: its.parameters.patient)
    if not patients:
        sys.exit("; ".join(failed.values()) or "--n: no patients")
    found = results(patients, failed)
    if options.json:
        write_json(options.json, found)
    if options.figure:
        rows = [row for its in patients for row in its.rows]
        write_audit_figure(options.figure, rows, found)
    tables = [table(found), goals_table(found["goals"])]
    if sexes := found["sex_differences"]:
        tables.append(sex_table(sexes))
    for header, lines in tables:
        print(tabulate(lines, header, disable_numparse=True), end="\n\n")
    print(statement(sexes))
    seconds = [f"{name} {its:.1f}" for name, its in found["seconds_per_patient"].items()]
    print("processor seconds per patient:", ", ".join(seconds))
    print(f"n: {found['n']}, scenarios: {found['n_scenarios']}")
    for name, why in found["failed"].items():
        print(f"left out: {name}: {why}")


if __name__ == "__main__":
    main()

"""The target `inverse`: its jobs, and its scripts one after the other at the smallest size."""

import json
import logging
from types import SimpleNamespace

import pytest
from helpers.workflow import CI, ROOT, planned
from test_scripts import load as script

from einthoven.app.run.plan import Plan
from einthoven.base.config import load

pytestmark = pytest.mark.workflow
LOG = logging.getLogger("test")


@pytest.fixture(scope="module")
def plan():
    return Plan.of(load(ROOT / "config/ci.yaml"))


def test_snakemake_plans_the_jobs_of_the_target(finished, plan):
    assert planned(finished, *CI, "--", "inverse") == plan.inverse.jobs | {"inverse": 1}


def made_problem(name, plan, results, to):
    """The file of a problem, by its script."""
    inverse, job = plan.inverse, SimpleNamespace(problem=name)
    patient = results / "patients" / inverse.patient
    files = SimpleNamespace(
        mesh=patient / "mesh.npz", fibers=patient / "fibers.npz",
        activation=[results.parent / path for path in inverse.activation_of(job)],
    )  # fmt: skip
    params = SimpleNamespace(
        name=name, problem=inverse.problem_of(job), ecg=plan.section("ecg"),
        leadfield=plan.example_leadfield, repolarisation=plan.example_repolarisation,
    )  # fmt: skip
    script("inverse_problem").main(files, [to / f"{name}.npz"], params, LOG)
    return to / f"{name}.npz"


def fitted(problem, method, plan, to):
    """The file of a method's fits, by its script."""
    job, path = SimpleNamespace(method=method, batch="0"), to / f"{problem.stem}_{method}.json"
    params = SimpleNamespace(
        method=method, section=plan.inverse.method_of(job), cases=plan.inverse.batch_of(job)
    )
    script("inverse_fit").main([problem], [path], params, LOG)
    return path


def compared(plan, results, to):
    """The file of the comparison of lead fields in a test patient, by its script."""
    inverse, name = plan.inverse, plan.inverse.patient
    folder = results / "patients" / name
    files = {stage: folder / f"{stage}.npz" for stage in ("anatomy", "mesh", "fibers", "ecg")}
    job = SimpleNamespace(
        **files,
        activation=[folder / f"activation_{scenario}.npz" for scenario in inverse.scenarios],
        leadfield=[folder / f"leadfield_b{batch}.npz" for batch in plan.batches],
        prediction=results / f"predictions/{inverse.prediction}/{name}.npz",
        neighbour=results.parent / inverse.neighbour_of(SimpleNamespace(patient=name)),
    )
    params = SimpleNamespace(
        section=inverse.operators,
        leadfield=plan.settings.leadfield_of(SimpleNamespace(patient=name)),
        gradient=plan.config.leadfield.gradient,
    )  # fmt: skip
    script("inverse_operators").main(job, [to / "operators.json"], params, LOG)
    return to / "operators.json"


def test_scripts_of_the_target_make_its_metrics(finished, plan, tmp_path):
    check_scripts(plan, finished / "results", tmp_path)


def check_scripts(plan, results, to):
    problems = [made_problem(name, plan, results, to) for name in ("paper", "lbbb")]
    methods = plan.inverse.config.methods
    fits = [fitted(problem, method, plan, to) for problem in problems for method in methods]
    output = SimpleNamespace(metrics=to / "metrics.json", page=to / "index.html")
    files = SimpleNamespace(fits=fits, operators=[compared(plan, results, to)])
    params = SimpleNamespace(patient=plan.inverse.patient)
    script("inverse_metrics").main(files, output, params, LOG)
    metrics = json.loads(output.metrics.read_text())
    for problem, (best, worst) in {"paper": (0.1, 0.5), "lbbb": (0.3, 0.99)}.items():
        for method in methods:
            [row] = metrics["problems"][problem][method].values()
            assert row["repeats"] == plan.inverse.config.repeats and "failures" not in row
            assert best < row["re"]["mean"] < worst and row["seconds"]["mean"] > 0
            assert row["at_error_ms"]["mean"] > 0 and row["re"]["sd"] is not None
    for scenario in plan.inverse.scenarios:
        rows = metrics["operators"][scenario]
        assert set(rows) == set(plan.inverse.config.operators)
        error = {name: next(iter(row.values()))["transfer_rel"]["mean"]
                 for name, row in rows.items()}  # fmt: skip
        assert error["fem"] == 0.0 and error["pseudo"] > 0.2 and error["torso-larger"] > 0.1
    page = output.page.read_text()
    assert page.count("<img") == 2 and page.count("<table") == 2 + len(plan.inverse.scenarios)
    assert all(f">{method}<" in page for method in methods)
    again = made_problem("paper", plan, results, to).read_bytes()
    assert again == problems[0].read_bytes()

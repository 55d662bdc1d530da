"""Costs: benchmark files as Snakemake writes them, advice, and forecasts for other configs."""

import json
from pathlib import Path

import pytest

from einthoven.app.cli import main
from einthoven.app.run.costs.benchmarks import JobBenchmark, read_benchmarks
from einthoven.app.run.costs.estimate import bytes_per_patient, forecast, rule_costs
from einthoven.app.run.jobs import Asked, asked_resources, planned_jobs
from einthoven.app.run.plan import Plan
from einthoven.base.config import Config, load
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import USED

ROOT = Path(__file__).resolve().parents[4]
HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(results: Path, name: str, seconds: float, memory="NA", cpu="NA", log: str = "") -> None:
    """A benchmark file and the log beside it."""
    path = results / "benchmarks" / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    row = [seconds, "0:00:01", memory, "NA", "NA", "NA", "NA", "NA", "NA", cpu]
    path.write_text(HEADER + "\t".join(map(str, row)) + "\n")
    text = results / "logs" / f"{name}.log"
    text.parent.mkdir(parents=True, exist_ok=True)
    text.write_text(log)


@pytest.fixture
def results(tmp_path):
    """Two patients, one training and the data set; the project around them is made up."""
    folder = tmp_path / "results"
    write(folder, "anatomy/p0000", 10.0, 200.0, 8.0)
    write(folder, "anatomy/p0001", 30.0, 400.0, 24.0)
    write(folder, "cohort/p0000", 0.2)
    write(folder, "encoder/pca", 360.0, 1000.0, 180.0)
    write(folder, "consolidate", 40.0, 100.0, 20.0, log=f"x\n{USED % (39.0, 750)}\nmore\n")
    rules = tmp_path / "workflow/rules"
    rules.mkdir(parents=True)
    (rules / "a.smk").write_text(
        "rule anatomy:\n    threads: 1\n    resources:\n        mem_mb=growing(1000),\n"
        "        runtime=growing(10),\n\n\nrule encoder:\n    threads: 4\n    resources:\n"
        "        mem_mb=lambda w, attempt: 8000 * attempt,\n"
    )
    return folder


def costs_of(results):
    measured = rule_costs(
        read_benchmarks(results), asked_resources(results.parent / "workflow/rules")
    )
    return {cost.rule: cost for cost in measured}


def test_jobs_shorter_than_a_sample_have_time_only(results):
    [short] = read_benchmarks(results)["cohort"]
    assert short == JobBenchmark(0.2, None, None)
    cost = costs_of(results)["cohort"]
    assert cost.memory_mb is None and cost.advised_mem_mb is None and cost.efficiency is None
    assert cost.advised_runtime_min == 5


def test_the_kernels_count_replaces_samples(results):
    cost = costs_of(results)["consolidate"]
    assert cost.memory_mb == 750 and cost.efficiency == pytest.approx(39 / 40)


def test_costs_of_rules(results):
    costs = costs_of(results)
    anatomy, encoder = costs["anatomy"], costs["encoder"]
    assert (anatomy.jobs, anatomy.median_s, anatomy.max_s, anatomy.memory_mb) == (2, 20, 30, 400)
    assert anatomy.core_hours == pytest.approx(40 / 3600)
    assert anatomy.efficiency == pytest.approx(32 / 40)
    assert encoder.core_hours == pytest.approx(360 * 4 / 3600)  # four threads are reserved
    assert encoder.efficiency == pytest.approx(180 / (360 * 4))
    assert sum(cost.share for cost in costs.values()) == pytest.approx(1)
    assert next(iter(costs)) == "encoder"
    assert (anatomy.asked_mem_mb, anatomy.asked_runtime_min) == (1000, 10)
    assert (encoder.asked_mem_mb, encoder.asked_runtime_min) == (8000, None)
    assert (anatomy.advised_mem_mb, encoder.advised_mem_mb) == (1000, 1500)  # 1.5 x, in 500 MB
    assert encoder.advised_runtime_min == 20  # 3 x 6 min and a minute, in 5 min


def test_recorded_threads_replace_the_rules(results):
    measured = {"encoder": [JobBenchmark(100.0, 1.0, 100.0, threads=2)]}
    [cost] = rule_costs(measured, {"encoder": Asked(threads=4)})
    assert cost.core_hours == pytest.approx(200 / 3600) and cost.efficiency == pytest.approx(0.5)


def test_forecast_counts_jobs_and_grows_trainings(results):
    costs = list(costs_of(results).values())
    jobs = {"anatomy": 10, "encoder": 2, "mesh": 10}
    hours = {row.rule: row.core_hours for row in forecast(costs, jobs, 10)}
    assert hours["anatomy"] == pytest.approx(10 * 20 / 3600)
    assert hours["encoder"] == pytest.approx(2 * 360 * 4 / 3600 * 10 / 2)  # 10 for 2 patients
    assert hours["mesh"] is None  # not measured, and not taken for nothing


def test_disk_counts_by_patients(tmp_path):
    for name, size in {
        "patients/p0000/mesh.npz": 10,
        "patients/p0001/mesh.npz": 30,
        "dataset/patients/p0000.zarr.zip": 5,
        "dataset/patients/p0001.zarr.zip": 5,
        "dataset/einthoven.zarr.zip": 8,
        "predictions/pca-mlp/p0001.npz": 7,
        "predictions/pca-refraction/p0001.npz": 7,
        "report/index.html": 1000,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    each = bytes_per_patient(tmp_path)
    assert each == {"patients": 20, "dataset/patients": 5, "dataset": 4, "predictions": 14}


def test_every_rule_of_the_workflow_is_counted_and_asks_for_resources():
    asked = asked_resources(ROOT / "workflow/rules")
    plan = Plan.of(Config())
    own_targets = {
        "search",
        "first",
        "published",
        "imaging_beats",
        "imaging_simulate",
        "imaging_train",
        "imaging_evaluate",
        "infarct_simulate",
        "reproduction_nearest",
        "reproduction_record",
        "reproduction_zhu",
        *plan.inverse.jobs,
    }
    assert set(planned_jobs(plan)) == set(asked) - own_targets and own_targets < set(asked)
    for rule, its in asked.items():
        assert its.mem_mb and its.runtime and its.threads, rule


def test_excluded_patients_are_not_counted():
    config = load(ROOT / "config/ci.yaml")
    assert Plan.of(config).sizes == {"train": 2, "val": 1, "test": 1}
    less = config.model_copy(
        update={"dataset": config.dataset.model_copy(update={"exclude": ["p0000"]})}
    )
    plan = Plan.of(less)
    assert sum(plan.sizes.values()) == 3 and planned_jobs(plan)["mesh"] == 3


def test_command_prints_tables_and_writes_json(results, tmp_path, capsys):
    out = tmp_path / "costs.json"
    assert main(["costs", str(results), "--patients", "64", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "64 patients, from 2 measured" in printed and "not in the total: " in printed
    data = json.loads(out.read_text())
    assert {row["rule"] for row in data["rules"]} == {"anatomy", "cohort", "encoder", "consolidate"}
    assert next(row for row in data["forecast"] if row["rule"] == "mesh")["core_hours"] is None


def test_wrong_input_is_named_in_one_line(results, tmp_path, capsys):
    assert main(["costs", str(tmp_path / "nowhere")]) == 2
    assert "no benchmark files" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["costs", str(results), "--patients", "0"])
    assert "--patients: expected a whole number above zero" in capsys.readouterr().err
    (results / "benchmarks/anatomy/p0000.tsv").write_text("not\ta\tbenchmark\n1\t2\t3\n")
    with pytest.raises(BadInput, match=r"p0000\.tsv: not a benchmark file"):
        read_benchmarks(results)

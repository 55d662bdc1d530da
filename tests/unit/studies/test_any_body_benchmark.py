"""The benchmark of any body: what it is asked for is there, or one line tells what is not."""

import importlib.util
import sys
from pathlib import Path

import pytest

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import write_json

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks/any_body.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("any_body_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_left_out_is_the_mean_over_the_class_alone(benchmark, tmp_path):
    rows = {"p0000": {"angle_deg": 2.0, "left_out": True}, "p0001": {"angle_deg": 9.0},
            "p0002": {"angle_deg": 4.0, "left_out": True}}  # fmt: skip
    write_json(tmp_path / "a.json", {"without": "hypertrophied", "patients": rows})
    assert benchmark.left_out(tmp_path / "a.json") == ("hypertrophied", 3.0)
    write_json(tmp_path / "b.json", {"without": None, "patients": rows})
    with pytest.raises(BadInput, match=r"b\.json: nobody was left out"):
        benchmark.left_out(tmp_path / "b.json")


def test_means_are_over_numbers_and_shares(benchmark):
    rows = {"a": {"angle_deg": 1.0, "in_distribution": True, "reasons": [], "coverage_90": None},
            "b": {"angle_deg": 3.0, "in_distribution": False, "reasons": ["x"],
                  "coverage_90": None}}  # fmt: skip
    assert benchmark.means(rows) == {"angle_deg": 2.0, "in_distribution": 0.5}


def row(kind, angle, expected, covered):
    return {"class": kind, "angle_deg": angle, "precordial_deg": angle, "ecg_rel_l2": 0.1,
            "coverage_90": covered, "ecg_coverage_90": None, "expected_expected": expected,
            "expected_low": 0.5 * expected, "expected_high": 2.0 * expected}  # fmt: skip


def test_errors_and_coverage_are_by_class(benchmark):
    rows = [row("a", 2.0, 2.0, 0.8), row("b", 9.0, 3.0, 1.0), row("a", 4.0, 3.0, 0.9)]
    found = benchmark.by_class(rows)
    assert found["a"] == pytest.approx(
        {"n_bodies": 2, "angle_deg": 3.0, "precordial_deg": 3.0, "ecg_rel_l2": 0.1,
         "coverage_90": 0.85}
    )  # fmt: skip
    assert found["b"]["angle_deg"] == 9.0 and list(found) == ["a", "b"]


def test_a_predicted_error_is_ranked_against_the_true_one(benchmark):
    rows = [row("a", angle, told, 1.0) for angle, told in ((1, 2), (2, 3), (9, 4), (4, 5))]
    found = benchmark.predicted_error(rows)
    assert found == {"n_bodies": 4, "inside_90": 0.75, "spearman": pytest.approx(0.8)}
    assert "spearman" not in benchmark.predicted_error(rows[:3])
    assert benchmark.predicted_error([{"angle_deg": 1.0}]) == {}


def test_meshes_are_counted_with_what_failed(benchmark, monkeypatch):
    import kinds_of_input
    from helpers.difficult_hearts import DIFFICULT

    def quality(row, folder, edge_mm):
        if edge_mm < 2.0:
            raise BadInput("too fine")
        return 0.1

    monkeypatch.setattr(kinds_of_input, "quality_of_mesh", quality)
    monkeypatch.setitem(DIFFICULT, "aneurysm", lambda folder: None)
    found = benchmark.meshed([1.5, 4.0], "aneurysm")
    assert found["1.5"] == {"tried": 1, "meshed": 0, "failed": {"aneurysm": "too fine"},
                            "not_run": []}  # fmt: skip
    assert found["4"]["meshed"] == 1 and not found["4"]["failed"]


def test_patients_without_stages_are_not_judged(benchmark, tmp_path):
    (tmp_path / "p0000").mkdir()
    with pytest.raises(BadInput, match="of 0 patients none of split test has anatomy, mesh"):
        benchmark.patients_in(tmp_path, "test")


def test_a_missing_operator_is_one_line(benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["any_body.py", "--operator", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    told = str(ended.value)
    assert told.startswith("any_body: ") and "none" in told and "\n" not in told

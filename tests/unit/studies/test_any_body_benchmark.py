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

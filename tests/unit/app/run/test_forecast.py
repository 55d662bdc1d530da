"""Forecast of the time left: order of kinds, cores, what is expected, Snakemake's graph."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from einthoven.app.run.monitor.forecast import (
    N_TOKENS,
    PRIOR_JOBS,
    PRIOR_S,
    Kind,
    foresee,
    foreseen,
    kind_of,
    seconds_to_end,
    speed_of,
)


def chain() -> dict[str, Kind]:
    """Four meshes, an ECG of each, a training on all, two predictions."""
    return {
        "mesh": Kind(4, usual_s=2.0),
        "ecg": Kind(4, usual_s=3.0, after=["mesh"]),
        "train": Kind(1, usual_s=10.0, after=["ecg"]),
        "predict": Kind(2, usual_s=4.0, after=["train"]),
    }


@pytest.mark.parametrize("cores, seconds", [(1, 38.0), (2, 10 + 10 + 4), (4, 5 + 10 + 4)])
def test_jobs_wait_for_those_before_them_and_share_the_cores(cores, seconds):
    assert seconds_to_end(chain(), [], cores) == pytest.approx(seconds)


def test_a_serial_end_is_not_shared():
    """The mistake that forecast 2 min for the last 7: two trainings are left, with 8 cores."""
    kinds = {"train": Kind(2, usual_s=100.0), "report": Kind(1, usual_s=30.0, after=["train"])}
    assert seconds_to_end(kinds, [("train", 40.0), ("train", 10.0)], 8) == pytest.approx(120)


def test_the_longest_way_goes_first():
    kinds = {"short": Kind(4, usual_s=1.0), "long": Kind(1, usual_s=5.0)}
    assert seconds_to_end(kinds, [], 2) == pytest.approx(5)


def test_jobs_done_set_the_speed_of_those_that_are_only_expected():
    kinds = chain()
    kinds["mesh"] = Kind(4000, usual_s=2.0, done=4000, seconds=16_000.0)  # twice as long as usual
    assert speed_of(kinds) == pytest.approx(2, rel=0.01)
    assert seconds_to_end(kinds, [], 4) == pytest.approx(6 + 20 + 8, rel=0.01)


def test_the_first_jobs_decide_little():
    """They compile: 60 s where 6 s are usual."""
    kinds = chain()
    kinds["mesh"] = Kind(40, usual_s=2.0, done=3, seconds=60.0)
    assert speed_of(kinds) == pytest.approx((60 + PRIOR_S) / (6 + PRIOR_S))
    expected = (60 + PRIOR_JOBS * 2.0 * speed_of(kinds)) / (3 + PRIOR_JOBS)
    assert kinds["mesh"].typical_s(speed_of(kinds)) == pytest.approx(expected)
    assert Kind(40, done=3, seconds=60.0).typical_s() == 20.0


def test_jobs_at_work_that_are_late_slow_those_that_are_only_expected():
    kinds = {"train": Kind(1, usual_s=1e4), "report": Kind(1, usual_s=5e3, after=["train"])}
    assert speed_of(kinds, [("train", 8e3)]) == 1.0
    assert speed_of(kinds, [("train", 3e4), ("train", math.inf)]) == pytest.approx(3, rel=0.02)
    left = seconds_to_end(kinds, [("train", 3e4)], 1)
    assert left == pytest.approx(0.1 * 3e4 + 3 * 5e3, rel=0.02)


def test_jobs_at_work_need_the_rest_and_some_time_once_overdue():
    kinds = {"train": Kind(1, usual_s=10.0)}
    assert seconds_to_end(kinds, [("train", 4.0)], 1) == pytest.approx(6)
    assert seconds_to_end(kinds, [("train", 40.0)], 1) == pytest.approx(4)
    assert seconds_to_end(kinds, [("train", math.inf)], 1) == 0  # ended inside its group


def test_what_waits_for_a_failed_job_ends_no_forecast():
    kinds = {"mesh": Kind(0), "ecg": Kind(1, usual_s=3.0, after=["mesh", "elsewhere"])}
    assert seconds_to_end(kinds, [], 1) == pytest.approx(3)
    assert seconds_to_end({}, [], 1) == 0


def test_many_jobs_are_counted_in_pieces():
    n = 100 * N_TOKENS
    kinds = {"mesh": Kind(n, usual_s=2.0), "ecg": Kind(n, usual_s=3.0, after=["mesh"])}
    assert seconds_to_end(kinds, [], 10) == pytest.approx(5 * n / 10, rel=0.05)


def test_kinds_are_jobs_that_differ_in_their_patient():
    wildcards = {"encoder": "pca", "model": "mlp", "member": "", "patient": "p0001"}
    assert kind_of("predict", wildcards) == "predict pca mlp"
    assert kind_of("leadfield", {"patient": "p0001", "batch": "0"}) == "leadfield"


class Job(SimpleNamespace):
    """A job of the graph: unlike a namespace it has a hash."""

    __hash__ = object.__hash__


class Graph:
    """What `foresee` asks Snakemake's graph for."""

    def __init__(self, jobs: dict[str, tuple[str, dict[str, str], list[str]]]):
        self.jobs = {
            key: Job(
                rule=SimpleNamespace(name=rule),
                wildcards_dict=wildcards,
                benchmark=f"results/benchmarks/{rule}/{key}.tsv",
            )
            for key, (rule, wildcards, _) in jobs.items()
        }
        self.dependencies = {
            self.jobs[key]: {self.jobs[other] for other in after}
            for key, (_, _, after) in jobs.items()
        }

    def needrun_jobs(self):
        """All jobs but those that are up to date."""
        return [job for key, job in self.jobs.items() if key != "old"]


def test_kinds_and_their_order_come_from_the_graph(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results/benchmarks/train"
    folder.mkdir(parents=True)
    (folder / "t1.tsv").write_text("s\n7\n")
    graph = Graph({
        "old": ("mesh", {"patient": "p0"}, []),
        "m1": ("mesh", {"patient": "p1"}, []),
        "m2": ("mesh", {"patient": "p2"}, []),
        "t1": ("train", {"model": "mlp"}, ["old", "m1", "m2"]),
        "t2": ("train", {"model": "pca"}, ["m1", "m2"]),
        "t3": ("train", {"model": "gp"}, ["m1"]),
    })  # fmt: skip
    foresee(graph, "results", {"mesh": 3.0, "train gp": 1.0})
    assert foreseen() == {
        "mesh": Kind(2, usual_s=3.0),
        "train mlp": Kind(1, usual_s=7.0, after=["mesh"]),
        "train pca": Kind(1, usual_s=7.0, after=["mesh"]),  # as its rule in earlier runs
        "train gp": Kind(1, usual_s=1.0, after=["mesh"]),
    }

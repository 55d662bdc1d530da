"""One training: checkpoints, curve, schedule, search, tracking."""

import sqlite3
import subprocess
import sys

import pytest
import torch

from einthoven.base.config.section import Section
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.numerics.training.fit import TrainingRun, fit
from einthoven.numerics.training.machine import Machine
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.search import Span, search
from einthoven.numerics.training.task import Task
from einthoven.numerics.training.tensors import load_model, save_model
from einthoven.numerics.training.tracking import tracked


def saved(path) -> None:
    tensors = {"w": torch.arange(1000.0), "b": torch.ones(3)}
    save_model(
        path,
        tensors,
        kind="toy",
        config={"a": 1},
        data_sha256="0",
        package="einthoven.learning.encoders",
    )


def test_checkpoint_round_trip_is_byte_stable(tmp_path) -> None:
    saved(tmp_path / "a.safetensors")
    saved(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    tensors, about = load_model(tmp_path / "a.safetensors", "toy")
    assert torch.equal(tensors["w"], torch.arange(1000.0))
    assert about["config"] == {"a": 1}


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "missing", "kind"])
def test_damaged_checkpoints_are_refused(tmp_path, damage: str) -> None:
    path = tmp_path / "m.safetensors"
    saved(path)
    data = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(data[:-100])
    elif damage == "flipped":
        data[-40] ^= 1
        path.write_bytes(data)
    elif damage == "foreign":
        path.write_bytes(b"not a checkpoint")
    elif damage == "missing":
        path.unlink()
    with pytest.raises(BadInput, match="safetensors"):
        load_model(path, "other" if damage == "kind" else "toy")


class Line(Task):
    """Fit y = 2 x with one weight."""

    steps_per_epoch = 4

    def __init__(self, slope: float = 2.0) -> None:
        super().__init__()
        self.weight, self.slope = torch.nn.Parameter(torch.zeros(1)), slope

    def batches(self, generator):
        for _ in range(4):
            yield torch.rand(8, generator=generator)

    def losses(self, batch):
        return {"loss": ((self.weight - self.slope) * batch).square().mean()}


def test_fit_converges_writes_its_curve_and_restores_threads(tmp_path) -> None:
    task, before = Line(), torch.get_num_threads()
    rows = fit(task, Schedule(60, 0.1), TrainingRun("line", seed=1, folder=tmp_path))
    assert task.weight.item() == pytest.approx(2.0, abs=0.05)
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 1 + len(rows) == 61
    assert torch.get_num_threads() == before


def test_fit_stops_when_the_loss_is_not_a_number() -> None:
    with pytest.raises(StepFailed, match="learning_rate"):
        fit(Line(float("nan")), Schedule(2, 0.1), TrainingRun("line", seed=1))


def test_paper_schedule_halves_once() -> None:
    schedule = Schedule(10, 1e-3, halve_after_epochs=5)
    assert [schedule.factor(s, 2) for s in (0, 9, 10, 19)] == [1.0, 1.0, 0.5, 0.5]


def test_search_finds_the_minimum_of_a_parabola() -> None:
    class Parabola(Section):
        x: float = 0.0
        offset: float = 0.3

    found = search(lambda s: (s.x - s.offset) ** 2, Parabola(), {"x": Span(-1.0, 1.0)}, 30, seed=1)
    assert found.config.x == pytest.approx(0.3, abs=0.1)
    assert found.to_json()["section"] == {"x": found.config.x, "offset": 0.3}
    assert len(found.trials) == 30
    with pytest.raises(BadInput, match="not a key"):
        search(lambda s: 0.0, Parabola(), {"y": Span(0.0, 1.0)}, 1, seed=1)


@pytest.mark.slow
def test_two_trainings_share_one_tracking_database(tmp_path) -> None:
    code = (
        "import sys; from einthoven.numerics.training.tracking import tracked\n"
        "with tracked('sqlite:///' + sys.argv[1], sys.argv[2], {'a': 1}) as record:\n"
        "    record([{'epoch': 1.0, 'loss': 0.5}], 1.0)"
    )
    database = str(tmp_path / "mlflow.db")
    jobs = [subprocess.Popen([sys.executable, "-c", code, database, n]) for n in ("one", "two")]
    assert [job.wait(300) for job in jobs] == [0, 0]
    with pytest.raises(RuntimeError, match="mine"), tracked(f"sqlite:///{database}", "3", {"a": 1}):
        raise RuntimeError("mine")
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select status from runs").fetchall()
        losses = connection.execute("select value from metrics where key = 'loss'").fetchall()
    assert rows == [("FINISHED",)] * 2 + [("FAILED",)]
    assert losses == [(0.5,)] * 2


def test_tracking_elsewhere_than_sqlite_is_refused() -> None:
    machine = Machine(tracking_uri="http://somewhere")
    with pytest.raises(BadInput, match="tracking_uri"):
        fit(Line(), Schedule(1, 0.1), TrainingRun("line", seed=1), machine)

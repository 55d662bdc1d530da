"""Parts of the one training loop: prefetching, averages, jumps, restarts."""

import numpy as np
import pytest
import torch

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.numerics.training import loop
from einthoven.numerics.training.averaging import Ema
from einthoven.numerics.training.fit import TrainingRun, fit
from einthoven.numerics.training.loop import Batches
from einthoven.numerics.training.machine import Machine
from einthoven.numerics.training.muon import Muon
from einthoven.numerics.training.precision import autocast_only, perceptrons
from einthoven.numerics.training.resume import FILE, PATIENCE, Progress, discard
from einthoven.numerics.training.schedule import Schedule
from einthoven.numerics.training.task import Task


class Asking(Task):
    """A matrix for Muon, if any, and a vector for Adam."""

    steps_per_epoch = 1

    def __init__(self, muon):
        super().__init__()
        self.matrix, self.vector = (torch.nn.Parameter(torch.ones(s)) for s in ((3, 3), (3,)))
        self.muon = muon

    def batches(self, generator):
        yield generator

    def losses(self, batch):
        return {"loss": self.matrix.sum()}

    def parameter_groups(self):
        own = {"params": [self.matrix], "muon": self.muon, "lr_factor": 4.0}
        return [own, {"params": [self.vector]}]


@pytest.mark.parametrize("asked, kind", [(True, Muon), (False, torch.optim.Adam)])
def test_the_optimiser_is_the_one_that_is_asked_for(asked, kind):
    """One group of several is enough, as networks have."""
    task = Asking(asked)
    batches = Batches(task, torch.Generator())
    made = loop.Loop(task, Schedule(1, 0.01, "32"), batches, Progress(), 1).configure_optimizers()
    assert type(made) is kind
    assert [group["lr"] for group in made.param_groups] == [0.04, 0.01]


class Brittle(Task):
    """A loss that falls steadily, and jumps for good at step 180 if that step was too long.

    Adam's steps on a slope are as long as the learning rate, so half of it is safe.
    """

    steps_per_epoch = 4

    def __init__(self, too_long: float, stop_at: int = 0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        for name in ("before", "count", "broken"):  # part of the state, as weights are
            self.register_buffer(name, torch.zeros(()))
        self.too_long, self.stop_at, self.calls = too_long, stop_at, 0

    def batches(self, generator):
        for _ in range(4):
            yield 1.0 + 0.1 * torch.rand(8, generator=generator)

    def losses(self, batch):
        self.calls += 1
        if self.calls == self.stop_at:
            raise InterruptedError("killed")
        self.count += 1
        if self.count == 180 and (self.weight - self.before).abs() > self.too_long:
            self.broken.fill_(1.0)
        self.before.copy_(self.weight.detach())
        return {"loss": (100 - self.weight + 1000 * self.broken) * batch.mean()}


def train(task, folder=None, epochs=60):
    # a schedule that halves after the end: constant
    schedule = Schedule(epochs, 0.1, halve_after_epochs=epochs + 1)
    return fit(task, schedule, TrainingRun("brittle", seed=1, folder=folder))


# --- jumps and restarts ---------------------------------------------------------------------
@pytest.fixture(scope="module")
def healed() -> tuple[Brittle, list[dict[str, float]]]:
    task = Brittle(0.075)
    return task, train(task)


def test_a_jump_is_undone_with_half_the_learning_rate(healed) -> None:
    """The jump of epoch 45 is certain in epoch 54; the last moment before it is epoch 40."""
    task, rows = healed
    assert task.broken == 0 and max(row["loss"] for row in rows) < 120
    assert [row["epoch"] for row in rows] == list(range(1, 61))
    assert [row["restarts"] for row in rows] == [0] * 40 + [1] * 20
    rates = [row["learning_rate"] for row in rows]
    assert rates == pytest.approx([0.1] * 40 + [0.05] * 20)
    assert task.calls == 4 * (54 + 20)


def test_a_loss_that_jumps_each_time_ends_the_training() -> None:
    task = Brittle(0.0)
    with pytest.raises(StepFailed, match=r"epoch 54 after 3 restarts; lower learning_rate \(0.1\)"):
        train(task)


@pytest.mark.parametrize("epoch", [5, 52, 60], ids=["early", "in the jump", "after it"])
def test_killed_in_any_epoch_it_ends_the_same(epoch: int, healed, tmp_path, monkeypatch) -> None:
    """Also between a jump and its discovery; to the last bit, in weights and curve."""
    monkeypatch.setattr(loop, "CHECKPOINT_S", 0.0)
    with pytest.raises(InterruptedError):
        train(Brittle(0.075, stop_at=4 * epoch - 1), tmp_path)
    task = Brittle(0.075)
    rows = train(task, tmp_path)
    assert rows == healed[1] and [list(row) for row in rows] == [list(row) for row in healed[1]]
    assert task.weight == healed[0].weight
    assert task.calls == healed[0].calls - 4 * (epoch - 1)
    again = Brittle(0.075)
    assert train(again, tmp_path) == rows and again.calls == 0 and again.weight == task.weight
    discard(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["curve.csv"]


@pytest.mark.parametrize("damage", ["settings", "bytes"])
def test_a_checkpoint_that_does_not_fit_is_refused(damage, tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_S", 0.0)
    epochs = 4
    train(Brittle(1.0), tmp_path, epochs)
    if damage == "settings":
        epochs = 5
    else:
        data = bytearray((tmp_path / FILE).read_bytes())
        data[data.index(b"learning_rate")] ^= 1  # a letter of a name
        (tmp_path / FILE).write_bytes(data)
    task = Brittle(1.0)
    train(task, tmp_path, epochs)
    assert "training starts anew" in caplog.text
    assert task.calls == 4 * epochs


def test_only_jumps_that_stay_are_jumps() -> None:
    rng = np.random.default_rng(0)
    losses = np.exp(-np.arange(400) / 60) * rng.lognormal(0, 0.3, 400)

    def first(values) -> int | None:
        progress = Progress()
        for epoch, value in enumerate(values):
            progress.rows.append({"loss": float(value)})
            if progress.diverged():
                return epoch
        return None

    assert first(losses) is None
    peak = losses.copy()
    peak[300 : 300 + PATIENCE - 1] *= 50
    assert first(peak) is None
    jump = losses.copy()
    jump[300:] += 20 * losses[300]
    assert first(jump) == 300 + PATIENCE - 1
    assert first(losses - 1.0) is None  # a likelihood may be negative
    losses[7] = np.nan
    assert first(losses) == 7


# --- batches --------------------------------------------------------------------------------
def test_prefetched_batches_are_the_plain_ones_and_none_of_the_next_epoch() -> None:
    task, ahead, plain = Brittle(1.0), *(torch.Generator().manual_seed(1) for _ in range(2))
    for _ in range(3):
        fetched = list(Batches(task, ahead))
        assert all(map(torch.equal, fetched, task.batches(plain)))
        assert torch.equal(ahead.get_state(), plain.get_state())


def test_a_fault_in_the_thread_that_draws_batches_is_raised() -> None:
    class Broken(Brittle):
        def batches(self, generator):
            yield torch.ones(1)
            raise BadInput("p0003: broken")

    with pytest.raises(BadInput, match="p0003"):
        list(Batches(Broken(1.0), torch.Generator()))


# --- averages and precision -----------------------------------------------------------------
def test_ema_is_the_exponential_one_and_leaves_the_weights() -> None:
    module = torch.nn.Linear(3, 2)
    ema, expected = Ema(module, 0.5), module.weight.detach().clone()
    for step in range(20):
        with torch.no_grad():
            module.weight += torch.randn(2, 3)
        ema.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * module.weight.detach()
    last = module.weight.detach().clone()
    with ema.in_place():
        torch.testing.assert_close(module.weight.detach(), expected)
    assert torch.equal(module.weight, last)
    ema.into_weights()
    torch.testing.assert_close(module.weight.detach(), expected)


def test_averaged_training_ends_with_the_average_of_its_weights() -> None:
    """On a slope the average lags behind by decay / (1 - decay) steps."""
    last, averaged = Brittle(1.0), Brittle(1.0)
    train(last)
    schedule = Schedule(60, 0.1, halve_after_epochs=61, ema_decay=0.9)
    fit(averaged, schedule, TrainingRun("brittle", seed=1))
    assert (last.weight - averaged.weight).item() == pytest.approx(9 * 0.1, rel=0.05)


def test_only_perceptrons_run_in_reduced_precision() -> None:
    class Geometry(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.SiLU())

        def forward(self, x):
            turned = x @ torch.linalg.qr(torch.eye(3) + 0.1)[0]
            return turned, self.layers(turned)

    torch.manual_seed(0)
    net, x = Geometry(), 100 * torch.rand(50, 3)
    parts = list(perceptrons(net))
    assert parts == [net.layers]
    exact = net(x)
    with torch.autocast("cpu", torch.bfloat16):
        with autocast_only(parts, "cpu"):
            mixed = net(x)
        everywhere = net(x)
    assert torch.equal(mixed[0], exact[0]) and not torch.equal(everywhere[0].float(), exact[0])
    assert mixed[1].dtype == torch.float32
    error = (mixed[1] - exact[1]).norm() / exact[1].norm()
    assert 1e-5 < error < 1e-2
    with autocast_only(parts, "cpu"):  # nothing is on
        assert torch.equal(net(x)[1], exact[1])


def test_what_a_machine_cannot_do_is_refused() -> None:
    with pytest.raises(BadInput, match="n_threads = 0"):
        Machine(n_threads=0)
    with pytest.raises(BadInput, match="16-mixed needs a GPU"):
        fit(Brittle(1.0), Schedule(1, 0.1, precision="16-mixed"), TrainingRun("b", seed=1))


def test_the_machine_is_what_the_environment_says(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///a.db")
    assert Machine.from_environment() == Machine(3, "auto", "sqlite:///a.db")
    for name in ("OMP_NUM_THREADS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name)
    assert Machine.from_environment() == Machine(1, "auto", "")

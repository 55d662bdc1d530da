"""Trainings that are killed, streamed, or run in reduced precision."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import helpers.surrogate as balls
import numpy as np
import pytest
import torch

from einthoven.base.config.learning import RefractionSettings
from einthoven.learning.surrogate import split_samples
from einthoven.learning.surrogate import train as training
from einthoven.learning.surrogate.split_samples import SplitSamples
from einthoven.learning.surrogate.train import SurrogateTask, train_surrogate
from einthoven.numerics.training import loop
from einthoven.numerics.training.machine import Machine
from einthoven.numerics.training.resume import FILE
from einthoven.numerics.training.tensors import load_model

CONFIG = RefractionSettings(width=32, rank=8, n_frequencies=8, code_at_electrodes=True, epochs=12,
                         points_per_batch=32, batch_patients=2, learning_rate=0.005,
                         ema_decay=0.9)  # fmt: skip
OUTPUTS = ("model.safetensors", "curve.csv")


class CountingEncoder(balls.BallEncoder):
    """Knows how often a patient's points (not a few probes) were decoded."""

    def __init__(self, known):
        super().__init__(known)
        self.n_decoded = 0

    def distances(self, latent, points):
        self.n_decoded += len(points) > 50
        return super().distances(latent, points)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    patients = [balls.ball_patient(i, n_points=120, n_electrodes=6) for i in range(7)]
    path = tmp_path_factory.mktemp("store") / "einthoven.zarr.zip"
    known = balls.write_ball_store(path, patients, ["train"] * 6 + ["val"]).known
    return path, known


@pytest.fixture(scope="module")
def undisturbed(cohort, tmp_path_factory):
    """Bytes of the outputs."""
    path, known = cohort
    out = tmp_path_factory.mktemp("whole")
    train_surrogate("refraction", CONFIG, balls.BallEncoder(known), path, out)
    assert sorted(p.name for p in out.iterdir()) == sorted(OUTPUTS)
    return [(out / name).read_bytes() for name in OUTPUTS]


def test_killed_where_you_like_it_ends_with_the_same_bytes(
    cohort, undisturbed, tmp_path, monkeypatch
) -> None:
    """Kills in the first epoch, later, and before the model is written; nothing is done twice."""
    path, known = cohort
    monkeypatch.setattr(loop, "CHECKPOINT_S", 0.0)
    encoder, losses = CountingEncoder(known), SurrogateTask.losses
    calls = 0

    def dying(self, batch):
        nonlocal calls
        calls += 1
        if calls in (2, 2 + 17):
            raise InterruptedError("killed")
        return losses(self, batch)

    def no_disk(*args, **kwargs):
        raise InterruptedError("killed")

    monkeypatch.setattr(SurrogateTask, "losses", dying)
    for _ in range(2):
        with pytest.raises(InterruptedError):
            train_surrogate("refraction", CONFIG, encoder, path, tmp_path)
    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(training, "save_model", no_disk)
        train_surrogate("refraction", CONFIG, encoder, path, tmp_path)
    assert (tmp_path / FILE).exists() and not (tmp_path / OUTPUTS[0]).exists()
    train_surrogate("refraction", CONFIG, encoder, path, tmp_path)
    assert [(tmp_path / name).read_bytes() for name in OUTPUTS] == undisturbed
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(OUTPUTS)
    assert encoder.n_decoded == 7
    # lost are the two steps of the first run, and the two of the epoch in which it died again
    assert calls == 12 * 3 + 2 + 2


@pytest.mark.slow
def test_kill_9_in_mid_training_costs_no_byte(cohort, undisturbed, tmp_path) -> None:
    path, _ = cohort
    code = (
        "import sys, time; import helpers.surrogate as balls; import test_surrogate_restart as t\n"
        "from einthoven.numerics.training import loop\n"
        "from einthoven.learning.surrogate import train\n"
        "loop.CHECKPOINT_S = 0.0; losses = train.SurrogateTask.losses\n"
        "def slow(self, batch): time.sleep(0.2); return losses(self, batch)\n"
        "train.SurrogateTask.losses = slow\n"
        "known = {f'p{i:04d}': balls.ball_patient(i, 120, 6) for i in range(7)}\n"
        "train.train_surrogate('refraction', t.CONFIG, balls.BallEncoder(known), *sys.argv[1:])"
    )
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent), *sys.path])
    job = subprocess.Popen([sys.executable, "-c", code, str(path), str(tmp_path)],
                           env=os.environ | {"PYTHONPATH": paths})  # fmt: skip
    while not (tmp_path / FILE).exists():
        assert job.poll() is None, "ended before its first checkpoint"
        time.sleep(0.05)
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert not (tmp_path / OUTPUTS[1]).exists()
    train_surrogate("refraction", CONFIG, balls.BallEncoder(cohort[1]), path, tmp_path)
    assert [(tmp_path / name).read_bytes() for name in OUTPUTS] == undisturbed


def test_metadata_say_with_how_many_threads_these_bytes_come_again(cohort, tmp_path) -> None:
    config = CONFIG.model_copy(update=dict(epochs=1))
    train_surrogate("refraction", config, balls.BallEncoder(cohort[1]), cohort[0], tmp_path,
                    Machine(n_threads=2))  # fmt: skip
    assert load_model(tmp_path / OUTPUTS[0], "refraction")[1]["threads"] == 2


# --- samples in files -----------------------------------------------------------------------
def test_samples_are_the_same_again_and_decoded_once(cohort, tmp_path) -> None:
    path, known = cohort
    encoder = CountingEncoder(known)
    first = SplitSamples(path, encoder, "train", tmp_path)
    samples, total = list(first), first.sha256()
    assert encoder.n_decoded == 6
    again = SplitSamples(path, encoder, "train", tmp_path)
    for old, new in zip(samples, again):
        for a, b in zip((*old.inputs, *old[1:]), (*new.inputs, *new[1:])):
            assert torch.equal(a, b)
    assert again.sha256() == total and encoder.n_decoded == 6
    assert SplitSamples(path, encoder, "train").sha256() == total  # in a folder of its own


@pytest.mark.parametrize("changed", ["encoder", "store"])
def test_samples_of_another_encoder_or_store_are_made_anew(changed, cohort, tmp_path) -> None:
    path, known = cohort
    folder = tmp_path / "samples"
    first = SplitSamples(path, balls.BallEncoder(known), "train", folder)
    first.sha256()
    known = {name: dict(patient) for name, patient in known.items()}
    if changed == "encoder":
        known["p0002"]["latent"] = known["p0002"]["latent"] + np.float32(0.01)
    else:
        known["p0002"]["grad"] = 2 * known["p0002"]["grad"]
        path = tmp_path / "other.zarr.zip"
        balls.write_ball_store(path, list(known.values()), ["train"] * 6 + ["val"])
    other = SplitSamples(path, balls.BallEncoder(known), "train", folder)
    assert other.sha256() != first.sha256()
    same = [a == b for a, b in zip(other.sums, first.sums, strict=True)]
    assert same == [True, True, False, True, True, True]


def test_samples_of_other_code_are_made_anew(cohort, tmp_path, monkeypatch) -> None:
    path, known = cohort
    encoder = CountingEncoder(known)
    total = SplitSamples(path, encoder, "train", tmp_path).sha256()
    assert (
        SplitSamples(path, encoder, "train", tmp_path).sha256() == total and encoder.n_decoded == 6
    )
    monkeypatch.setattr(split_samples, "source_sha256", lambda package: "edited")
    assert SplitSamples(path, encoder, "train", tmp_path).sha256() == total
    assert encoder.n_decoded == 12


def anonymous_mb() -> float:
    """Memory of this process that is no file's, and that nobody could take from it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells")
def test_memory_does_not_grow_with_the_patients(tmp_path) -> None:
    """Twelve patients of 5 MB, all held at once and drawn from, cost less than one of them."""
    patients = [balls.ball_patient(i, n_points=12_000, n_electrodes=30) for i in range(2)]
    patients = [patients[i % 2] for i in range(12)]
    path = tmp_path / "einthoven.zarr.zip"
    encoder = balls.write_ball_store(path, patients, ["train"] * 12)
    train = SplitSamples(path, encoder, "train", tmp_path / "samples")
    train.sha256()
    one_mb = (tmp_path / "samples" / "p0000.safetensors").stat().st_size / 2**20
    assert one_mb > 4
    before = anonymous_mb()
    samples = list(train)
    drawn = [sample.grad[torch.arange(30)[:, None], sample.heart[:100]] for sample in samples]
    assert all(torch.isfinite(some).all() for some in drawn)
    assert anonymous_mb() - before < one_mb


# --- precision ------------------------------------------------------------------------------
def last_angle(folder: Path, cohort, **changed) -> float:
    path, known = cohort
    config = CONFIG.model_copy(update=changed)
    curve = train_surrogate("refraction", config, balls.BallEncoder(known), path, folder)
    assert all(np.isfinite(row["loss"]) for row in curve)
    return curve[-1]["val_angular_error_deg"]


def test_reduced_precision_of_the_layers_changes_little(cohort, tmp_path) -> None:
    exact = last_angle(tmp_path / "32", cohort, epochs=25)
    mixed = last_angle(tmp_path / "16", cohort, epochs=25, precision="bf16-mixed")
    assert mixed != exact and mixed == pytest.approx(exact, rel=0.1)

"""Scores of submissions are what they must be, and each that breaks a rule gets the reason."""

import json
import shutil
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.dataset import CONFIG, ELECTRODES, write_patient
from helpers.heart import activated_patient

import einthoven as ei
from einthoven.app.cli import main
from einthoven.app.evaluation.benchmark import score as scores
from einthoven.app.evaluation.benchmark.score import field_errors, row, score_submission, table
from einthoven.app.evaluation.benchmark.submission import (
    Card,
    Submission,
)
from einthoven.app.evaluation.benchmark.task import STORE, BenchmarkTask
from einthoven.base.config.load import as_params
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A data set of six tiny patients, two of them to test."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "stages").mkdir()
    stores = [write_patient(folder / "stages", index) for index in range(6)]
    consolidate(folder / STORE, stores, as_params(CONFIG))
    return folder


@pytest.fixture(scope="module")
def benchmark(dataset):
    return BenchmarkTask.open(dataset)


def submit(folder, benchmark, change=lambda grad: grad, names=None):
    """A submission of the truth, changed."""
    folder.mkdir()
    about = {"name": "truth", "authors": ["nobody"], "n_parameters": 7}
    submission = Submission.begin(folder, benchmark, **about)
    for name in names or benchmark.patients("test"):
        field = benchmark.field(name)
        submission.add(field, change(field.grad))
    return folder


def judged(folder, benchmark):
    return score_submission(Submission.open(folder, benchmark), benchmark)


def turned(grad, degrees):
    """Each vector turned about an axis across it."""
    rng = generator(1, "axes")
    axis = np.cross(grad, rng.normal(size=grad.shape))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.deg2rad(degrees)
    return np.cos(angle) * grad + np.sin(angle) * np.cross(axis, grad)


def test_the_truth_has_no_error(benchmark, tmp_path):
    found = judged(submit(tmp_path / "a", benchmark), benchmark)
    assert found["scores"].keys() >= {"angular_error_deg", "gradient_rel_l2", "length_rel_l2"}
    for its in found["scores"].values():
        assert its["mean"] == 0.0 and its["n_patients"] == 2


@pytest.mark.parametrize("degrees", [0.01, 3.0, 90.0, 180.0])
def test_vectors_turned_by_an_angle_err_by_it(benchmark, tmp_path, degrees):
    """And |R g - g| = 2 sin(angle / 2) |g|; lengths do not change."""
    change = lambda grad: turned(grad, degrees)  # noqa: E731
    found = judged(submit(tmp_path / "a", benchmark, change), benchmark)["scores"]
    for key in ("angular_error_deg", "angular_error_precordial_deg"):
        np.testing.assert_allclose(found[key]["mean"], degrees, rtol=1e-4, atol=1e-5)
    expected = 2 * np.sin(np.deg2rad(degrees) / 2)
    np.testing.assert_allclose(found["gradient_rel_l2"]["mean"], expected, rtol=1e-4)
    assert found["length_rel_l2"]["mean"] < 1e-6


def test_lengths_off_by_a_factor_err_by_it_and_angles_do_not(benchmark, tmp_path):
    found = judged(submit(tmp_path / "a", benchmark, lambda g: 1.25 * g), benchmark)["scores"]
    assert found["angular_error_deg"]["mean"] < 1e-4
    np.testing.assert_allclose(found["length_rel_l2"]["mean"], 0.25, rtol=1e-6)
    np.testing.assert_allclose(found["gradient_rel_l2"]["mean"], 0.25, rtol=1e-6)


def test_order_of_files_does_not_matter(benchmark, tmp_path):
    change = lambda grad: grad + generator(3).normal(size=grad.shape)  # noqa: E731
    names = benchmark.patients("test")
    first = judged(submit(tmp_path / "a", benchmark, change, names), benchmark)
    second = judged(submit(tmp_path / "b", benchmark, change, names[::-1]), benchmark)
    assert first == second


def test_one_turned_patient_counts_as_one_of_all(benchmark, tmp_path):
    folder, name = submit(tmp_path / "a", benchmark), benchmark.patients("test")[1]
    field = benchmark.field(name)
    Submission.open(folder, benchmark).add(field, turned(field.grad, 10.0))
    found = judged(folder, benchmark)["scores"]["angular_error_deg"]
    np.testing.assert_allclose([found["mean"], found["std"]], [5.0, 5.0], rtol=1e-4)


def test_only_field_points_of_the_heart_are_asked_for(benchmark, dataset):
    field = benchmark.field("p0002")
    inside = ei.open_dataset(dataset / STORE)["field"].isel(patient=2)["field_tissue"].values == 1
    assert field.points.shape == (inside.sum(), 3)
    assert field.grad.shape == (len(ELECTRODES), inside.sum(), 3)


def test_ecg_of_the_true_gradients_is_the_published_one():
    """A heart with its own activation: errors of lengths are those of the ECG, which is linear."""
    patient, config = activated_patient(), CONFIG
    rng, names = generator(5, "leads"), np.array(STANDARD_ELECTRODES)
    grad = rng.normal(size=(9, len(patient.heart.cells), 3)) * 1e-3
    beat = ei.activate(patient, "sinus", config.activation)
    fields = LeadFieldGradients(names, np.zeros((9, 3)), grad)
    settings = SimulationSettings.of(config)
    ecg = replace(simulate_ecg(patient, fields, beat, settings), scenario=np.array(["sinus"]))
    whole = patient.with_stages(beat, ecg)
    whole._read["field"] = SimpleNamespace(conductivities=None)
    task = BenchmarkTask(STORE, {}, (), as_params(config))
    assert scores.ecg_error(grad, whole, task) < 1e-6
    np.testing.assert_allclose(scores.ecg_error(0.9 * grad, whole, task), 0.1, rtol=1e-4)


def test_gradients_at_the_cells_of_some_patients_alone_are_refused(benchmark, tmp_path):
    folder = submit(tmp_path / "a", benchmark)
    field = benchmark.field(benchmark.patients("test")[0])
    cells = np.zeros((len(STANDARD_ELECTRODES), 4, 3))
    Submission.open(folder, benchmark).add(field, field.grad, cells)
    with pytest.raises(BadInput, match="cell_grad missing, as in 1 of 2 patients"):
        judged(folder, benchmark)


def test_rows_are_in_the_order_of_errors(benchmark, tmp_path):
    found = [judged(submit(tmp_path / f"{d}", benchmark, lambda g, d=d: turned(g, d)), benchmark)
             for d in (9.0, 4.0)]  # fmt: skip
    lines = table(found).splitlines()
    assert len(lines) == 4 and lines[2:] == [row(found[1]), row(found[0])]
    assert "| truth | 4 ± " in lines[2] and "| 7 |" in lines[2]


def test_errors_are_those_of_what_is_read_in_single_precision(benchmark):
    field = benchmark.field("p0002")
    assert field_errors(field.grad.astype(float), field)["angular_error_deg"] == 0.0


def test_command_prints_rows_and_writes_scores(benchmark, dataset, tmp_path, capsys):
    folder = submit(tmp_path / "a", benchmark)
    assert main(["score", str(folder), str(dataset), "--json", str(tmp_path / "s.json")]) == 0
    assert "| truth | 0 ± 0 |" in capsys.readouterr().out
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["scores"]["angular_error_deg"]["mean"] == 0.0
    assert set(found["per_patient"]) == {"p0002", "p0005"}


def test_command_tells_a_fault_in_one_line(benchmark, dataset, tmp_path, capsys):
    folder = submit(tmp_path / "a", benchmark)
    (folder / "p0002.npz").unlink()
    assert main(["score", str(folder), str(dataset)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "p0002: no prediction of 1 of 2 test patients" in told


# What is broken -> what the error must say.


def _card(**changes):
    def change(folder, benchmark):
        card = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps(card | changes))

    return change


def _arrays(change):
    def rewrite(folder, benchmark):
        path = folder / "p0005.npz"
        with np.load(path) as archive:
            arrays = {name: archive[name] for name in archive.files}
        path.unlink()
        np.savez(path, **change(arrays))

    return rewrite


def _grad(change):
    return _arrays(lambda arrays: arrays | {"grad": change(arrays["grad"])})


def _nan(grad):
    grad[1, 2, 0] = np.nan
    return grad


def _halved(folder, benchmark):
    data = (folder / "p0005.npz").read_bytes()
    (folder / "p0005.npz").write_bytes(data[: len(data) // 2])


def _without(key):
    def change(folder, benchmark):
        card = json.loads((folder / "card.json").read_text())
        del card[key]
        (folder / "card.json").write_text(json.dumps(card))

    return change


def _of_train(folder, benchmark):
    field = benchmark.field("p0000")
    Submission.open(folder, benchmark).add(field, field.grad)


BROKEN = {
    "no card": (lambda f, b: (f / "card.json").unlink(), "card.json: no such file; a submission"),
    "card is no JSON": (lambda f, b: (f / "card.json").write_text("{"), "card.json: not JSON"),
    "card of something else": (_card(format="croissant"), "format is not 'einthoven-submission'"),
    "card of a later version": (_card(format_version=9), "format_version 9"),
    "card without a name": (_without("name"), "'name' is missing"),
    "card with a slip": (_card(autors=["x"]), "unknown key autors"),
    "card with a number for a name": (_card(name=3), "name: 3 is of the wrong type"),
    "a huge card": (_card(description="x" * 200_000), "a card is a short text"),
    "other data": (_card(dataset="0" * 64), "made for other data"),
    "ohms": (_card(units="Ohm/mm"), "units 'Ohm/mm', expected 'kOhm/mm'"),
    "the heart's frame": (_card(frame="heart"), "frame 'heart', expected 'patient'"),
    "trained on the test": (_card(trained_on=["train", "test"]), "trained_on test"),
    "a patient is missing": (lambda f, b: (f / "p0002.npz").unlink(), "p0002: no prediction of 1"),
    "a patient of the training": (_of_train, "p0000: of split train"),
    "a stranger": (lambda f, b: shutil.copy(f / "p0002.npz", f / "p9999.npz"), "p9999.npz: does"),
    "a foreign file": (lambda f, b: (f / "weights.pt").write_bytes(b"x"), "weights.pt: does not"),
    "half a file": (_halved, "p0005.npz: not a readable .npz"),
    "text for a file": (lambda f, b: (f / "p0005.npz").write_text("x"), "not a readable .npz"),
    "no gradients": (_arrays(lambda a: {"electrodes": a["electrodes"]}), "p0005.npz: lacks grad"),
    "an array too many": (_arrays(lambda a: a | {"Z": a["grad"]}), "unknown array Z"),
    "electrodes in another order": (
        _arrays(lambda a: a | {"electrodes": a["electrodes"][::-1]}),
        "electrodes[0] is 'A000', the data set has 'RA' there",
    ),
    "another electrode": (
        _arrays(lambda a: a | {"electrodes": np.array([*a["electrodes"][:-1], "B7"])}),
        "electrodes[9] is 'B7'",
    ),
    "too few electrodes": (
        _arrays(lambda a: {"electrodes": a["electrodes"][:9], "grad": a["grad"][:9]}),
        "p0005.npz: grad: shape (9,",
    ),
    "points of the whole body": (_grad(lambda g: np.repeat(g, 2, axis=1)), "grad: shape (10,"),
    "potentials": (_grad(lambda g: g[..., 0]), "grad: shape (10,"),
    "NaN": (_grad(_nan), "grad: 1 of"),
    "a wrong unit": (_grad(lambda g: 1e3 * g), "another unit?"),
    "integers": (_grad(lambda g: g.astype(int)), "grad: dtype of kind 'i'"),
    "objects": (
        _arrays(lambda a: a | {"grad": np.array([{"run": "code"}], dtype=object)}),
        "dtype of kind 'O'",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_submission_is_told_why(benchmark, tmp_path, fault):
    change, told = BROKEN[fault]
    folder = submit(tmp_path / "a", benchmark)
    change(folder, benchmark)
    with pytest.raises(BadInput) as caught:
        judged(folder, benchmark)
    text = str(caught.value)
    assert told in text and "\n" not in text and str(folder) in text


def test_a_data_set_without_test_patients_is_told(dataset, tmp_path):
    stores = sorted((dataset / "stages").glob("p0000.zarr.zip"))
    consolidate(tmp_path / STORE, stores, as_params(CONFIG))
    with pytest.raises(BadInput, match="no patient of split test"):
        BenchmarkTask.open(tmp_path)


def test_a_patients_store_is_no_data_set(dataset):
    with pytest.raises(BadInput, match="not the store of a data set"):
        BenchmarkTask.open(dataset / "stages/p0000.zarr.zip")


def test_card_reads_back(tmp_path):
    card = Card(name="x", dataset="0" * 64, authors=["a", "b"], seeds=[1, 2], train_seconds=3.5)
    card.save(tmp_path)
    assert asdict(Card.read(tmp_path / "card.json")) == asdict(card)

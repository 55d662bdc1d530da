"""The shipped imaging model: what its card states, the tutorial, and two real recordings."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.imported_hearts import data_file
from helpers.tutorials import run_tutorial

from einthoven.app.cli import main
from einthoven.imaging.model.imaged_ecg import WARNING
from einthoven.imaging.model.imaging_model import SHIPPED, ImagingModel, image
from einthoven.physics.ecg.recordings.read import read_recording

ROOT = Path(__file__).resolve().parents[4]
MAX_MB = 8.0
KNOWN = ("with_measures", "ecg_only")


@pytest.fixture(scope="module")
def model():
    return ImagingModel.load()


def test_the_card_says_on_what_it_learned_and_what_it_can_do(model):
    size = sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file())
    assert size < MAX_MB * 1e6
    assert model.card["n_anatomies"] >= 24 and model.card["n_simulations"] >= 5_000
    assert "sinus" in model.card["patterns"] and model.card["forward"] == "fem-recorded"
    page = (ROOT / "docs/results/imaging.md").read_text()
    for known in KNOWN:
        figures = model.card["figures"]["test_anatomies"][known]
        assert {"at_error_ms", "coverage_90", "interval_width_ms", "n"} <= set(figures)
        assert 0.88 <= figures["coverage_90"] <= 0.93
        assert f"{figures['at_error_ms']:.1f} | {figures['coverage_90']:.3f}" in page


def test_the_tutorial_runs():
    """On an anatomy and a physiology that the model never saw, by the ECG alone."""
    found = run_tutorial("imaging")
    assert found["error"].mean() < 15.0 and found["inside"].mean() > 0.6
    assert not found["found"].people.in_distribution
    assert not found["found"].map_is_founded


@pytest.mark.parametrize("name", ["example-XML1.xml", "s0010_re.hea"])
def test_real_recordings_are_imaged_with_their_uncertainty_and_the_warning(model, name):
    """What is held: everything is stated. Whether it is true nobody knows."""
    found = image(read_recording(data_file(f"ecg/{name}")), model=model)
    low, high = found.interval
    assert (high - low).min() > 2.0 and np.isfinite(found.samples).all()
    assert found.warnings[-1] == WARNING
    said = " ".join(found.warnings)
    assert found.people.in_distribution != ("OUT OF DISTRIBUTION" in said)
    assert found.check.in_distribution != ("NOT FOUNDED" in said)
    assert found.line().endswith(f"; {found.verdict}")
    assert 40 < found.total_ms[0] < 250


@pytest.mark.parametrize("number, founded", [(1, True), (69, True), (129, True)])
def test_healthy_adults_are_called_paced_nowhere_and_maps_are_founded(
    number, founded, tmp_path, capsys
):
    """Fit people whom an earlier shipped model explained by three sites of pacing."""
    path = data_file(f"ptb-xl/records500/{number:05d}_hr.hea")
    assert main(["image", str(path), "--to", str(tmp_path)]) == 0
    written = [file.read_text() for file in tmp_path.glob("activation.[cj]s*")]
    said = "".join([capsys.readouterr().out, *written])
    assert "; in distribution of healthy people's ECGs; simulations like it: " in said
    assert "pattern: sinus" in said and not re.search(r"\bpaced-[123]\b", said)
    told = json.loads((tmp_path / "activation.json").read_text())
    assert told["pattern"] == "sinus" and told["map_is_founded"] is founded
    assert {file.suffix for file in tmp_path.iterdir()} == {".csv", ".json", ".npz"}

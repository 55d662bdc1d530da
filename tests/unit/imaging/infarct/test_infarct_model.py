"""The packed model: its file, what it says of recorded beats, and the shipped one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.imported_hearts import data_file
from helpers.infarct_pairs import made_up

from einthoven.app.cli import main
from einthoven.base.core.errors import BadInput
from einthoven.imaging.infarct.infarct_model import (
    ARTERIES,
    SHIPPED,
    WARNING,
    InfarctEstimate,
    InfarctModel,
    InfarctReport,
    infarct,
)
from einthoven.imaging.infarct.infarct_network import InfarctNetwork
from einthoven.imaging.infarct.infarct_picture import infarct_figure
from einthoven.physics.ecg.recordings.read import read_recording

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def model():
    return InfarctModel.load()


def estimate(presence=0.9, infarcted=(3, 4, 9, 10, 15)):
    segments = np.full((1, 17), 0.05)
    segments[0, np.array(infarcted) - 1] = 0.9
    size = np.array([[12.0, 5.0, 20.0]])
    return InfarctEstimate(np.array([presence]), segments, size, size / 20.0)


def test_the_file_gives_the_same_estimates(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = [InfarctNetwork().eval() for _ in range(2)]
    given = InfarctModel(networks, 0.5, -1.0, {"n_hearts": 3})
    given.save(tmp_path / "m.safetensors", "sha")
    given.save(tmp_path / "again", "sha")
    assert (tmp_path / "m.safetensors").read_bytes() == (tmp_path / "again").read_bytes()
    found, ecg = InfarctModel.load(tmp_path / "m.safetensors"), made_up(3).healthy
    for one, other in zip(given.estimate(ecg), found.estimate(ecg)):
        np.testing.assert_array_equal(one, other)
    assert found.about == {"n_hearts": 3}
    own, told = (found.estimate(ecg, is_recorded=r).presence for r in (False, True))
    logit = np.log(own / (1 - own))
    np.testing.assert_allclose(told, 1 / (1 + np.exp(1.0 - 0.5 * logit)), rtol=1e-5)


def test_what_is_no_model_and_what_is_no_beat_is_refused(model, tmp_path):
    with pytest.raises(BadInput, match="none.safetensors"):
        InfarctModel.load(tmp_path / "none.safetensors")
    (tmp_path / "cut").write_bytes(SHIPPED.read_bytes()[:1000])
    with pytest.raises(BadInput, match="cut"):
        InfarctModel.load(tmp_path / "cut")
    for wrong in (np.zeros((2, 12, 400)), np.full((1, 12, 500), np.nan)):
        with pytest.raises(BadInput, match="ecg"):
            model.estimate(wrong)


def test_estimates_are_probabilities_and_intervals_in_order(model):
    ecg = np.concatenate([made_up(10).healthy, 3.0 * made_up(10).scarred])
    found = model.estimate(ecg)
    for chance in (found.presence, found.segments, found.territory):
        assert chance.min() >= 0 and chance.max() <= 1
    np.testing.assert_allclose(found.territory.sum(axis=1), 1.0)
    for interval, most in ((found.lv_percent, 100.0), (found.transmurality, 1.0)):
        middle, low, high = interval.T
        assert ((0 <= low) & (low <= middle) & (middle <= high) & (high <= most)).all()


def test_the_territory_is_that_of_the_segments():
    for artery, infarcted in (("LAD", (1, 7, 13)), ("LCX", (5, 11)), ("RCA", (4, 10))):
        assert InfarctReport(estimate(infarcted=infarcted), "").artery == artery


def test_a_report_says_where_and_how_large_and_why_not():
    likely = InfarctReport(estimate(), "")
    assert "likely (90%)" in likely.line() and "inferior (RCA" in likely.line()
    assert "12 % of the left ventricle (90 % interval 5 to 20)" in likely.line()
    assert InfarctReport(estimate(0.1), "").line() == "infarct: unlikely (10%)"
    assert InfarctReport(estimate(0.3), "").line().startswith("infarct: possible (30%), most")
    unknown = InfarctReport(estimate(), "the beat is paced")
    assert unknown.line() == "infarct: not reported; the beat is paced"
    said = unknown.to_json()
    assert not said["reported"] and set(said["territory"]) == set(ARTERIES)
    texts = [text.get_text() for text in infarct_figure(likely, "p").axes[0].texts]
    assert texts.count("81") == 5 and texts.count("4") == 13  # per cent, and segment 4


def test_the_shipped_file_says_on_what_it_learned_and_the_page_of_results_has_its_figures(model):
    about = model.about
    assert about["n_hearts"] >= 40 and about["n_pairs"] >= 4000 and about["n_infarcts"] >= 20
    assert about["auc_of_unseen"] >= 0.8 and about["auc_of_walls"] >= 0.85
    assert SHIPPED.stat().st_size < 5e6
    page = (ROOT / "docs/results/infarcts.md").read_text()
    for name, words in (("auc_of_unseen", "infarct against healthy, AUC"),
                        ("auc_of_walls", "anterior against inferior, AUC")):  # fmt: skip
        assert f"| {words} | {about[name]:.2f} |" in page


@pytest.mark.parametrize(
    "file, words",
    [
        ("ptb-xl/records500/00001_hr.hea", "infarct: unlikely"),
        ("ptb-xl/records500/00240_hr.hea", "infarct: possible (34%), most likely inferior"),
        ("ecg/s0010_re.hea", "infarct: not reported; the QRS lasts 142 ms"),
    ],
)
def test_recordings_of_fit_people(file, words, tmp_path, capsys):
    path = data_file(file)
    assert main(["image", str(path), "--to", str(tmp_path)]) == 0
    assert words in capsys.readouterr().out
    said = json.loads((tmp_path / "infarct.json").read_text())
    assert said["warning"] == WARNING and len(said["segments"]) == 17
    report = infarct(read_recording(path))
    assert report.to_json() == said

"""The scripts of the imaging networks, on a made-up corpus written as simulations are."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.imaging_corpus import SPLITS, corpus
from helpers.workflow import ROOT
from test_scripts import load as script

from einthoven.base.config import load
from einthoven.base.core.names import INDEPENDENT_ROWS
from einthoven.imaging.corpus.beat_parameters import PARAMETERS
from einthoven.imaging.corpus.simulations import Simulations, read_corpus

pytestmark = pytest.mark.workflow
LOG = logging.getLogger("test")


@pytest.fixture(scope="module")
def simulations(tmp_path_factory):
    """Files of five hearts."""
    made_up, folder = corpus(), tmp_path_factory.mktemp("simulations")
    forward = ("fem", "pseudo")
    for name, split in SPLITS.items():
        rows = np.flatnonzero(made_up.patient == name)
        parameters = np.full((len(rows), len(PARAMETERS)), np.nan)
        for key, value in (("cycle_length_ms", 1000.0), ("i_kr_factor", 1.0)):
            parameters[:, PARAMETERS.index(key)] = value
        Simulations(
            name, split, forward, made_up.pattern[rows],
            np.stack([made_up.ecg(f)[rows] for f in forward], axis=1),
            made_up.activation_time[rows], made_up.apd90[rows], parameters,
            made_up.measures[rows[0]], made_up.measure_names,
        ).save(folder / f"{name}.npz")  # fmt: skip
    return folder


def test_train_then_evaluate(simulations, tmp_path):
    files = sorted(simulations.glob("*.npz"))
    section = load(ROOT / "config/ci.yaml").imaging_training.model_dump(mode="json")
    section |= {"networks": ["conditioned", "posterior"]}
    models = []
    for name in ("conditioned_anatomy", "conditioned_anatomy_1", "posterior_anatomy"):
        models.append(tmp_path / name / "model.safetensors")
        params = SimpleNamespace(training=name, section=section)
        script("imaging_train").main(files, SimpleNamespace(model=models[-1]), params, LOG)
    job = SimpleNamespace(simulations=files, models=models)
    output = [tmp_path / "metrics.json"]
    script("imaging_evaluate").main(job, output, SimpleNamespace(section=section), LOG)
    metrics = json.loads(output[0].read_text())
    row = metrics["networks"]["conditioned"]["anatomy"]
    assert row["n_anatomies"] == 3 and row["tested_on"] == "24 beats of 1 heart never seen"
    assert -1 <= row["vm_pearson"] <= 1 and row["apd_error_ms"] > 0
    row = metrics["networks"]["posterior"]["anatomy"]
    assert 0 < row["coverage_90"] <= 1 and row["interval_90_ms"] > 0 and row["sbc_off_percent"] > 0
    assert metrics["learning_curve"][0]["n_anatomies"] == 1


def test_a_corpus_reads_back(simulations):
    found, made_up = read_corpus(simulations), corpus()
    off = (found.ecg("pseudo") - made_up.ecg("pseudo"))[:, INDEPENDENT_ROWS]
    assert 0 < np.abs(off).max() < 0.00051, "whole microvolts"
    assert np.array_equal(found.activation_time, made_up.activation_time)


def test_the_record_of_a_paper_has_networks_and_nearest_beats(simulations, tmp_path, monkeypatch):
    section = load(ROOT / "config/landajuela.yaml").imaging_training.model_dump(mode="json")
    section |= {"networks": ["conditioned"], "conditioned_epochs": 1, "conditioned_width": 32,
                "left_out_pattern": "lbbb", "precision": 32}  # fmt: skip
    monkeypatch.chdir(tmp_path)
    files, models = sorted(simulations.glob("*.npz")), []
    for name in ("conditioned_anatomy", "conditioned_pattern"):
        models.append(tmp_path / name / "model.safetensors")
        params = SimpleNamespace(training=name, section=section)
        script("imaging_train").main(files, SimpleNamespace(model=models[-1]), params, LOG)
    job, params = (
        SimpleNamespace(simulations=files, models=models),
        SimpleNamespace(section=section),
    )
    script("imaging_evaluate").main(job, ["metrics.json"], params, LOG)
    script("reproduction_nearest").main(files, ["nearest.json"], params, LOG)
    sources = {"imaging": ["metrics.json"], "nearest": ["nearest.json"]}
    params = SimpleNamespace(paper="landajuela-2022", sources=sources, folder=str(tmp_path),
                             command="snakemake reproduction", config_sha256="0" * 12)  # fmt: skip
    script("reproduction_record").main(None, ["record.json"], params, LOG)
    record = json.loads((tmp_path / "record.json").read_text())
    papers = json.loads((ROOT / "docs/results/reproduction/papers.json").read_text())["papers"]
    rows = next(paper["rows"] for paper in papers if paper["paper"] == "landajuela-2022")
    keys = {row[column] for row in rows for column in ("ours", "floor") if column in row}
    # A record of longer training keeps its numbers under a name of its own.
    keys = {key.replace("conditioned-500-epochs", "conditioned") for key in keys}
    assert len(keys) > 10 and keys <= set(record["values"])
    assert record["commit"] == "unknown" and record["seconds"] == 0

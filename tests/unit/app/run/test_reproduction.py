"""Records of the papers' tables: numbers of nested metrics, seconds, and what each paper reads."""

import json
import subprocess

import pytest

from einthoven.app.run.reproduction import (
    TIMED,
    Reproduction,
    commit,
    numbers,
    record,
    seconds_of,
    values_of,
)
from einthoven.base.config import Config
from einthoven.base.core.errors import BadInput


def test_numbers_have_the_names_of_their_place_and_nothing_else_is_one():
    metrics = {"a": {"b": 1, "c": {"d": 2.5}}, "list": [1, 2], "text": "3", "no": None, "yes": True}
    assert dict(numbers(metrics, "x/")) == {"x/a/b": 1.0, "x/a/c/d": 2.5}


def test_values_of_repeats_stand_in_one_list(tmp_path):
    for k, metrics in enumerate(({"re": 1.0}, {"re": 2.0, "cc": 3.0})):
        (tmp_path / f"{k}.json").write_text(json.dumps(metrics))
    files = [tmp_path / "0.json", tmp_path / "1.json"]
    assert values_of({"n": files}) == {"n/re": [1.0, 2.0], "n/cc": [3.0]}
    with pytest.raises(BadInput, match="2.json"):
        values_of({"n": [tmp_path / "2.json"]})


def test_seconds_are_those_of_the_rules_own_jobs(tmp_path):
    (tmp_path / "imaging_train").mkdir()
    for name, seconds in (("imaging_train/a", 5.5), ("imaging_train/b", 2), ("evaluate", 1)):
        (tmp_path / f"{name}.tsv").write_text(f"s\th:m:s\n{seconds}\t0:00:05\n")
    assert seconds_of(["imaging_train"], tmp_path) == 7.5
    assert seconds_of(["imaging_train", "evaluate", "mesh"], tmp_path) == 8.5


def test_each_paper_reads_what_its_sections_make():
    config = Config(reproduction={"papers": list(TIMED), "geometry": "data", "repeats": 2})
    found = Reproduction(config)
    assert found.files("zhu-2025") == [f"results/reproduction/zhu/{k}.json" for k in (0, 1)]
    assert "results/imaging/metrics.json" in found.files("landajuela-2022")
    assert found.files("dokuchaev-2026") == ["results/report/metrics.json"]
    assert found.sha256 == Reproduction(config.model_copy()).sha256
    assert found.sha256 != Reproduction(Config()).sha256 and len(found.sha256) == 12
    with pytest.raises(ValueError, match=r"needs reproduction\.geometry"):
        Config(reproduction={"papers": ["zhu-2025"]})


def test_the_commit_says_whether_files_differ_from_it(tmp_path):
    assert commit(tmp_path) == "unknown"
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=b commit -qm c"):
        (tmp_path / "file").write_text("as committed")
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    assert len(commit(tmp_path)) == 10
    (tmp_path / "file").write_text("changed")
    assert commit(tmp_path).endswith("+")


def test_a_record_says_what_made_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.json").write_text('{"re": 1}')
    about = {"command": "c", "config_sha256": "s", "commit": "x"}
    found = record("zhu-2025", {"n": ["m.json"]}, about)
    assert found["values"] == {"n/re": [1.0]} and found["seconds"] == 0
    assert found.items() >= about.items() and "cores" in found["machine"]

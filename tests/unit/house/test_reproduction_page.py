"""docs/reproduction.md is made from its records, and says what nobody has run."""

import json

import pytest
from test_docs import tool

from einthoven.base.core.errors import BadInput

PAPERS = {"title": "T", "intro": ["Why."], "papers": [{
    "paper": "zhu-2025", "title": "Zhu", "differs": "All.", "command": "make",
    "columns": {"theirs": "here", "ours": "ours"},
    "rows": [{"what": "RE", "published": "0.1", "theirs": "a/re", "ours": "b/re"},
             {"what": "CC", "theirs": "a/cc"}]}]}  # fmt: skip
RECORD = {"paper": "zhu-2025", "command": "run seed 1", "config_sha256": "0123456789ab",
          "commit": "c", "machine": "2 cores", "date": "2026-11-25", "seconds": 1234,
          "values": {"a/re": [1.0, 2.0], "other": [3.0]}}  # fmt: skip


@pytest.fixture
def writer():
    return tool("write_reproduction")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "records/papers.json").write_text(json.dumps(PAPERS))
    return tmp_path / "records"


def kept(folder, name, **changes):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(RECORD | changes))
    return path


def test_the_page_is_written_from_its_records(writer):
    assert writer.PAGE.read_text() == writer.document(), "run tools/write_reproduction.py"


def test_every_number_of_a_record_is_shown(writer):
    papers = json.loads((writer.FOLDER / "papers.json").read_text())["papers"]
    for path in writer.FOLDER.glob("*-*.json"):
        record = json.loads(path.read_text())
        (paper,) = (paper for paper in papers if paper["paper"] == record["paper"])
        assert set(record["values"]) <= writer.shown(paper), path.name


def test_a_cell_is_mean_and_sd_or_not_run(writer, folder):
    assert "| RE | 0.1 | not run | not run |" in writer.document(folder)
    kept(folder, "zhu-2025-a")
    page = writer.document(folder)
    assert "| RE | 0.1 | 1.5 ± 0.71 (2) | not run |" in page and "| CC | - | not run | - |" in page
    assert "commit c, config 0123456789ab, 2 cores, 1,234 s: `run seed 1`" in page
    kept(folder, "zhu-2025-b", command="run seed 2", values={"a/re": [3.0], "b/re": [0.25]})
    assert "| RE | 0.1 | 2 ± 1 (3) | 0.25 |" in writer.document(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paper": "nobody-1999"}, r"paper 'nobody-1999'; known: \['zhu-2025'\]"),
        ({"more": 1}, r"unknown \['more'\]"),
        ({"command": "run slowly"}, r"both have a/re, by different commands"),
    ],
)
def test_records_that_cannot_stand_there_are_refused(writer, folder, changes, message):
    kept(folder, "zhu-2025-a")
    kept(folder, "zhu-2025-b", **changes)
    with pytest.raises(BadInput, match=message):
        writer.document(folder)


def test_a_record_is_kept_with_the_numbers_that_are_shown(writer, folder, tmp_path):
    path = writer.add(kept(tmp_path, "new"), folder)
    assert path.name == "zhu-2025-01234567.json"
    assert json.loads(path.read_text())["values"] == {"a/re": [1.0, 2.0]}
    with pytest.raises(BadInput, match="none of the numbers"):
        writer.add(kept(tmp_path, "empty", values={"other": [1.0]}), folder)

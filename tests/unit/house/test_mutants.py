"""The list of mutants fits the project; its tool tells killed ones from survivors."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import mutants
import pytest

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW = ("workflow/scripts/", "workflow/rules/", "src/einthoven/app/run/")
CALLS = """import half


def test_half():
    assert half.half(4) == 2
"""
TWO = [
    mutants.Mutant("seen", "half.py", "x / 2", "x / 3", ("test_half.py::test_half",), "thirds"),
    mutants.Mutant("unseen", "half.py", "5", "6", ("test_half.py",), "nobody asks"),
]


def test_every_mutant_is_of_today_and_half_of_them_are_in_the_workflow():
    listed = mutants.read_list(ROOT)
    assert mutants.stale(listed, ROOT) == []
    assert len(listed) >= 80 and all(m.why and m.tests and m.old != m.new for m in listed)
    assert sum(m.file.startswith(WORKFLOW) for m in listed) >= len(listed) / 2


@pytest.fixture
def project(tmp_path):
    (tmp_path / "half.py").write_text("LIMIT = 5\n\nMORE = 7\n\n\ndef half(x):\n    return x / 2\n")
    (tmp_path / "test_half.py").write_text(CALLS)
    (tmp_path / "conftest.py").write_text("import sys\n\nsys.path.insert(0, '.')\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_what_is_stale_is_named(project):
    assert mutants.stale(TWO, project) == []
    for fault, change in {
        "its text is 0 times in half.py, not once": {"old": "x * 2"},
        "its text is 2 times in half.py, not once": {"old": "\n\n"},
        "its text is 0 times in third.py, not once": {"file": "third.py"},
        "there is no test_half.py::test_third": {"tests": ("test_half.py::test_third",)},
        "there is no test_third.py": {"tests": ("test_third.py",)},
    }.items():
        assert mutants.stale([replace(TWO[0], **change)], project) == [f"seen: {fault}"]
    assert mutants.stale([TWO[0], TWO[0]], project) == ["seen: two mutants have this name"]


def test_survivors_are_named_and_end_with_status_one(project, tmp_path, capsys):
    before = (project / "half.py").read_bytes()
    copy = mutants.copy_of(project, tmp_path.parent / f"{tmp_path.name}-copy")
    found = list(mutants.verdicts(TWO, [copy], None))
    assert [verdict.killed for verdict in found] == [True, False]
    assert found[0].said.startswith("FAILED test_half.py::test_half")
    assert (copy / "half.py").read_bytes() == before == (project / "half.py").read_bytes()
    assert mutants.report(found, project / "out.json") == 1
    said = capsys.readouterr().out
    assert "no test sees unseen in half.py: nobody asks" in said and "1 of 2 killed (50 %)" in said
    rows = json.loads((project / "out.json").read_text())
    assert [row["killed"] for row in rows] == [True, False]
    assert mutants.report(found[:1], None) == 0


def test_a_test_that_is_not_there_says_nothing_about_a_mutant(project):
    with pytest.raises(RuntimeError, match="seen: pytest ended with status 4"):
        mutants.judged(replace(TWO[0], tests=("test_half.py::test_third",)), project, None)


def test_tests_that_fail_anyway_are_refused(project):
    (project / "half.py").write_text("def half(x):\n    return 0\n")
    with pytest.raises(SystemExit, match="fail without any mutant: FAILED test_half"):
        mutants.sound([project], TWO, None)

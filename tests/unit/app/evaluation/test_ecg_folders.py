"""Folders of recordings: what is read, skipped and left out; the same in several processes."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.recording_source import source
from helpers.recording_writers import muse_text, table_text, write_segments, write_wfdb

from einthoven.app.cli import main
from einthoven.app.evaluation import ecg_files
from einthoven.app.evaluation.ecg_files import ReadOptions, measure_files, read_samples
from einthoven.app.evaluation.ecg_folders import find_files
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five recordings, of which two have faults, below each other, among other files."""
    root = tmp_path_factory.mktemp("recordings")
    for name in ("a", "b/c", "segments"):
        (root / name).mkdir(parents=True)
    write_wfdb(root / "a", source(seed=1))
    write_segments(root / "segments", source(seed=2))
    (root / "b/ecg.xml").write_text(muse_text(source(seed=3)))
    flat = source().in_mv | {"V3": 0 * source().in_mv["V3"]}
    (root / "b/c/flat.csv").write_text("# fs: 500\n" + table_text(flat))
    (root / "b/c/bad.csv").write_text("I,II,V1\n1,x,2\n")
    (root / "b/c/sheet.csv").write_text("patient,age\n1,50\n")
    (root / "b/c/README.txt").write_text("Recordings of people\n")
    (root / "b/c/other.xml").write_text("<gpx/>")
    (root / "b/c/notes.pdf").write_bytes(b"%PDF")
    (root / ".hidden.csv").write_text("I,II\n")
    return root


def test_all_recordings_of_a_folder_are_found_once(folder):
    found = find_files([folder])
    names = [path.relative_to(folder).as_posix() for path in found.paths]
    assert names == ["a/rec.hea", "b/ecg.xml", "b/c/README.txt", "b/c/bad.csv", "b/c/flat.csv",
                     "b/c/other.xml", "b/c/sheet.csv", "segments/all.hea"]  # fmt: skip
    assert found.n_others == 1 and not found.listed


def test_what_is_no_recording_is_skipped_and_what_has_faults_is_listed(folder, tmp_path):
    found = measure_files([folder], ReadOptions())
    assert [row.name for row in found.rows] == ["rec", "ecg", "all"]
    assert found.n_files == 5 and found.n_skipped == 4
    assert {name.rpartition("/")[2] for name in found.failed} == {"flat.csv", "bad.csv"}
    assert any("lead V3: flat" in why for why in found.failed.values())
    assert list(found.reasons().values()) == [1, 1]
    assert any("lead ...: flat" == kind for kind in found.reasons())
    lines = found.lines()
    assert lines[0] == "read: 3 of 5 files with ECGs; 4 others were skipped"
    found.save_failed(tmp_path / "failed.csv")
    with (tmp_path / "failed.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == list(found.reasons())
    assert rows[1]["reason"].startswith("lead V3: flat; an electrode off")
    samples, failed = read_samples([folder], ReadOptions())
    assert [sample.name for sample in samples] == ["rec", "ecg", "all"]
    assert failed == found.failed


def test_many_reasons_are_counted_by_kind(folder, monkeypatch):
    monkeypatch.setattr(ecg_files, "SHOWN", 1)
    lines = measure_files([folder], ReadOptions()).lines()
    assert "left out: 1 x lead ...: flat" in lines and "--failed OUT.csv" in lines[-1]


def test_processes_give_the_same_in_the_same_order(folder, monkeypatch):
    monkeypatch.setattr(ecg_files, "LEAST_FILES", 2)
    monkeypatch.setattr(ecg_files, "CHUNK", 2)
    one, two = (measure_files([folder], ReadOptions(), n) for n in (1, 2))
    assert [row.name for row in one.rows] == [row.name for row in two.rows]
    for a, b in zip(one.rows, two.rows):
        np.testing.assert_array_equal(list(a.values.values()), list(b.values.values()))
    assert (one.failed, one.notes, one.n_skipped) == (two.failed, two.notes, two.n_skipped)


def test_files_given_by_name_are_not_skipped(folder):
    sheet = folder / "b/c/sheet.csv"
    with pytest.raises(BadInput, match="first line must name the leads"):
        measure_files([sheet], ReadOptions())
    found = measure_files([folder, sheet], ReadOptions())
    assert str(sheet) in found.failed


def test_a_file_that_no_reader_foresees_stops_nothing(folder, monkeypatch):
    def broken(path, declared):
        raise RecursionError("too deep")

    monkeypatch.setattr(ecg_files, "read_recording", broken)
    found = measure_files([folder], ReadOptions())
    assert len(found.failed) == 8 and not found.rows
    assert "RecursionError: too deep" in next(iter(found.failed.values()))


def test_the_audit_refuses_what_image_refuses(folder, tmp_path, capsys):
    assert main(["audit", str(folder / "b/c/flat.csv")]) == 2
    said = capsys.readouterr().err
    assert "lead V3: flat" in said and said.count("\n") == 1
    out, failed = tmp_path / "audit.json", tmp_path / "failed.csv"
    arguments = ["audit", str(folder), "--json", str(out), "--failed", str(failed), "--jobs", "1"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "read: 3 of 5 files" in said and "bad.csv: line 2 is not 3 numbers" in said
    assert failed.exists() and len(read_json(out)["failed"]) == 2


AUDIT = """
import sys
from einthoven.app.cli import main
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


def is_running(process):
    """Whether a process is there and has not ended; nobody may have asked for its status yet."""
    status = Path(f"/proc/{process}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


def test_an_interrupt_ends_all_processes_with_one_line(folder, tmp_path):
    """As a terminal does: the signal goes to all of the group."""
    for k in range(ecg_files.LEAST_FILES + 1):
        (tmp_path / f"{k}.xml").symlink_to(folder / "b/ecg.xml")
    script = tmp_path / "audit.py"
    script.write_text(AUDIT)
    process = subprocess.Popen(
        [sys.executable, str(script), "audit", str(tmp_path), "--jobs", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until = time.monotonic() + 60
    while len(children.read_text().split()) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    started = children.read_text().split()
    os.killpg(process.pid, signal.SIGINT)
    said, error = process.communicate(timeout=60)
    assert len(started) >= 2 and process.returncode == 130 and said == ""
    assert error.strip().count("\n") == 0 and "audit was interrupted" in error
    until = time.monotonic() + 20
    while any(map(is_running, started)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(is_running, started))

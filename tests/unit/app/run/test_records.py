"""Records of a job, and the report of `einthoven check` on files that differ from them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset import write_patient_store, write_stages

from einthoven.app.cli import main
from einthoven.app.run.records import PREFIX, faults_of, read_records, record_lines
from einthoven.base.core.files import save_arrays, write_json
from einthoven.data.dataset.consolidate import consolidate

JOB = """
from pathlib import Path
from types import SimpleNamespace
from einthoven.base.core.files import write_json
from einthoven.app.run.job import run

def main(input, output, params, log):
    write_json(output[0], {{"a": 1}})
    write_json(Path(output[0]).with_name("extra.json"), {{"a": 2}})
    {body}

run(main, SimpleNamespace(
    input=[], output=["results/patients/p0000/mesh.json"], params=None,
    log=["results/logs/mesh/p0000.log"],
))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/logs/mesh").mkdir(parents=True)
    return tmp_path


def job(body="pass"):
    command = [sys.executable, "-c", JOB.format(body=body)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_job_records_its_outputs_and_whatever_else_it_wrote(here):
    assert job().returncode == 0
    records = read_records(here / "results")
    names = ["mesh.json", "extra.json"]
    assert [path.relative_to(here / "results/patients/p0000").name for path in records] == names
    for path, record in records.items():
        assert (record.rule, record.size) == ("mesh", path.stat().st_size)
        assert record.remedy == "results/patients/p0000/mesh.json"
    assert faults_of(records) == {}


def test_a_job_that_fails_takes_its_records_back(here):
    """Snakemake deletes its outputs; a log that still vouched for them would be wrong."""
    assert job().returncode == 0
    assert job("1 / 0").returncode == 1
    assert read_records(here / "results") == {}


def test_a_repeated_record_replaces_the_first(here):
    """Two jobs of killed and living controllers may write one file and one log."""
    file, log = here / "results/a.json", here / "results/logs/mesh/p0000.log"
    for text in ("first", "the second"):
        file.write_text(text)
        with open(log, "a") as lines:
            lines.write(record_lines(["results/a.json"]))
    assert log.read_text().count(PREFIX) == 2
    assert faults_of(read_records(here / "results")) == {}


def test_a_full_disk_is_told_on_the_terminal_where_the_log_cannot_hold_it(here):
    logs = here / "results/logs"
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(logs)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        (logs / "ballast").write_bytes(bytes(4096))
        (logs / "mesh").mkdir()
        done = job()
    finally:
        subprocess.run(["umount", str(logs)], check=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "results/logs/mesh/p0000.log: the disk is full (0 bytes free); make space" in done.stderr


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory):
    """Results of two patients with their logs, as jobs leave them."""
    folder = tmp_path_factory.mktemp("run")
    before = os.getcwd()
    os.chdir(folder)
    for index, patient in enumerate(("p0000", "p0001")):
        store = f"results/dataset/patients/{patient}.zarr.zip"
        write_patient_store(store, **write_stages(folder / f"stages{index}", index))
        stage = f"results/patients/{patient}/mesh.npz"
        save_arrays(stage, {"points": np.arange(300.0)})
        write_json(f"results/cohort/{patient}.json", {"patient": patient})
        log("cohort", patient, f"results/cohort/{patient}.json")
        log("mesh", patient, stage)
        log("patient_store", patient, store)
    stores = [f"results/dataset/patients/p000{i}.zarr.zip" for i in (0, 1)]
    consolidate("results/dataset/einthoven.zarr.zip", stores, {})
    log("consolidate", "", "results/dataset/einthoven.zarr.zip")
    os.chdir(before)
    return folder


def log(rule, patient, *files):
    path = f"results/logs/{rule}/{patient}.log" if patient else f"results/logs/{rule}.log"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write("INFO done\n" + record_lines(files))


@pytest.fixture
def run(run_of_two, tmp_path, monkeypatch):
    folder = tmp_path / "p2024"  # not the name of a patient
    monkeypatch.chdir(shutil.copytree(run_of_two, folder))
    return folder


def checked(capsys, *arguments):
    """Exit status, what was said, and the lines of faults; from another folder it is the same."""
    statuses, said = [], []
    for path in (Path.cwd() / "results", Path("results")):
        statuses.append(main(["check", str(path), *arguments]))
        said.append(capsys.readouterr())
    assert statuses[0] == statuses[1]
    assert len(said[0].err.splitlines()) == len(said[1].err.splitlines())
    return statuses[1], said[1].out, said[1].err.removeprefix("einthoven: ").splitlines()


def test_a_sound_run(run, capsys):
    status, said, faults = checked(capsys)
    assert (status, faults) == (0, [])
    assert "7 files as their jobs recorded them" in said and said.count(": ok, ") == 3
    assert "unverifiable" not in said


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)


SPOIL = {
    "SHA-256 differs from the record": flip,
    "100 bytes, recorded were": lambda path: os.truncate(path, 100),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("fault", SPOIL)
def test_a_fault_names_file_rule_and_repair(run, capsys, fault):
    name = "results/patients/p0001/mesh.npz"
    SPOIL[fault](run / name)
    status, said, faults = checked(capsys)
    assert status == 2 and len(faults) == 2 and "6 files as" in said
    assert faults[0].startswith(f"{name}: {fault}")
    assert faults[0].endswith(f"; rule mesh; repair: snakemake --profile local --force {name}")


def test_several_faults_have_one_command(run, capsys):
    names = ["results/cohort/p0000.json", "results/dataset/patients/p0001.zarr.zip"]
    for name in names:
        flip(run / name)
    status, _, faults = checked(capsys)
    assert status == 2 and len(faults) == 4
    assert "rule patient_store" in faults[1] and ": damaged (" in faults[1]  # names the variable
    assert faults[2] == f"repair all at once: snakemake --profile local --force {' '.join(names)}"


def test_a_file_without_record_is_unverifiable_not_silently_well(run, capsys):
    (run / "results/logs/mesh/p0001.log").unlink()
    checkpoint = run / "results/surrogates/pca-mlp/checkpoint/training.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"of a training that was killed: not meant to have one")
    status, said, _ = checked(capsys)
    name = "results/patients/p0001/mesh.npz"
    assert status == 0
    line = f"{name}: unverifiable, no log has its record; rule mesh; make it anew: snakemake"
    assert line in said and said.count("unverifiable") == 1
    shutil.rmtree(run / "results/logs")
    for index in range(20):
        (run / f"results/report/{index}.html").parent.mkdir(exist_ok=True)
        (run / f"results/report/{index}.html").write_text("")
    status, said, _ = checked(capsys)
    assert status == 0 and said.count("unverifiable") == 10 and "and 14 more files" in said


def test_a_patient_outside_the_data_set_is_told_and_may_be_deleted(run, capsys):
    for name in ("patients/p0001/mesh.npz", "patients/p0000/mesh.npz"):
        stranger = name.replace("p000", "p004")
        (run / "results" / stranger).parent.mkdir()
        shutil.copy(run / "results" / name, run / "results" / stranger)
        log("mesh", stranger[9:14], f"results/{stranger}")
    store = "results/dataset/patients/{}.zarr.zip"
    shutil.copy(run / store.format("p0001"), run / store.format("p0041"))
    (run / "results/patients/p0040/mesh.npz").unlink()
    status, said, faults = checked(capsys)
    assert (status, faults) == (0, [])
    assert "not in the data set, so nothing reads their files: p0041" in said


def test_temporaries_of_killed_jobs_are_listed_and_swept(run, capsys):
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = os.uname().nodename.partition(".")[0]
    folder = run / "results/patients/p0000"
    kept = folder / f".mesh.npz.{host}.{os.getpid()}.tmp"
    left = folder / f".mesh.npz.{host}.{dead.pid}.tmp"
    other, old = (folder / f".mesh.npz.elsewhere.{pid}.tmp" for pid in (1, 2))
    for path in (kept, left, other, old):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    parts = run / f"results/dataset/.einthoven.zarr.zip.{host}.{dead.pid}.parts"
    (parts / "sdf").mkdir(parents=True)
    (parts / "sdf/zarr.json").write_text("{}")
    status, said, _ = checked(capsys)
    assert status == 0 and "unverifiable" not in said
    assert said.count("left by a killed job") == 3 and said.count("being written") == 2
    assert left.exists()
    checked(capsys, "--sweep")
    assert [p.exists() for p in (kept, left, other, old, parts)] == [1, 0, 1, 0, 0]
    save_arrays(folder / "mesh.npz", {"points": np.zeros(3)})  # its writer is this process
    assert not kept.exists() and other.exists()

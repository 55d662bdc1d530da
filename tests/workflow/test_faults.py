"""Faults on one machine: after each the documented command completes the run, byte for byte."""

import os
import re
import shutil
import signal
import subprocess

import psutil
import pytest
from helpers.faults import Project, kill_tree, kill_writer, wait_for
from helpers.workflow import CI, planned

from einthoven.app.cli import main as einthoven

pytestmark = pytest.mark.workflow
STORE = "results/dataset/patients/p0000.zarr.zip"
STAGES = "results/patients/p0000"
SDF = f"{STAGES}/sdf.npz"
"""Made again after each fault: of all stages the cheapest."""


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory):
    """A copy of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("faults") / "project"
    return Project(shutil.copytree(finished, folder, symlinks=True))


@pytest.fixture(scope="module")
def undisturbed(project):
    return project.sums("patients", "dataset")


@pytest.fixture
def unfinished(project, undisturbed):
    """The project without one stage of its patient."""
    (project.folder / SDF).unlink()
    yield project
    if project.sums("patients", "dataset") != undisturbed:  # the next test needs it whole
        project.run("--unlock")
        project.run("--", STORE)


def start(project, target=SDF):
    """A controller, and the first jobs that it runs."""
    controller = project.start("--", target)
    return controller, wait_for(project.jobs, controller, every=0.05)


def complete(project, undisturbed, target=SDF):
    """Run the documented command; everything is as if nothing had happened."""
    status, said = project.run("--", target)
    assert status == 0, said[-3000:]
    psutil.wait_procs(project.jobs(), timeout=60)  # orphans of a killed controller
    assert project.sums("patients", "dataset") == undisturbed
    assert project.temporaries() == []
    assert einthoven(["check", str(project.folder / "results")]) == 0


def test_a_killed_job(unfinished, undisturbed):
    controller, jobs = start(unfinished)
    kill_tree(jobs[0])
    assert controller.wait(timeout=120) == 1
    assert not (unfinished.folder / SDF).exists()
    complete(unfinished, undisturbed)


def test_a_job_killed_in_the_middle_of_a_write(unfinished, undisturbed):
    """Job of the store, whose writing takes longest; nothing keeps it but the removed stage."""
    (unfinished.folder / STORE).unlink()
    assert unfinished.run("--", SDF)[0] == 0
    controller, _ = start(unfinished, STORE)
    left = kill_writer(unfinished, controller)
    assert controller.wait(timeout=120) == 1
    assert left and unfinished.temporaries() == left
    complete(unfinished, undisturbed, STORE)


def test_a_killed_controller_and_its_stale_lock(unfinished, undisturbed):
    """Jobs of the killed run go on and write the same files as the jobs of the next run."""
    controller, (job,) = start(unfinished)
    job.suspend()
    controller.kill()
    controller.wait()
    status, said = unfinished.run("--", SDF)
    assert status == 1 and "--unlock" in said
    assert unfinished.run("--unlock")[0] == 0
    job.resume()
    complete(unfinished, undisturbed)


def test_control_c(unfinished, undisturbed):
    controller, jobs = start(unfinished)
    os.killpg(controller.pid, signal.SIGINT)
    assert controller.wait(timeout=60) == 1
    assert not any(job.is_running() for job in jobs)
    complete(unfinished, undisturbed)  # without --unlock


def test_two_controllers(unfinished, undisturbed):
    first, (job,) = start(unfinished)
    job.suspend()
    status, said = unfinished.run("--", SDF)
    assert status == 1 and "Directory cannot be locked" in said
    job.resume()
    assert first.wait(timeout=120) == 0
    assert unfinished.sums("patients", "dataset") == undisturbed


def repaired(project, capsys, file, message):
    """Check finds the fault; run the repair that it names."""
    capsys.readouterr()
    assert einthoven(["check", str(project.folder / "results")]) == 2
    fault, _ = capsys.readouterr().err.splitlines()
    assert re.search(rf"{file}: {message}; rule ", fault), fault
    status, said = project.run(*fault.partition("--profile local ")[2].split())
    assert status == 0, said[-3000:]


def test_a_truncated_stage_file(project, undisturbed, capsys):
    path = project.folder / STAGES / "purkinje.npz"
    before = path.stat()
    os.truncate(path, before.st_size // 2)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    repaired(project, capsys, "purkinje.npz", r"\d+ bytes, recorded were \d+")
    assert project.sums("patients", "dataset") == undisturbed
    assert planned(project.folder, *CI, "--", STORE) == {}  # read with the same content before


def test_a_corrupted_chunk(project, undisturbed, capsys):
    with open(project.folder / STORE, "r+b") as file:
        file.seek(os.path.getsize(file.name) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 4]))
    repaired(project, capsys, "p0000.zarr.zip", r"\w+/\w+: damaged .*")
    assert project.sums("patients", "dataset") == undisturbed


@pytest.fixture
def small_disk(unfinished):
    """The patient's folder on a disk of its own with 8 kB to spare."""
    folder, aside = unfinished.folder / STAGES, unfinished.folder / "aside"
    folder.rename(aside)
    folder.mkdir()
    size = sum(-(-p.stat().st_size // 4096) * 4096 for p in aside.iterdir()) + 8192
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        folder.rmdir()
        aside.rename(folder)
        pytest.skip("mounting a small disk needs root")
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    yield folder
    shutil.copytree(folder, aside, dirs_exist_ok=True)
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()
    aside.rename(folder)


def test_a_full_disk(unfinished, undisturbed, small_disk):
    status, _ = unfinished.run("--", SDF)
    assert status == 1
    log = (unfinished.folder / "results/logs/sdf_samples/p0000.log").read_text()
    line = r"StepFailed: results/patients/p0000/sdf.npz: the disk is full \(\d+ bytes free"
    assert re.search(line, log), log
    assert not (small_disk / "sdf.npz").exists() and unfinished.temporaries() == []
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    complete(unfinished, undisturbed)

"""Forks of a warm interpreter: they are what `python script` is, and import nothing again."""

import os
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.workflow import ROOT
from snakemake.script import PythonScript

from einthoven.app.run.forks import LAZY, ONE_THREAD, WarmPython, fork_scripts, modules_of

SCRIPTS = ROOT / "workflow/scripts"


@pytest.fixture(scope="module")
def warm():
    """A server with the modules of a mesh."""
    return WarmPython([SCRIPTS / "mesh.py"], LAZY["geometry"])


@pytest.fixture
def script(tmp_path: Path):
    """A function that writes a script, which finds the file `out` as its variable."""

    def write(text: str) -> Path:
        path = tmp_path / "tmp1234.script.py"
        path.write_text(f"from pathlib import Path\nout = Path({str(tmp_path / 'out')!r})\n{text}")
        return path

    return write


def test_a_fork_finds_modules_imported_and_a_server_without_threads(warm, script, tmp_path):
    body = (
        "import os, sys\n"
        "tasks = len(os.listdir(f'/proc/{os.getppid()}/task'))\n"
        "here = [name for name in ('numpy', 'gmsh', 'einthoven.body.mesh.tetrahedra', 'torch')\n"
        "        if name in sys.modules]\n"
        'out.write_text(f\'{tasks} {" ".join(here)}\\n{__name__} {os.environ["TMPDIR"]}\')\n'
    )
    warm.run(script(body), {"TMPDIR": "/somewhere"})
    first, second = (tmp_path / "out").read_text().splitlines()
    assert first == "1 numpy gmsh einthoven.body.mesh.tetrahedra"
    assert second == "__main__ /somewhere"
    assert os.environ.get("TMPDIR") != "/somewhere"


@pytest.mark.parametrize(
    "text, status",
    [
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('a reason')", 1),
        ("raise ValueError('no')", 1),
        ("import os; os.kill(os.getpid(), 9)", -9),
    ],
)
def test_the_status_of_a_script_that_fails(warm, script, text, status):
    with pytest.raises(subprocess.CalledProcessError) as error:
        warm.run(script(text), {})
    assert error.value.returncode == status


def test_scripts_run_at_the_same_time_and_are_measured(warm, script, tmp_path):
    measured = []

    @contextmanager
    def measure(pid: int):
        assert Path(f"/proc/{pid}").exists()
        yield
        measured.append(pid)

    path = script("import os, time\ntime.sleep(0.5)\n(out.parent / str(os.getpid())).touch()\n")
    threads = [threading.Thread(target=warm.run, args=(path, {}, measure)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(measured)) == 4
    assert all((tmp_path / str(pid)).exists() for pid in measured)


def test_every_script_names_its_modules():
    assert modules_of(SCRIPTS / "cohort.py") == [
        "einthoven.app.run.job",
        "einthoven.base.config.models",
        "einthoven.body.anatomy.population.cohort",
    ]
    assert all("einthoven.app.run.job" in modules_of(path) for path in SCRIPTS.glob("*.py"))


def workflow(n: int) -> SimpleNamespace:
    """What `fork_scripts` asks of a workflow with some jobs of the rule mesh."""
    rule = SimpleNamespace(name="mesh", script="../scripts/mesh.py", conda_env="envs/geometry.yaml")
    jobs = [SimpleNamespace(rule=rule)] * n
    return SimpleNamespace(dag=SimpleNamespace(needrun_jobs=lambda: jobs))


@pytest.mark.parametrize(
    "n, change, forked",
    [
        (8, {}, True),
        (1, {}, False),
        (8, {"threads": 2}, False),
        (8, {"conda_env": "/envs/a1b2"}, False),
        (8, {"container_img": "image"}, False),
        (8, {"rulename": "other"}, False),
    ],
)
def test_jobs_that_are_forked(n, change, forked, script, tmp_path, monkeypatch):
    anew: list[str] = []
    monkeypatch.setattr(PythonScript, "execute_script", lambda job, name, edit: anew.append(name))
    for name in ONE_THREAD:  # as it was after the test
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    fork_scripts(workflow(n), SCRIPTS)
    usual = dict(rulename="mesh", threads=1, resources={"tmpdir": "/t"}, conda_env=None,
                 container_img=None, env_modules=None, bench_record=None)  # fmt: skip
    path = str(script("import os\nout.write_text(os.environ['TMPDIR'])"))
    PythonScript.execute_script(SimpleNamespace(**usual | change), path)
    assert (tmp_path / "out").exists() is forked
    assert anew == ([] if forked else [path])

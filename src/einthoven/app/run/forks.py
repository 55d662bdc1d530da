"""Jobs as forks of an interpreter that has imported their modules already.

Snakemake starts Python anew for every script. Half of a short job is then imports: 0.6 to 4 s of
processor time. Here the jobs of one machine are forks of servers (Python's `ForkServer`), one for
each environment file of the rules. A server imports the scripts' modules once. All else stays as it
is: one process, one log, one benchmark file and one exit status for each job.
"""

import ast
import gc
import os
import pickle
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing.forkserver import ForkServer, read_signed
from pathlib import Path
from typing import Any

from einthoven.base.core.errors import extra

WORTHWHILE = 4
"""Number of jobs from which a server's imports take less time than those of the jobs."""
PREAMBLE = ("snakemake.iocontainers", "snakemake.logging", __name__)
"""Modules that every fork imports: what Snakemake writes at the head of a script, and this one."""
NUMBA = "einthoven.app.run.warm_numba"
LAZY = {
    "geometry": ("gmsh", "pyacvd", "pymeshlab", "pyvista", "scipy.ndimage", NUMBA),
    "fem": ("sksparse.cholmod", "zarr.codecs", "zarr.storage", NUMBA),
    "learning": ("safetensors.torch", "zarr.codecs", "zarr.storage"),
}
"""Environment -> packages that its scripts import inside functions. None of them may start a
thread: a fork has no threads, so a lock that one held would never open (PETSc starts MPI)."""
ONE_THREAD = {
    f"{library}_{name}": "1"
    for name, libraries in {
        "NUM_THREADS": ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR"),
        "MAXIMUM_THREADS": ("VECLIB",),
    }.items()
    for library in libraries
}
"""Variables that Snakemake sets for a job with one thread; libraries read them on import."""

Measure = Callable[[int], AbstractContextManager[Any]]


def unmeasured(_pid: int) -> AbstractContextManager[Any]:
    """Measure nothing."""
    return nullcontext()


@dataclass(frozen=True)
class ForkedScript:
    """A script and the variables of its environment, as they are sent to a server."""

    script: str
    environment: Mapping[str, str]

    def _bootstrap(self, _parent: int) -> int:
        """Exit status of the script; the server calls this method in the new process."""
        gc.freeze()  # no collection visits, and so copies, what the server has imported
        os.environ.update(self.environment)
        tempfile.tempdir = None  # the server may have looked for it with another TMPDIR
        sys.argv = [self.script]
        try:
            runpy.run_path(self.script, run_name="__main__")
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        return status


class WarmPython:
    """A server whose forks run scripts; it starts with the first of them."""

    def __init__(self, scripts: Iterable[Path], packages: Iterable[str] = ()):
        modules = {module for script in scripts for module in modules_of(script)}
        self.server = ForkServer()
        self.server.set_forkserver_preload([*PREAMBLE, *sorted(modules), *packages])

    def run(
        self, script: str | Path, environment: Mapping[str, str], measure: Measure = unmeasured
    ) -> None:
        """Run a script as `python script` would, and wait for its end; from any thread.

        Args:
            script: a file.
            environment: variables that are added to those of the server.
            measure: process id -> context that is open while the process runs.

        Raises:
            CalledProcessError: the script failed, was killed, or lost its server.
        """
        self.server.ensure_running()
        status_fd, data_fd = self.server.connect_to_new_process([])
        with open(status_fd, "rb") as pipe:
            with open(data_fd, "wb") as data:
                # what multiprocessing would restore in the process, which is nothing; the process
                pickle.dump({}, data)
                pickle.dump(ForkedScript(str(script), dict(environment)), data)
            try:
                with measure(read_signed(pipe.fileno())):
                    status = read_signed(pipe.fileno())
            except EOFError:
                status = -signal.SIGKILL
        if status:
            raise subprocess.CalledProcessError(status, [sys.executable, str(script)])


def modules_of(script: str | Path) -> list[str]:
    """Modules that a script imports when it starts."""
    body = ast.parse(Path(script).read_text()).body
    plain = [alias.name for node in body if isinstance(node, ast.Import) for alias in node.names]
    return plain + [
        node.module for node in body if isinstance(node, ast.ImportFrom) and node.module
    ]


def fork_scripts(workflow: Any, folder: Path) -> None:
    """Make Snakemake run the Python scripts of this process's jobs as forks.

    Jobs with several threads, and those in an environment or a container of their own, are started
    as before, and so are all where there are too few for a server. The jobs of the Snakefile's
    object `workflow` are known in `onstart`; the folder is that of the scripts.
    """
    if sys.platform != "linux":  # elsewhere the system's own libraries do not bear a fork
        return
    with extra("workflow", "a run"):
        from snakemake.benchmark import benchmarked
        from snakemake.script import PythonScript

    os.environ.update(ONE_THREAD)
    scripts: dict[str, list[str]] = defaultdict(list)
    environments: dict[str, str] = {}
    for job in workflow.dag.needrun_jobs():
        if job.rule.script:
            environments[job.rule.name] = Path(str(job.rule.conda_env)).stem
            scripts[environments[job.rule.name]].append(Path(str(job.rule.script)).name)
    servers = {
        environment: WarmPython(map(folder.joinpath, sorted(set(names))), LAZY.get(environment, ()))
        for environment, names in scripts.items()
        if len(names) >= WORTHWHILE
    }
    start_anew = PythonScript.execute_script

    def execute_script(job: Any, name: str, edit: bool = False) -> None:
        server = servers.get(environments.get(job.rulename, ""))
        elsewhere = job.conda_env or job.container_img or job.env_modules
        if server is None or elsewhere or job.threads != 1:
            start_anew(job, name, edit)
            return
        folder = job.resources.get("tmpdir")
        names = ("TMPDIR", "TMP", "TEMPDIR", "TEMP") if folder else ()
        record = job.bench_record
        measure = unmeasured if record is None else partial(benchmarked, benchmark_record=record)
        server.run(name, dict.fromkeys(names, str(folder)), measure)

    PythonScript.execute_script = execute_script

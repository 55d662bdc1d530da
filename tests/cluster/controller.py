"""Snakemake as a controller of SLURM jobs, in a copy of the project."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.workflow import CI, ROOT, copy_project, environment

PROFILE = ("--profile", "slurm")
IMPATIENT = Path(__file__).with_name("impatient.py")


class Project:
    """A copy of the working tree in which controllers run on the CI config.

    Args:
        folder: where to; it must not exist.
        made: a project whose results, and the records of how they were made, are copied too.
    """

    def __init__(self, folder: Path, made: Path | None = None):
        self.folder = copy_project(folder, made or ROOT)
        self.log = folder / "controller.log"
        if made:
            shutil.copytree(made / "results", folder / "results")
            shutil.copytree(made / ".snakemake/metadata", folder / ".snakemake/metadata")

    def path(self, name: str) -> Path:
        """A file of the project."""
        return self.folder / name

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A controller in the background; its output goes to `log`; it ends with the block."""
        variables = environment(self.folder) | {"OMP_NUM_THREADS": "1"}
        with self.log.open("w") as log:
            controller = subprocess.Popen(
                [sys.executable, IMPATIENT, *arguments, *PROFILE, *CI],
                cwd=self.folder,
                env=variables,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # a test run in the background may have been told to ignore Ctrl-C
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        try:
            yield controller
        finally:
            controller.kill()
            controller.wait()

    def run(self, *arguments: str) -> str:
        """Run a controller to its end and return its output.

        Raises:
            RuntimeError: it failed; with the end of its output.
        """
        with self.started(*arguments) as controller:
            return self.finish(controller)

    def finish(self, controller: subprocess.Popen[bytes], seconds: float = 900) -> str:
        """Wait for a controller that should succeed and return its output.

        Raises:
            RuntimeError: it failed; with the end of its output.
        """
        status = controller.wait(seconds)
        output = self.log.read_text()
        if status:
            raise RuntimeError(f"snakemake ended with {status}:\n{output[-6000:]}")
        return output

"""Plant the bugs of tests/mutants.toml one at a time, and say which of them no test sees.

    python tools/mutants.py --only ecg-sign --json results/mutants.json

Each mutant is one changed text in a private copy of the project; its tests are run there until the
first one fails. Two copies are at work at a time. Ends with status 1 if fewer than 95 % are killed.
"""

import argparse
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[1]
LIST = "tests/mutants.toml"
WANTED = 0.95
"""Least share of the mutants that tests must see."""
WORKERS = 2
TIMEOUT_S = 240.0
"""A mutant that makes its tests hang is seen, too."""
FAILED, INTERRUPTED = 1, 2
"""Exit statuses of pytest: a test failed, or none could be collected."""
MAKE_VARIED = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from helpers.workflow import run_varied
if __name__ == "__main__":
    sys.exit(run_varied(Path(sys.argv[1])) or 0)  # an empty text would be status 1
"""
"""Makes the finished run that tests/conftest.py takes from $EINTHOVEN_VARIED."""


@dataclass(frozen=True)
class Mutant:
    """One planted bug.

    Attributes:
        name: for `--only` and for the report.
        file: of the project.
        old, new: the text that is there exactly once, and the one that takes its place.
        tests: that should see it, as arguments of pytest.
        why: what would be wrong for a user.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    why: str

    def fault(self, root: Path) -> str:
        """What is stale about it in a project; empty if nothing is."""
        path = root / self.file
        found = path.read_text().count(self.old) if path.is_file() else 0
        if found != 1:
            return f"{self.name}: its text is {found} times in {self.file}, not once"
        for test in self.tests:
            file, *names = test.split("[")[0].split("::")
            text = (root / file).read_text() if (root / file).is_file() else ""
            if not text or any(not re.search(rf"def {name}\(", text) for name in names):
                return f"{self.name}: there is no {test}"
        return ""


@dataclass(frozen=True)
class Verdict:
    """Whether a mutant was killed, in how many seconds, and the last line of its tests."""

    mutant: Mutant
    killed: bool
    seconds: float
    said: str


def read_list(root: Path) -> list[Mutant]:
    """All mutants of a project."""
    rows = tomllib.loads((root / LIST).read_text())["mutant"]
    return [Mutant(**row | {"tests": tuple(row["tests"])}) for row in rows]


def stale(mutants: Sequence[Mutant], root: Path) -> list[str]:
    """What is wrong with a list: texts that are not there once, tests or names that are not."""
    names = [mutant.name for mutant in mutants]
    twice = [f"{name}: two mutants have this name" for name in {*names} if names.count(name) > 1]
    return twice + [fault for mutant in mutants if (fault := mutant.fault(root))]


def copy_of(root: Path, to: Path) -> Path:
    """A private copy: what git knows or does not ignore, and what numba compiled."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    cached = [str(path.relative_to(root)) for path in (root / "src").rglob("__pycache__/*.nb?")]
    for name in (*filter(None, listed.split("\0")), *cached):
        if (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, to / name, follow_symlinks=False)
    return to


@contextmanager
def planted(mutant: Mutant, project: Path) -> Iterator[None]:
    """A project with the bug in it."""
    path = project / mutant.file
    text, times = path.read_text(), path.stat()
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        yield
    finally:
        path.write_text(text)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # compiled code fits again


def tested(project: Path, tests: Sequence[str], varied: Path | None) -> tuple[int, str]:
    """Status and last line of pytest in a project; a test that hangs counts as failed."""
    variables = os.environ | {"PYTHONPATH": str(project / "src"), "OMP_NUM_THREADS": "1"}
    if varied:
        variables["EINTHOVEN_VARIED"] = str(varied)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    process = subprocess.Popen(
        command, cwd=project, env=variables, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return FAILED, f"no end after {TIMEOUT_S:.0f} s"
    lines = [line for line in output.splitlines() if line.strip()] or [""]
    told = [line for line in lines if line.startswith(("FAILED", "ERROR"))] or lines
    return process.returncode, told[-1][:160]


def judged(mutant: Mutant, project: Path, varied: Path | None) -> Verdict:
    """Run a mutant's tests with the bug in a project.

    Raises:
        RuntimeError: pytest ran no test, which says nothing about the mutant.
    """
    begin = monotonic()
    with planted(mutant, project):
        status, said = tested(project, mutant.tests, varied)
    if status not in (0, FAILED, INTERRUPTED):
        raise RuntimeError(f"{mutant.name}: pytest ended with status {status}: {said}")
    return Verdict(mutant, status != 0, monotonic() - begin, said)


def verdicts(
    mutants: Sequence[Mutant], projects: Sequence[Path], varied: Path | None
) -> Iterator[Verdict]:
    """Verdicts in the order of the list, as many at a time as there are projects."""
    free: queue.Queue[Path] = queue.Queue()
    for project in projects:
        free.put(project)

    def judge(mutant: Mutant) -> Verdict:
        project = free.get()
        try:
            return judged(mutant, project, varied)
        finally:
            free.put(project)

    with ThreadPoolExecutor(len(projects)) as pool:
        yield from pool.map(judge, mutants)


def sound(projects: Sequence[Path], mutants: Sequence[Mutant], varied: Path | None) -> None:
    """End unless all tests pass without a mutant, which also fills the copies' caches."""
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    shares = [tests[k :: len(projects)] for k in range(len(projects))]
    with ThreadPoolExecutor(len(projects)) as pool:
        found = list(pool.map(lambda p, some: tested(p, some, varied) if some else (0, ""),
                              projects, shares))  # fmt: skip
    if failed := [said for status, said in found if status != 0]:
        sys.exit(f"tests fail without any mutant: {'; '.join(failed)}")


def finished_run(project: Path, to: Path) -> Path:
    """A finished run of config/ci-varied.yaml, for the tests that play its rules again."""
    variables = os.environ | {"PYTHONPATH": str(project / "src"), "OMP_NUM_THREADS": "1"}
    script = to.with_suffix(".py")
    script.write_text(MAKE_VARIED)
    subprocess.run([sys.executable, script, to], cwd=project, env=variables, check=True)
    return to


def parser() -> argparse.ArgumentParser:
    """Options of the command."""
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    made.add_argument("--only", nargs="+", metavar="NAME", help="some mutants by name")
    made.add_argument("--json", type=Path, metavar="OUT", help="write all verdicts to a file")
    made.add_argument("--varied", type=Path, metavar="PROJECT", help="a project with a finished "
                      "run of config/ci-varied.yaml, instead of making one")  # fmt: skip
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge all mutants of the project: 0 if enough are killed."""
    given, mutants = parser().parse_args(arguments), read_list(ROOT)
    if faults := stale(mutants, ROOT):
        sys.exit("\n".join(faults))
    if given.only:
        if unknown := set(given.only) - {mutant.name for mutant in mutants}:
            sys.exit(f"no mutant is called {', '.join(sorted(unknown))}; {LIST} has their names")
        mutants = [mutant for mutant in mutants if mutant.name in given.only]
    found = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        projects = [copy_of(ROOT, Path(folder) / f"copy{k}") for k in range(WORKERS)]
        varied = given.varied and given.varied.resolve()
        if not varied and any("varied" in test for m in mutants for test in m.tests):
            varied = finished_run(projects[0], Path(folder) / "varied")
        sound(projects, mutants, varied)
        for verdict in verdicts(mutants, projects, varied):
            found.append(verdict)
            said = "killed" if verdict.killed else "SURVIVED"
            print(f"{said:9}{verdict.seconds:5.0f} s  {verdict.mutant.name}", flush=True)
    return report(found, given.json)


def report(found: Sequence[Verdict], to: Path | None) -> int:
    """Print the survivors and the share killed; 0 if it is enough."""
    alive = [verdict.mutant for verdict in found if not verdict.killed]
    for mutant in alive:
        print(f"no test sees {mutant.name} in {mutant.file}: {mutant.why}")
    share = 1 - len(alive) / len(found)
    print(f"{len(found) - len(alive)} of {len(found)} killed ({100 * share:.0f} %)")
    if to:
        rows = [{"name": v.mutant.name, "file": v.mutant.file, "killed": v.killed,
                 "seconds": round(v.seconds, 1), "said": v.said} for v in found]  # fmt: skip
        to.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if share >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())

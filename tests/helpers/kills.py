"""Death of a process between two steps of its file operations, as SIGKILL brings it.

Steps are counted where the library renames, syncs, links, copies or deletes files and where Zarr
writes arrays. At the chosen step the operation ends, and nothing that it left is cleaned up.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zarr

from einthoven.base.core import files

PLACES = (
    (os, "replace"), (os, "fsync"), (os, "link"), (shutil, "copyfile"), (shutil, "copyfileobj"),
    (shutil, "rmtree"), (Path, "write_text"), (Path, "write_bytes"), (Path, "mkdir"),
    (zarr.Group, "create_array"), (zarr.Array, "__setitem__"),
)  # fmt: skip
"""Functions whose calls are steps."""
DEAD_PID = 2**22 + 1
"""Number above the largest that Linux gives to a process."""


class Killed(Exception):
    """End of an operation at a step."""


LATE: dict[str, Callable[[str, list, Path], bool]] = {
    "put aside": lambda name, at, target: name == "replace" and at[0] == target,
    "put in place": lambda name, at, target: name == "replace" and at[1] == target,
    "delete": lambda name, at, target: name == "rmtree" and at[0] == files.earlier_of(target),
}
"""Last steps of an operation on a file or folder, by the call and its paths."""


class Steps:
    """Number of steps so far, and whether the process has died at one.

    Args:
        target: what is written.
        last: number of steps that are done, or one of `LATE`; None: the process lives.
    """

    def __init__(self, target: Path, last: int | str | None):
        self.n, self.dead, self.target, self.last = 0, False, target, last

    def _is_last(self, name: str, arguments: tuple) -> bool:
        if not isinstance(self.last, str):
            return self.last is not None and self.n > self.last
        paths = [Path(a) for a in arguments if isinstance(a, str | Path)]
        return len(paths) > 0 and LATE[self.last](name, [*paths, None], self.target)

    def count(self, function: Callable, name: str) -> Callable:
        """The function, each call of which is a step."""

        def step(*arguments, **named):
            if threading.current_thread() is not threading.main_thread():
                return function(*arguments, **named)  # of Zarr: their order is not always the same
            self.n += 1
            if self.dead or self._is_last(name, arguments):
                self.dead = True
                if name == "rmtree":
                    _delete_half(Path(arguments[0]))
                raise Killed
            return function(*arguments, **named)

        return step


def _delete_half(folder: Path) -> None:
    for path in sorted(p for p in folder.rglob("*") if p.is_file())[::2]:
        path.unlink()


@contextmanager
def killed_at(target: Path, last: int | str | None) -> Iterator[Steps]:
    """Let the process die at a step; what it leaves beside the target is of a dead process.

    Args:
        target, last: as in `Steps`.
    """
    steps = Steps(target, last)
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in PLACES:
            patch.setattr(owner, name, steps.count(getattr(owner, name), name))
        remove = files.remove
        patch.setattr(files, "remove", lambda path: None if steps.dead else remove(path))
        try:
            yield steps
        except Exception:  # readers turn any error into theirs
            if not steps.dead:
                raise
    mine = f".{files.HOST}.{os.getpid()}."
    for left in [p for p in target.parent.glob(".*") if mine in p.name]:
        left.rename(left.with_name(left.name.replace(mine, f".{files.HOST}.{DEAD_PID}.")))

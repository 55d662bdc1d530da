"""What a training has come to: its curve, its state, and whether its loss has jumped away.

All that is needed to resume, or to roll back, is here and in one file, so that a
training that was killed ends with the bytes of one that was not.
"""

import io
import math
import shutil
import statistics
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch

from einthoven.base.core.files import atomic
from einthoven.base.core.log import logger

FOLDER = "checkpoint"
"""Beside the outputs of a training, and none of them; gone when they are written."""
FILE = Path(FOLDER) / "training.pt"
PATIENCE = 10
"""This many epochs in a row must be bad: single ones of up to 12 times the median do return."""
BEFORE = 20
"""The median is over this many epochs before them."""
JUMP = 3.0
"""Bad is more than this many medians. Trainings that went well had at most 1.4 over PATIENCE."""
MAX_RESTARTS = 3


class TrainingSnapshot(NamedTuple):
    """A training at the end of an epoch: states of all that changes, by what it is."""

    epoch: int
    states: dict[str, Any]


@dataclass
class Progress:
    """The curve so far, snapshots to roll back to (oldest first), and how often it was done.

    It is kept in `folder` under the training's `key`; without a folder, in memory only.
    """

    folder: Path | None = None
    key: str = ""
    rows: list[dict[str, float]] = field(default_factory=list)
    snapshots: list[TrainingSnapshot] = field(default_factory=list)
    restarts: int = 0
    last: TrainingSnapshot | None = None
    """Where to go on."""

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.rows)

    def keep(self, snapshot: TrainingSnapshot) -> None:
        """Remember a snapshot, and one before it."""
        self.snapshots = [*self.snapshots[-1:], snapshot]

    def diverged(self) -> bool:
        """Whether the loss is no number, or has jumped and does not return.

        It depends on the curve alone. Losses that may be negative have no factor, so that of
        them only those that are no number are noticed.
        """
        losses = [row["loss"] for row in self.rows]
        if not math.isfinite(losses[-1]):
            return True
        before = losses[-PATIENCE - BEFORE : -PATIENCE]
        usual = statistics.median(before) if len(before) == BEFORE else 0.0
        return usual > 0 and min(losses[-PATIENCE:]) > JUMP * usual

    def roll_back(self) -> TrainingSnapshot | None:
        """Roll back to the last snapshot before the jump; None if that was done too often.

        With snapshots every PATIENCE epochs there is exactly one in the bad ones.
        """
        if self.restarts == MAX_RESTARTS:
            return None
        good = [m for m in self.snapshots if m.epoch <= self.epoch - PATIENCE] or self.snapshots[:1]
        self.restarts += 1
        self.rows, self.snapshots = self.rows[: good[-1].epoch], good[-1:]
        return good[-1]

    def save(self, now: TrainingSnapshot) -> None:
        """Write all of it with the present state, atomically."""
        self.last = now
        if self.folder is None:
            return
        file = io.BytesIO()  # a full disk is no error of torch's
        snapshots = [tuple(snapshot) for snapshot in (*self.snapshots, now)]
        torch.save({"key": self.key, "rows": self.rows, "restarts": self.restarts,
                    "snapshots": snapshots}, file)  # fmt: skip
        with atomic(self.folder / FILE) as temporary:
            temporary.write_bytes(file.getvalue())

    @classmethod
    def load(cls, folder: Path | None, key: str) -> Self:
        """What a training of this key left in `folder`, or a beginning.

        A file of another key (settings, data, code, threads) is of no use, as the log tells.
        """
        beginning = cls(folder, key)
        if folder is None or not (path := folder / FILE).exists():
            return beginning
        try:
            if damaged := zipfile.ZipFile(path).testzip():  # torch compares no checksum
                raise ValueError(f"{damaged} is damaged")
            found = torch.load(path, map_location="cpu", weights_only=True)  # nothing is executed
        except Exception as error:  # torch and zipfile raise many types
            logger.warning("%s: not readable (%s): the training begins anew", path, error)
            return beginning
        if found["key"] != key:
            logger.warning("%s: of other settings, data, code or threads; the training begins anew",
                           path)  # fmt: skip
            return beginning
        *snapshots, last = (TrainingSnapshot(*snapshot) for snapshot in found["snapshots"])
        logger.info("%s: the training goes on after epoch %d", path, last.epoch)
        return cls(folder, key, found["rows"], snapshots, found["restarts"], last)


def discard(folder: str | Path) -> None:
    """Delete what a training left to be resumed from; call it when the outputs are written."""
    shutil.rmtree(Path(folder) / FOLDER, ignore_errors=True)

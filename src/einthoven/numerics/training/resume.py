"""Progress of a training: its curve, its state, and whether its loss has diverged.

One file holds all that is needed to resume or to roll back, so that an interrupted training ends
with the same bytes as an uninterrupted one.
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
"""Folder beside the outputs of a training; it is deleted when they are written."""
FILE = Path(FOLDER) / "training.pt"
PATIENCE = 10
"""Number of consecutive bad epochs; single epochs of up to 12 times the median do recover."""
BEFORE = 20
"""Number of epochs before them over which the median is taken."""
JUMP = 3.0
"""An epoch is bad above this many medians; good trainings had at most 1.4 over PATIENCE epochs."""
MAX_RESTARTS = 3


class TrainingSnapshot(NamedTuple):
    """States of a training at the end of an epoch, by name."""

    epoch: int
    states: dict[str, Any]


@dataclass
class Progress:
    """The curve so far, snapshots to roll back to (oldest first), and the number of restarts.

    It is kept in `folder` under the training's `key`; without a folder, in memory only.
    """

    folder: Path | None = None
    key: str = ""
    rows: list[dict[str, float]] = field(default_factory=list)
    snapshots: list[TrainingSnapshot] = field(default_factory=list)
    restarts: int = 0
    last: TrainingSnapshot | None = None
    """Snapshot from which to resume."""

    @property
    def epoch(self) -> int:
        """Number of completed epochs."""
        return len(self.rows)

    def keep(self, snapshot: TrainingSnapshot) -> None:
        """Keep this snapshot and the one before it."""
        self.snapshots = [*self.snapshots[-1:], snapshot]

    def diverged(self) -> bool:
        """Whether the loss is not finite, or has jumped without recovering.

        The answer depends on the curve alone. A loss that may be negative has no meaningful ratio,
        so only values that are not finite are noticed.
        """
        losses = [row["loss"] for row in self.rows]
        if not math.isfinite(losses[-1]):
            return True
        before = losses[-PATIENCE - BEFORE : -PATIENCE]
        usual = statistics.median(before) if len(before) == BEFORE else 0.0
        return usual > 0 and min(losses[-PATIENCE:]) > JUMP * usual

    def roll_back(self) -> TrainingSnapshot | None:
        """Roll back to the last snapshot before the jump; None if that was done too often.

        With a snapshot every PATIENCE epochs, exactly one lies within the bad epochs.
        """
        if self.restarts == MAX_RESTARTS:
            return None
        good = [m for m in self.snapshots if m.epoch <= self.epoch - PATIENCE] or self.snapshots[:1]
        self.restarts += 1
        self.rows, self.snapshots = self.rows[: good[-1].epoch], good[-1:]
        return good[-1]

    def save(self, now: TrainingSnapshot) -> None:
        """Write everything together with the present state, atomically."""
        self.last = now
        if self.folder is None:
            return
        file = io.BytesIO()  # a full disk is then not a torch error
        snapshots = [tuple(snapshot) for snapshot in (*self.snapshots, now)]
        torch.save({"key": self.key, "rows": self.rows, "restarts": self.restarts,
                    "snapshots": snapshots}, file)  # fmt: skip
        with atomic(self.folder / FILE) as temporary:
            temporary.write_bytes(file.getvalue())

    @classmethod
    def load(cls, folder: Path | None, key: str) -> Self:
        """The progress that a training with this key left in `folder`, or a new one.

        A file with another key (settings, data, code, threads) is ignored, with a log message.
        """
        beginning = cls(folder, key)
        if folder is None or not (path := folder / FILE).exists():
            return beginning
        try:
            if damaged := zipfile.ZipFile(path).testzip():  # torch compares no checksum
                raise ValueError(f"{damaged} is damaged")
            found = torch.load(path, map_location="cpu", weights_only=True)  # loads no code
        except Exception as error:  # torch and zipfile raise many types
            logger.warning("%s: not readable (%s): the training starts anew", path, error)
            return beginning
        if found["key"] != key:
            logger.warning("%s: other settings, data, code or threads; the training starts anew",
                           path)  # fmt: skip
            return beginning
        *snapshots, last = (TrainingSnapshot(*snapshot) for snapshot in found["snapshots"])
        logger.info("%s: the training resumes after epoch %d", path, last.epoch)
        return cls(folder, key, found["rows"], snapshots, found["restarts"], last)


def discard(folder: str | Path) -> None:
    """Delete the checkpoint of a training; call it when the outputs are written."""
    shutil.rmtree(Path(folder) / FOLDER, ignore_errors=True)

"""Experiment tracking with MLflow in a local SQLite file, or none: the caller decides.

MLflow creates its tables on first use and SQLite takes one writer at a time, so each access
holds a lock file beside the database: any number of trainings may share it.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from einthoven.core.errors import BadInput
from einthoven.core.log import logger

EXPERIMENT = "einthoven"
PREFIX = "sqlite:///"


class NoTracker:
    """Records nothing."""

    def log(self, rows: list[dict[str, float]], seconds: float) -> None:
        """Ignore the curves."""

    def close(self, failed: bool = False) -> None:
        """Nothing to close."""


class MlflowTracker:
    """One MLflow run by Lightning's logger: parameters at the start, all curves at the end.

    A failure to *open* raises, before any training. A failure to *record* afterwards is
    logged as a warning: the curves are in the CSV file, and a trained model is worth more.
    """

    def __init__(self, uri: str, name: str, parameters: Mapping[str, Any]):
        if not uri.startswith(PREFIX):
            raise BadInput(f"tracking_uri = {uri!r}: expected {PREFIX}path/to/mlflow.db")
        self.database = Path(uri.removeprefix(PREFIX)).resolve()
        self.database.parent.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from lightning.pytorch.loggers import MLFlowLogger

        place = f"{PREFIX}{self.database}?timeout=60"
        try:
            with self._locked():
                self.mlflow = MLFlowLogger(EXPERIMENT, run_name=name, tracking_uri=place)
                self.mlflow.log_hyperparams(dict(parameters))
        except Exception as error:  # MLflow, SQLAlchemy and the file system raise many types
            raise BadInput(
                f"tracking_uri = {uri!r}: cannot open ({error}); set it to '' to go without"
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import fcntl

        with open(self.database.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def log(self, rows: list[dict[str, float]], seconds: float) -> None:
        """Record all rows of the curves, by epoch, and the wall time."""
        from mlflow.entities import Metric

        metrics = [
            Metric(name, value, 0, int(row["epoch"]))
            for row in rows
            for name, value in row.items()
            if name != "epoch"
        ] + [Metric("seconds", seconds, 0, 0)]
        try:
            with self._locked():
                # the logger's own way is a transaction per epoch: 13 s in place of 1 for 800
                for start in range(0, len(metrics), 1000):  # MLflow's limit of a batch
                    batch = metrics[start : start + 1000]
                    self.mlflow.experiment.log_batch(self.mlflow.run_id, metrics=batch)
        except Exception as error:
            logger.warning("MLflow could not record the curves (%s); see the CSV file", error)

    def close(self, failed: bool = False) -> None:
        """Mark the run as finished or failed."""
        try:
            with self._locked():
                self.mlflow.finalize("failed" if failed else "success")
        except Exception as error:
            logger.warning("MLflow could not close the run (%s)", error)


def open_tracker(uri: str, name: str, parameters: Mapping[str, Any]) -> NoTracker | MlflowTracker:
    """A tracker for `uri`; the empty string means none.

    Raises:
        BadInput: the URI is not SQLite's or cannot be opened.
    """
    return MlflowTracker(uri, name, parameters) if uri else NoTracker()

"""Experiment tracking with MLflow in a local SQLite file, if the caller wants it.

MLflow creates its tables on first use, and SQLite takes one writer at a time. Each access holds a
lock file beside the database, so any number of trainings may share it.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.log import logger

EXPERIMENT = "einthoven"
PREFIX = "sqlite:///"
BATCH = 1000
"""Number of metrics that MLflow takes per call."""


type Record = Callable[[list[dict[str, float]], float], None]
"""Function of all rows of the curves and the wall time in s."""


@contextmanager
def tracked(uri: str, name: str, parameters: Mapping[str, Any]) -> Iterator[Record]:
    """One MLflow run by Lightning's logger: parameters at the start, all curves at the end.

    The run is marked as failed if the block raises. A failure to *open* raises before any training.
    A failure to *record* afterwards is only logged, because the curves are also in the CSV file and
    the trained model must not be lost. The empty URI records nothing.

    Raises:
        BadInput: the URI is not an SQLite one or cannot be opened.
    """
    if not uri:
        yield lambda rows, seconds: None
        return
    if not uri.startswith(PREFIX):
        raise BadInput(f"tracking_uri = {uri!r}: expected {PREFIX}path/to/mlflow.db")
    database = Path(uri.removeprefix(PREFIX)).resolve()
    database.parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from lightning.pytorch.loggers import MLFlowLogger

    with extra("search", "tracking_uri"):
        import mlflow as _  # noqa: F401

    try:
        with _locked(database):
            place = f"{PREFIX}{database}?timeout=60"
            mlflow = MLFlowLogger(EXPERIMENT, run_name=name, tracking_uri=place)
            mlflow.log_hyperparams(dict(parameters))
    except Exception as error:  # MLflow, SQLAlchemy and the file system raise many types
        raise BadInput(
            f"tracking_uri = {uri!r}: cannot open ({error}); set it to '' for no tracking"
        ) from error

    status = "failed"
    try:
        yield partial(_record, mlflow, database)
        status = "success"
    finally:
        with _tried(database):
            mlflow.finalize(status)


def _record(mlflow: Any, database: Path, rows: list[dict[str, float]], seconds: float) -> None:
    """Record rows by epoch with one batch call; the logger's 800 transactions take 13 s."""
    from mlflow.entities import Metric

    metrics = [
        Metric(name, value, 0, int(row["epoch"]))
        for row in rows
        for name, value in row.items()
        if name != "epoch"
    ] + [Metric("seconds", seconds, 0, 0)]
    with _tried(database):
        for start in range(0, len(metrics), BATCH):
            mlflow.experiment.log_batch(mlflow.run_id, metrics=metrics[start : start + BATCH])


@contextmanager
def _tried(database: Path) -> Iterator[None]:
    """Lock the database for the block; a failure is logged as a warning."""
    try:
        with _locked(database):
            yield
    except Exception as error:
        logger.warning("MLflow could not record the run (%s); see the CSV file", error)


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    with open(database.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

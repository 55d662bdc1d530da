"""Settings of a training or prediction that depend on the machine and not on the config."""

import os
from dataclasses import dataclass
from typing import Literal, Self

from einthoven.base.core.check import between

Device = Literal["cpu", "gpu", "auto"]


@dataclass(frozen=True)
class Machine:
    """Threads, device and tracking."""

    n_threads: int = 1
    """Torch threads; the result is bitwise reproducible for a given number."""
    device: Device = "cpu"
    """`cpu` is deterministic; `auto` uses a GPU if there is one."""
    tracking_uri: str = ""
    """"" for no tracking, or an MLflow URI such as `sqlite:///results/mlflow.db`."""

    def __post_init__(self) -> None:
        between("n_threads", self.n_threads, 1, 4096)

    @classmethod
    def from_environment(cls) -> Self:
        """Settings of a job: Snakemake passes its threads in OMP_NUM_THREADS.

        MLFLOW_TRACKING_URI says where trainings are tracked; unset or empty means no tracking.
        """
        n_threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
        return cls(n_threads, "auto", os.environ.get("MLFLOW_TRACKING_URI", ""))


ONE_CORE = Machine()
"""One CPU thread, no tracking."""

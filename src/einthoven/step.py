"""What every script of the workflow needs: its log file, and one line in place of a traceback."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from einthoven.core.errors import EinthovenError
from einthoven.core.log import log_to, logger

Main = Callable[[Any, Any, Any, logging.Logger], None]


def run(main: Main, job: Any) -> None:
    """Run a script's `main` as a Snakemake job.

    Everything that the process or a C library prints goes to the rule's log file. An error
    that is explained to the user ends the job with its one line; any other with a traceback.

    Args:
        main: main(input, output, params, log).
        job: the global object `snakemake` of the script.
    """
    descriptor = os.open(job.log[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    log_to(None)
    try:
        main(job.input, job.output, job.params, logger)
    except EinthovenError as error:
        logger.error("%s: %s", type(error).__name__, error)
        sys.exit(1)


def n_threads() -> int:
    """Threads of this job; Snakemake hands them on in the environment."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))

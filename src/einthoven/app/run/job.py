"""Frame of every workflow script: its log file, and one line instead of a traceback."""

import logging
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from einthoven.app.run.records import record_lines
from einthoven.base.core.errors import EinthovenError
from einthoven.base.core.files import published, raise_if_disk_full
from einthoven.base.core.log import USED, log_to_stderr, logger

Main = Callable[[Any, Any, Any, logging.Logger], None]


def run(main: Main, job: Any) -> None:
    """Run a script's main(input, output, params, log) as the script's job `snakemake`.

    All output of the process and of C libraries goes to the rule's log file, with a record of every
    file made if the job succeeds. An error for the user ends the job with its one line, any other
    with a traceback.
    """
    descriptor = os.open(job.log[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    terminal = os.dup(2)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    log_to_stderr()
    try:
        main(job.input, job.output, job.params, logger)
        with raise_if_disk_full(Path(job.log[0])), open(job.log[0], "a") as log:
            log.write(record_lines([*job.output, *published]))
        seconds = sum(
            os.times()[:4]
        )  # user and system time of this process and of children that ended
        logger.info(USED, seconds, peak_memory_mb())
    except EinthovenError as error:
        logger.error("%s: %s", type(error).__name__, error)
        if str(error) not in Path(job.log[0]).read_text(errors="replace"):  # a full disk
            os.write(terminal, f"{error}\n".encode())
        sys.exit(1)


def peak_memory_mb() -> float:
    """Peak resident memory of this process or of its largest child, as the kernel counted it."""
    # ru_maxrss of this process would include Snakemake, from which it was forked
    status = Path("/proc/self/status").read_text()
    ours = int(status.partition("VmHWM:")[2].split()[0])
    return max(ours, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024

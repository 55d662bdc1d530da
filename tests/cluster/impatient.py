"""Snakemake that asks SLURM every second. Its plugin waits 5, 15, 25, ... s; no option says less.

Only a controller is started so: its jobs start Snakemake as it is.
"""

from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor

Executor.next_seconds_between_status_checks = property(lambda _: 1, lambda _, seconds: None)

main()

"""The record of a paper's tables: its numbers, and what made them."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.app.run.reproduction import commit, record
from einthoven.base.core.files import write_json


def main(input, output, params, log):
    about = {"command": params.command, "config_sha256": params.config_sha256,
             "commit": commit(Path(params.folder))}  # fmt: skip
    found = record(params.paper, params.sources, about)
    write_json(output[0], found)
    log.info("%s: %d numbers", params.paper, len(found["values"]))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

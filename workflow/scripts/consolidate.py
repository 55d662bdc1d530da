"""The consolidated store of all patients."""

from einthoven.app.run.job import run
from einthoven.data.dataset.checker import check_store
from einthoven.data.dataset.consolidate import consolidate


def main(input, output, params, log):
    consolidate(output[0], list(input), params.physics, params.section["exclude"])
    summary = check_store(output[0])
    log.info("%d patients, %d bytes", summary.n_patients, summary.n_bytes)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

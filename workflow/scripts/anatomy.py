"""Surfaces, electrodes and pose of one patient."""

from einthoven.anatomy.body import build_anatomy
from einthoven.core.files import read_json, save_arrays
from einthoven.run.job import run


def main(input, output, params, log):
    arrays, attrs = build_anatomy(read_json(input.cohort), **params.section)
    save_arrays(output[0], arrays, **attrs)
    log.info("%d faces", len(arrays["faces"]))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

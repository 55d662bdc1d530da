"""Recipe of a training: its settings, its code, and the checksums of its samples."""

import hashlib
from pathlib import Path

from einthoven.app.run.job import run
from einthoven.base.core.files import write_json


def main(input, output, params, log):
    samples = {}
    for path in input.samples:
        with Path(path).open("rb") as stream:
            samples[path] = hashlib.file_digest(stream, "sha256").hexdigest()
    write_json(output[0], {"section": params.section, "code": params.trainer, "samples": samples})
    log.info("%d files of samples", len(samples))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

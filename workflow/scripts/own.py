"""Surfaces and electrodes of one own patient from the user's files."""

from pathlib import Path

from einthoven.anatomy.own.patient import cohort_entry, import_patient
from einthoven.anatomy.own.sheet import Row
from einthoven.core.files import save_arrays, write_json
from einthoven.step import run


def main(input, output, params, log):
    row = Row(**params.row)
    arrays, attrs = import_patient(row, Path(params.picture), **params.section)
    for line in attrs["repairs"]:
        log.warning("%s: %s", row.patient, line)
    write_json(output.cohort, cohort_entry(row.patient))
    save_arrays(output.anatomy, arrays, **attrs)
    log.info("%d faces", len(arrays["faces"]))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

"""Surfaces and electrodes of one imported patient from the user's files."""

from pathlib import Path

from einthoven.core.files import save_arrays, write_json
from einthoven.imported.anatomy import cohort_entry, import_patient
from einthoven.imported.sheet import Row
from einthoven.run.job import run


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

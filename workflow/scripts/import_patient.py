"""Surfaces and electrodes of one imported patient from the user's files."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.base.config.models import AnatomySettings
from einthoven.body.imported.anatomy import cohort_entry, import_patient
from einthoven.body.imported.sheet import Row


def main(input, output, params, log):
    row = Row(**params.row)
    anatomy = import_patient(
        row, Path(params.picture), AnatomySettings.model_validate(params.section)
    )
    for line in anatomy.repairs:
        log.warning("%s: %s", row.patient, line)
    cohort_entry(row.patient).save(output.cohort)
    anatomy.save(output.anatomy)
    log.info("%d faces", len(anatomy.faces))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

"""The report page of a run."""

from pathlib import Path

from einthoven.core.files import load_arrays, read_json
from einthoven.patient.anatomy import Anatomy
from einthoven.patient.parameters import PatientParameters
from einthoven.patient.patient import Patient
from einthoven.report.report import write_report
from einthoven.report.run import FinishedRun
from einthoven.run.job import run


def main(input, output, params, log):
    stages = {Path(p).stem: p for p in input.example} | {"activation": input.activation}
    finished = FinishedRun(
        metrics=read_json(input.metrics),
        curves=load_arrays(input.curves),
        population=read_json(input.population),
        cohort=[PatientParameters.load(path) for path in input.cohort],
        anatomies=[Anatomy.load(path) for path in input.anatomies],
        example=Patient.of_files(**stages, leadfield=input.leadfield),
        predictions={Path(p).parent.name: load_arrays(p) for p in input.predictions},
    )
    write_report(output[0], finished)
    log.info("pictures of %s", finished.method)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

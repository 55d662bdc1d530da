"""The sheet of all patients: bodies, and the physiology that each one got."""

from einthoven.app.run.job import run
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.sheet import write_cohort_sheet


def main(input, output, params, log):
    patients = [PatientParameters.load(path) for path in input]
    write_cohort_sheet(output[0], patients, params.physiology)
    log.info("%d patients", len(patients))


if "snakemake" in globals():
    run(main, globals()["snakemake"])

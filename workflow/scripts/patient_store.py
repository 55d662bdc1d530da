"""The closed store of one patient."""

from einthoven.app.run.job import run
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.write_store import write_store

STAGES = ("cohort", "anatomy", "mesh", "fibers", "purkinje", "substrate", "beat",
          "activation", "leadfield", "ecg", "sdf", "field")  # fmt: skip


def main(input, output, params, log):
    patient = Patient.of_files(**{stage: getattr(input, stage) for stage in STAGES})
    write_store(output[0], patient, whole_body=params.lead_field == "body")
    log.info("wrote %s", output[0])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

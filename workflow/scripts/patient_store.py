"""The closed store of one patient."""

from einthoven.dataset.patient_store import SINGLE_STAGES, write_patient_store
from einthoven.run.job import run


def main(input, output, params, log):
    write_patient_store(
        output[0],
        cohort=input.cohort,
        stages={stage: getattr(input, stage) for stage in SINGLE_STAGES},
        activation=dict(zip(params.scenarios, input.activation, strict=True)),
        leadfield=list(input.leadfield),
        whole_body=params.lead_field == "body",
    )
    log.info("wrote %s", output[0])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

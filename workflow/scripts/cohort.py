"""Parameters and split of one patient."""

from einthoven.app.run.job import run
from einthoven.base.config.models import CohortSettings
from einthoven.body.anatomy.population.cohort import draw_patient


def main(input, output, params, log):
    patient = draw_patient(int(params.patient[1:]), CohortSettings.model_validate(params.section))
    patient.save(output[0])
    log.info("%s: %s", params.patient, patient.split)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

"""Parameters and split of one patient."""

from einthoven.anatomy.population.cohort import draw_patient
from einthoven.core.files import write_json
from einthoven.run.job import run


def main(input, output, params, log):
    index = int(params.patient[1:])
    # a patient does not depend on the size of the cohort, so neither do the params of the rule
    patient = draw_patient(index, n_patients=index + 1, **params.section)
    write_json(output[0], patient)
    log.info("%s: %s", params.patient, patient["split"])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

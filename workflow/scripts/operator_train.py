"""Train one operator on anatomies and field samples."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.base.config.learning import OperatorSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.data.patient.patient import Patient
from einthoven.learning.surrogate.operator.train import operator_sample, train_operator
from einthoven.numerics.training.machine import Machine


def main(input, output, params, log):
    usual = LeadFieldSettings.model_validate(params.conductivity)
    train, validation = (
        [operator_sample(patient, usual) for patient in Patient.group(files)]
        for files in (input.train, input.validation)
    )
    config, folder = OperatorSettings.model_validate(params.section), Path(output.model).parent
    _, curve = train_operator(config, train, validation, folder, Machine.from_environment())
    log.info("last epoch: %s", curve[-1])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

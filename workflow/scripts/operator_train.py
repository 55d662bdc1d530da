"""Train one operator on anatomies and field samples."""

from pathlib import Path

from einthoven.config.learning import OperatorModel
from einthoven.config.models import Leadfield
from einthoven.patient.patient import Patient
from einthoven.run.job import run
from einthoven.surrogate.operator.train import operator_sample, train_operator
from einthoven.training.machine import Machine


def main(input, output, params, log):
    usual = Leadfield.model_validate(params.conductivity)
    train, validation = (
        [operator_sample(patient, usual) for patient in Patient.group(files)]
        for files in (input.train, input.validation)
    )
    config, folder = OperatorModel.model_validate(params.section), Path(output.model).parent
    _, curve = train_operator(config, train, validation, folder, Machine.from_environment())
    log.info("last epoch: %s", curve[-1])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

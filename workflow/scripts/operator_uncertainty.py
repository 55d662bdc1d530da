"""Calibration of the SD of an ensemble of operators on validation patients."""

from einthoven.config.models import Leadfield
from einthoven.core.files import write_json
from einthoven.patient.patient import Patient
from einthoven.run.job import run
from einthoven.surrogate.operator.calibration import calibrate_operator
from einthoven.surrogate.operator.operator import Operator
from einthoven.surrogate.operator.train import operator_sample


def main(input, output, params, log):
    usual = Leadfield.model_validate(params.conductivity)
    samples = [operator_sample(patient, usual) for patient in Patient.group(input.validation)]
    found = calibrate_operator(Operator.load(input.networks), samples)
    write_json(output[0], found)
    log.info("%s", found)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

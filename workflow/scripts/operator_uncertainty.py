"""Calibration of the SD of an ensemble of operators on validation patients."""

from einthoven.app.run.job import run
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.files import write_json
from einthoven.data.patient.patient import Patient
from einthoven.learning.surrogate.operator.calibration import calibrate_operator
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.learning.surrogate.operator.train import operator_sample


def main(input, output, params, log):
    usual = LeadFieldSettings.model_validate(params.conductivity)
    samples = [operator_sample(patient, usual) for patient in Patient.group(input.validation)]
    found = calibrate_operator(OperatorEnsemble.load(input.networks), samples)
    write_json(output[0], found)
    log.info("%s", found)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

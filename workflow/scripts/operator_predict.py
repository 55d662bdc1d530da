"""Lead fields and ECG of one held-out patient by the operator."""

from einthoven.app.run.job import run
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.config.repolarisation import RepolarisationSettings
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.operator_predictor import OperatorPredictor
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.numerics.training.machine import Machine


def main(input, output, params, log):
    stages = {k: getattr(input, k) for k in ("anatomy", "mesh", "fibers", "field", "activation")}
    patient, config = Patient.of_files(**stages), EcgSettings.model_validate(params.section)
    sigma = LeadFieldSettings.model_validate(params.conductivity)
    predictor = OperatorPredictor(OperatorEnsemble.load(input.networks, *input.uncertainty))
    machine, electrodes = Machine.from_environment(), patient.field.electrodes
    found = predictor.predict(patient, electrodes, sigma, machine, field=True)
    activations = [patient.activation(scenario) for scenario in config.scenarios]
    durations = RepolarisationSettings.model_validate(params.repolarisation)
    with_ecg(found, patient, activations, config, sigma, durations).save(output[0])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

"""Lead fields and ECG of one held-out patient by one surrogate."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.config.repolarisation import RepolarisationSettings
from einthoven.data.patient.patient import Patient
from einthoven.learning.encoders.train import encoder_class
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.predictor import Predictor, predict_held_out
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.numerics.training.machine import Machine


def main(input, output, params, log):
    stages = {k: getattr(input, k) for k in ("anatomy", "mesh", "fibers", "field", "activation")}
    patient, folder = Patient.of_files(**stages), Path(input.encoder).parent
    encoder = encoder_class(params.encoder).load(folder, lambda _: patient.anatomy.surfaces)
    surrogate = SurrogateEnsemble.load(input.surrogate, params.model, *input.uncertainty)
    machine, config = Machine.from_environment(), EcgSettings.model_validate(params.section)
    found = predict_held_out(Predictor(encoder, surrogate), patient, input.codes, machine)
    sigma = LeadFieldSettings.model_validate(params.conductivity)
    activations = [patient.activation(scenario) for scenario in config.scenarios]
    durations = RepolarisationSettings.model_validate(params.repolarisation)
    with_ecg(found, patient, activations, config, sigma, durations).save(output[0])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

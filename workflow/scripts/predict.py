"""Lead fields and ECG of one held-out patient by one surrogate."""

from pathlib import Path

from einthoven.app.run.job import run
from einthoven.data.patient.patient import Patient
from einthoven.learning.encoders.train import encoder_class
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.predictor import Predictor, predict_held_out
from einthoven.learning.surrogate.ensemble import SurrogateEnsemble
from einthoven.numerics.training.machine import Machine
from einthoven.physics.ecg.simulate import SimulationSettings


def main(input, output, params, log):
    used = ("anatomy", "mesh", "fibers", "field", "activation", "substrate", "beat")
    stages = {k: getattr(input, k) for k in used}
    patient, folder = Patient.of_files(**stages), Path(input.encoder).parent
    encoder = encoder_class(params.encoder).load(folder, lambda _: patient.anatomy.surfaces)
    surrogate = SurrogateEnsemble.load(input.surrogate, params.model, *input.uncertainty)
    machine = Machine.from_environment()
    found = predict_held_out(Predictor(encoder, surrogate), patient, input.codes, machine)
    sections = params.section, params.conductivity, params.repolarisation, params.atria
    settings = SimulationSettings.of_params(*sections)
    activations = [patient.activation(scenario) for scenario in settings.ecg.scenarios]
    with_ecg(found, patient, activations, settings).save(output[0])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

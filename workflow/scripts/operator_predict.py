"""Lead fields and ECG of one held-out patient by the operator."""

from einthoven.app.run.job import run
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.operator_predictor import OperatorPredictor
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.numerics.training.machine import Machine
from einthoven.physics.ecg.simulate import SimulationSettings


def main(input, output, params, log):
    used = ("anatomy", "mesh", "fibers", "field", "activation", "substrate", "beat")
    stages = {k: getattr(input, k) for k in used}
    patient = Patient.of_files(**stages)
    sections = params.section, params.conductivity, params.repolarisation, params.atria
    settings = SimulationSettings.of_params(*sections)
    predictor = OperatorPredictor(OperatorEnsemble.load(input.networks, *input.uncertainty))
    machine, electrodes = Machine.from_environment(), patient.field.electrodes
    found = predictor.predict(patient, electrodes, settings.leadfield, machine, field=True)
    activations = [patient.activation(scenario) for scenario in settings.ecg.scenarios]
    with_ecg(found, patient, activations, settings).save(output[0])


if "snakemake" in globals():
    run(main, globals()["snakemake"])

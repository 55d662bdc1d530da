"""Lead fields and ECG of one held-out patient by one surrogate."""

from pathlib import Path

from einthoven.config.models import Ecg, Leadfield
from einthoven.encoders.imported_code import with_imported_codes
from einthoven.encoders.train import load_encoder
from einthoven.patient.patient import Patient
from einthoven.prediction.new_patient import read_code
from einthoven.prediction.predictor import Predictor, with_ecg
from einthoven.run.job import run
from einthoven.surrogate.ensemble import Surrogate
from einthoven.training.machine import Machine

STAGES = ("anatomy", "mesh", "fibers", "field", "activation")


def main(input, output, params, log):
    stages = {stage: getattr(input, stage) for stage in STAGES}
    patient = Patient.of_files(**stages)
    folder, surfaces = Path(input.encoder).parent, patient.anatomy.surfaces
    encoder = load_encoder(params.encoder, folder, lambda name: surfaces)
    encoder = with_imported_codes(encoder, input.codes)
    predictor = Predictor(
        encoder, Surrogate.load(input.surrogate, params.model, *input.uncertainty)
    )
    geometry, machine = encoder.geometry(patient.name), Machine.from_environment()
    found = predictor.predict(patient, geometry, patient.field.electrodes, machine)
    for codes in input.codes:
        found = predictor.checked(found, read_code(codes)[1])
    config, leadfield = (
        Ecg.model_validate(params.section),
        Leadfield.model_validate(params.conductivity),
    )
    activations = [patient.activation(scenario) for scenario in config.scenarios]
    with_ecg(found, patient, activations, config, leadfield).save(output[0])
    log.info("%s: predicted with %s", patient.name, params.model)


if "snakemake" in globals():
    run(main, globals()["snakemake"])

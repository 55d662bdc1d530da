"""Patients of a run that no training saw: test patients of the cohort, and imported ones."""

from collections.abc import Sequence
from pathlib import Path

from einthoven.encoders.imported_code import with_imported_codes
from einthoven.patient.patient import Patient
from einthoven.prediction.new_patient import read_code
from einthoven.prediction.prediction import Prediction
from einthoven.prediction.predictor import Predictor
from einthoven.training.machine import ONE_CORE, Machine


def predict_held_out(
    predictor: Predictor,
    patient: Patient,
    codes: Sequence[str | Path] = (),
    machine: Machine = ONE_CORE,
) -> Prediction:
    """Predict a patient whose code the encoder has, or who has a file of codes of its own.

    Args:
        predictor: of the run.
        patient: with anatomy, mesh, fibres and field samples.
        codes: files of imported patients' codes, each with its out-of-distribution check.
        machine: threads.

    Raises:
        BadInput: no code, or stages that do not fit.
    """
    geometry = with_imported_codes(predictor.encoder, codes).geometry(patient.name)
    found = predictor.predict(patient, geometry, patient.field.electrodes, machine)
    for path in codes:
        found = predictor.checked(found, read_code(path)[1])
    return found

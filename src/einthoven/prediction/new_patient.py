"""A patient that no training saw, by a packed model: code, prediction, ECGs, pictures."""

from pathlib import Path
from typing import Any

from einthoven.core.files import write_json
from einthoven.core.names import STANDARD_ELECTRODES
from einthoven.encoders.imported_code import ImportedCode
from einthoven.patient.anatomy import Electrodes
from einthoven.patient.patient import Patient
from einthoven.plots.ecg_paper import ecg_figure
from einthoven.plots.errors import torso_map_figure
from einthoven.prediction.prediction import Prediction
from einthoven.prediction.predictor import Predictor, with_ecg
from einthoven.prediction.pretrained import Pretrained
from einthoven.training.machine import ONE_CORE, Machine
from einthoven.training.task import torch_threads


def predict_new(
    model: Pretrained,
    patient: Patient,
    electrodes: Electrodes,
    code_file: str | Path | None = None,
    machine: Machine = ONE_CORE,
    fast: bool = False,
) -> Prediction:
    """Predict a patient: lead fields in the heart, ECGs if activations are there.

    Args:
        model: a packed pair.
        patient: with anatomy, mesh and fibres, and with SDF samples if no code is given.
        electrodes: on the skin.
        code_file: a code that `einthoven encode` found; None: found here, from the SDF samples.
        machine: threads.
        fast: layers of the networks compute in bfloat16; the code does not.

    Returns:
        The prediction; `out_of_distribution` says whether the model can know such an anatomy, and
        if not, do not believe the rest.

    Raises:
        BadInput: shapes do not fit, or a broken file.
        NotConverged: no code fits the surfaces.
    """
    with torch_threads(machine.n_threads):
        if code_file is None:
            sdf = patient.sdf
            code = ImportedCode.of_samples(model.encoder, sdf.sdf_points, sdf.sdf)
        else:
            code = ImportedCode.load(code_file)
    predictor = Predictor(model.encoder, model.surrogate)
    geometry = model.encoder.geometry_of(code.latent)
    found = predictor.predict(patient, geometry, electrodes, machine, fast)
    found = predictor.checked(found, code.check)
    if patient.has("activations") and set(STANDARD_ELECTRODES) <= set(electrodes.names.tolist()):
        config, activations = model.config, list(patient.activations.values())
        settings = config.ecg, config.leadfield, config.repolarisation
        found = with_ecg(found, patient, activations, *settings)
    return found


def write_prediction(prediction: Prediction, patient: Patient, to: Path) -> None:
    """Write prediction.npz, out_of_distribution.json and pictures.

    Pictures: an ECG per scenario, and the body map of the uncertainty that an ensemble states.
    """
    prediction.save(to / "prediction.npz")
    check = prediction.out_of_distribution or {}
    write_json(to / "out_of_distribution.json", check | {"patient": patient.name})
    figures: dict[str, Any] = {}
    if prediction.ecg is not None:
        time = prediction.needed("time")
        for scenario, ecg in zip(prediction.needed("scenarios"), prediction.ecg):
            title = f"{patient.name}, {scenario}"
            figures[f"ecg_{scenario}.png"] = ecg_figure(time, {"surrogate": ecg}, title)
    if prediction.heart_sd_deg is not None:
        anatomy = patient.anatomy
        figures["uncertainty.png"] = torso_map_figure(
            anatomy.points, anatomy.skin, prediction.needed("electrode_points"),
            {patient.name: prediction.heart_sd_deg.mean(axis=1)},
            "stated deviation of the direction, mean over the heart (degrees)",
        )  # fmt: skip
    for name, figure in figures.items():
        figure.savefig(to / name, metadata={"Software": None})

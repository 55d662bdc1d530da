"""Prediction of a new patient by a packed model: lead fields, ECGs, pictures."""

import time as clock
from dataclasses import replace
from pathlib import Path
from typing import Any

from einthoven.base.config.models import Config
from einthoven.base.core.files import write_json
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.metrics.reliability import normal_bound_ratio
from einthoven.base.plots.ecg_paper import ecg_figure
from einthoven.base.plots.errors import torso_map_figure
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.prediction.pretrained import Pretrained
from einthoven.learning.surrogate.operator.inputs import conductivities_of
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.physics.ecg.simulate import SimulationSettings

STATED = 0.9
"""Level of the intervals that are drawn and checked."""


def predict_new(
    model: Pretrained,
    patient: Patient,
    electrodes: Electrodes,
    config: Config | None = None,
    machine: Machine = ONE_CORE,
    code_file: str | Path | None = None,
) -> Prediction:
    """Predicted lead fields of a patient, and ECGs if there are activations.

    Args:
        model: a packed one.
        patient: with anatomy and the stages that the model needs.
        electrodes: on the skin.
        config: conductivities (those drawn for the patient take precedence), time axis and
            repolarisation; None: those of the model's training.
        machine: threads.
        code_file: for a coded model, a code found by `einthoven encode`; None: found here.

    Returns:
        The prediction, with its out-of-distribution check; if that fails, the rest is unreliable.

    Raises:
        BadInput: shapes do not fit, or a broken file.
        NotConverged: no code fits the surfaces.
    """
    config = config or model.config
    sigma = conductivities_of(patient, config.leadfield)
    found = model.predict(patient, electrodes, sigma, machine, code_file)
    if patient.has("activations") and set(STANDARD_ELECTRODES) <= set(electrodes.names.tolist()):
        start, activations = clock.perf_counter(), list(patient.activations.values())
        found = with_ecg(found, patient, activations, SimulationSettings.of(config, sigma))
        took = {"seconds_ecg": clock.perf_counter() - start}
        found = replace(found, seconds=found.seconds | took)
    return found


def write_prediction(prediction: Prediction, patient: Patient, to: Path) -> None:
    """Write prediction.npz, out_of_distribution.json and pictures.

    The pictures are an ECG per scenario, with the interval of an ensemble, and the body map of its
    uncertainty.
    """
    prediction.save(to / "prediction.npz")
    check = prediction.out_of_distribution or {}
    write_json(to / "out_of_distribution.json", check | {"patient": patient.name})
    figures: dict[str, Any] = {}
    if prediction.ecg is not None:
        time, method = prediction.needed("time"), str(prediction.about["model"])
        for k, scenario in enumerate(prediction.needed("scenarios")):
            ecg, title, bands = prediction.ecg[k], f"{patient.name}, {scenario}", {}
            if prediction.ecg_sd is not None:
                half = prediction.ecg_sd[k] * normal_bound_ratio(STATED, prediction.n_members)
                bands = {method: (ecg - half, ecg + half)}
                title += f", {100 * STATED:.0f} % as stated"
            figures[f"ecg_{scenario}.png"] = ecg_figure(time, {method: ecg}, title, bands)
    if prediction.heart_sd_deg is not None:
        anatomy = patient.anatomy
        figures["uncertainty.png"] = torso_map_figure(
            anatomy.points, anatomy.skin, prediction.needed("electrode_points"),
            {patient.name: prediction.heart_sd_deg.mean(axis=1)},
            "stated deviation of the direction, mean over the heart (degrees)",
        )  # fmt: skip
    for name, figure in figures.items():
        figure.savefig(to / name, metadata={"Software": None})

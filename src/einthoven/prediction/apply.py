"""A patient's lead fields, ECG, uncertainty and check from a trained pair, without solving."""

from pathlib import Path

import numpy as np

from einthoven.core.files import load_arrays, save_arrays, write_json
from einthoven.core.names import STANDARD_ELECTRODES
from einthoven.ecg.forward import forward_potential
from einthoven.ecg.leads import twelve_lead
from einthoven.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.encoders.base import Latents
from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.encoders.deepsdf.out_of_distribution import OutOfDistributionCheck
from einthoven.encoders.imported_code import imported_code
from einthoven.leadfield.conductivity import intracellular
from einthoven.patient.heart import Heart
from einthoven.prediction.body import Body
from einthoven.prediction.pretrained import Pretrained
from einthoven.surrogate.inputs import patient_inputs
from einthoven.training.precision import bfloat16_layers
from einthoven.training.task import torch_threads

PREDICTION_FILE, CHECK_FILE = "prediction.npz", "out_of_distribution.json"


def predict_body(
    model: Pretrained, body: Body, to: str | Path, n_threads: int = 1, fast: bool = False
) -> OutOfDistributionCheck:
    """Predict one patient and write prediction.npz and out_of_distribution.json.

    prediction.npz: `heart_grad` [electrode, heart cell, 3] kOhm/mm at cell centroids, with an
    ensemble `heart_sd_deg` [electrode, heart cell], `electrode_names`, `electrode_points`,
    `latent`; if an activation and the nine electrodes of the ECG are there also `time`,
    `scenario`, `electrode_potential` [scenario, electrode, time] mV, `ecg` [scenario, 12, time].

    Args:
        model: trained pair.
        body: the patient.
        to: folder for the two files.
        n_threads: torch threads.
        fast: layers compute in bfloat16; the code and the geometry around them do not.

    Returns:
        Whether the model can know such an anatomy; if not, do not believe the rest.

    Raises:
        BadInput: shapes do not fit, or values are not finite.
        NotConverged: no code fits the surfaces.
    """
    names, places = list(body.electrodes), np.array(list(body.electrodes.values()))
    with torch_threads(n_threads):
        code, _, check = imported_code(model.encoder, model.encoder_folder, *body.sdf)
        with bfloat16_layers(fast):
            inputs = patient_inputs(
                _knowing(model.encoder, body.name, code), body.name,
                body.points[body.cells].mean(axis=1), body.fiber, places,
                *(body.anatomy[key] for key in ("heart_rotation", "heart_origin", "torso_box")),
            )  # fmt: skip
            grad, sd = model.surrogate.predict(inputs)
    arrays = {"heart_grad": grad, "electrode_names": np.array(names), "electrode_points": places,
              "latent": code}  # fmt: skip
    if sd is not None:
        arrays["heart_sd_deg"] = sd
        check = check.with_sd(float(sd.mean()), model.surrogate.usual_sd_deg)
    if body.activation and set(STANDARD_ELECTRODES) <= set(names):
        arrays |= _ecg(model, body, names, grad)
    found = check.to_json()
    save_arrays(Path(to) / PREDICTION_FILE, arrays, patient=body.name, out_of_distribution=found,
                n_members=len(model.surrogate.networks))  # fmt: skip
    write_json(Path(to) / CHECK_FILE, found | {"patient": body.name})
    return check


def draw_prediction(body: Body, to: str | Path) -> list[Path]:
    """Pictures of what prediction.npz has: an ECG a scenario, the body map of the uncertainty."""
    from einthoven.plots.ecg_paper import ecg_figure
    from einthoven.plots.errors import torso_map_figure
    from einthoven.prediction.body import skin_of

    to, found = Path(to), load_arrays(Path(to) / PREDICTION_FILE)
    figures = {
        f"ecg_{scenario}.png": ecg_figure(
            found["time"], {"surrogate": ecg}, f"{body.name}, {scenario}"
        )
        for scenario, ecg in zip(found.get("scenario", ()), found.get("ecg", ()))
    }
    if "heart_sd_deg" in found:
        figures["uncertainty.png"] = torso_map_figure(
            body.anatomy["points"], skin_of(body.anatomy), found["electrode_points"],
            {body.name: found["heart_sd_deg"].mean(axis=1)},
            "stated deviation of the direction, mean over the heart (degrees)",
        )  # fmt: skip
    for name, figure in figures.items():
        figure.savefig(to / name, metadata={"Software": None})
    return [to / name for name in figures]


def _knowing(encoder: DeepSdfEncoder, name: str, code: np.ndarray) -> DeepSdfEncoder:
    """The encoder with the code of one new patient instead of its cohort's."""
    latents = Latents((name,), ("imported",), code[None])
    return DeepSdfEncoder(encoder.decoder, latents, encoder.prior, encoder.config,
                          encoder.data_sha256)  # fmt: skip


def _ecg(
    model: Pretrained, body: Body, names: list[str], grad: np.ndarray
) -> dict[str, np.ndarray]:
    """Potentials at the electrodes and the 12 leads, with the conductivities of the training."""
    config = model.config
    sigma_i = intracellular(body.fiber, config.leadfield)
    heart = Heart(body.points, body.cells, np.empty((0, 3), int), np.empty(0, int))
    ecg = config.ecg
    time = ecg.start_ms + np.arange(0, ecg.duration_ms, ecg.dt_ms)
    beat = template(ECG_STEP_MS)
    potential = np.stack(
        [
            forward_potential(heart, sigma_i, tau, grad, time, beat)
            for tau in body.activation.values()
        ]
    )
    return {
        "time": time,
        "scenario": np.array(list(body.activation)),
        "electrode_potential": potential.astype(np.float32),
        "ecg": twelve_lead(names, potential).astype(np.float32),
    }

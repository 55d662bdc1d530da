"""Codes of patients who are no part of the data set that an encoder was trained on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays, save_arrays
from einthoven.core.tags import SDF_SURFACES
from einthoven.encoders.base import Encoder, Latents
from einthoven.encoders.deepsdf import DeepSdfEncoder
from einthoven.encoders.train import NEAR_MM, OWN_SPLIT


def infer_own_code(folder: str | Path, sdf_path: str | Path, out_path: str | Path) -> dict:
    """Infer a patient's code from samples of its signed distances and write it.

    Args:
        folder: of a trained DeepSDF encoder.
        sdf_path: the patient's sdf.npz.
        out_path: file of codes with this one patient.

    Returns:
        surface -> mean error in mm of the decoded distances within 3 mm of that surface: large
        where the patient is unlike those of the training.

    Raises:
        BadInput: no DeepSDF encoder, or a file is broken.
        NotConverged: no code fits.
    """
    samples = load_arrays(sdf_path, ["sdf_points", "sdf"])
    patient = str(samples.attrs["patient"])
    encoder = DeepSdfEncoder.load(folder)
    points, sdf = samples["sdf_points"], samples["sdf"]
    n = encoder.config["infer_points"]
    code = encoder.infer(points[:n], sdf[:n]).astype(np.float32)
    encoder.latents = Latents((patient,), (OWN_SPLIT,), code[None])
    wrong = np.abs(encoder.signed_distances(patient, points) - sdf)
    near = np.abs(sdf) < NEAR_MM
    errors = {
        name: float(wrong[near[:, k], k].mean())
        for k, name in enumerate(SDF_SURFACES)
        if near[:, k].any()
    }
    arrays = {"patient": np.array([patient]), "split": np.array([OWN_SPLIT]), "latent": code[None]}
    save_arrays(out_path, arrays, near_surface_mm=errors)
    return errors


def with_own_codes(encoder: Encoder, paths: Sequence[str | Path]) -> Encoder:
    """The encoder with the codes of own patients instead of its own, if there are files of them.

    Raises:
        BadInput: an encoder that cannot have such codes.
    """
    if paths and not isinstance(encoder, DeepSdfEncoder):
        raise BadInput(f"{encoder.name}: has no code for patients from outside its atlas")
    for path in map(Path, paths):
        encoder.latents = Latents.load(path.parent, path.name)
    return encoder

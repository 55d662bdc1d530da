"""Codes of imported patients, who are no part of the data set that an encoder was trained on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays, save_arrays
from einthoven.encoders.base import IMPORTED_SPLIT, Encoder, Latents
from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.encoders.deepsdf.out_of_distribution import OutOfDistributionCheck, check_code


def imported_code(
    encoder: DeepSdfEncoder, folder: str | Path, points: np.ndarray, sdf: np.ndarray
) -> tuple[np.ndarray, dict[str, float], OutOfDistributionCheck]:
    """Code of a new anatomy, how well it fits, and the out-of-distribution check.

    Args:
        encoder: trained.
        folder: of the encoder.
        points: [sample, 3] mm.
        sdf: [sample, surface] mm.

    Returns:
        code [latent] float32; surface -> mean error in mm of the decoded distances within 3 mm of
        that surface; the check.

    Raises:
        BadInput: NaN, wrong shapes, or a folder without validation.json.
        NotConverged: no code fits.
    """
    n = encoder.config.infer_points
    code = encoder.infer(points[:n], sdf[:n]).astype(np.float32)
    misfit = encoder.near_surface_mm(code, points, sdf)
    return code, misfit, check_code(encoder, folder, code, misfit)


def write_imported_code(
    folder: str | Path, sdf_path: str | Path, out_path: str | Path
) -> OutOfDistributionCheck:
    """Infer a patient's code from samples of its signed distances and write it.

    Args:
        folder: of a trained DeepSDF encoder.
        sdf_path: the patient's sdf.npz.
        out_path: file of codes with this one patient.

    Raises:
        BadInput: no DeepSDF encoder, or a file is broken.
        NotConverged: no code fits.
    """
    samples = load_arrays(sdf_path, ["sdf_points", "sdf"])
    encoder = DeepSdfEncoder.load(folder)
    code, misfit, check = imported_code(encoder, folder, samples["sdf_points"], samples["sdf"])
    patient = np.array([str(samples.attrs["patient"])])
    arrays = {"patient": patient, "split": np.array([IMPORTED_SPLIT]), "latent": code[None]}
    save_arrays(out_path, arrays, near_surface_mm=misfit, out_of_distribution=check.to_json())
    return check


def with_imported_codes(encoder: Encoder, paths: Sequence[str | Path]) -> Encoder:
    """The encoder with the codes of imported patients instead of its own, if there are files.

    Raises:
        BadInput: an encoder that cannot have such codes.
    """
    if paths and not encoder.codes_any_shape:
        raise BadInput(f"{encoder.name}: has no code for patients from outside its atlas")
    for path in map(Path, paths):
        encoder.latents = Latents.load(path.parent, path.name)
    return encoder

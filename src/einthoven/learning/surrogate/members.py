"""Ensembles of networks that differ in their seed: files, SD and calibration."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from einthoven.base.core.check import between
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json
from einthoven.base.metrics.predicted_error import ECG_SD, SD, ErrorModel
from einthoven.base.metrics.reliability import calibration_factor, calibration_metrics

MODEL_FILE, UNCERTAINTY_FILE = "model.safetensors", "uncertainty.json"
ErrorAndSd = tuple[np.ndarray, np.ndarray | None]


def member_file(folder: str | Path, member: int) -> Path:
    """Path of a network: model.safetensors of the first, then member1/model.safetensors."""
    return Path(folder, *([f"member{member}"] if member else []), MODEL_FILE)


def member_files(folder: str | Path) -> list[Path]:
    """Paths of all networks, as far as they exist; that of the first in any case."""
    files = [member_file(folder, 0)]
    while (file := member_file(folder, len(files))).exists():
        files.append(file)
    return files


def angular_deviation_deg(grads: np.ndarray) -> np.ndarray:
    """Standard deviation, per axis across the mean, of directions: [member, ..., 3] -> [...].

    In degrees, at most 90, with the tangent for the angle, which holds for small angles.
    """
    mean = grads.mean(axis=0)
    length = np.linalg.norm(mean, axis=-1)
    unit = mean / np.maximum(length, np.finfo(np.float32).tiny)[..., None]
    residual = grads - mean
    along = np.einsum("m...i,...i->m...", residual, unit)[..., None] * unit
    across = residual - along
    variance = np.square(across).sum(axis=(0, -1)) / (2 * (len(grads) - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.degrees(np.sqrt(variance) / length)
    return np.minimum(np.nan_to_num(angle, nan=90.0, posinf=90.0), 90.0)


class Calibration(NamedTuple):
    """Content of `uncertainty.json`."""

    factor: float
    """Factor on the SD of directions."""
    sd_deg: float
    """Mean calibrated SD of the validation patients."""
    ecg_factor: float
    """Factor on the SD of ECGs; equals `factor` if it was not fitted."""
    error: ErrorModel | None = None
    """Error to expect by the SD, if it was fitted to bodies with known errors."""
    ecg_error: ErrorModel | None = None
    """Likewise of the ECG, relative l2, by `ECG_SD`."""


def read_calibration(path: str | Path, n_members: int) -> Calibration:
    """The calibration of an ensemble.

    Raises:
        BadInput: the file is missing, damaged, or has another number of networks.
    """
    found = read_json(path)
    if found.get("n_members") != n_members:
        raise BadInput(
            f"{path}: calibrated with {found.get('n_members')} networks, here are {n_members}; "
            "run the rule uncertainty again"
        )
    factors = {"factor": found["factor"], "ecg_factor": found.get("ecg_factor", found["factor"])}
    checked = {key: between(f"{path}: {key}", f, 1e-3, 1e3) for key, f in factors.items()}
    angle, ecg = (
        ErrorModel.from_json(found[key], f"{path}: {key}", sd) if key in found else None
        for key, sd in (("error", SD), ("ecg_error", ECG_SD))
    )
    return Calibration(sd_deg=found["sd_deg"], **checked, error=angle, ecg_error=ecg)


def calibration_of(pairs: Iterable[ErrorAndSd], n_members: int) -> dict[str, Any]:
    """Calibration from angular errors and uncalibrated SDs in degrees, a pair per patient."""
    errors, sds = [], []
    for error, sd in pairs:
        if sd is None:
            raise BadInput("calibrate: one network has no SD; check learning.ensemble")
        errors.append(error.ravel())
        sds.append(sd.ravel())
    if not errors:
        raise BadInput("calibrate: no validation patients")
    error, sd = np.concatenate(errors), np.concatenate(sds)
    factor = calibration_factor(error, sd, n_members)
    return {
        "n_members": n_members,
        "factor": factor,
        "n_patients": len(errors),
        "n_points": len(error),
        **calibration_metrics(error, factor * sd, n_members),
    }

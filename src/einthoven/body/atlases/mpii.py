"""MPII Human Shape: full bodies fitted to the CAESAR scans (Pishchulin 2017, arXiv 1503.05860).

A model folder holds `meanShape.mat` (points [6449, 3] mm: x to the left, y to the back, z up),
`evectors.mat` (evectors [4300, 3 * point]: all x, then all y, then all z), `evalues.mat` (evalues
[4300] mm^2) and `model.dat` (text: header; per vertex position and five pairs of joint and weight;
triangles from 0; per joint id, axis, position in mm, parent). The licence forbids commercial use
and redistribution, also of derived models.
"""

from pathlib import Path

import numpy as np

from einthoven.base.core.check import between
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.body.anatomy.shape.model import ShapeModel
from einthoven.body.anatomy.shape.torso_cut import WholeBodyModel
from einthoven.body.atlases.components import principal_components

MEAN, VECTORS, VALUES, MODEL = "meanShape.mat", "evectors.mat", "evalues.mat", "model.dat"
NECK, CHEST = 12, 11
SHOULDERS, ELBOWS, HIPS, ANKLES = (18, 13), (21, 16), (6, 2), (9, 5)
"""Joints of the right and the left side, by their numbers in model.dat."""
ARM_JOINTS = tuple(range(13, 23))
NECK_SHARE = 0.4
"""Height of the neck's cut, between the shoulder joints (0) and the head joint (1)."""
FOOT_MM = 60.0


def read(folder: Path, phase: str, n_modes: int) -> WholeBodyModel:
    """The body's shape model, with its first modes, and the joints at which it is cut.

    The folder holds the four files of one model (caesar, caesar-norm-wsx, caesar-norm-nh). Bodies
    have no phase but the default of hearts, "ED".

    Raises:
        BadInput: a file is missing or malformed.
    """
    mean = _variable(folder / MEAN, "points").astype(float)
    if mean.ndim != 2 or mean.shape[1] != 3:
        raise BadInput(f"{folder / MEAN}: points of shape {mean.shape}, expected [vertex, 3]")
    between(f"{folder / MEAN}: stature", np.ptp(mean[:, 2]), 1400, 2100, "mm, with z up?")
    vectors, sds = principal_components(
        _variable(folder / VECTORS, "evectors"), _variable(folder / VALUES, "evalues"),
        mean.size, n_modes, folder / VECTORS,
    )  # fmt: skip
    modes = vectors.reshape(len(vectors), 3, len(mean)).swapaxes(1, 2)
    faces, joints, arm = _read_model(folder / MODEL, len(mean))
    _check_facing(mean, joints, folder)
    if enclosed_volume(mean, faces) < 0:
        faces = faces[:, ::-1].copy()
    shoulders = joints[list(SHOULDERS)]
    low = shoulders.mean(axis=0)
    axis = joints[NECK] - joints[CHEST]
    return WholeBodyModel(
        model=ShapeModel(mean, modes, sds, faces),
        arm=arm,
        neck=low + NECK_SHARE * (joints[NECK] - low),
        neck_axis=axis / np.linalg.norm(axis),
        shoulders=shoulders,
        elbows=joints[list(ELBOWS)],
        hips=joints[list(HIPS)],
    )


def _variable(path: Path, name: str) -> np.ndarray:
    """One variable of a Matlab file."""
    from scipy.io import loadmat

    if not path.is_file():
        raise BadInput(f"{path}: no such file; needed are {MEAN}, {VECTORS}, {VALUES}, {MODEL}")
    try:
        return np.asarray(loadmat(path, variable_names=[name])[name])
    except KeyError as error:
        raise BadInput(f"{path}: no variable {name!r}; files of another model?") from error
    except Exception as error:  # scipy raises many types for broken files
        raise BadInput(f"{path}: not readable ({error}); truncated?") from error


def _read_model(path: Path, n_points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles [face, 3], joints [joint id, 3] mm, and vertices [vertex] moved by arms."""
    try:
        lines = path.read_text().splitlines()
        n_vertices, n_faces, n_joints = map(int, lines[0].split()[:3])
        ends = np.cumsum([1, n_vertices, n_faces, n_joints])
        vertices, faces, rows = (
            np.array([line.split() for line in lines[a:b]], float) for a, b in zip(ends, ends[1:])
        )
        joints = np.full((int(rows[:, 0].max()) + 1, 3), np.nan)
        joints[rows[:, 0].astype(int)] = rows[:, 4:7]
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file; it holds triangles and joints") from error
    except (ValueError, IndexError) as error:
        raise BadInput(f"{path}: not a model file ({error}); truncated?") from error
    if n_vertices != n_points or faces.min() < 0 or faces.max() >= n_points:
        raise BadInput(f"{path}: {n_vertices} vertices, {MEAN} has {n_points}")
    moved = np.isin(vertices[:, 3:13:2], ARM_JOINTS) & (vertices[:, 4:13:2] > 0)
    return faces.astype(np.int32), joints, moved.any(axis=1)


def _check_facing(mean: np.ndarray, joints: np.ndarray, folder: Path) -> None:
    """Check that feet point to the front (smaller y) and that left is at larger x."""
    feet = mean[mean[:, 2] < mean[:, 2].min() + FOOT_MM, 1]
    ankle = joints[list(ANKLES), 1].mean()
    if not ankle - feet.min() > feet.max() - ankle > -0.5 * FOOT_MM:
        raise BadInput(f"{folder}: the toes do not point to -y; is the body rotated?")
    if joints[SHOULDERS[1], 0] < joints[SHOULDERS[0], 0]:
        raise BadInput(f"{folder}: the left shoulder is at smaller x; is the body mirrored?")

"""The pseudo lead field: a point electrode in an infinite homogeneous medium."""

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput


def pseudo_lead_field_grad(
    points: np.ndarray, electrode_points: np.ndarray, sigma_torso: float
) -> np.ndarray:
    """Gradient of Z* = 1 / (4 pi sigma_torso |e - x|), eq. (11) of Dokuchaev 2026.

    It is (e - x) / (4 pi sigma_torso |e - x|^3), which points towards the electrode, like grad Z:
    points [point, 3] and electrodes [electrode, 3] mm, mS/mm -> [electrode, point, 3] kOhm/mm.

    Raises:
        BadInput: a point lies on an electrode.
    """
    points = check.finite("points", check.shape("points", points, (None, 3)))
    electrodes = check.shape("electrode_points", electrode_points, (None, 3))
    check.finite("electrode_points", electrodes)
    offset = electrodes[:, None, :].astype(np.float64) - points[None, :, :]
    distance = np.linalg.norm(offset, axis=-1, keepdims=True)
    if np.any(distance == 0):
        raise BadInput("points: one lies on an electrode, where the pseudo lead field is infinite")
    return offset / (4 * np.pi * sigma_torso * distance**3)

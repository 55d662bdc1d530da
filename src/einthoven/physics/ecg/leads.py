"""The twelve leads from nine electrodes (the right leg is the ground and cancels)."""

from collections.abc import Sequence

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import (
    INDEPENDENT_LEADS,
    PRECORDIAL_ELECTRODES,
    STANDARD_ELECTRODES,
)

_LIMB_LEADS = {"I": {"LA": 1.0, "RA": -1.0}, "II": {"LL": 1.0, "RA": -1.0}}
_WILSON = {"RA": -1 / 3, "LA": -1 / 3, "LL": -1 / 3}
_WEIGHTS = _LIMB_LEADS | {v: {v: 1.0, **_WILSON} for v in PRECORDIAL_ELECTRODES}


def all_leads(independent: np.ndarray) -> np.ndarray:
    """The twelve leads that follow from I, II and V1 to V6 (Einthoven 1913, Goldberger 1942).

    III = II - I, aVR = -(I + II) / 2, aVL = I - II / 2, aVF = II - I / 2.

    Args:
        independent: [..., 8, time] in the order of `core.names.INDEPENDENT_LEADS`.

    Returns:
        [..., 12, time] in the order of `core.names.LEADS`, in the same unit and precision.
    """
    one, two = independent[..., 0:1, :], independent[..., 1:2, :]
    limbs = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.concatenate([*limbs, independent[..., 2:, :]], axis=-2)


def lead_matrix(electrode_names: Sequence[str]) -> np.ndarray:
    """Weights of the electrodes in each lead (Einthoven, Goldberger, Wilson).

    Args:
        electrode_names: [electrode], any order; other electrodes get weight zero.

    Returns:
        [12 leads, electrode]; rows sum to zero, so the reference potential does not matter.

    Raises:
        BadInput: a standard electrode is missing, or a name is given twice.
    """
    names = list(check.unique("electrode_names", [str(name) for name in electrode_names]))
    missing = [name for name in STANDARD_ELECTRODES if name not in names]
    if missing:
        raise BadInput(f"electrode_names: no {', '.join(missing)}; the 12 leads need them")
    matrix = np.zeros((len(INDEPENDENT_LEADS), len(names)))
    for row, lead in enumerate(INDEPENDENT_LEADS):
        for name, weight in _WEIGHTS[lead].items():
            matrix[row, names.index(name)] = weight
    return all_leads(matrix) + 0.0  # no negative zeros


def twelve_lead(electrode_names: Sequence[str], potential: np.ndarray) -> np.ndarray:
    """The 12-lead ECG, in the order of core.names.LEADS.

    Args:
        electrode_names: [electrode].
        potential: [..., electrode, time] mV, against any common reference.

    Returns:
        [..., 12, time] mV.

    Raises:
        BadInput: names that are missing, double or not as many as the potentials.
    """
    potential = check.finite("potential", potential)
    if potential.ndim < 2 or potential.shape[-2] != len(electrode_names):
        raise BadInput(
            f"potential: shape {potential.shape} does not fit {len(electrode_names)} electrodes"
        )
    return lead_matrix(electrode_names) @ potential

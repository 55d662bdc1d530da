"""The reference of recorded body potentials."""

from enum import StrEnum

import numpy as np

from einthoven.base.core.names import LIMB_ELECTRODES

MEAN_SHARE = 0.02
"""Share of the RMS below which the mean of the electrodes counts as zero."""


class PotentialReference(StrEnum):
    """Reference of a recording's potentials."""

    MEAN = "mean of the electrodes"
    WILSON = "Wilson's central terminal"
    UNKNOWN = "unknown"


def detect_reference(potentials: np.ndarray, channels: tuple[str, ...]) -> PotentialReference:
    """Reference whose mean potential is zero.

    Args:
        potentials: [electrode, time] mV.
        channels: their names, of which RA, LA and LL are looked for.
    """
    rms = np.sqrt((potentials**2).mean())

    def is_zero(values: np.ndarray) -> bool:
        return bool(np.sqrt((values.mean(axis=0) ** 2).mean()) < MEAN_SHARE * rms)

    limbs = [k for k, name in enumerate(channels) if name.upper() in LIMB_ELECTRODES]
    if len(limbs) == len(LIMB_ELECTRODES) and is_zero(potentials[limbs]):
        return PotentialReference.WILSON
    return PotentialReference.MEAN if is_zero(potentials) else PotentialReference.UNKNOWN

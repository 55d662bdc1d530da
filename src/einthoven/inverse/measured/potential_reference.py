"""The reference of body potentials, and the same for the transfer matrix.

A recording knows potentials up to a constant per instant, the potential of its reference: Wilson's
central terminal, the mean of all electrodes, a leg. Subtracting the electrodes' mean takes away
whatever it was. The transfer matrix is treated likewise: A' = A - mean row + a, with the shares a
of the heart's area per node. Its rows still sum to 1, and since the mean of A' u over the
electrodes is the mean of u over the heart, data of zero mean ask for a u of zero mean: the constant
that the data cannot know is fixed, and no penalty acts on it.
"""

from enum import StrEnum

import numpy as np

from einthoven.base.core.names import LIMB_ELECTRODES
from einthoven.inverse.problem.mean_reference import transfer_to_mean

MEAN_SHARE = 0.02
"""Below this part of the RMS the mean of the electrodes counts as zero."""


class PotentialReference(StrEnum):
    """What a recording's potentials are measured against."""

    MEAN = "mean of the electrodes"
    WILSON = "Wilson's central terminal"
    UNKNOWN = "unknown"


def detect_reference(potentials: np.ndarray, channels: tuple[str, ...]) -> PotentialReference:
    """The reference, as far as potentials tell.

    Args:
        potentials: [electrode, time] mV. channels: their names; RA, LA and LL are looked at.
    """
    rms = np.sqrt((potentials**2).mean())

    def is_zero(values: np.ndarray) -> bool:
        return bool(np.sqrt((values.mean(axis=0) ** 2).mean()) < MEAN_SHARE * rms)

    limbs = [k for k, name in enumerate(channels) if name.upper() in LIMB_ELECTRODES]
    if len(limbs) == len(LIMB_ELECTRODES) and is_zero(potentials[limbs]):
        return PotentialReference.WILSON
    return PotentialReference.MEAN if is_zero(potentials) else PotentialReference.UNKNOWN


def to_mean(
    transfer: np.ndarray, potentials: np.ndarray, areas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Transfer matrix and potentials against the mean of the electrodes.

    Args:
        transfer: [electrode, node], rows sum to 1. potentials: [electrode, time] mV.
        areas: [node] mm^2 of the heart's nodes.

    Returns:
        Transfer [electrode, node], rows sum to 1, and potentials [electrode, time] mV; estimated
        from them, potentials on the heart have zero mean over its area.
    """
    return transfer_to_mean(transfer, areas), potentials - potentials.mean(axis=0)

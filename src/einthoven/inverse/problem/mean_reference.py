"""Potentials and transfer matrices against means: of the electrodes, over the heart."""

import numpy as np


def transfer_to_mean(transfer: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Transfer A' = A - mean row + a, with the shares a of the heart's area per node.

    A recording gives potentials up to a constant per instant, that of its reference. Without the
    electrodes' mean they do not depend on it. Rows of A' still sum to 1, and the mean of A' u over
    the electrodes is the mean of u over the heart: data of zero mean give a u of zero mean, so the
    constant that the data cannot determine is fixed, and no penalty acts on it. A and A' are
    [electrode, node], areas [node] mm^2.
    """
    return transfer - transfer.mean(axis=0) + areas / areas.sum()


def less_area_mean(values: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Values [node, ...] less their mean over the areas [node] mm^2 of the heart's nodes."""
    return values - (areas / areas.sum()) @ values

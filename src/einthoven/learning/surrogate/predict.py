"""Gradients of one patient from one network, block by block."""

from collections.abc import Iterator

import numpy as np
import torch

from einthoven.base.core.errors import BadInput
from einthoven.learning.surrogate.inputs import Inputs
from einthoven.learning.surrogate.surrogate_network import LeadFieldNetwork
from einthoven.numerics.training.precision import autocast_only, perceptrons

MAX_POINTS = 8192
"""Largest number of points of a block; with a network's pairs it limits the memory."""


def blocks(pairs: int, n_electrodes: int, n_points: int) -> Iterator[slice]:
    """Slices of the points, each with at most `pairs` (point, electrode) pairs."""
    size = min(MAX_POINTS, max(1, pairs // n_electrodes))
    return (slice(start, start + size) for start in range(0, n_points, size))


def predict_gradient(network: LeadFieldNetwork, inputs: Inputs) -> np.ndarray:
    """Lead-field gradients of one patient: [electrode, point, 3] float32, kOhm/mm.

    Within `training.precision.bfloat16_layers` the layers of the network compute in bfloat16.
    """
    size = (len(inputs.electrodes), len(inputs.points))
    grad = torch.empty(*size, 3)
    with torch.inference_mode(), autocast_only(list(perceptrons(network)), "cpu"):
        for block in blocks(network.pairs_per_block, *size):
            grad[:, block] = network(Inputs.stack([inputs.at(block)]))[0]
    if not np.isfinite(grad.numpy()).all():
        raise BadInput("predicted gradients are not finite: weights or inputs out of range")
    return grad.numpy()

"""Gradients of one patient from one network, block by block."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from einthoven.core.errors import BadInput
from einthoven.surrogate.inputs import Inputs
from einthoven.training.precision import autocast_only, perceptrons

PAIRS_PER_BLOCK = 2**18
MAX_POINTS = 8192
"""Most (point, electrode) pairs, and points, of a block: they bound the memory."""


def blocks(n_electrodes: int, n_points: int) -> Iterator[slice]:
    """Slices of the points that one call of a network takes."""
    size = min(MAX_POINTS, max(1, PAIRS_PER_BLOCK // n_electrodes))
    return (slice(start, start + size) for start in range(0, n_points, size))


def predict_gradient(network: nn.Module, inputs: Inputs) -> np.ndarray:
    """Lead-field gradients of one patient: [electrode, point, 3] float32, kOhm/mm.

    Within `training.precision.bfloat16_layers` the layers of the network compute in bfloat16.
    """
    size = (len(inputs.electrodes), len(inputs.points))
    grad = torch.empty(*size, 3)
    with torch.inference_mode(), autocast_only(list(perceptrons(network)), "cpu"):
        for block in blocks(*size):
            grad[:, block] = network(Inputs.stack([inputs.at(block)]))[0]
    if not np.isfinite(grad.numpy()).all():
        raise BadInput("predicted gradients are not finite: weights or inputs out of range")
    return grad.numpy()

"""A small operator whose weights are no longer those of its start."""

import torch

from einthoven.base.config.learning import OperatorSettings
from einthoven.learning.surrogate.operator.operator_network import IncidentOperator

SMALL = OperatorSettings(width=16, rank=4, n_frequencies=4, epochs=40, points_per_batch=64,
                      batch_patients=2, electrodes_per_batch=4)  # fmt: skip


def trained_like(seed=0):
    """A network whose last layer is not at its start any more."""
    torch.manual_seed(seed)
    network = IncidentOperator(SMALL)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()

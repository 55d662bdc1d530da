"""A small operator whose weights are no longer those of its start, and hearts for it."""

import torch

from einthoven.base.config.learning import OperatorSettings
from einthoven.learning.surrogate.operator.inputs import N_LOCAL, N_OF_POINT, OperatorInputs
from einthoven.learning.surrogate.operator.operator import OperatorEnsemble
from einthoven.learning.surrogate.operator.operator_network import IncidentOperator
from einthoven.learning.surrogate.operator.train import OperatorSample
from einthoven.learning.surrogate.operator.training_distribution import TrainingDistribution

SMALL = OperatorSettings(width=16, rank=4, n_frequencies=4, epochs=40, points_per_batch=64,
                      batch_patients=2, electrodes_per_batch=4)  # fmt: skip

N_POINTS, N_ELECTRODES = 50, 6


def trained_like(seed=0):
    """A network whose last layer is not at its start any more."""
    torch.manual_seed(seed)
    network = IncidentOperator(SMALL)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def some_inputs(seed, n=N_POINTS):
    given = torch.Generator().manual_seed(seed)
    local = torch.randn(n, N_LOCAL, generator=given)
    local[:, N_OF_POINT:] = local[:1, N_OF_POINT:]  # conductivities and the mesh
    return OperatorInputs(local, torch.randn(N_ELECTRODES, n, 3, generator=given),
                          torch.full((n,), 1 / n))  # fmt: skip


def operator_samples(n=4):
    """Hearts that turn and stretch the field by place, and feel its mean."""
    found = []
    for seed in range(n):
        inputs = some_inputs(seed, 200)
        inputs = inputs._replace(incident=inputs.incident + torch.randn(N_ELECTRODES, 1, 3))
        mean = inputs.incident.mean(dim=1, keepdim=True)
        found.append(
            OperatorSample(inputs, inputs.incident * (1.5 + inputs.local[:, :1].tanh()) + mean)
        )
    return found


def an_operator(n_networks, **given):
    hearts = [some_inputs(seed) for seed in range(24)]
    networks = tuple(trained_like(seed) for seed in range(n_networks))
    return OperatorEnsemble(networks, TrainingDistribution.of(hearts), **given)

"""The networks of Zhu 2025: feed-forward, and with adaptive residual blocks (NN1 to NN6).

References:
    Zhu, Bilchick, Xie, Sci Rep 15:31747 (2025), doi:10.1038/s41598-025-15687-1: section III-C,
    eqs. (10) and (11), table I.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from einthoven.base.core.errors import BadInput
from einthoven.inverse.baselines.networks.jets import VALUES, Jet
from einthoven.numerics.training.task import seeded

N_INPUTS, N_OUTPUTS = 4, 2
"""Inputs [s, t] in 3-D and time; outputs u and v."""


class Affine(nn.Module):
    """Affine map W x + b of jets, with Glorot's uniform weights and b = 0."""

    def __init__(self, n_inputs: int, n_outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_outputs, n_inputs))
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor, jet: Jet) -> Tensor:
        """Map [..., component, n_inputs] to [..., component, n_outputs]."""
        return jet.affine(x, self.weight, self.bias)


class Gate(nn.Module):
    """Gate (1 - alpha) h + alpha x with trainable alpha = sigmoid(alpha_T), eq. (11)."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha_t = nn.Parameter(torch.zeros(()))

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        """Mix [..., neuron] of the functional block and of its input."""
        return torch.lerp(h, x, self.alpha_t.sigmoid())


class Layer(nn.Module):
    """Layer tanh(W x + b), eq. (10)."""

    def __init__(self, n_inputs: int, neurons: int):
        super().__init__()
        self.affine = Affine(n_inputs, neurons)

    def forward(self, x: Tensor, jet: Jet) -> Tensor:
        """Map [..., component, n_inputs] to [..., component, neuron]."""
        return jet.tanh(self.affine(x, jet))


class AdapResBlock(nn.Module):
    """Two layers and a gated shortcut around them, eq. (11)."""

    def __init__(self, neurons: int):
        super().__init__()
        self.layers = nn.ModuleList([Layer(neurons, neurons), Layer(neurons, neurons)])
        self.gate = Gate()

    def forward(self, x: Tensor, jet: Jet) -> Tensor:
        """Map [..., component, neuron] to the same shape."""
        h = x
        for layer in self.layers:
            h = layer(h, jet)
        return self.gate(h, x)


class SpaceTimeNetwork(nn.Module):
    """Network from [s, t] to u, v: scaled inputs, hidden parts, a linear read-out."""

    centre: Tensor
    scale: Tensor

    def __init__(self, hidden: list[nn.Module], neurons: int):
        super().__init__()
        self.hidden = nn.ModuleList(hidden)
        self.readout = Affine(neurons, N_OUTPUTS)
        self.register_buffer("centre", torch.zeros(N_INPUTS))
        self.register_buffer("scale", torch.ones(N_INPUTS))

    def set_domain(self, points: np.ndarray, time: np.ndarray, half_width: float) -> None:
        """Scale points [node, 3] mm by their largest extent, time to +-half_width."""
        centre = np.r_[(points.min(0) + points.max(0)) / 2, (time[0] + time[-1]) / 2]
        half = np.r_[np.repeat(np.ptp(points, axis=0).max() / 2, 3), (time[-1] - time[0]) / 2]
        self.centre.copy_(torch.as_tensor(centre))
        self.scale.copy_(torch.as_tensor(half_width / half))

    def forward(self, x: Tensor, jet: Jet = VALUES) -> Tensor:
        """Map scaled jets [..., component, 4] to jets of u, v [..., component, 2]."""
        for part in self.hidden:
            x = part(x, jet)
        return self.readout(x, jet)


@dataclass(frozen=True)
class Architecture:
    """Depth and width as table I counts them.

    All `layers` have `neurons`, those within blocks included; the linear read-out to u and v is
    not counted. Single layers stand at the start, between two blocks and at the end, so that
    layers = 3 blocks + 1.
    """

    layers: int
    neurons: int = 15
    blocks: int = 0

    def __post_init__(self) -> None:
        if self.layers < 1 or self.neurons < 1:
            raise BadInput(f"layers = {self.layers}, neurons = {self.neurons}: at least 1 of each")
        if self.blocks and self.layers != 3 * self.blocks + 1:
            raise BadInput(
                f"{self.blocks} adaptive residual blocks need {3 * self.blocks + 1} layers (two "
                f"each, one between two, one at the start and the end), not {self.layers}"
            )

    def build(self, seed: int) -> SpaceTimeNetwork:
        """A network with weights drawn from `seed`."""
        n = self.neurons
        with seeded(seed, "inverse-network"):
            hidden: list[nn.Module] = [Layer(N_INPUTS, n)]
            if self.blocks:
                for _ in range(self.blocks):
                    hidden += [AdapResBlock(n), Layer(n, n)]
            else:
                hidden += [Layer(n, n) for _ in range(self.layers - 1)]
            return SpaceTimeNetwork(hidden, n)


NETWORKS = {
    "NN1": Architecture(4),
    "NN2": Architecture(4, blocks=1),
    "NN3": Architecture(7),
    "NN4": Architecture(7, blocks=2),
    "NN5": Architecture(10),
    "NN6": Architecture(10, blocks=3),
}
"""Table I."""

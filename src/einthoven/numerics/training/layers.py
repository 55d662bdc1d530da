"""Building blocks of networks: Fourier features and a perceptron."""

import math

import torch
from torch import Tensor, nn


class FourierFeatures(nn.Module):
    """[x, sin(2 pi B x), cos(2 pi B x)] with fixed normal B (Tancik 2020, arXiv 2006.10739)."""

    frequencies: Tensor

    def __init__(self, n_inputs: int, n_frequencies: int, scale: float):
        super().__init__()
        self.register_buffer("frequencies", scale * torch.randn(n_inputs, n_frequencies))
        self.n_outputs = n_inputs + 2 * n_frequencies

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., n_inputs] to [..., n_outputs]."""
        phase = 2 * math.pi * (x @ self.frequencies)
        return torch.cat([x, phase.sin(), phase.cos()], dim=-1)


def perceptron(n_inputs: int, width: int, n_outputs: int, n_hidden: int) -> nn.Sequential:
    """Linear layers with SiLU between them."""
    layers: list[nn.Module] = []
    for n in [n_inputs] + [width] * (n_hidden - 1):
        layers += [nn.Linear(n, width), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(width, n_outputs))

"""A decoder of two networks: the torso in body coordinates, the heart in its own.

Each is a perceptron of the coordinates whose layers are scaled and shifted by the code
(feature-wise modulation, Perez 2018, arXiv 1709.07871). Torso and heart have a part of the code
each, so that a skin says nothing about a heart but what the codes' covariance knows.
"""

import torch
from torch import Tensor, nn

from einthoven.encoders.decoder import (
    ACTIVATIONS,
    N_POSE,
    N_SURFACES,
    Decoder,
    DecoderShape,
    SurfaceDecoder,
    smooth_norm,
    waves,
)

N_LAYERS = 4
CODE_WIDTH = 64
"""Hidden units between a code and the modulation."""
START = 0.3
"""Share of the usual initial weights of the modulation: codes start as small changes."""


class Branch(nn.Module):
    """Values at points of one frame.

    Args:
        n_code: entries of its part of the code.
        n_out: values.
        shape: width, frequencies and activation.
    """

    frequencies: Tensor

    def __init__(self, n_code: int, n_out: int, shape: DecoderShape):
        super().__init__()
        width, n_coords = shape.width, 3 + 2 * shape.n_frequencies
        self.activate = ACTIVATIONS[shape.activation]
        self.layers = nn.ModuleList(
            nn.Linear(width if layer else n_coords, width) for layer in range(N_LAYERS)
        )
        self.code = nn.Linear(n_code, CODE_WIDTH)
        self.modulation = nn.Linear(CODE_WIDTH, 2 * width * N_LAYERS)
        self.last = nn.Linear(width, n_out)
        with torch.no_grad():
            self.modulation.weight.mul_(START)
        frequencies = shape.frequency_scale * torch.randn(3, shape.n_frequencies)
        self.register_buffer("frequencies", frequencies)

    def forward(self, coords: Tensor, code: Tensor) -> Tensor:
        """[patient, point, 3] without unit, [patient, code] -> [patient, point, value]."""
        h = torch.cat([coords, waves(coords, self.frequencies)], dim=-1)
        modulation = self.modulation(self.activate(self.code(code)))[:, None]
        scale, shift = modulation.chunk(2, dim=-1)
        for linear, a, b in zip(
            self.layers, scale.chunk(N_LAYERS, dim=-1), shift.chunk(N_LAYERS, dim=-1)
        ):
            h = self.activate(linear(h) * (1 + a) + b)
        return self.last(h)

    def matrices(self) -> list[nn.Parameter]:
        """Weights that are neither the last layer's nor biases."""
        return [linear.weight for linear in [*self.layers, self.code, self.modulation]]


class SplitDecoder(SurfaceDecoder):
    """Torso and heart apart; the code is pose, part of the torso, part of the heart."""

    parts = (slice(0, 1), slice(1, N_SURFACES))

    def __init__(self, shape: DecoderShape):
        super().__init__(shape)
        n_shape = shape.n_latent - (N_POSE if shape.pose else 0)
        self.n_torso = n_shape // 2
        self.torso = Branch(self.n_torso, 1, shape)
        self.heart = Branch(n_shape - self.n_torso, N_SURFACES - 1, shape)

    def decode_part(self, part: int, points: Tensor, latent: Tensor) -> Tensor:
        """Distances of the torso (part 0) or of the heart's surfaces (part 1) in mm."""
        code = self.shape_code(latent)
        if part == 0:
            coords, scale = self.body_coordinates(points), self.body_mm
            bent = self.torso(coords, code[:, : self.n_torso])
        else:
            coords, scale = self.heart_coordinates(points, latent), self.heart_mm
            bent = self.heart(coords, code[:, self.n_torso :])
        columns = self.parts[part]
        sphere = smooth_norm(coords * scale) - self.radius_mm[columns]
        return sphere + bent * self.output_mm[columns]

    def matrices(self) -> list[nn.Parameter]:
        """Weights between features, for orthogonalised steps."""
        return [*self.torso.matrices(), *self.heart.matrices()]

    def lipschitz_product(self) -> Tensor:
        """No bound is learned: smooth modulations of few entries need none."""
        return self.body_mm.new_zeros(())


def new_decoder(shape: DecoderShape) -> SurfaceDecoder:
    """An untrained decoder; weights come from torch's global generator."""
    return SplitDecoder(shape) if shape.network == "split" else Decoder(shape)

"""A decoder of two networks: the torso in body coordinates, the heart in its own.

Each is a perceptron of the coordinates whose layers are scaled and shifted by the code
(feature-wise modulation, Perez 2018, arXiv 1709.07871). Torso and heart have separate parts of the
code, so a skin affects the heart only through the covariance of the codes.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from einthoven.base.config.learning import DeepSdfSettings
from einthoven.learning.encoders.deepsdf.decoder import (
    ACTIVATIONS,
    N_POSE,
    N_SURFACES,
    SLOPED,
    Decoder,
    SurfaceDecoder,
    heart_rotation,
    smooth_norm,
    waves,
)
from einthoven.numerics.training.precision import layer_dtype

N_LAYERS = 4
CODE_WIDTH = 64
"""Hidden units between a code and the modulation."""
CHUNK = 2_048
"""Points evaluated at a time: the layers' outputs fit into a cache and are small enough for the
allocator to keep between operations."""
START = 0.3
"""Initial weights of the modulation relative to the usual ones: codes start as small changes."""


class CodeBranch(nn.Module):
    """`n_out` values at points of one frame, given `n_code` entries of the code."""

    frequencies: Tensor

    def __init__(self, n_code: int, n_out: int, config: DeepSdfSettings):
        super().__init__()
        width, n_coords = config.width, 3 + 2 * config.n_frequencies
        self.activate, self.sloped = ACTIVATIONS[config.activation], SLOPED[config.activation]
        linears = [nn.Linear(width if layer else n_coords, width) for layer in range(N_LAYERS)]
        self.layers: Iterable[nn.Linear] = nn.ModuleList(linears)  # type: ignore[assignment]
        self.code = nn.Linear(n_code, CODE_WIDTH)
        self.modulation = nn.Linear(CODE_WIDTH, 2 * width * N_LAYERS)
        self.last = nn.Linear(width, n_out)
        with torch.no_grad():
            self.modulation.weight.mul_(START)
        frequencies = config.frequency_scale * torch.randn(3, config.n_frequencies)
        self.register_buffer("frequencies", frequencies)

    def modulations(self, code: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Scale and shift of each layer: [..., code] -> pairs of [..., width]."""
        scale, shift = self.modulation(self.activate(self.code(code))).chunk(2, dim=-1)
        return list(zip((1 + scale).chunk(N_LAYERS, dim=-1), shift.chunk(N_LAYERS, dim=-1)))

    def forward(self, coords: Tensor, code: Tensor) -> Tensor:
        """[patient, point, 3] without unit, [patient, code] -> [patient, point, value]."""
        h = torch.cat([coords, waves(coords, self.frequencies)], dim=-1)
        for linear, (scale, shift) in zip(self.layers, self.modulations(code)):
            h = self.activate(linear(h) * scale[:, None] + shift[:, None])
        return self.last(h)

    def with_gradients(
        self, coords: Tensor, code: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """Values and their gradients for one patient, with a hand-written backward pass.

        The code is folded into the weights and nothing is recorded, which takes half the time of
        automatic differentiation. `dtype` is that of the layers; inputs and outputs keep theirs:
        [point, 3] without unit, [code] -> [point, value] and [point, value, 3].
        """
        folded = [
            ((scale[:, None] * linear.weight).to(dtype), (scale * linear.bias + shift).to(dtype))
            for linear, (scale, shift) in zip(self.layers, self.modulations(code))
        ]
        parts = [self._forward_and_backward(x, folded) for x in coords.split(CHUNK)]
        values, gradients = zip(*parts)
        return torch.cat(values), torch.cat(gradients)

    def _forward_and_backward(
        self, coords: Tensor, folded: list[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        sine, cosine = waves(coords, self.frequencies).chunk(2, dim=-1)
        h = torch.cat([coords, sine, cosine], dim=-1).to(folded[0][0].dtype)
        slopes = []
        for weight, bias in folded:
            h, slope = self.sloped(F.linear(h, weight, bias))
            slopes.append(slope)
        back = self.last.weight[:, None].to(h.dtype)  # [value, 1, width]
        for (weight, _), slope in zip(reversed(folded), reversed(slopes)):
            back = (back * slope) @ weight
        back = back.to(coords.dtype)
        straight, by_sine, by_cosine = back.split([3, *[sine.shape[-1]] * 2], dim=-1)
        phases = 2 * math.pi * self.frequencies
        gradient = straight + (by_sine * cosine - by_cosine * sine) @ phases.T
        return self.last(h.to(coords.dtype)), gradient.movedim(0, 1)

    def matrices(self) -> list[Tensor]:
        """Weights except biases and those of the last layer."""
        return [linear.weight for linear in [*self.layers, self.code, self.modulation]]


class SplitDecoder(SurfaceDecoder):
    """Separate networks for torso and heart; the code is pose, torso part, heart part.

    No Lipschitz bound is learned, because smooth modulations of few entries need none.
    """

    parts = (slice(0, 1), slice(1, N_SURFACES))
    near_share = 0.7

    def __init__(self, config: DeepSdfSettings):
        super().__init__(config)
        n_shape = config.n_latent - (N_POSE if config.pose else 0)
        self.n_torso = n_shape // 2
        self.torso = CodeBranch(self.n_torso, 1, config)
        self.heart = CodeBranch(n_shape - self.n_torso, N_SURFACES - 1, config)

    def decode_part(self, part: int, points: Tensor, latent: Tensor) -> Tensor:
        """Distances of the torso (part 0) or of the heart's surfaces (part 1) in mm."""
        branch, coords, scale, code = self._part(part, points, latent)
        columns = self.parts[part]
        sphere = smooth_norm(coords * scale) - self.radius_mm[columns]
        return sphere + branch(coords, code) * self.output_mm[columns]

    def _part(
        self, part: int, points: Tensor, latent: Tensor
    ) -> tuple[CodeBranch, Tensor, Tensor, Tensor]:
        """Branch, coordinates, their scale in mm, and part of the code."""
        code = self.shape_code(latent)
        if part == 0:
            return self.torso, points / self.body_mm, self.body_mm, code[:, : self.n_torso]
        heart = self.heart_coordinates(points, latent)
        return self.heart, heart, self.heart_mm, code[:, self.n_torso :]

    @torch.no_grad()
    def with_gradients(self, points: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Distances [point, surface] mm of one body and their gradients [point, surface, 3]."""
        dtype, distances, gradients = layer_dtype(points), [], []
        with torch.autocast(points.device.type, enabled=False):
            for k, columns in enumerate(self.parts):
                branch, coords, scale, code = self._part(k, points[None], latent[None])
                bent, slope = branch.with_gradients(coords[0], code[0], dtype)
                centred = coords[0] * scale
                radius, output = smooth_norm(centred), self.output_mm[columns]
                gradient = slope * (output / scale)[:, None] + (centred / radius)[:, None]
                if k and self.config.pose:
                    gradient = gradient @ heart_rotation(latent).T
                distances.append(radius - self.radius_mm[columns] + bent * output)
                gradients.append(gradient)
        return torch.cat(distances, dim=-1), torch.cat(gradients, dim=1)

    def matrices(self) -> list[Tensor]:
        """Weights between features, for orthogonalised steps."""
        return [*self.torso.matrices(), *self.heart.matrices()]


DECODERS: dict[str, type[SurfaceDecoder]] = {"split": SplitDecoder, "joint": Decoder}


def new_decoder(config: DeepSdfSettings) -> SurfaceDecoder:
    """An untrained decoder; weights come from torch's global generator."""
    return DECODERS[config.network](config)

"""DeepSDF decoders: (point, code) -> four signed distances (Dokuchaev 2026, section 2.5).

`Decoder` is the published one: five hidden layers, a skip of the coordinates after the third,
Fourier features (Tancik et al. 2020, arXiv 2006.10739), Lipschitz layers, four outputs. Two
additions can be switched off. *Pose*: the first six entries of the code rotate and shift the
coordinates in which the network sees the heart, so that few training anatomies suffice to learn
that a heart may have another pose. *Smooth activations*: the gradient of a signed distance is the
surface normal, which is piecewise constant with ReLU.

`SplitDecoder` has two networks: the torso in body coordinates, the heart in its own. Each is a
perceptron of the coordinates whose layers are scaled and shifted by the code (feature-wise
modulation, Perez 2018, arXiv 1709.07871). Torso and heart have separate parts of the code, so a
skin affects the heart only through the covariance of the codes.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from einthoven.base.config.learning import N_POSE, DeepSdfSettings
from einthoven.base.core.tags import SDF_SURFACES
from einthoven.numerics.training.precision import layer_dtype

N_SURFACES = len(SDF_SURFACES)
N_HIDDEN = 5
SKIP_AFTER = 3
POSE_SHIFT_MM = 10.0
"""Shift for a code entry of 1."""
POSE_ROTATION_RAD = 0.2
"""Rotation for a code entry of 1."""
ACTIVATIONS = {"relu": F.relu, "silu": F.silu}
SLOPED = {"relu": lambda x: (F.relu(x), (x > 0).to(x)), "silu": lambda x: _silu_sloped(x)}
"""The activations and their derivatives."""
N_LAYERS = 4
CODE_WIDTH = 64
"""Hidden units between a code and the modulation."""
CHUNK = 2_048
"""Points evaluated at a time: the layers' outputs fit into a cache and are small enough for the
allocator to keep between operations."""
START = 0.3
"""Initial weights of the modulation relative to the usual ones: codes start as small changes."""


class SurfaceDecoder(nn.Module, ABC):
    """Signed distances in mm, at points in mm in the patient frame.

    `AutoDecoder` sets buffers from training data only: `body_mm` (scale of torso coordinates),
    `heart_centre`, `heart_mm` (centre and scale of heart coordinates), and per surface `output_mm`
    (scale) and `radius_mm` (of the sphere that the network deforms).
    """

    parts: tuple[slice, ...]
    """Surfaces that one network decodes, in order."""
    near_share: float
    """Share of a training batch that is near the surfaces of the network."""
    body_mm: Tensor
    heart_mm: Tensor
    heart_centre: Tensor
    output_mm: Tensor
    radius_mm: Tensor

    def __init__(self, config: DeepSdfSettings):
        super().__init__()
        self.config = config
        for name, value in (("body_mm", 200.0), ("heart_mm", 50.0)):
            self.register_buffer(name, torch.tensor(value))
        self.register_buffer("heart_centre", torch.zeros(3))
        self.register_buffer("output_mm", torch.full((N_SURFACES,), 50.0))
        self.register_buffer("radius_mm", torch.full((N_SURFACES,), 50.0))

    @abstractmethod
    def decode_part(self, part: int, points: Tensor, latent: Tensor) -> Tensor:
        """[patient, point, 3] mm, [patient, latent] -> [patient, point, surface of the part]."""

    def matrices(self) -> list[Tensor]:
        """Weights between features, for orthogonalised steps; none by default."""
        return []

    def lipschitz_product(self) -> Tensor:
        """The regularisation L_Lip of eq. (6); zero without learned bounds."""
        return self.body_mm.new_zeros(())

    def forward(self, points: Tensor, latent: Tensor) -> Tensor:
        """[patient, point, 3] mm, [patient, latent] -> [patient, point, surface] mm."""
        parts = [self.decode_part(k, points, latent) for k in range(len(self.parts))]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def with_gradients(self, points: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Distances [point, surface] mm of one body and their gradients [point, surface, 3].

        They are at points [point, 3] mm, given the code [latent].
        """
        # the caller may be inside no_grad or inference_mode, as in Lightning's validation
        plain = torch.autocast(points.device.type, enabled=False)
        with plain, torch.inference_mode(False), torch.enable_grad():
            x = points.clone().requires_grad_(True)
            sdf = self(x[None], latent.clone()[None])[0]
            rows = [torch.autograd.grad(s.sum(), x, retain_graph=True)[0] for s in sdf.T]
        return sdf.detach(), torch.stack(rows, dim=1)

    def heart_coordinates(self, points: Tensor, latent: Tensor) -> Tensor:
        """Coordinates in which the heart has the mean pose: [patient, point, 3], no unit."""
        heart = points - self.heart_centre
        if self.config.pose:
            heart = heart - POSE_SHIFT_MM * latent[:, None, 3:N_POSE]
            heart = torch.einsum("pni,pij->pnj", heart, heart_rotation(latent))
        return heart / self.heart_mm

    def shape_code(self, latent: Tensor) -> Tensor:
        """The code's entries that are not the heart's pose."""
        return latent[:, N_POSE:] if self.config.pose else latent

    def spheres(self, body: Tensor, heart: Tensor) -> Tensor:
        """Distances to spheres about the body's and the heart's centre, which the network deforms.

        Even a hardly trained decoder thus has all four surfaces, and the far field is right.
        Arguments are coordinates of the body and `heart_coordinates`, without unit: [patient,
        point, surface] mm.
        """
        torso, heart = (smooth_norm(body * self.body_mm), smooth_norm(heart * self.heart_mm))
        return torch.cat([torso, *[heart] * (N_SURFACES - 1)], dim=-1) - self.radius_mm


class LipschitzLinear(nn.Module):
    """y = W x + b with each row of W scaled so that its absolute sum is at most softplus(c).

    The map is then softplus(c)-Lipschitz in the maximum norm; c is learned and penalised (Liu et
    al. 2022, DOI 10.1145/3528233.3530713).
    """

    def __init__(self, n_in: int, n_out: int):
        super().__init__()
        plain = nn.Linear(n_in, n_out)
        self.weight, self.bias = plain.weight, plain.bias
        largest = self.weight.detach().abs().sum(dim=1).max()
        # softplus(raw_bound) = largest row sum: the layer starts as a plain linear one
        self.raw_bound = nn.Parameter(torch.log(torch.expm1(largest)))

    def bound(self) -> Tensor:
        """The layer's Lipschitz bound in the maximum norm."""
        return F.softplus(self.raw_bound)

    def normalised_weight(self) -> Tensor:
        """W with its rows scaled down to the bound: [n_out, n_in]."""
        row_sums = self.weight.abs().sum(dim=1, keepdim=True)
        return self.weight * torch.clamp(self.bound() / row_sums, max=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., n_in] to [..., n_out]."""
        return F.linear(x, self.normalised_weight(), self.bias)


class Decoder(SurfaceDecoder):
    """One network of Lipschitz layers for all four surfaces, as in Dokuchaev 2026."""

    parts = (slice(0, N_SURFACES),)
    near_share = 0.0
    frequencies: Tensor

    def __init__(self, config: DeepSdfSettings):
        super().__init__(config)
        n_shape = config.n_latent - (N_POSE if config.pose else 0)
        n_coords = 6 + 4 * config.n_frequencies
        width = config.width
        self.first = LipschitzLinear(n_coords + n_shape, width)
        self.hidden = nn.ModuleList(
            LipschitzLinear(width + (n_coords if layer == SKIP_AFTER else 0), width)
            for layer in range(1, N_HIDDEN)
        )
        self.last = LipschitzLinear(width, N_SURFACES)
        self.register_buffer("frequencies", torch.randn(6, config.n_frequencies))

    def decode_part(self, part: int, points: Tensor, latent: Tensor) -> Tensor:
        """[patient, point, 3] mm, [patient, latent] -> [patient, point, surface] mm."""
        activate = ACTIVATIONS[self.config.activation]
        body, heart = points / self.body_mm, self.heart_coordinates(points, latent)
        scale = self.config.frequency_scale
        torso_waves = waves(body, scale * self.frequencies[:3])
        heart_waves = waves(heart, scale * self.frequencies[3:])
        coords = torch.cat([body, heart, torso_waves, heart_waves], dim=-1)
        # the code is the same at all points of a patient, so multiply it once
        weight = self.first.normalised_weight()
        n_coords = coords.shape[-1]
        h = F.linear(coords, weight[:, :n_coords], self.first.bias)
        h = activate(h + F.linear(self.shape_code(latent), weight[:, n_coords:])[:, None])
        for layer, linear in enumerate(self.hidden, start=1):
            h = activate(linear(torch.cat([h, coords], dim=-1) if layer == SKIP_AFTER else h))
        return self.spheres(body, heart) + self.last(h) * self.output_mm

    def lipschitz_product(self) -> Tensor:
        """Product of the layers' bounds: the regularisation of Liu 2022, L_Lip in eq. (6)."""
        layers = (self.first, *self.hidden, self.last)
        return torch.stack([layer.bound() for layer in layers]).prod()


def waves(coords: Tensor, frequencies: Tensor) -> Tensor:
    """Fourier features: [..., 3] without unit, [3, frequency] -> [..., 2 frequency]."""
    phase = coords @ (2 * math.pi * frequencies)
    return torch.cat([phase.sin(), phase.cos()], dim=-1)


def smooth_norm(vector: Tensor) -> Tensor:
    """Length of [..., 3] mm, smooth at zero: [..., 1] mm."""
    return torch.sqrt(vector.square().sum(dim=-1, keepdim=True) + 1.0)


def heart_rotation(latent: Tensor) -> Tensor:
    """Rotation of the heart from its mean pose to the patient's: [..., 3, 3]."""
    return rotation(POSE_ROTATION_RAD * latent[..., :3])


def rotation(vector: Tensor) -> Tensor:
    """Rotation matrices of rotation vectors (Rodrigues): [..., 3] rad -> [..., 3, 3]."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1)
    return torch.linalg.matrix_exp(cross.reshape(*vector.shape[:-1], 3, 3))


def _silu_sloped(x: Tensor) -> tuple[Tensor, Tensor]:
    gate = torch.sigmoid(x)
    value = x * gate
    return value, torch.addcmul(value, gate, 1 - value)


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

"""Two general operators on geometry, written from their papers, for the benchmark of lead fields.

`Transformer`: physics attention after Transolver (Wu 2024, arXiv 2402.02366): points are gathered
into a few slices by learned weights, the slices attend to one another, and are dealt back.
`GraphOperator`: after GINO (Li 2023, arXiv 2309.00583) and GAOT (Wen 2025, arXiv 2505.18781): a
kernel integral over near points carries a field onto tokens in the heart and on the skin, a
transformer works on the tokens, a kernel integral over near tokens carries it to any point.

Both see each electrode's field as a function on points: a first guess p of the gradient, which is
the formula of a point source or the solved field of the torso without heart, and answer with
p + |p| y. All is in the heart's frame, so that a patient who is turned has the same inputs.
"""

from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from einthoven.learning.surrogate.operator.inputs import N_LOCAL, PLACE_MM
from einthoven.numerics.training.layers import FourierFeatures, perceptron

N_PAIR, N_SKIN = 8, 10
BODY_MM, SOFTENING_MM = 100.0, 5.0
LEAST_SD = 0.02
N_FREQUENCIES, FREQUENCY_SCALE = 24, 0.2
"""Lengths as in the operator on the incident field."""
MUON_LR_FACTOR = 2.0


class GeometryInputs(NamedTuple):
    """Tensors of one heart, or of a batch with one leading dimension more; heart frame, float32."""

    local: Tensor
    """[point, N_LOCAL] of surrogate.operator.inputs: the place first."""
    guess: Tensor
    """[electrode, point, 3] 1/mm^2: gradients by a first guess, times the torso's conductivity."""
    electrodes: Tensor
    """[electrode, 3] mm."""
    skin: Tensor
    """[skin point, 6] places in mm, outward normals."""
    tokens: Tensor
    """[token, 3] mm: places spread over the heart."""

    def at(self, points: Tensor | slice, electrodes: Tensor | slice = slice(None)) -> Self:
        """The same heart (not a batch) at some points, for some electrodes."""
        return self._replace(local=self.local[points], guess=self.guess[electrodes][:, points],
                             electrodes=self.electrodes[electrodes])  # fmt: skip

    @classmethod
    def stack(cls, patients: list[Self]) -> Self:
        """A batch of hearts with equal numbers of everything."""
        return cls(*(torch.stack(tensors) for tensors in zip(*patients, strict=True)))

    @property
    def places(self) -> Tensor:
        """[..., point, 3] mm."""
        return PLACE_MM * self.local[..., :3]


def seen_from(electrodes: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Directions to electrodes [..., electrode, place, 3] and logarithms of distances [.., 1]."""
    away = electrodes[..., :, None, :] - places[..., None, :, :]
    rho = (away.square().sum(-1, keepdim=True) + SOFTENING_MM**2).sqrt()
    return away / rho, (rho / BODY_MM).log()


def pair_features(inputs: GeometryInputs) -> Tensor:
    """Features of point and electrode: [..., electrode, point, N_PAIR] of order one."""
    u, log_rho = seen_from(inputs.electrodes, inputs.places)
    length = inputs.guess.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return torch.cat([u, log_rho, inputs.guess / length, (BODY_MM**2 * length).log()], dim=-1)


def skin_features(inputs: GeometryInputs) -> Tensor:
    """Features of skin points for each electrode: [..., electrode, skin point, N_SKIN]."""
    place, normal = inputs.skin.split(3, dim=-1)
    u, log_rho = seen_from(inputs.electrodes, place)
    fixed = torch.cat([place / BODY_MM, normal], dim=-1)[..., None, :, :]
    return torch.cat([fixed.expand(*u.shape[:-1], 6), u, log_rho], dim=-1)


class GeometryNetwork(nn.Module):
    """Embeddings of points, pairs and skin, and the last layer, common to both."""

    mean: Tensor
    sd: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.fourier = FourierFeatures(3, N_FREQUENCIES, FREQUENCY_SCALE)
        self.of_point = nn.Linear(N_LOCAL - 3 + self.fourier.n_outputs, width)
        self.of_pair = nn.Linear(N_PAIR, width)
        self.of_skin = nn.Linear(N_SKIN, width)
        self.last = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3))
        nn.init.zeros_(self.last[1].weight)  # it starts as the first guess
        nn.init.zeros_(self.last[1].bias)
        self.register_buffer("mean", torch.zeros(N_LOCAL))
        self.register_buffer("sd", torch.ones(N_LOCAL))

    def fit_scales(self, local: Tensor) -> None:
        """Standardise features [point, N_LOCAL] of the training patients."""
        self.mean.copy_(local.mean(dim=0))
        self.sd.copy_(local.std(dim=0).clamp_min(LEAST_SD))

    def of_points(self, local: Tensor) -> Tensor:
        """Embedding [..., point, width] of what no electrode changes."""
        scaled = ((local - self.mean) / self.sd)[..., 3:]
        return self.of_point(torch.cat([self.fourier(local[..., :3]), scaled], dim=-1))

    def embedded(self, inputs: GeometryInputs) -> Tensor:
        """[..., electrode, point, width]."""
        point = self.of_points(inputs.local)[..., None, :, :]
        return nn.functional.silu(point + self.of_pair(pair_features(inputs)))

    def answer(self, hidden: Tensor, guess: Tensor) -> Tensor:
        """Gradients [..., electrode, point, 3] 1/mm^2."""
        return guess + guess.norm(dim=-1, keepdim=True) * self.last(hidden)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Muon for the matrices between layers, Adam for all else."""
        outer = {self.of_point.weight, self.of_pair.weight, self.of_skin.weight,
                 self.last[1].weight}  # fmt: skip
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for parameter in self.parameters():
            groups[parameter.ndim == 2 and parameter not in outer].append(parameter)
        return [{"params": groups[True], "muon": True, "lr_factor": MUON_LR_FACTOR},
                {"params": groups[False]}]  # fmt: skip


class PhysicsAttention(nn.Module):
    """Attention among slices: O(points), equations (1) to (4) of Transolver."""

    def __init__(self, width: int, n_heads: int, n_slices: int):
        super().__init__()
        self.n_heads, each = n_heads, width // n_heads
        self.to_values, self.to_keys = nn.Linear(width, width), nn.Linear(width, width)
        self.to_slices = nn.Linear(each, n_slices)
        self.temperature = nn.Parameter(torch.full((n_heads, 1, 1), 0.5))
        self.query, self.key, self.value = (nn.Linear(each, each, bias=False) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, point, width] -> the same."""
        values, keys = (
            layer(x).unflatten(-1, (self.n_heads, -1)).transpose(-2, -3)
            for layer in (self.to_values, self.to_keys)
        )  # [batch, head, point, each]
        weights = (self.to_slices(keys) / self.temperature.clamp_min(0.1)).softmax(dim=-1)
        slices = weights.mT @ values / (weights.sum(dim=-2)[..., None] + 1e-5)
        q, k, v = self.query(slices), self.key(slices), self.value(slices)
        slices = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out((weights @ slices).transpose(-2, -3).flatten(-2))


class Attention(nn.Module):
    """Attention of every token to every token."""

    def __init__(self, width: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, token, width] -> the same."""
        q, k, v = (part.unflatten(-1, (self.n_heads, -1)).transpose(-2, -3)
                   for part in self.qkv(x).chunk(3, dim=-1))  # fmt: skip
        found = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(found.transpose(-2, -3).flatten(-2))


class PeerBlock(nn.Module):
    """Attention and a perceptron, each after a normalisation and beside a shortcut."""

    def __init__(self, attention: nn.Module, width: int):
        super().__init__()
        self.attention = attention
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixed = perceptron(width, 2 * width, width, n_hidden=1)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, token, width] -> the same."""
        x = x + self.attention(self.before(x))
        return x + self.mixed(self.between(x))


class Transformer(GeometryNetwork):
    """Physics attention over the points of heart and skin, one electrode at a time."""

    def __init__(self, width: int = 96, n_heads: int = 4, n_slices: int = 32, depth: int = 4):
        super().__init__(width)
        self.blocks = nn.Sequential(
            *(PeerBlock(PhysicsAttention(width, n_heads, n_slices), width) for _ in range(depth))
        )

    def forward(self, inputs: GeometryInputs, context: GeometryInputs | None = None) -> Tensor:
        """Gradients [batch, electrode, point, 3] 1/mm^2; all points stand for the heart."""
        points = self.embedded(inputs)  # [batch, electrode, point, width]
        skin = nn.functional.silu(self.of_skin(skin_features(inputs)))
        tokens = torch.cat([points, skin], dim=-2)
        hidden = self.blocks(tokens.flatten(0, 1)).unflatten(0, tokens.shape[:2])
        return self.answer(hidden[..., : points.shape[-2], :], inputs.guess)


class KernelIntegral(nn.Module):
    """(K v)(x) = mean over the nearest y of kappa(x - y, x, y) v(y), channel by channel."""

    def __init__(self, width: int, n_near: int):
        super().__init__()
        self.n_near = n_near
        self.kernel = perceptron(4 + 2 * width, width, width, n_hidden=1)

    def forward(self, v: Tensor, at: tuple[Tensor, Tensor], to: tuple[Tensor, Tensor]) -> Tensor:
        """Carry a field from places to others.

        Args:
            v: [batch, electrode, y, width].
            at: places y [batch, y, 3] mm, and what is known of them [batch, y, width].
            to: places x, and what is known of them.

        Returns:
            [batch, electrode, x, width].
        """
        (y, about_y), (x, about_x) = at, to
        near = torch.cdist(x, y).topk(min(self.n_near, y.shape[1]), largest=False).indices
        batch = torch.arange(len(x), device=x.device)[:, None, None]
        away = (x[:, :, None] - y[batch, near]) / PLACE_MM  # [batch, x, near, 3]
        known = [away, away.norm(dim=-1, keepdim=True), about_y[batch, near],
                 about_x[:, :, None].expand(*near.shape, -1)]  # fmt: skip
        kappa = self.kernel(torch.cat(known, dim=-1))  # [batch, x, near, width]
        carried = v.transpose(1, 2)[batch, near]  # [batch, x, near, electrode, width]
        return torch.einsum("bxnc,bxnec->bexc", kappa, carried) / near.shape[-1]


class GraphOperator(GeometryNetwork):
    """Kernel integral onto tokens, attention among them, kernel integral to the points."""

    def __init__(self, width: int = 96, n_heads: int = 4, depth: int = 4, n_near: int = 12):
        super().__init__(width)
        self.to_tokens = KernelIntegral(width, n_near)
        self.to_points = KernelIntegral(width, n_near // 2)
        self.of_token = nn.Linear(3, width)
        self.mixed = perceptron(width, width, width, n_hidden=1)
        self.blocks = nn.Sequential(*(PeerBlock(Attention(width, n_heads), width)
                                      for _ in range(depth)))  # fmt: skip

    def forward(self, inputs: GeometryInputs, context: GeometryInputs | None = None) -> Tensor:
        """Gradients [batch, electrode, point, 3] 1/mm^2.

        Args:
            inputs: where they are wanted.
            context: points of the same heart from which tokens gather, about as many as in the
                training; None for `inputs`.
        """
        heart = context or inputs
        places, token = (heart.tokens, self.of_token(heart.tokens / PLACE_MM)), heart.tokens
        at = (heart.places, self.of_points(heart.local))
        tokens = self.to_tokens(self.embedded(heart), at, places) + places[1][:, None]
        skin = nn.functional.silu(self.of_skin(skin_features(heart)))
        both = torch.cat([tokens, skin], dim=-2)  # [batch, electrode, token, width]
        both = self.blocks(both.flatten(0, 1)).unflatten(0, both.shape[:2])
        to = (inputs.places, self.of_points(inputs.local))
        carried = self.to_points(both[..., : token.shape[1], :], places, to)
        return self.answer(self.mixed(carried + self.embedded(inputs)), inputs.guess)

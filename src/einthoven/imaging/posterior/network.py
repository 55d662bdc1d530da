"""The network of the amortised posterior: features of a beat -> mixture over the unknowns."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from einthoven.imaging.network import Scale
from einthoven.imaging.posterior.mixture import Mixture
from einthoven.imaging.posterior.settings import PosteriorSettings
from einthoven.imaging.trunk import Trunk

N_POINTS = 75


class Unknowns(NamedTuple):
    """What a beat's posterior is about."""

    activation_time: Tensor
    """[beat, 75] ms."""
    parameters: Tensor
    """[beat, parameter] in their units; NaN where a beat has none."""
    pattern: Tensor
    """[beat] number of the pattern of activation."""


class BodyMeasures(nn.Module):
    """Measures in groups, any of which may be unknown -> components of each group and flags.

    A group, such as torso or heart, is what the names begin with. In training components carry
    noise and groups are hidden at random: the bodies are few, and a clinic has one group, both or
    none.

    Args:
        config: how many components, how much noise, how often hidden.
        names: [measure].
    """

    def __init__(self, config: PosteriorSettings, names: tuple[str, ...]):
        super().__init__()
        self.config = config
        groups = sorted({name.partition("_")[0] for name in names})
        self.columns = [
            [k for k, name in enumerate(names) if name.partition("_")[0] == group]
            for group in groups
        ]
        self.scales = nn.ModuleList([Scale(len(own)) for own in self.columns])
        for k, own in enumerate(self.columns):
            n = min(config.n_body_components, len(own))
            self.register_buffer(f"basis{k}", torch.zeros(len(own), n))
        self.n_outputs = sum(basis.shape[1] + 1 for basis in self._bases)

    @property
    def _bases(self) -> list[Tensor]:
        return [getattr(self, f"basis{k}") for k in range(len(self.columns))]

    def fit(self, measures: Tensor) -> None:
        """Components with unit variance, of [beat, measure]."""
        for own, scale, basis in zip(self.columns, self.scales, self._bases):
            scale.fit(measures[:, own])
            values = scale(measures[:, own])
            values = values[~values.isnan().any(dim=1)]
            variances, vectors = torch.linalg.eigh(values.T @ values / len(values))
            n = basis.shape[1]
            found = vectors.flip(1)[:, :n] / variances.flip(0)[:n].clamp(min=1e-3).sqrt()
            basis.copy_(found)

    def forward(self, measures: Tensor) -> Tensor:
        """[beat, measure] (NaN where unknown) -> [beat, `n_outputs`]; NaN if none is known."""
        parts, all_hidden = [], torch.ones(len(measures), 1, dtype=torch.bool)
        for own, scale, basis in zip(self.columns, self.scales, self._bases):
            hidden = measures[:, own].isnan().any(dim=1, keepdim=True)
            components = scale(measures[:, own].nan_to_num()) @ basis
            if self.training:
                hidden = hidden | (torch.rand(len(measures), 1) < self.config.hidden_share)
                noise = self.config.body_noise * torch.randn_like(components)
                components = components + noise
            parts += [torch.where(hidden, 0.0, components), hidden.to(components)]
            all_hidden = all_hidden & hidden
        return torch.where(all_hidden, torch.nan, torch.cat(parts, dim=1))


class PosteriorNetwork(nn.Module):
    """12-lead ECG and, if known, body measures -> `Mixture` over maps, parameters and patterns.

    Maps are told by their principal components, so that a low-rank covariance in them is one of
    whole maps; what the components leave out is independent noise of each point.

    Args:
        config: sizes.
        measure_names: of torso and heart. n_parameters: beside the 75 times. n_patterns: classes.
    """

    centre: Tensor
    basis: Tensor
    left_out: Tensor

    def __init__(
        self,
        config: PosteriorSettings,
        measure_names: tuple[str, ...],
        n_parameters: int,
        n_patterns: int,
    ):
        super().__init__()
        self.config, self.n_patterns = config, n_patterns
        n_maps = config.n_map_components
        self.body = BodyMeasures(config, measure_names)
        self.trunk = Trunk(
            config.width, config.n_blocks, config.n_ecg_components, self.body.n_outputs
        )
        self.register_buffer("centre", torch.zeros(N_POINTS))
        self.register_buffer("basis", torch.zeros(N_POINTS, n_maps))
        self.register_buffer("left_out", torch.zeros(N_POINTS))
        self.map_scale, self.scale = Scale(n_maps), Scale(n_parameters)
        self.sizes = (config.n_mixture, n_maps + n_parameters, config.rank, n_patterns)
        self.last = nn.Linear(config.width, Mixture.n_outputs(*self.sizes))
        with torch.no_grad():
            self.last.weight.mul_(0.3)

    def fit(self, ecg: Tensor, measures: Tensor, unknowns: Unknowns) -> None:
        """Components and scales of the training beats."""
        self.body.fit(measures)
        self.trunk.fit(ecg, self.body.eval()(measures))
        self.body.train()
        times = unknowns.activation_time
        self.centre.copy_(times.mean(dim=0))
        off = times - self.centre
        vectors = torch.linalg.eigh(off.T @ off).eigenvectors.flip(1)
        self.basis.copy_(vectors[:, : self.basis.shape[1]])
        scores = off @ self.basis
        self.map_scale.fit(scores)
        self.left_out.copy_((off - scores @ self.basis.T).square().mean(dim=0).sqrt())
        self.scale.fit(unknowns.parameters)

    def forward(self, ecg: Tensor, measures: Tensor) -> Mixture:
        """[beat, 12, 500] mV, [beat, measure] (NaN where unknown) -> the posterior."""
        return Mixture.of_outputs(self.last(self.trunk(ecg, self.body(measures))), self.sizes)

    def coordinates(self, unknowns: Unknowns) -> Tensor:
        """[beat, coordinate] without unit; NaN where a parameter is not known."""
        scores = (unknowns.activation_time - self.centre) @ self.basis
        return torch.cat([self.map_scale(scores), self.scale(unknowns.parameters)], dim=1)

    def log_prob(self, mixture: Mixture, unknowns: Unknowns) -> Tensor:
        """[beat] logarithm of the density of the coordinates and the probability of the pattern."""
        return mixture.log_prob(self.coordinates(unknowns), unknowns.pattern)

    def log_prob_of_maps(self, mixture: Mixture, activation_time: Tensor) -> Tensor:
        """[beat] logarithm of the marginal density of maps [beat, 75] ms."""
        shape = len(activation_time), len(self.scale.mean)
        unknown = torch.full(shape, torch.nan)
        nothing = Unknowns(activation_time, unknown, torch.zeros(shape[0], dtype=torch.long))
        return mixture.log_prob(self.coordinates(nothing))

    def log_prob_of_draws(self, mixture: Mixture, n: int, seed: int) -> Tensor:
        """[draw] the same of draws of one beat's posterior, by their components alone."""
        values, _ = mixture.sample(n, torch.Generator().manual_seed(seed))
        values[..., self.basis.shape[1] :] = torch.nan
        return mixture.repeated(n).log_prob(values[0])

    def draw(self, mixture: Mixture, n: int, seed: int) -> Unknowns:
        """Draws [beat, draw, ...] in ms and in the parameters' units."""
        generator = torch.Generator().manual_seed(seed)
        values, pattern = mixture.sample(n, generator)
        scores, parameters = values.split([self.basis.shape[1], len(self.scale.mean)], dim=2)
        times = self.centre + self.map_scale.back(scores) @ self.basis.T
        noise = torch.randn(times.shape, generator=generator)
        return Unknowns(times + self.left_out * noise, self.scale.back(parameters), pattern)

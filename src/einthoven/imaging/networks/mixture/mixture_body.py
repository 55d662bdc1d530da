"""Body measures of which a clinic has some, as inputs of the posterior's network."""

import torch
from torch import Tensor, nn

from einthoven.imaging.networks.imaging_network import Scale

N_COMPONENTS = 8
"""Of each group of measures."""
NOISE = 0.3
"""Added to the components in training, SD: there are few bodies."""
HIDDEN = 0.15
"""Share of the training beats that hide one group, for each group."""


class BodyMeasures(nn.Module):
    """Measures in groups, any of which may be unknown -> components of each group and flags.

    A group, such as torso or heart, is what the names begin with. In training components carry
    noise and groups are hidden at random: the bodies are few, and a clinic has one group, both or
    none.

    Args:
        names: [measure].
    """

    def __init__(self, names: tuple[str, ...]):
        super().__init__()
        groups = sorted({name.partition("_")[0] for name in names})
        self.columns = [
            [k for k, name in enumerate(names) if name.partition("_")[0] == group]
            for group in groups
        ]
        self.scales = nn.ModuleList([Scale(len(own)) for own in self.columns])
        for k, own in enumerate(self.columns):
            self.register_buffer(f"basis{k}", torch.zeros(len(own), min(N_COMPONENTS, len(own))))
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
            basis.copy_(vectors.flip(1)[:, :n] / variances.flip(0)[:n].clamp(min=1e-3).sqrt())

    def forward(self, measures: Tensor) -> Tensor:
        """[beat, measure] (NaN where unknown) -> [beat, `n_outputs`]; NaN if none is known."""
        parts, device = [measures[:, :0]], measures.device
        all_hidden = torch.ones(len(measures), 1, dtype=torch.bool, device=device)
        for own, scale, basis in zip(self.columns, self.scales, self._bases):
            hidden = measures[:, own].isnan().any(dim=1, keepdim=True)
            components = scale(measures[:, own].nan_to_num()) @ basis
            if self.training:
                hidden = hidden | (torch.rand(len(measures), 1, device=device) < HIDDEN)
                components = components + NOISE * torch.randn_like(components)
            parts += [torch.where(hidden, 0.0, components), hidden.to(components)]
            all_hidden = all_hidden & hidden
        return torch.where(all_hidden, torch.nan, torch.cat(parts, dim=1))

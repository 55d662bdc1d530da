"""Body measures, some of them unknown, as inputs of the posterior's network."""

import torch
from torch import Tensor, nn

from einthoven.imaging.networks.imaging_network import Scale

N_COMPONENTS = 8
"""Number of components of each group of measures."""
NOISE = 0.3
"""SD of the noise on the components in training, because there are few bodies."""
HIDDEN = 0.15
"""Probability of hiding each group in a training beat."""


class BodyMeasures(nn.Module):
    """Measures in groups, any of which may be unknown -> components of each group and flags.

    A group (torso or heart) is the first part of a name. In training, components have noise and
    groups are hidden at random, because bodies are few and a clinic may have either group.

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
        self.scales = nn.ModuleList([Scale(len(columns)) for columns in self.columns])
        for k, columns in enumerate(self.columns):
            self.register_buffer(
                f"basis{k}", torch.zeros(len(columns), min(N_COMPONENTS, len(columns)))
            )
        self.n_outputs = sum(basis.shape[1] + 1 for basis in self._bases)

    @property
    def _bases(self) -> list[Tensor]:
        return [getattr(self, f"basis{k}") for k in range(len(self.columns))]

    def fit(self, measures: Tensor) -> None:
        """Fit components with unit variance to [beat, measure]."""
        for columns, scale, basis in zip(self.columns, self.scales, self._bases):
            scale.fit(measures[:, columns])
            values = scale(measures[:, columns])
            values = values[~values.isnan().any(dim=1)]
            variances, vectors = torch.linalg.eigh(values.T @ values / len(values))
            n = basis.shape[1]
            basis.copy_(vectors.flip(1)[:, :n] / variances.flip(0)[:n].clamp(min=1e-3).sqrt())

    def forward(self, measures: Tensor) -> Tensor:
        """[beat, measure] (NaN where unknown) -> [beat, `n_outputs`]; NaN if none is known."""
        parts, device = [measures[:, :0]], measures.device
        all_hidden = torch.ones(len(measures), 1, dtype=torch.bool, device=device)
        for columns, scale, basis in zip(self.columns, self.scales, self._bases):
            hidden = measures[:, columns].isnan().any(dim=1, keepdim=True)
            components = scale(measures[:, columns].nan_to_num()) @ basis
            if self.training:
                hidden = hidden | (torch.rand(len(measures), 1, device=device) < HIDDEN)
                components = components + NOISE * torch.randn_like(components)
            parts += [torch.where(hidden, 0.0, components), hidden.to(components)]
            all_hidden = all_hidden & hidden
        return torch.where(all_hidden, torch.nan, torch.cat(parts, dim=1))

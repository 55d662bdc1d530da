"""ECG and body measures -> features: principal components, then a residual perceptron.

A beat is 500 ms of few degrees of freedom, and a matrix product is what a processor does best: on
two cores this trunk sees a beat ten times as often as a convolution does in the same time.
"""

from typing import Any

import torch
from torch import Tensor, nn

from einthoven.imaging.network import Scale

INDEPENDENT = (0, 1, 6, 7, 8, 9, 10, 11)
"""Leads I, II, V1 to V6: the other four are their differences."""
NOISE_MV = 0.002
"""Components are divided by sqrt(variance + this^2): what is smaller stays small."""
UNKNOWN = 0.2
"""Share of the training beats whose measures are hidden, so that the trunk does without, too."""


class Block(nn.Module):
    """x + W2 silu(W1 norm(x))."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[beat, width] -> the same."""
        return x + self.second(nn.functional.silu(self.first(self.norm(x))))


class Trunk(nn.Module):
    """Features of a beat.

    The components keep amplitudes, which a division by each lead's peak-to-peak throws away.
    Measures that are NaN count as unknown and are replaced by their mean and a flag.

    Args:
        width: of the features. n_blocks: residual blocks.
        n_components: principal components of the eight independent leads.
        n_measures: body measures; 0 for none.
        n_times: samples of a lead that are looked at, from 0 ms.
    """

    basis: Tensor
    mean: Tensor
    sd: Tensor

    def __init__(
        self, width: int, n_blocks: int, n_components: int, n_measures: int, n_times: int = 500
    ):
        super().__init__()
        self.width, self.n_times, self.n_measures = width, n_times, n_measures
        n_samples = len(INDEPENDENT) * n_times
        self.register_buffer("mean", torch.zeros(n_samples))
        self.register_buffer("basis", torch.zeros(n_samples, n_components))
        self.register_buffer("sd", torch.ones(n_components))
        self.scale = Scale(n_measures)
        self.enter = nn.Linear(n_components + n_measures + 1, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(n_blocks)))
        self.norm = nn.LayerNorm(width)

    def fit(self, ecg: Tensor, measures: Tensor) -> None:
        """Components and scales of the training beats, [beat, 12, time] mV and [beat, measure].

        By a randomised decomposition (Halko 2011) of torch's own generator, which the caller seeds.
        """
        samples = self._samples(ecg)
        self.mean.copy_(samples.mean(dim=0))
        n = min(self.basis.shape[1], *samples.shape)
        _, values, vectors = torch.svd_lowrank(samples - self.mean, q=n, niter=4)
        self.basis[:, :n] = vectors
        self.sd[:n] = (values.square() / len(samples) + NOISE_MV**2).sqrt()
        if self.n_measures:
            self.scale.fit(measures)

    def _samples(self, ecg: Tensor) -> Tensor:
        return ecg[:, INDEPENDENT, : self.n_times].flatten(1)

    def forward(self, ecg: Tensor, measures: Tensor) -> Tensor:
        """[beat, 12, time] mV and [beat, measure] -> [beat, width]."""
        components = (self._samples(ecg) - self.mean) @ self.basis / self.sd
        hidden = measures.isnan().any(dim=1, keepdim=True)
        if self.training:
            hidden = hidden | (torch.rand(len(ecg), 1, device=ecg.device) < UNKNOWN)
        known = torch.where(hidden, 0.0, self.scale(measures.nan_to_num()))
        x = self.enter(torch.cat([components, known, hidden.to(components)], dim=1))
        return self.norm(self.blocks(x))

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Muon for the square matrices, Adam for the rest."""
        square = [p for b in self.blocks for p in (b.first.weight, b.second.weight)]
        ids = {id(p) for p in square}
        return [{"params": square, "muon": True},
                {"params": [p for p in self.parameters() if id(p) not in ids]}]  # fmt: skip

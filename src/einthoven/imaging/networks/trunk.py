"""ECG and body measures -> features: convolutions in time, principal components, a perceptron."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from einthoven.base.core.names import INDEPENDENT_LEADS, INDEPENDENT_ROWS
from einthoven.imaging.networks.imaging_network import Scale
from einthoven.imaging.networks.squeezenet import Convolution, Stem, with_height

NOISE_MV = 0.002
"""Noise floor: components are divided by sqrt(variance + NOISE_MV^2)."""
UNKNOWN = 0.2
"""Probability of hiding the measures of a training beat."""
QRS_MS, TOKEN_MS = 256, 8
"""Window and stride of the convolutions."""
N_CHANNELS, N_CONVOLUTIONS, N_KEPT = 64, 4, 16
"""Channels, residual blocks in time, and outputs per token."""


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
        return x + self.second(functional.silu(self.first(self.norm(x))))


class TimeBlock(nn.Module):
    """x + conv(silu(conv(norm(x)))) along time, [beat, channel, 1, token]."""

    def __init__(self, n_channels: int):
        super().__init__()
        self.norm = nn.GroupNorm(1, n_channels)
        self.first, self.second = (
            Convolution(n_channels, n_channels, 3, padding=1) for _ in range(2)
        )
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[beat, channel, 1, token] -> the same."""
        return x + self.second(functional.silu(self.first(self.norm(x))))


class Trunk(nn.Module):
    """Features of a beat.

    The QRS passes residual convolutions in tokens of 8 ms, which learn times from few beats. The
    whole beat, whose T wave is smooth, enters as principal components. Both keep amplitudes, which
    a division by each lead's peak-to-peak amplitude would lose. If a measure is NaN, all measures
    of the beat are hidden and a flag is set.

    Args:
        width: of the features. n_blocks: residual blocks of the perceptron.
        n_components: principal components of the eight independent leads over 500 ms.
        n_measures: body measures; 0 for none.
    """

    basis: Tensor
    mean: Tensor
    sd: Tensor
    lead_sd: Tensor

    def __init__(self, width: int, n_blocks: int, n_components: int, n_measures: int):
        super().__init__()
        self.width, self.n_measures = width, n_measures
        n_samples = len(INDEPENDENT_LEADS) * 500
        self.register_buffer("mean", torch.zeros(n_samples))
        self.register_buffer("basis", torch.zeros(n_samples, n_components))
        self.register_buffer("sd", torch.ones(n_components))
        self.register_buffer("lead_sd", torch.ones(len(INDEPENDENT_LEADS), 1))
        self.scale = Scale(n_measures)
        self.stem = Stem(
            len(INDEPENDENT_LEADS), N_CHANNELS, 2 * TOKEN_MS, stride=TOKEN_MS, padding=TOKEN_MS // 2
        )
        self.times = nn.Sequential(*(TimeBlock(N_CHANNELS) for _ in range(N_CONVOLUTIONS)))
        self.keep = Convolution(N_CHANNELS, N_KEPT, 1)
        n_tokens = QRS_MS // TOKEN_MS
        self.enter = nn.Linear(N_KEPT * n_tokens + n_components + n_measures + 1, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(n_blocks)))
        self.norm = nn.LayerNorm(width)

    def fit(self, ecg: Tensor, measures: Tensor) -> None:
        """Components and scales of the training beats, [beat, 12, 500] mV and [beat, measure].

        The decomposition is randomised (Halko 2011); the caller seeds torch.
        """
        leads = ecg[:, INDEPENDENT_ROWS]
        self.lead_sd.copy_(leads.square().mean(dim=(0, 2)).sqrt().clamp_min(NOISE_MV)[:, None])
        samples = leads.flatten(1)
        self.mean.copy_(samples.mean(dim=0))
        n = min(self.basis.shape[1], *samples.shape)
        _, values, vectors = torch.svd_lowrank(samples - self.mean, q=n, niter=4)
        self.basis[:, :n] = vectors
        self.sd[:n] = (values.square() / len(samples) + NOISE_MV**2).sqrt()
        if self.n_measures:
            self.scale.fit(measures)

    def forward(self, ecg: Tensor, measures: Tensor) -> Tensor:
        """[beat, 12, 500] mV and [beat, measure] -> [beat, width]."""
        leads = ecg[:, INDEPENDENT_ROWS]
        qrs = with_height(leads[:, :, :QRS_MS] / self.lead_sd)
        tokens = self.keep(self.times(self.stem(qrs))).flatten(1)
        components = (leads.flatten(1) - self.mean) @ self.basis / self.sd
        hidden = measures.isnan().any(dim=1, keepdim=True)
        if self.training:
            hidden = hidden | (torch.rand(len(ecg), 1, device=ecg.device) < UNKNOWN)
        known = torch.where(hidden, 0.0, self.scale(measures.nan_to_num()))
        x = self.enter(torch.cat([tokens, components, known, hidden.to(tokens)], dim=1))
        return self.norm(self.blocks(x))

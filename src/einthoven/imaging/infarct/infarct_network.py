"""Network for an infarct: 12-lead ECG -> its presence, segments, size and depth.

One network has the features of the imaging networks (`networks.trunk`) and one linear layer. Its
intervals are quantiles learned by the pinball loss, widened by conformal margins on hearts outside
of the training (Romano et al. 2019, arXiv:1905.03222).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from einthoven.imaging.networks.trunk import Trunk

KIND = "infarct"
"""Kind of its files."""
WIDTH, N_BLOCKS, N_COMPONENTS = 96, 1, 48
N_SEGMENTS, N_SIZES = 17, 2
LEVELS = (0.05, 0.5, 0.95)
"""Quantiles of size and depth."""
INVOLVED = 0.25
"""Part of a segment's volume that is core, from which on the segment counts as infarcted."""
SIZE_UNITS = (20.0, 1.0)
"""Unit of the size, % of the LV, and of the transmurality, inside the network."""
WEIGHTS = (1.0, 2.0, 2.0)
"""Weights of presence, segments and sizes in the loss."""
NOISE_MV = 0.006
"""SD of the white noise on training ECGs."""
LOG_GAIN_SD, LOG_LEAD_GAIN_SD = 0.15, 0.1
"""SD of logarithmic gains of training ECGs, of the whole beat and of each lead."""


class InfarctTargets(NamedTuple):
    """Truth of beats."""

    present: Tensor
    """[beat] 1 with a scar, 0 without."""
    segments: Tensor
    """[beat, 17] 1 for infarcted AHA segments."""
    sizes: Tensor
    """[beat, 2] core, % of the LV; transmurality, 0 to 1."""


class InfarctOutputs(NamedTuple):
    """Outputs of a network for beats."""

    present: Tensor
    """[beat] logit."""
    segments: Tensor
    """[beat, 17] logits, given that there is a scar."""
    sizes: Tensor
    """[beat, 2, 3] `LEVELS` of core, % of the LV, and transmurality, given that there is a scar."""


class InfarctNetwork(nn.Module):
    """One network, which knows no measure of the body."""

    margins: Tensor
    units: Tensor
    levels: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk(WIDTH, N_BLOCKS, N_COMPONENTS, 0)
        self.last = nn.Linear(WIDTH, 1 + N_SEGMENTS + N_SIZES * len(LEVELS))
        self.register_buffer("margins", torch.zeros(N_SIZES))
        self.register_buffer("units", torch.tensor(SIZE_UNITS)[:, None])
        self.register_buffer("levels", torch.tensor(LEVELS))

    def fit_scales(self, ecg: Tensor) -> None:
        """Principal components and scales of training ECGs [beat, 12, 500] mV."""
        self.trunk.fit(ecg, ecg.new_zeros(len(ecg), 0))

    def forward(self, ecg: Tensor) -> InfarctOutputs:
        """[beat, 12, 500] mV, order core.names.LEADS, `onsets.LEAD_IN_MS` before the QRS onset."""
        values = self.last(self.trunk(ecg, ecg.new_zeros(len(ecg), 0)))
        sizes = values[:, 1 + N_SEGMENTS :].unflatten(1, (N_SIZES, len(LEVELS)))
        wide = self.margins[:, None] * (self.levels - 0.5).sign()
        return InfarctOutputs(values[:, 0], values[:, 1 : 1 + N_SEGMENTS],
                              sizes.sort(dim=2).values * self.units + wide)  # fmt: skip

    def loss(self, ecg: Tensor, truth: InfarctTargets) -> Tensor:
        """Cross-entropies of presence and segments, pinball loss of sizes; the last two of scars.

        Training ECGs have noise and random gains.
        """
        if self.training:
            ecg = ecg * (LOG_GAIN_SD * torch.randn(len(ecg), 1, 1, device=ecg.device)).exp()
            ecg = ecg * (LOG_LEAD_GAIN_SD * torch.randn(len(ecg), 12, 1, device=ecg.device)).exp()
            ecg = ecg + NOISE_MV * torch.randn_like(ecg)
        found, scar = self(ecg), truth.present > 0
        cross_entropy = functional.binary_cross_entropy_with_logits
        off = (truth.sizes[scar][:, :, None] - found.sizes[scar]) / self.units
        parts = (
            cross_entropy(found.present, truth.present),
            cross_entropy(found.segments[scar], truth.segments[scar]),
            torch.maximum(self.levels * off, (self.levels - 1.0) * off).mean(),
        )
        return torch.stack([weight * part for weight, part in zip(WEIGHTS, parts)]).sum()

    @torch.no_grad()
    def calibrate(self, ecg: Tensor, truth: InfarctTargets) -> None:
        """Margins by which intervals cover the scars of hearts outside of the training."""
        self.margins.zero_()
        scar = truth.present > 0
        low, _, high = self(ecg[scar]).sizes.unbind(dim=2)
        missed = torch.maximum(low - truth.sizes[scar], truth.sizes[scar] - high)
        n, level = len(missed), LEVELS[-1] - LEVELS[0]
        share = min(1.0, float(-(-(n + 1) * level // 1)) / n)
        self.margins.copy_(missed.quantile(share, dim=0, interpolation="higher"))

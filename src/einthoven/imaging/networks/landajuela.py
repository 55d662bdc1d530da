"""Networks I and II of Landajuela 2022, with 486,657 and 392,907 parameters."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.imaging.inputs.points import N_POINTS
from einthoven.imaging.inputs.traces import activation_index, apd90_of
from einthoven.imaging.networks.imaging_network import Beats, ImagingNetwork, MapPrediction, Scale
from einthoven.imaging.networks.squeezenet import (
    N_FEATURES,
    Convolution,
    Features,
    initialise,
    peak_to_peak,
    with_height,
)

FIXED_MV = (-85.50618677, 50.0)
"""Limits of V_m in the authors' code."""


class NetworkOne(ImagingNetwork):
    """Network I: activation times from the ECG, each lead by its peak-to-peak amplitude.

    Times are standardised at each point, which the authors do not state; it changes neither the
    number of parameters nor the functions that they can express.
    """

    name, title = "network-1", "network I"
    learning_rate, batch = 1e-3, 32

    def __init__(self, config: ImagingTrainingSettings, measure_names: tuple[str, ...]):
        super().__init__(config, measure_names)
        self.features = Features(stride=2)
        self.dropout = nn.Dropout(0.1)
        self.reduce = Convolution(N_FEATURES, N_POINTS, 3, stride=2)
        self.last = Convolution(N_POINTS, N_POINTS, 3)
        self.time = Scale(N_POINTS)
        initialise(self)

    def fit_scales(self, beats: Beats) -> None:
        """Fit mean and SD of the times at each point; the mean includes half the largest shift."""
        self.time.fit(beats.activation_time)
        self.time.mean += self.config.shift_ms / 2

    def forward(self, ecg: Tensor) -> Tensor:
        """[beat, 12, 500] mV -> [beat, 75] without unit."""
        x = self.dropout(self.features(with_height(peak_to_peak(ecg))))
        x = functional.adaptive_avg_pool2d(functional.relu(self.reduce(x)), (1, 3))
        return self.last(x).flatten(1)

    def loss(self, beats: Beats) -> Tensor:
        """Error with ECG and times delayed by 0 to `shift_ms` at random, as the authors do."""
        ecg, delay = delayed(beats.ecg, self.config.shift_ms)
        return functional.mse_loss(self(ecg), self.time(beats.activation_time + delay[:, None]))

    @torch.no_grad()
    def predict(self, ecg: Tensor, measures: Tensor) -> MapPrediction:
        """Times alone."""
        return MapPrediction(self.time.back(self(ecg)).cpu().numpy())


def delayed(ecg: Tensor, most_ms: int) -> tuple[Tensor, Tensor]:
    """Each beat after a random delay of zeros, and the delay [beat] ms.

    The delay is from the global generator of torch, which the task seeds for each batch.
    """
    delay = torch.randint(most_ms + 1, (len(ecg),), device=ecg.device)
    time = torch.arange(ecg.shape[-1], device=ecg.device)
    source = time - delay[:, None]  # [beat, time]
    moved = torch.gather(ecg, 2, source.clamp_min(0)[:, None].expand_as(ecg))
    return moved * (source >= 0)[:, None], delay.to(ecg.dtype)


class NetworkTwo(ImagingNetwork):
    """Network II: V_m at each point, from which times and APD90 are read.

    V_m is scaled to [0, 1] by the limits of the authors' code, or by each beat's extremes as in
    Landajuela 2022; then predictions are scaled by the mean extremes of the training beats.
    """

    name, title = "network-2", "network II"
    learning_rate, batch = 1e-3, 32
    needs_v_m = True
    limits: Tensor

    def __init__(self, config: ImagingTrainingSettings, measure_names: tuple[str, ...]):
        super().__init__(config, measure_names)
        self.features = Features(stride=1)
        self.last = Convolution(N_FEATURES, N_POINTS, 1)
        self.register_buffer("limits", torch.tensor(FIXED_MV))
        initialise(self)

    def fit_scales(self, beats: Beats) -> None:
        """Fit the limits of V_m."""
        if self.config.vm_limits == "beat":
            self.limits.copy_(torch.stack([extreme.mean() for extreme in _extremes(beats.v_m)]))

    def forward(self, ecg: Tensor) -> Tensor:
        """[beat, 12, 500] mV -> [beat, 75, 500] without unit."""
        return self.last(self.features(with_height(peak_to_peak(ecg)))).squeeze(2)

    def loss(self, beats: Beats) -> Tensor:
        """Mean squared error of V_m in [0, 1]."""
        low, high = _extremes(beats.v_m) if self.config.vm_limits == "beat" else self.limits
        return functional.mse_loss(self(beats.ecg), (beats.v_m - low) / (high - low))

    @torch.no_grad()
    def predict(self, ecg: Tensor, measures: Tensor) -> MapPrediction:
        """V_m, and the times and APD90 of its traces."""
        low, high = self.limits
        v_m = (low + (high - low) * self(ecg)).cpu().numpy()
        return MapPrediction(activation_index(v_m), apd90_of(v_m), v_m)


def _extremes(v_m: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest V_m of each beat, [beat, 1, 1] mV."""
    return v_m.amin(dim=(1, 2), keepdim=True), v_m.amax(dim=(1, 2), keepdim=True)

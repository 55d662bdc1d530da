"""Network for activation and APD90 at 75 points, conditioned on torso and heart measures."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.imaging.inputs.points import N_POINTS
from einthoven.imaging.networks.imaging_network import Beats, ImagingNetwork, MapPrediction, Scale
from einthoven.imaging.networks.trunk import Trunk

N_BLOCKS, N_COMPONENTS = 1, 96
BETA = 0.1
"""Transition from squared to absolute errors, in SD."""


class Conditioned(ImagingNetwork):
    """`Trunk`, then times and APD90 by one linear layer, in units of their SD at each point."""

    name, title = "conditioned", "ours"
    learning_rate, batch = 2e-3, 64
    ema_decay = 0.999

    def __init__(self, config: ImagingTrainingSettings, measure_names: tuple[str, ...]):
        super().__init__(config, measure_names)
        self.trunk = Trunk(config.conditioned_width, N_BLOCKS, N_COMPONENTS, len(measure_names))
        self.last = nn.Linear(config.conditioned_width, 2 * N_POINTS)
        self.scale = Scale(2 * N_POINTS)

    def fit_scales(self, beats: Beats) -> None:
        """Principal components, and scales of measures, times and durations."""
        self.trunk.fit(beats.ecg, beats.measures)
        self.scale.fit(_targets(beats))

    def forward(self, ecg: Tensor, measures: Tensor) -> Tensor:
        """[beat, 12, 500] mV, [beat, measure] -> [beat, 150] without unit."""
        return self.last(self.trunk(ecg, measures))

    def loss(self, beats: Beats) -> Tensor:
        """Smooth L1 error, because results are reported as absolute errors; NaN is ignored."""
        predicted, target = self(beats.ecg, beats.measures), self.scale(_targets(beats))
        known = torch.where(target.isnan(), predicted.detach(), target)
        return functional.smooth_l1_loss(predicted, known, beta=BETA)

    @torch.no_grad()
    def predict(self, ecg: Tensor, measures: Tensor) -> MapPrediction:
        """Times and durations."""
        values = self.scale.back(self(ecg, measures)).cpu().numpy()
        return MapPrediction(values[:, :N_POINTS], values[:, N_POINTS:])


def _targets(beats: Beats) -> Tensor:
    return torch.cat([beats.activation_time, beats.apd90], dim=1)

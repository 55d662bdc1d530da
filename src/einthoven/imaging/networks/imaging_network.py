"""What every imaging network is, whatever it predicts."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from einthoven.base.config.imaging_training import ImagingTrainingSettings
from einthoven.imaging.corpus.beat_parameters import PARAMETERS


class Beats(NamedTuple):
    """Beats as tensors: what a network is given, and what it is to find."""

    ecg: Tensor
    """[beat, 12, 500] mV, order core.names.LEADS, 1 ms a sample."""
    measures: Tensor
    """[beat, measure] of torso and heart; NaN where they are not known."""
    activation_time: Tensor
    """[beat, 75] ms."""
    apd90: Tensor
    """[beat, 75] ms."""
    v_m: Tensor
    """[beat, 75, 500] mV; of no beat where the network does not learn from it."""
    parameters: Tensor
    """[beat, parameter] of the simulation; NaN where a beat has none."""
    pattern: Tensor
    """[beat] place of the pattern of activation in `config.imaging.PATTERNS`; -1 of others."""


class MapPrediction(NamedTuple):
    """What a network says of beats; None of what it does not predict."""

    activation_time: np.ndarray
    """[beat, 75] ms."""
    apd90: np.ndarray | None = None
    """[beat, 75] ms."""
    v_m: np.ndarray | None = None
    """[beat, 75, 500] mV."""
    samples: np.ndarray | None = None
    """[beat, draw, 75] ms: draws of the activation time of a network that tells its uncertainty."""
    pattern: np.ndarray | None = None
    """[beat, pattern] probabilities, order `config.imaging.PATTERNS`."""


class ImagingNetwork(nn.Module, ABC):
    """12-lead ECG -> activation at 75 points. Buffers hold all scales, so that a file is whole.

    A subclass is one network with its training: name, learning rate, batch.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    learning_rate: ClassVar[float]
    batch: ClassVar[int]
    needs_v_m: ClassVar[bool] = False
    ema_decay: ClassVar[float] = 0.0

    def __init__(self, config: ImagingTrainingSettings, measure_names: tuple[str, ...]):
        super().__init__()
        self.config, self.measure_names = config, measure_names

    @staticmethod
    @abstractmethod
    def epochs_of(config: ImagingTrainingSettings) -> int:
        """Epochs of its training."""

    @abstractmethod
    def fit_scales(self, beats: Beats) -> None:
        """Fill the buffers from the training beats (`v_m` may be of some of them only)."""

    @abstractmethod
    def loss(self, beats: Beats) -> Tensor:
        """What training makes small, without unit."""

    @abstractmethod
    def predict(self, ecg: Tensor, measures: Tensor) -> MapPrediction:
        """In ms and mV; without gradients."""

    def beat_parameters(
        self, ecg: Tensor, measures: Tensor, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws of simulation parameters of one beat; none without a posterior.

        Args:
            ecg: [1, 12, 500] mV. measures: [1, measure], NaN if unknown.
            n: number of draws.

        Returns:
            [draw] names of patterns; [draw, parameter] in the order of `PARAMETERS`, NaN for
            absent sites.
        """
        return np.empty(0, np.str_), np.empty((0, len(PARAMETERS)))

    def calibrate(self, beats: Beats) -> None:
        """Mend its uncertainty by beats of hearts that it did not learn from; here it has none."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Of the optimiser: plain Adam."""
        return [{"params": [p for p in self.parameters() if p.requires_grad]}]

    @property
    def n_parameters(self) -> int:
        """Trained numbers."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


class Scale(nn.Module):
    """Mean and SD, to and from."""

    mean: Tensor
    sd: Tensor

    def __init__(self, *shape: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("sd", torch.ones(shape))

    def fit(self, values: Tensor) -> None:
        """[sample, *shape] without the unknown (NaN); what does not vary keeps its unit."""
        self.mean.copy_(values.nanmean(dim=0).nan_to_num())
        sd = (values - self.mean).square().nanmean(dim=0).nan_to_num().sqrt()
        self.sd.copy_(torch.where(sd > 1e-6 * (1 + self.mean.abs()), sd, torch.ones_like(sd)))

    def forward(self, values: Tensor) -> Tensor:
        """Without unit."""
        return (values - self.mean) / self.sd

    def back(self, values: Tensor) -> Tensor:
        """With its unit."""
        return values * self.sd + self.mean

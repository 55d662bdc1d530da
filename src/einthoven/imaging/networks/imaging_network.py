"""Interface of imaging networks, and their inputs and predictions."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from einthoven.base.config.imaging import ImagingTrainingSettings
from einthoven.imaging.corpus.beat_parameters import PARAMETERS


class Beats(NamedTuple):
    """Beats as tensors: inputs and targets of a network."""

    ecg: Tensor
    """[beat, 12, 500] mV, order core.names.LEADS, 1 ms per sample."""
    measures: Tensor
    """[beat, measure] of torso and heart; NaN if unknown."""
    activation_time: Tensor
    """[beat, 75] ms."""
    apd90: Tensor
    """[beat, 75] ms."""
    v_m: Tensor
    """[beat, 75, 500] mV; no beat if the network does not need it."""
    parameters: Tensor
    """[beat, parameter] of the simulation; NaN for absent sites."""
    pattern: Tensor
    """[beat] index of the activation pattern in `config.imaging.PATTERNS`; -1 for others."""


class MapPrediction(NamedTuple):
    """Prediction of a network; None for quantities that it does not predict."""

    activation_time: np.ndarray
    """[beat, 75] ms."""
    apd90: np.ndarray | None = None
    """[beat, 75] ms."""
    v_m: np.ndarray | None = None
    """[beat, 75, 500] mV."""
    samples: np.ndarray | None = None
    """[beat, draw, 75] ms: draws of the activation time from a posterior."""
    pattern: np.ndarray | None = None
    """[beat, pattern] probabilities, order `config.imaging.PATTERNS`."""


class ImagingNetwork(nn.Module, ABC):
    """12-lead ECG -> activation at 75 points; buffers hold all scales.

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

    @classmethod
    def epochs_of(cls, config: ImagingTrainingSettings) -> int:
        """Epochs of the training, setting `{name}_epochs`."""
        return int(getattr(config, f"{cls.name.replace('-', '_')}_epochs"))

    @abstractmethod
    def fit_scales(self, beats: Beats) -> None:
        """Fit the buffers to the training beats (`v_m` may be of a subset)."""

    @abstractmethod
    def loss(self, beats: Beats) -> Tensor:
        """Loss of a batch, dimensionless."""

    @abstractmethod
    def predict(self, ecg: Tensor, measures: Tensor) -> MapPrediction:
        """Prediction in ms and mV, without gradients."""

    def beat_parameters(
        self, ecg: Tensor, measures: Tensor, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws of simulation parameters of one beat; none without a posterior.

        ECG [1, 12, 500] mV, measures [1, measure], NaN if unknown -> names of patterns [draw];
        [draw, parameter] in the order of `PARAMETERS`, NaN for absent sites.
        """
        return np.empty(0, np.str_), np.empty((0, len(PARAMETERS)))

    def calibrate(self, beats: Beats) -> None:
        """Calibrate the uncertainty, if any, on beats of hearts outside the training."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the optimiser, plain Adam."""
        return [{"params": [p for p in self.parameters() if p.requires_grad]}]

    @property
    def n_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


class Scale(nn.Module):
    """Standardisation by mean and SD."""

    mean: Tensor
    sd: Tensor

    def __init__(self, *shape: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("sd", torch.ones(shape))

    def fit(self, values: Tensor) -> None:
        """Fit to [sample, *shape] without NaN; constants are only centred."""
        self.mean.copy_(values.nanmean(dim=0).nan_to_num())
        sd = (values - self.mean).square().nanmean(dim=0).nan_to_num().sqrt()
        self.sd.copy_(torch.where(sd > 1e-6 * (1 + self.mean.abs()), sd, torch.ones_like(sd)))

    def forward(self, values: Tensor) -> Tensor:
        """Standardised values."""
        return (values - self.mean) / self.sd

    def back(self, values: Tensor) -> Tensor:
        """Values with their unit."""
        return values * self.sd + self.mean

"""Predictors of activation maps: a network with a posterior, or one with known errors."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from einthoven.base.config.imaging import PATTERNS
from einthoven.base.core.errors import BadInput
from einthoven.imaging.model.ecg_distribution import EcgDistribution
from einthoven.imaging.model.residuals import CalibrationErrors
from einthoven.imaging.networks.imaging_network import ImagingNetwork
from einthoven.imaging.networks.mixture.mixture_network import PosteriorNetwork
from einthoven.imaging.networks.registry import load_network

NETWORK_FILE, RESIDUALS_FILE = "model.safetensors", "residuals.npz"


class PlacedBeat(NamedTuple):
    """Input of a predictor."""

    ecg: np.ndarray
    """[12, 500] mV, order core.names.LEADS, with the QRS onset where the network expects it."""
    from_onset: np.ndarray
    """[12, time] mV from the QRS onset."""
    measures: np.ndarray
    """[measure] of the body, in the network's order; NaN if unknown."""
    steep_ms: float
    """Delay of the onset for networks after the QRS onset; see `inputs.onsets`."""

    @property
    def inputs(self) -> tuple[Tensor, Tensor]:
        """Batch of one beat for the network."""
        ecg, measures = (torch.as_tensor(np.float32(a)[None]) for a in (self.ecg, self.measures))
        return ecg, measures


class MapDraws(NamedTuple):
    """Prediction for one beat."""

    activation_time: np.ndarray
    """[draw, 75] ms from the first activation."""
    apd90: np.ndarray
    """[75] ms."""
    pattern: dict[str, float]
    """Probability of each activation pattern of a simulated beat, which is not reported of a
    recording (`recorded_pattern` is); empty if the network states none."""


@dataclass(frozen=True, eq=False)
class MapPredictor(ABC):
    """A trained network with a source of uncertainty."""

    network: ImagingNetwork

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, name: str, ecg_distribution: EcgDistribution) -> Self:
        """Read the network, by its name, of a packed model's folder.

        The ECG distribution is that of the training.

        Raises:
            BadInput: files are missing, damaged or of another version.
        """

    @abstractmethod
    def draw(self, beat: PlacedBeat) -> MapDraws:
        """Draws of the activation times of one beat."""

    def beat_parameters(self, beat: PlacedBeat, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws of simulation parameters; see `ImagingNetwork.beat_parameters`."""
        return self.network.beat_parameters(*beat.inputs, n)


@dataclass(frozen=True, eq=False)
class PosteriorPredictor(MapPredictor):
    """A network that draws from its posterior."""

    @classmethod
    def load(cls, folder: Path, name: str, ecg_distribution: EcgDistribution) -> Self:
        """Read the network; arguments and errors of `MapPredictor.load`."""
        return cls(load_network(folder / NETWORK_FILE, name))

    @torch.no_grad()
    def draw(self, beat: PlacedBeat) -> MapDraws:
        """Draws from the posterior."""
        predicted = self.network.predict(*beat.inputs)
        samples, apd90, chances = (
            np.asarray(values)[0]
            for values in (predicted.samples, predicted.apd90, predicted.pattern)
        )
        return MapDraws(samples.astype(float), apd90, dict(zip(PATTERNS, chances.tolist())))


@dataclass(frozen=True, eq=False)
class ResidualPredictor(MapPredictor):
    """A network that predicts one map, and its errors on calibration beats with similar ECGs."""

    errors: CalibrationErrors
    ecg_distribution: EcgDistribution

    @classmethod
    def load(cls, folder: Path, name: str, ecg_distribution: EcgDistribution) -> Self:
        """Read network and errors; arguments and errors of `MapPredictor.load`."""
        if not (folder / RESIDUALS_FILE).exists():
            raise BadInput(f"{folder}: no {RESIDUALS_FILE}; pack the network again")
        network = load_network(folder / NETWORK_FILE, name)
        return cls(network, CalibrationErrors.load(folder / RESIDUALS_FILE), ecg_distribution)

    @torch.no_grad()
    def draw(self, beat: PlacedBeat) -> MapDraws:
        """The predicted map plus each of the nearest error maps.

        Raises:
            BadInput: a network without durations.
        """
        predicted = self.network.predict(*beat.inputs)
        if predicted.apd90 is None:
            raise BadInput(f"network {self.network.name!r} predicts no APD90; pack another one")
        with_measures = bool(np.isfinite(beat.measures).all())
        errors = self.errors.nearest(self.ecg_distribution.score(beat.from_onset), with_measures)
        return MapDraws(predicted.activation_time.astype(float) + errors, predicted.apd90[0], {})


PREDICTORS: dict[str, type[MapPredictor]] = {PosteriorNetwork.name: PosteriorPredictor}
"""Name of a network with a posterior -> its predictor; all others have a `ResidualPredictor`."""

"""What stands behind an imaging model: a network that draws maps, or one with known errors."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self, cast

import numpy as np
import torch
from torch import Tensor

from einthoven.base.config.imaging import PATTERNS
from einthoven.base.core.errors import BadInput
from einthoven.imaging.corpus.beat_parameters import PARAMETERS
from einthoven.imaging.model.beat_posterior import BeatPosterior
from einthoven.imaging.model.ecg_distribution import EcgDistribution
from einthoven.imaging.model.residuals import CalibrationErrors
from einthoven.imaging.networks.imaging_network import ImagingNetwork
from einthoven.imaging.networks.mixture.mixture_network import PosteriorNetwork
from einthoven.imaging.networks.registry import load_network

NETWORK_FILE, RESIDUALS_FILE = "model.safetensors", "residuals.npz"


class PlacedBeat(NamedTuple):
    """A beat as a predictor takes it."""

    ecg: np.ndarray
    """[12, 500] mV, order core.names.LEADS, its QRS onset where the network wants it."""
    from_onset: np.ndarray
    """[12, time] mV from the QRS onset."""
    measures: np.ndarray
    """[measure] of the body, in the network's order; NaN where they are not known."""

    @property
    def inputs(self) -> tuple[Tensor, Tensor]:
        """A batch of one."""
        return (
            torch.as_tensor(np.asarray(self.ecg, np.float32)[None]),
            torch.as_tensor(np.asarray(self.measures, np.float32)[None]),
        )


class MapDraws(NamedTuple):
    """What a predictor says of one beat."""

    activation_time: np.ndarray
    """[draw, 75] ms from the first activation."""
    apd90: np.ndarray
    """[75] ms, the prediction."""
    pattern: dict[str, float]
    """Probability of each pattern of activation; empty of a network that does not state it."""


@dataclass(frozen=True, eq=False)
class MapPredictor(ABC):
    """A trained network in use."""

    network: ImagingNetwork

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, name: str, ecg_distribution: EcgDistribution) -> Self:
        """Read the network of a packed model.

        Args:
            folder: of the model. name: of the network.
            ecg_distribution: principal components of the training's ECGs.

        Raises:
            BadInput: files are missing, damaged or of another version.
        """

    @abstractmethod
    def draw(self, beat: PlacedBeat) -> MapDraws:
        """Draws of the activation times of one beat."""

    def beat_parameters(self, beat: PlacedBeat, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws of what a simulation of the beat takes; none where the network has no posterior.

        Returns:
            [draw] names of patterns; [draw, parameter] in the order of `PARAMETERS`.
        """
        return np.empty(0, np.str_), np.empty((0, len(PARAMETERS)))


@dataclass(frozen=True, eq=False)
class PosteriorPredictor(MapPredictor):
    """A network that draws from its posterior."""

    @classmethod
    def load(cls, folder: Path, name: str, ecg_distribution: EcgDistribution) -> Self:
        """See `MapPredictor.load`."""
        return cls(load_network(folder / NETWORK_FILE, name))

    @torch.no_grad()
    def draw(self, beat: PlacedBeat) -> MapDraws:
        """See `MapPredictor.draw`; as many as the network makes."""
        found = self.network.predict(*beat.inputs)
        samples, apd90, chances = (
            np.asarray(values)[0] for values in (found.samples, found.apd90, found.pattern)
        )
        return MapDraws(samples.astype(float), apd90, dict(zip(PATTERNS, chances.tolist())))

    def beat_parameters(self, beat: PlacedBeat, n: int) -> tuple[np.ndarray, np.ndarray]:
        """See `MapPredictor.beat_parameters`."""
        posterior = BeatPosterior(cast(PosteriorNetwork, self.network)).of(*beat.inputs, n)
        return posterior.pattern, posterior.parameters


@dataclass(frozen=True, eq=False)
class ResidualPredictor(MapPredictor):
    """A network that predicts one map, and its errors on calibration beats of like ECG."""

    errors: CalibrationErrors
    ecg_distribution: EcgDistribution

    @classmethod
    def load(cls, folder: Path, name: str, ecg_distribution: EcgDistribution) -> Self:
        """See `MapPredictor.load`."""
        if not (folder / RESIDUALS_FILE).exists():
            raise BadInput(f"{folder}: no {RESIDUALS_FILE}; pack the network again")
        network = load_network(folder / NETWORK_FILE, name)
        return cls(network, CalibrationErrors.load(folder / RESIDUALS_FILE), ecg_distribution)

    @torch.no_grad()
    def draw(self, beat: PlacedBeat) -> MapDraws:
        """See `MapPredictor.draw`; as many as there are nearest errors.

        Raises:
            BadInput: a network without durations.
        """
        found = self.network.predict(*beat.inputs)
        if found.apd90 is None:
            raise BadInput(f"network {self.network.name!r} predicts no APD90")
        with_measures = bool(np.isfinite(beat.measures).all())
        errors = self.errors.nearest(self.ecg_distribution.score(beat.from_onset), with_measures)
        return MapDraws(found.activation_time.astype(float) + errors, found.apd90[0], {})


PREDICTORS: dict[str, type[MapPredictor]] = {PosteriorNetwork.name: PosteriorPredictor}
"""Networks that state their uncertainty; all others have that of their errors."""


def predictor_class(network: str) -> type[MapPredictor]:
    """What a network of this name stands behind."""
    return PREDICTORS.get(network, ResidualPredictor)

"""Prior of a twin's beat: onsets, speeds, conductivities and gain.

Onsets are a first map plus a Gaussian process over the muscle. All other parameters are normal,
centred on the values of the first map or of the settings.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.linalg import eigh
from scipy.spatial.distance import cdist

from einthoven.base.core import check
from einthoven.base.geometry.sampling import farthest_points
from einthoven.imaging.twin.forward import SIGMAS
from einthoven.imaging.twin.wave import SPEEDS

ROUND_OFF = 1e-9
"""Least variance of a mode, relative to the strongest."""
N_TISSUE = len(SPEEDS) + len(SIGMAS)
AS_SET = np.zeros(N_TISSUE + 1)
LEAST_SD = 1e-6
"""SD of known parameters, so that the prior has a density."""


@dataclass(frozen=True)
class TwinSettings:
    """Standard deviations of the prior, and settings of the iteration."""

    onset_sd_ms: float = 10.0
    """SD about the first map."""
    onset_length_mm: float = 20.0
    """Correlation length of the onsets."""
    n_modes: int = 96
    """Number of modes of the Gaussian process."""
    log_speed_sd: float = 0.15
    log_sigma_sd: float = 0.0
    """SD of intracellular conductivities; 0: known. Measurements span 0.7 and 1.15 (Roth 1997)."""
    log_gain_sd: float = 0.4
    """SD of the common gain, for the torso's conductivities and the electrodes."""
    shift_sd_ms: float = 0.0
    """SD of the common shift, if time 0 of the ECG is not exactly the first activation."""
    noise_share: float = 0.01
    """SD of noise and model error over the ECG's peak, taken as white: an error that lasts n
    samples has the weight of one of sqrt(n) times its SD."""
    max_steps: int = 25
    tolerance: float = 1e-3
    """Relative decrease of the cost at which the iteration ends."""


@dataclass(frozen=True, eq=False)
class TwinPrior:
    """A Gaussian over weights of directions, logarithms of speeds and sigmas, and of the gain."""

    start: np.ndarray
    """[node] ms, onsets at zero weights."""
    directions: np.ndarray
    """[node, direction] ms per unit of a weight."""
    mean: np.ndarray
    """[direction + 7 + move] mean, and below SD, of the parameters, which are independent."""
    sds: np.ndarray

    @classmethod
    def about(
        cls,
        nodes: np.ndarray,
        start: np.ndarray,
        settings: TwinSettings,
        logs: np.ndarray = AS_SET,
    ) -> Self:
        """Prior centred on a map.

        Args:
            nodes: [node, 3] mm of the heart.
            start: [node] ms, the map.
            settings: standard deviations.
            logs: [7] logarithms of the map's speeds and sigmas over the models', and of the gain.

        Raises:
            BadInput: shapes that do not fit, or NaN.
        """
        check.shape("start", check.finite("start", start), (len(nodes),))
        check.shape("logs", check.finite("logs", logs), (N_TISSUE + 1,))
        modes, shift = onset_modes(nodes, settings), settings.shift_sd_ms
        together = [np.full((len(nodes), 1), shift)] if shift > 0 else []
        directions = np.concatenate([modes, *together], axis=1)
        n = directions.shape[1]
        of_tissue = np.repeat([settings.log_speed_sd, settings.log_sigma_sd, settings.log_gain_sd],
                              [len(SPEEDS), len(SIGMAS), 1])  # fmt: skip
        return cls(start.astype(float), directions, np.r_[np.zeros(n), logs],
                   np.r_[np.ones(n), np.maximum(of_tissue, LEAST_SD)])  # fmt: skip

    def with_moves(self, mean: np.ndarray) -> "TwinPrior":
        """The same prior with moves of the body, of SD 1 about a mean [move]."""
        return replace(self, mean=np.r_[self.mean, mean], sds=np.r_[self.sds, np.ones(len(mean))])


def onset_modes(nodes: np.ndarray, settings: TwinSettings) -> np.ndarray:
    """Modes of a Gaussian process with a squared-exponential covariance: [node, mode] ms.

    Nystroem's extension from farthest-point samples: the sum of the modes with independent standard
    normal weights has the covariance of the process, without its weakest modes.
    """
    length, n_sites = settings.onset_length_mm, min(3 * settings.n_modes, len(nodes))
    sites = farthest_points(nodes, nodes[0], n_sites)
    alike = np.exp(-0.5 * (cdist(sites, sites) / length) ** 2)
    n_modes = min(settings.n_modes, n_sites)
    values, vectors = eigh(alike, subset_by_index=(n_sites - n_modes, n_sites - 1))
    usable = values > ROUND_OFF * values[-1]
    to_sites = np.exp(-0.5 * (cdist(nodes, sites) / length) ** 2)
    extended: np.ndarray = to_sites @ (vectors[:, usable] / np.sqrt(values[usable]))
    return settings.onset_sd_ms * extended

"""The amortised posterior of one beat: draws of maps and parameters, calibrated intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
from torch import Tensor

from einthoven.base.config.imaging import PATTERNS
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.imaging.corpus.beat_parameters import hide_absent_sites
from einthoven.imaging.corpus.corpus import N_POINTS, N_TIMES
from einthoven.imaging.networks.mixture.mixture_network import PosteriorNetwork
from einthoven.imaging.networks.registry import load_network

FILE = "model.safetensors"


@dataclass(frozen=True, eq=False)
class ImagingPosterior:
    """What an ECG tells of its beat.

    Attributes:
        samples: [draw, 75] activation times, ms.
        parameters: [draw, parameter] in the units of their names, order `PARAMETERS`; of
            sites that a draw's pattern has not, NaN.
        pattern: [draw] names.
    """

    samples: np.ndarray
    parameters: np.ndarray
    pattern: np.ndarray

    @cached_property
    def median(self) -> np.ndarray:
        """[75] ms."""
        return np.median(self.samples, axis=0)

    def interval(self, level: float = 0.9) -> np.ndarray:
        """Ends of central intervals, [2, 75] ms; calibrated at 90 %.

        Raises:
            BadInput: not a level.
        """
        check.between("level", level, 0.01, 0.999)
        return np.quantile(self.samples, [(1 - level) / 2, (1 + level) / 2], axis=0)

    def pattern_probability(self) -> dict[str, float]:
        """Share of the draws of each pattern."""
        names, count = np.unique(self.pattern, return_counts=True)
        return dict(zip(names.tolist(), (count / len(self.pattern)).tolist()))


@dataclass(frozen=True, eq=False)
class BeatPosterior:
    """A trained network, in eval mode, and questions about one beat."""

    network: PosteriorNetwork

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What rule imaging_train wrote, such as results/imaging/networks/posterior_anatomy.

        Raises:
            BadInput: missing, damaged, or another network.
        """
        return cls(cast(PosteriorNetwork, load_network(Path(folder) / FILE, PosteriorNetwork.name)))

    @torch.no_grad()
    def infer(
        self, ecg: np.ndarray, measures: Mapping[str, float] | None = None, n_samples: int = 999
    ) -> ImagingPosterior:
        """The posterior of one beat.

        Args:
            ecg: [12, 500] mV, order core.names.LEADS, 1 ms a sample, from the same time as those
                that the network learned from: the first activation, or `corpus.LEAD_IN_MS` before
                the QRS onset (split recorded).
            measures: of torso and heart by name, as far as known; a group (torso or heart) of which
                one is missing counts as unknown.
            n_samples: draws.

        Raises:
            BadInput: shapes that do not fit, NaN, or a measure that the network does not know.
        """
        return self.of(*self._inputs(ecg, measures), n_samples)

    @torch.no_grad()
    def of(self, ecg: Tensor, measures: Tensor, n_samples: int) -> ImagingPosterior:
        """`infer` of a batch of one: [1, 12, 500] mV, [1, measure]."""
        drawn = self.network.draw(self.network(ecg, measures), n_samples)
        pattern = np.array(PATTERNS)[drawn.pattern[0].numpy()]
        parameters = drawn.parameters[0].numpy().astype(float)
        hide_absent_sites(parameters, pattern)
        times = drawn.activation_time[0].numpy().astype(float)
        return ImagingPosterior(times, parameters, pattern)

    @torch.no_grad()
    def depth(
        self,
        ecg: np.ndarray,
        activation_time: np.ndarray,
        measures: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """How deep in the posterior maps lie, by the truths of hearts that were not learned from.

        The share of the calibration beats whose true map is less probable, measured against draws
        of its own posterior (a conformal p-value): uniform for the truth of new hearts, however
        wrong the density is. Maps deeper than 0.1 are in the 90 % region: the posterior holds them.

        Args:
            ecg: as for `infer`.
            activation_time: [map, 75] ms.
            measures: as for `infer`.

        Returns:
            [map] 0 to 1.

        Raises:
            BadInput: as `infer`, or a network that was not calibrated.
        """
        maps = check.finite("activation_time", activation_time).astype(np.float32)
        given = torch.as_tensor(check.shape("activation_time", maps, (None, N_POINTS)))
        if bool(self.network.deficits.isnan().any()):
            raise BadInput("posterior: not calibrated, so that nothing is known of its depth")
        mixture = self.network(*self._inputs(ecg, measures)).repeated(len(given))
        found: np.ndarray = self.network.depth(mixture, given).numpy()
        return found

    def _inputs(
        self, ecg: np.ndarray, measures: Mapping[str, float] | None
    ) -> tuple[Tensor, Tensor]:
        check.shape("ecg", check.finite("ecg", ecg), (len(LEADS), N_TIMES))
        known, names = measures or {}, self.network.measure_names
        if strange := sorted(set(known) - set(names)):
            raise BadInput(
                f"measures: {', '.join(strange)} unknown; the network reads {', '.join(names)}"
            )
        row = [known.get(name, np.nan) for name in names]
        return (
            torch.as_tensor(np.asarray(ecg, np.float32)[None]),
            torch.as_tensor(np.array([row], np.float32)),
        )

"""The amortised posterior of one beat: draws of maps and parameters, calibrated intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from einthoven.config.load import read_section
from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.core.names import LEADS
from einthoven.imaging.posterior.network import N_POINTS, PosteriorNetwork, Unknowns
from einthoven.imaging.posterior.settings import PosteriorSettings
from einthoven.training.tensors import load_model, load_weights, save_model

KIND = "imaging-posterior"
FILE = "model.safetensors"
N_TIMES = 500
WIDENING = "widening"
N_DEPTH = 2000
"""Draws whose densities a map is compared with."""


@dataclass(frozen=True, eq=False)
class ImagingPosterior:
    """What an ECG tells of its beat.

    Attributes:
        samples: [draw, 75] activation times, ms.
        parameters: [draw, parameter] in the units of their names; of sites that a draw's pattern
            has not, NaN.
        pattern: [draw] names.
        parameter_names: [parameter].
    """

    samples: np.ndarray
    parameters: np.ndarray
    pattern: np.ndarray
    parameter_names: tuple[str, ...]

    @cached_property
    def mean(self) -> np.ndarray:
        """[75] ms."""
        return self.samples.mean(axis=0)

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
class Posterior:
    """A trained network with its calibration.

    Attributes:
        network: in eval mode.
        widening: [75] factors by which draws move away from their median.
        measure_names, parameter_names, pattern_names: of what the network reads and tells.
    """

    network: PosteriorNetwork
    widening: np.ndarray
    measure_names: tuple[str, ...]
    parameter_names: tuple[str, ...]
    pattern_names: tuple[str, ...]

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What `train_posterior` wrote.

        Raises:
            BadInput: missing, damaged, or another model.
        """
        path = Path(folder) / FILE
        tensors, about = load_model(path, kind=KIND)
        config = read_section(PosteriorSettings, about["config"], str(path))
        names = tuple(tuple(about[key]) for key in ("measures", "parameters", "patterns"))
        widening = tensors.pop(WIDENING).numpy().astype(float)
        network = PosteriorNetwork(config, names[0], len(names[1]), len(names[2]))
        load_weights(network, tensors, path)
        return cls(network.eval(), widening, *names)

    @torch.no_grad()
    def draw(self, ecg: Tensor, measures: Tensor, n: int, seed: int = 0) -> Unknowns:
        """Draws of several beats, with calibrated spread; arguments as for the network."""
        drawn = self.network.draw(self.network(ecg, measures), n, seed)
        times = drawn.activation_time
        middle = times.median(dim=1, keepdim=True).values
        factor = torch.as_tensor(self.widening, dtype=times.dtype)
        return drawn._replace(activation_time=middle + factor * (times - middle))

    def infer(
        self, ecg: np.ndarray, measures: Mapping[str, float] | None = None, n_samples: int = 999
    ) -> ImagingPosterior:
        """The posterior of one beat.

        Args:
            ecg: [12, 500] mV, order core.names.LEADS, 1 ms a sample from the first activation.
            measures: of torso and heart by name, as far as known; a group (torso or heart) of which
                one is missing counts as unknown.
            n_samples: draws.

        Raises:
            BadInput: shapes that do not fit, NaN, or a measure that the network does not know.
        """
        drawn = self.draw(*self._inputs(ecg, measures), n_samples)
        pattern = np.array(self.pattern_names)[drawn.pattern[0].numpy()]
        parameters = drawn.parameters[0].numpy().astype(float)
        _hide_absent_sites(parameters, pattern, self.parameter_names)
        times = drawn.activation_time[0].numpy().astype(float)
        return ImagingPosterior(times, parameters, pattern, self.parameter_names)

    @torch.no_grad()
    def depth(
        self,
        ecg: np.ndarray,
        activation_time: np.ndarray,
        measures: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """How deep in the posterior maps lie: the share of its draws that are less probable.

        Maps deeper than 0.1 are in the 90 % region of highest density: the posterior holds them.

        Args:
            ecg: as for `infer`.
            activation_time: [map, 75] ms.
            measures: as for `infer`.

        Returns:
            [map] 0 to 1.

        Raises:
            BadInput: as `infer`.
        """
        maps = check.shape("activation_time", activation_time, (None, N_POINTS))
        mixture = self.network(*self._inputs(ecg, measures))
        middle = self.network.draw(mixture, N_DEPTH, 0).activation_time[0].median(dim=0).values
        given = torch.as_tensor(check.finite("activation_time", maps).astype(np.float32))
        given = middle + (given - middle) / torch.as_tensor(self.widening, dtype=middle.dtype)
        drawn = self.network.log_prob_of_draws(mixture, N_DEPTH, 0).numpy()
        density = self.network.log_prob_of_maps(mixture.repeated(len(given)), given).numpy()
        return np.array([(drawn < value).mean() for value in density])

    def _inputs(
        self, ecg: np.ndarray, measures: Mapping[str, float] | None
    ) -> tuple[Tensor, Tensor]:
        check.shape("ecg", check.finite("ecg", ecg), (len(LEADS), N_TIMES))
        known = measures or {}
        if strange := sorted(set(known) - set(self.measure_names)):
            raise BadInput(
                f"measures: {', '.join(strange)} unknown; the network reads "
                f"{', '.join(self.measure_names)}"
            )
        row = [known.get(name, np.nan) for name in self.measure_names]
        return (
            torch.as_tensor(np.asarray(ecg, np.float32)[None]),
            torch.as_tensor(np.array([row], np.float32)),
        )


def _hide_absent_sites(parameters: np.ndarray, pattern: np.ndarray, names: tuple[str, ...]) -> None:
    """NaN, in place, for the sites that a pattern has not: paced-2 has site1 and site2."""
    count = np.array([int(p.removeprefix("paced-")) if p.startswith("paced-") else 0
                      for p in pattern])  # fmt: skip
    for column, name in enumerate(names):
        if name.startswith("site"):
            parameters[count < int(name[4]), column] = np.nan


def save_posterior(posterior: Posterior, folder: Path, about: Mapping[str, Any]) -> None:
    """Write network and calibration, with what `about` says of the training."""
    weights = posterior.network.state_dict()
    factors = torch.as_tensor(posterior.widening, dtype=torch.float32)
    check.shape(WIDENING, posterior.widening, (N_POINTS,))
    save_model(folder / FILE, weights | {WIDENING: factors}, kind=KIND,
               config=posterior.network.config.model_dump(mode="json"),
               data_sha256=about["data_sha256"], package="einthoven.imaging.posterior",
               measures=list(posterior.measure_names),
               parameters=list(posterior.parameter_names),
               patterns=list(posterior.pattern_names))  # fmt: skip

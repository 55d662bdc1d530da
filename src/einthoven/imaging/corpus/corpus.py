"""Beats of many hearts with their ECGs, from which networks are trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.imaging.inputs.onsets import Recorded, as_recorded
from einthoven.imaging.inputs.points import N_POINTS

N_TIMES = 500


@dataclass(frozen=True)
class EcgOrigin:
    """Forward model and time 0 of ECGs; in files `fem`, or `fem-recorded`."""

    forward: str
    """The forward model."""
    is_onset: bool = False
    """Whether time 0 is relative to the QRS onset, as in a recording, or is the first
    activation."""

    @classmethod
    def of(cls, name: str) -> Self:
        """The origin of a name in files."""
        forward, mark, _ = name.partition("-recorded")
        return cls(forward, bool(mark))

    def __str__(self) -> str:
        return self.forward + "-recorded" * self.is_onset


@dataclass(frozen=True)
class Corpus:
    """All beats in one order; time is 0 to 499 ms after the first activation."""

    ecgs: Mapping[str, np.ndarray]
    """Forward model (fem, operator, pseudo) -> [beat, 12, 500] mV, order core.names.LEADS."""
    activation_time: np.ndarray
    """[beat, 75] ms."""
    apd90: np.ndarray
    """[beat, 75] ms; NaN if unknown."""
    patient: np.ndarray
    """[beat] str, name of the heart's patient."""
    pattern: np.ndarray
    """[beat] str, of activation."""
    split: np.ndarray
    """[beat] str, train, val or test by anatomy."""
    measures: np.ndarray
    """[beat, measure] of torso and heart; no column if unknown."""
    measure_names: tuple[str, ...]
    """[measure]."""
    parameters: np.ndarray
    """[beat, parameter] of the simulations, NaN for absent sites; no column if unknown."""
    parameter_names: tuple[str, ...]
    """[parameter]."""
    voltages: Callable[[np.ndarray], np.ndarray]
    """Rows -> [row, 75, 500] mV, computed on demand."""

    def __post_init__(self) -> None:
        n = len(self.activation_time)
        for forward, ecg in self.ecgs.items():
            check.shape(f"corpus: ecg of {forward}", ecg, (n, 12, N_TIMES))
        for name in ("activation_time", "apd90"):
            check.shape(f"corpus: {name}", getattr(self, name), (n, N_POINTS))
        for name in ("patient", "pattern", "split"):
            check.shape(f"corpus: {name}", getattr(self, name), (n,))
        check.shape("corpus: measures", self.measures, (n, len(self.measure_names)))
        check.shape("corpus: parameters", self.parameters, (n, len(self.parameter_names)))

    def __len__(self) -> int:
        return len(self.activation_time)

    def ecg(self, forward: str) -> np.ndarray:
        """[beat, 12, 500] mV of a forward model, the name of an `EcgOrigin`.

        Raises:
            BadInput: no beat has an ECG of this forward model.
        """
        origin = EcgOrigin.of(forward)
        if origin.is_onset:
            return self.recorded(origin.forward).ecg
        if forward not in self.ecgs:
            known = ", ".join(self.ecgs)
            raise BadInput(f"corpus: no ECG of forward model {forward!r}; it has {known}")
        return self.ecgs[forward]

    def recorded(self, forward: str) -> Recorded:
        """The ECGs of a forward model as a recording gives them; errors of `ecg`."""
        if forward not in self._recorded:
            self._recorded[forward] = as_recorded(self.ecg(forward))
        return self._recorded[forward]

    @cached_property
    def _recorded(self) -> dict[str, Recorded]:
        return {}

    def v_m(self, rows: np.ndarray) -> np.ndarray:
        """Transmembrane potential of some beats, [row, 75, 500] mV."""
        return self.voltages(rows)

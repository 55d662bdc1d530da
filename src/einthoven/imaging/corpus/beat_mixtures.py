"""Beats of several drawn people on one body, and mixtures of their waves and cells.

Wave and cells of a few drawn people are fitted on each body (`imaging.twin.drawn_beat`), half a
minute each. A weighted mean of their activation times is a wave between theirs, and its ECG is
simulated like any other, so that a map and its ECG always belong together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.data.patient.fitted_beat import FittedBeat

CONCENTRATION = 0.5
"""Concentration of the Dirichlet distribution of the weights; below 1 most are near one beat."""
NUMBERS = tuple(field.name for field in fields(FittedBeat) if field.name != "patient")
"""Arrays and numbers of a beat, in the order of the file."""
AT_NODES = ("fitted_time", "apd90", "low_plateau")


@dataclass(frozen=True, eq=False)
class BodyBeats:
    """Beats of drawn people, fitted on the body of one patient."""

    patient: str
    beats: tuple[FittedBeat, ...]

    def save(self, path: str | Path) -> None:
        """Write {patient}.npz, atomically."""
        arrays = {name: np.array([getattr(beat, name) for beat in self.beats]) for name in NUMBERS}
        save_arrays(path, arrays, patient=self.patient)

    @classmethod
    def load(cls, path: str | Path, n_nodes: int) -> Self:
        """Read a file that `save` wrote, of a heart with some nodes.

        Raises:
            BadInput: it is missing, damaged, of another kind or of another mesh, or has NaN.
        """
        arrays = load_arrays(path, require=NUMBERS)
        for name in NUMBERS:
            check.finite(f"{path}: {name}", arrays[name])
        for name in AT_NODES:
            if arrays[name].ndim != 2 or arrays[name].shape[1] != n_nodes:
                raise BadInput(
                    f"{path}: {name}: shape {arrays[name].shape}, the heart has {n_nodes} nodes; "
                    "of another mesh? re-run the rule imaging_beats"
                )
        patient = arrays.attrs["patient"]
        rows = zip(*(arrays[name] for name in NUMBERS))
        return cls(patient, tuple(_of_row(patient, row) for row in rows))


def _of_row(patient: str, row: Sequence[Any]) -> FittedBeat:
    values: dict[str, Any] = dict(zip(NUMBERS, row))
    values |= {name: float(values[name]) for name in NUMBERS if name not in AT_NODES}
    return FittedBeat(patient=patient, **values)


@dataclass(frozen=True, eq=False)
class MixedBeat:
    """Wave and cells of a heart.

    Attributes:
        tau: [node] ms, activation times, the least is zero; None: another wave in these cells.
        durations: [node] ms, APD90. low: [node] share of the low plateau.
        sigma_il, sigma_it: intracellular conductivities with the beats' gain, S/m.
    """

    tau: np.ndarray | None
    durations: np.ndarray
    low: np.ndarray
    sigma_il: float
    sigma_it: float

    @classmethod
    def draw(cls, beats: Sequence[FittedBeat], rng: np.random.Generator) -> Self:
        """A random mixture of the beats of one heart."""
        weights = rng.dirichlet(np.full(len(beats), CONCENTRATION))

        def mean(values: Sequence[np.ndarray]) -> np.ndarray:
            found: np.ndarray = np.tensordot(weights, np.array(values, float), 1)
            return found

        tau = mean([beat.fitted_time for beat in beats])
        sigmas = [np.log(beat.gain) + np.log([beat.sigma_il_s_per_m, beat.sigma_it_s_per_m])
                  for beat in beats]  # fmt: skip
        along, across = np.exp(mean(sigmas))
        durations, low = (mean([getattr(beat, name) for beat in beats])
                          for name in ("apd90", "low_plateau"))  # fmt: skip
        return cls(tau - tau.min(), durations, low, float(along), float(across))

"""Uncertainty of a network from its errors on hearts outside its training.

Split conformal prediction (Vovk, Gammerman and Shafer 2005), localised by nearest neighbours: the
draws of a beat are its predicted map plus the error maps of the calibration beats with the most
similar ECGs. An error map holds all 75 points of one beat. Central intervals of the draws then have
their nominal coverage on other hearts of the same family.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.imaging.inputs.points import N_POINTS

N_NEAREST = 200
STORED = ("scores", "known", "unknown")


@dataclass(frozen=True, eq=False)
class CalibrationErrors:
    """Errors of a network on calibration beats."""

    scores: np.ndarray
    """[beat, component] of their ECGs, see `EcgDistribution.score`."""
    known: np.ndarray
    """[beat, 75] ms, truth minus prediction given the body's measures."""
    unknown: np.ndarray
    """[beat, 75] ms, the same without measures."""

    def __post_init__(self) -> None:
        n = len(self.scores)
        if n < N_NEAREST:
            raise BadInput(f"residuals: {n} calibration beats, at least {N_NEAREST} are needed; "
                           "pack the model with more validation hearts")  # fmt: skip
        for name in ("known", "unknown"):
            check.finite(name, check.shape(name, getattr(self, name), (n, N_POINTS)))

    def nearest(self, score: np.ndarray, with_measures: bool) -> np.ndarray:
        """Error maps of the calibration beats with the most similar ECGs, [N_NEAREST, 75] ms.

        `score` is [component] of an ECG; the network has the measures or not.
        """
        distance = np.linalg.norm(self.scores - score, axis=1)
        rows = np.argsort(distance, kind="stable")[:N_NEAREST]
        return (self.known if with_measures else self.unknown)[rows]

    def save(self, path: str | Path) -> None:
        """Write one .npz file in half precision, which keeps hundredths of a millisecond."""
        save_arrays(path, {name: np.float16(getattr(self, name)) for name in STORED})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file of `save`.

        Raises:
            BadInput: missing, damaged, or too few beats.
        """
        arrays = load_arrays(path, require=STORED)
        return cls(*(arrays[name].astype(float) for name in STORED))

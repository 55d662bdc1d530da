"""Uncertainty of a network from its errors on hearts that it did not learn from.

The draws of a beat are its prediction plus the whole error maps, all 75 points together, of the
calibration beats whose ECG is most like its own: split conformal prediction (Vovk, Gammerman and
Shafer 2005), localised by the nearest neighbours. Central intervals of the draws then cover other
hearts of the same family as often as they say.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.imaging.corpus.corpus import N_POINTS

N_NEAREST = 200
STORED = ("scores", "known", "unknown")


@dataclass(frozen=True, eq=False)
class CalibrationErrors:
    """Errors of a network on calibration beats.

    Attributes:
        scores: [beat, component] of their ECGs, see `EcgDistribution.score`.
        known: [beat, 75] ms, truth minus prediction, where the network was told the body's
            measures. unknown: [beat, 75] ms, where it was not.
    """

    scores: np.ndarray
    known: np.ndarray
    unknown: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.scores)
        if n < N_NEAREST:
            raise BadInput(f"residuals: {n} calibration beats, at least {N_NEAREST} are needed")
        for name in ("known", "unknown"):
            check.finite(name, check.shape(name, getattr(self, name), (n, N_POINTS)))

    def nearest(self, score: np.ndarray, with_measures: bool) -> np.ndarray:
        """Error maps of the most similar calibration beats, [N_NEAREST, 75] ms.

        Args:
            score: [component] of an ECG. with_measures: whether the network is told measures.
        """
        distance = np.linalg.norm(self.scores - score, axis=1)
        rows = np.argsort(distance, kind="stable")[:N_NEAREST]
        return (self.known if with_measures else self.unknown)[rows]

    def save(self, path: str | Path) -> None:
        """Write one .npz file in half precision: errors to a hundredth."""
        save_arrays(path, {name: np.float16(getattr(self, name)) for name in STORED})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            BadInput: missing, damaged, or too few beats.
        """
        arrays = load_arrays(path, require=STORED)
        return cls(*(arrays[name].astype(float) for name in STORED))

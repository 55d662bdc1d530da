"""Distribution of the simulated ECGs of a training, and the delays of their QRS onsets.

It serves the out-of-distribution check of an ECG, and gives the nearest training ECGs. All ECGs
here have their QRS onset, as `ecg.intervals.qrs_window` finds it, at 0 ms, because a recording
shows no earlier time. The first activation of muscle precedes it, by a few ms in conducted beats
and by tens of ms where activation starts from a small site.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.files import load_arrays, save_arrays
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS
from einthoven.base.metrics.out_of_distribution import FeatureDistribution, OutOfDistributionCheck

STEP_MS, LENGTH_MS = 4, 440
"""Step of the samples, and length of the window from the QRS onset."""
N_NEIGHBOURS = 50
DELAY_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
STORED = ("mean", "components", "sd", "scores", "delays")


@dataclass(frozen=True, eq=False)
class EcgDistribution:
    """Principal components of the training ECGs, and limits from ECGs of validation anatomies."""

    mean: np.ndarray
    """[feature] mV."""
    components: np.ndarray
    """[component, feature] orthonormal rows."""
    sd: np.ndarray
    """[component] mV, SD of the training ECGs along the components."""
    scores: np.ndarray
    """[beat, component] of training ECGs in units of `sd`."""
    delays: np.ndarray
    """[beat] ms from their first activation to their QRS onset."""
    limits: dict[str, float]
    """Limits of `values`: of `ecg_sd`, a share LEVEL of the validation ECGs is within it; of the
    residual, by what it costs the map (`tools/residual_limit.py`)."""

    @cached_property
    def features(self) -> FeatureDistribution:
        """Distribution of the features; its components are the principal ones over their SD."""
        return FeatureDistribution(self.mean, self.components.T / self.sd)

    def score(self, ecg: np.ndarray) -> np.ndarray:
        """[component] of an ECG in units of `sd`; arguments and errors as of `values`."""
        return self.features.scores(self._features_of(ecg))

    def values(self, ecg: np.ndarray) -> dict[str, float]:
        """Distances of an ECG [12, time] mV, at 1 kHz from the QRS onset, from the training's.

        `ecg_sd` is the distance within the components, see `FeatureDistribution.distance`;
        `ecg_residual_percent` the share of the ECG's norm outside of them.

        Raises:
            BadInput: wrong shape, or NaN.
        """
        x = self._features_of(ecg)
        share = np.linalg.norm(self.outside(ecg)) / max(float(np.linalg.norm(x)), 1e-12)
        return {
            "ecg_sd": self.features.distance(x),
            "ecg_residual_percent": 100 * float(share),
        }

    def outside(self, ecg: np.ndarray) -> np.ndarray:
        """[feature] mV of an ECG that no component has; arguments and errors as of `values`."""
        x = self._features_of(ecg)
        return x - self.mean - (self.features.scores(x) * self.sd) @ self.components

    def _features_of(self, ecg: np.ndarray) -> np.ndarray:
        """[feature] mV of an ECG [12, time] mV."""
        check.shape("ecg", check.finite("ecg", ecg), (len(LEADS), None))
        return ecg_features(ecg[None])[0]

    def check(self, ecg: np.ndarray) -> OutOfDistributionCheck:
        """The values against their limits; arguments as of `values`."""
        return OutOfDistributionCheck(self.values(ecg), self.limits)

    def onset_delays(self, ecg: np.ndarray) -> np.ndarray:
        """Quantiles [5] ms of the QRS onset's delay over the nearest training ECGs.

        They are those at `DELAY_SHARES` from the first activation on; the ECG is as in `values`.
        """
        distance = np.linalg.norm(self.scores - self.score(ecg), axis=1)
        nearest = np.argsort(distance, kind="stable")[:N_NEIGHBOURS]
        return np.quantile(self.delays[nearest], DELAY_SHARES)

    def save(self, path: str | Path) -> None:
        """Write one .npz file; scores in half precision."""
        arrays = {name: np.float32(getattr(self, name)) for name in STORED}
        save_arrays(path, arrays | {"scores": np.float16(self.scores)}, limits=self.limits)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            BadInput: missing or damaged.
        """
        arrays = load_arrays(path, require=STORED)
        found = {name: arrays[name].astype(float) for name in STORED}
        return cls(**found, limits=arrays.attrs["limits"])


def ecg_features(ecg: np.ndarray) -> np.ndarray:
    """[beat, 12, time] mV -> [beat, 8 * 110] means over 4 ms of the independent leads."""
    leads = np.asarray(ecg, float)[:, INDEPENDENT_ROWS, :LENGTH_MS]
    return leads.reshape(len(leads), -1, STEP_MS).mean(axis=-1)

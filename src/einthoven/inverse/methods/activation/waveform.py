"""The action potential as a function of the time since activation, and its derivatives."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit


@dataclass(frozen=True)
class Waveform:
    """Product of three logistic functions: upstroke, and recovery by a slow and a steep one.

    S(t) = s((t - tau) / w_up) s((rho - t) / w_down) s((rho + w_plateau - t) / w_plateau) with
    s(x) = 1 / (1 + exp(-x)), rho = tau + duration. The front of a wave of cubic kinetics
    (FitzHugh-Nagumo, Aliev-Panfilov) is the first factor exactly.

    References:
        van Dam, Oostendorp, Linnenbank, van Oosterom, Ann Biomed Eng 37:1739 (2009),
        doi:10.1007/s10439-009-9747-6, which takes the two factors of recovery at one time.
    """

    upstroke: float
    """w_up, ms."""
    downstroke: float
    """w_down, ms."""
    plateau: float
    """w_plateau, ms: small for a triangle, large for a square."""

    @property
    def widths(self) -> np.ndarray:
        """[3] ms."""
        return np.array([self.upstroke, self.downstroke, self.plateau])

    def scaled(self, log_change: np.ndarray) -> "Waveform":
        """Waveform with widths times exp(log_change [3])."""
        return Waveform(*(self.widths * np.exp(log_change)).tolist())

    def values(self, time: np.ndarray, activation: np.ndarray, duration: np.ndarray) -> np.ndarray:
        """Potential [node, time] between 0 and 1; times [time], activation, duration [node] ms."""
        since, before = self._times(time, activation, duration)
        down, plateau = self._recovery(before)
        return expit(since / self.upstroke) * down * plateau

    def by_times(
        self, time: np.ndarray, activation: np.ndarray, duration: np.ndarray
    ) -> np.ndarray:
        """Derivatives of `values` by activation and by duration: [2, node, time] 1/ms."""
        since, before = self._times(time, activation, duration)
        up, down, plateau = expit(since / self.upstroke), *self._recovery(before)
        values = up * down * plateau
        # d log s(x) / dx = 1 - s(x)
        by_duration = values * ((1 - down) / self.downstroke + (1 - plateau) / self.plateau)
        return np.stack([by_duration - values * (1 - up) / self.upstroke, by_duration])

    def by_widths(
        self, time: np.ndarray, activation: np.ndarray, duration: np.ndarray
    ) -> np.ndarray:
        """Derivatives of `values` by the logarithms of the widths: [3, node, time]."""
        since, before = self._times(time, activation, duration)
        up, down, plateau = expit(since / self.upstroke), *self._recovery(before)
        values = -up * down * plateau
        since, before = values * since, values * before
        return np.stack(
            [
                (1 - up) * since / self.upstroke,
                (1 - down) * before / self.downstroke,
                (1 - plateau) * before / self.plateau,
            ]
        )

    def _recovery(self, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The steep and the slow factor, of the time before recovery."""
        return expit(before / self.downstroke), expit(before / self.plateau + 1.0)

    @staticmethod
    def _times(
        time: np.ndarray, activation: np.ndarray, duration: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Time since activation and before recovery: [node, time] ms."""
        since = time[None, :] - activation[:, None]
        return since, duration[:, None] - since

"""Late potentials: what slow conduction leaves at the end of the filtered QRS.

Simson, Circulation 64:235, 1981, doi:10.1161/01.cir.64.2.235; band, measures and limits of the ESC,
AHA and ACC: Breithardt et al., Circulation 83:1481, 1991, doi:10.1161/01.cir.83.4.1481.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.signal import butter, find_peaks, sosfilt

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.delineation.axes import KORS, KORS_LEADS
from einthoven.physics.ecg.intervals import qrs_window

ORDER, BAND_HZ = 4, (40.0, 250.0)
SEGMENT_MS = 5.0
"""The filtered QRS ends where the mean over this much leaves the noise."""
NOISE_UV = 0.7
"""Largest noise after the 40 Hz filter that is allowed; simulated beats have none."""
MULTIPLE = 3.0
LOW_UV, TERMINAL_MS = 40.0, 40.0
PAUSE_MS = 20.0
"""A longer pause below the noise ends the QRS; what follows is the T wave's."""
LIMITS = {"qrs_ms": 114.0, "rms40_uv": 20.0, "las40_ms": 38.0}
NOTCH_MV, NOTCH_SHARE = 0.03, 0.05
"""A notch is this deep at least, and this share of the lead's QRS."""


@dataclass(frozen=True)
class LatePotentials:
    """Measures of the filtered vector magnitude of one beat."""

    qrs_ms: float
    """Duration of the filtered QRS."""
    rms40_uv: float
    """Root mean square of its last 40 ms."""
    las40_ms: float
    """Duration of its end below 40 uV."""

    @classmethod
    def of(cls, ecg: np.ndarray, time: np.ndarray, noise_uv: float = NOISE_UV) -> Self:
        """Late potentials of one beat.

        Args:
            ecg: [12, time] mV in the order of core.names.LEADS, averaged or simulated.
            time: [time] ms, uniform, step below 2 ms.
            noise_uv: mean of the filtered vector magnitude where there is no beat.

        Raises:
            BadInput: shapes, NaN, a step that cannot hold 250 Hz, no QRS, or nothing above noise.
        """
        magnitude = filtered_magnitude(ecg, time)
        step = float(time[1] - time[0])
        span = max(1, round(SEGMENT_MS / step))
        level = np.convolve(magnitude, np.ones(span) / span, mode="same")
        above = np.flatnonzero(level > MULTIPLE * noise_uv)
        runs = np.split(above, np.flatnonzero(np.diff(above) > PAUSE_MS / step) + 1)
        above = max(runs, key=lambda run: level[run].max(initial=0.0))
        if len(above) == 0:
            raise BadInput(
                f"ecg: the filtered QRS is nowhere above {MULTIPLE:g} times {noise_uv:g} uV of "
                "noise; is it in mV?"
            )
        onset, end = int(above[0]), int(above[-1])
        last = magnitude[max(onset, end + 1 - round(TERMINAL_MS / step)) : end + 1]
        loud = np.flatnonzero(magnitude[onset : end + 1] >= LOW_UV)
        low = end - onset - int(loud[-1]) if len(loud) else end - onset
        return cls(step * (end - onset), float(np.sqrt(np.mean(last**2))), step * low)

    @property
    def present(self) -> bool:
        """Whether two of the three measures are beyond their limits."""
        beyond = (self.qrs_ms > LIMITS["qrs_ms"], self.rms40_uv < LIMITS["rms40_uv"],
                  self.las40_ms > LIMITS["las40_ms"])  # fmt: skip
        return sum(beyond) >= 2


def filtered_magnitude(ecg: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Length of the filtered heart vector.

    Frank's leads follow from the twelve (Kors 1990). The filter, a Butterworth one of order 4, runs
    from both ends of the record to the middle of the QRS, so that its ringing stays inside (Simson
    1981).

    Args:
        ecg: [12, time] mV. time: [time] ms, uniform.

    Returns:
        [time] uV.

    Raises:
        BadInput: as `LatePotentials.of`.
    """
    check.shape("ecg", check.finite("ecg", ecg), (len(LEADS), len(time)))
    middle = int(np.searchsorted(time, np.mean(qrs_window(ecg, time))))
    rate_hz = 1e3 / float(time[1] - time[0])
    if rate_hz <= 2.0 * BAND_HZ[1]:
        raise BadInput(
            f"time: a step of {1e3 / rate_hz:g} ms cannot hold {BAND_HZ[1]:g} Hz; below 2 ms"
        )
    frank = 1e3 * KORS @ np.asarray(ecg, float)[[LEADS.index(lead) for lead in KORS_LEADS]]
    sections = butter(ORDER, BAND_HZ[0], "high", fs=rate_hz, output="sos")
    sections = np.concatenate([sections, butter(ORDER, BAND_HZ[1], fs=rate_hz, output="sos")])
    forth = sosfilt(sections, frank - frank[:, :1], axis=1)
    back = sosfilt(sections, (frank - frank[:, -1:])[:, ::-1], axis=1)[:, ::-1]
    both = np.concatenate([forth[:, :middle], back[:, middle:]], axis=1)
    return np.asarray(np.linalg.norm(both, axis=0))


def fragmented_leads(ecg: np.ndarray, time: np.ndarray) -> tuple[str, ...]:
    """Leads with a fragmented QRS: a notch in R or S, or a second R (Das et al. 2006).

    Circulation 113:2495, doi:10.1161/CIRCULATIONAHA.105.595892; the published sign is two such
    leads that are contiguous.

    Args:
        ecg: [12, time] mV, one beat. time: [time] ms, uniform.

    Raises:
        BadInput: as `qrs_window`.
    """
    onset, offset = qrs_window(ecg, time)
    inside = (time >= onset) & (time <= offset)
    level = np.asarray(ecg, float)[:, np.flatnonzero(inside)[0]]
    found = []
    for lead, row in zip(LEADS, np.asarray(ecg, float)[:, inside] - level[:, None]):
        depth = max(NOTCH_MV, NOTCH_SHARE * float(np.ptp(row)))
        up, down = (row[find_peaks(sign * row, prominence=depth)[0]] for sign in (1.0, -1.0))
        if (up > 0).sum() > 1 or (up <= 0).any() or (down >= 0).any():
            found.append(lead)
    return tuple(found)

"""Delineation of one averaged or simulated beat in twelve leads."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.delineation.axes import frontal_axis_deg, spatial_angle_deg
from einthoven.physics.ecg.delineation.p_wave import PWave, p_wave
from einthoven.physics.ecg.delineation.signal import areas, mean_between, value_at, vertex
from einthoven.physics.ecg.delineation.t_wave import TWave, global_end, t_wave, tangent_end
from einthoven.physics.ecg.delineation.waves import QrsWave, qrs_waves
from einthoven.physics.ecg.intervals import qrs_window

BASELINE_MS = 10.0
"""Interval before the QRS onset whose mean is the baseline."""
ST_DELAY_MS = 60.0
T_AFTER_J_MS = 40.0
"""Start of the search for the peak of the T wave."""
MAX_QT_MS = 700.0


@dataclass(frozen=True)
class LeadBeat:
    """One lead; amplitudes from the level at the QRS onset, mV.

    Attributes:
        baseline_mv: that level in the record.
        waves: waves of the QRS in temporal order.
        j_mv, st60_mv: at the J point and 60 ms later; NaN after the end of the record.
        t: the T wave, or None.
    """

    lead: str
    baseline_mv: float
    waves: tuple[QrsWave, ...]
    j_mv: float
    st60_mv: float
    t: TWave | None

    def wave(self, *names: str) -> QrsWave | None:
        """The first wave with one of the names, or None."""
        return next((wave for wave in self.waves if wave.name in names), None)

    @property
    def r_mv(self) -> float:
        """Highest R wave, zero if there is none."""
        return max([0.0, *(wave.amplitude_mv for wave in self.waves)])

    @property
    def s_mv(self) -> float:
        """Depth of the deepest S wave or of the QS complex, zero or positive."""
        return max([0.0, *(-wave.amplitude_mv for wave in self.waves if "S" in wave.name)])

    @property
    def r_fraction(self) -> float:
        """R / (R + S): 1/2 where R = S, 0 for QS, 1 without S; NaN where both are absent."""
        total = self.r_mv + self.s_mv
        return self.r_mv / total if total else float("nan")


@dataclass(frozen=True)
class Delineation:
    """One beat in twelve leads.

    Attributes:
        onset_ms, offset_ms: QRS over all leads; the offset is the J point.
        t_peak_ms, t_rms_end_ms: T wave of the root mean square over leads; NaN if there is none.
        t_end_ms: the last end that several leads agree on (`t_wave.global_end`), or else
            `t_rms_end_ms`.
        p: the P wave, or None.
        qrs_axis_deg, t_axis_deg: frontal. qrs_t_angle_deg: in space, between mean vectors.
        leads: lead -> its delineation.
    """

    onset_ms: float
    offset_ms: float
    t_peak_ms: float
    t_end_ms: float
    t_rms_end_ms: float
    p: PWave | None
    qrs_axis_deg: float
    t_axis_deg: float
    qrs_t_angle_deg: float
    leads: Mapping[str, LeadBeat]

    @property
    def qrs_ms(self) -> float:
        """QRS duration."""
        return self.offset_ms - self.onset_ms

    @property
    def qt_ms(self) -> float:
        """Time from the QRS onset to the end of the T wave."""
        return self.t_end_ms - self.onset_ms

    @property
    def t_peak_to_end_ms(self) -> float:
        """Time from the peak to the end of the T wave, of the root mean square over leads."""
        return self.t_rms_end_ms - self.t_peak_ms

    @property
    def p_ms(self) -> float:
        """Duration of the P wave; NaN without one."""
        return self.p.end_ms - self.p.onset_ms if self.p else float("nan")

    @property
    def pr_ms(self) -> float:
        """Time from the onset of the P wave to that of the QRS; NaN without a P wave."""
        return self.onset_ms - self.p.onset_ms if self.p else float("nan")

    @property
    def p_axis_deg(self) -> float:
        """Frontal axis of the P wave; NaN without one."""
        if self.p is None:
            return float("nan")
        at = dict(zip(LEADS, self.p.areas))
        return frontal_axis_deg(at["I"], at["aVF"])

    @property
    def transition(self) -> float:
        """Precordial transition, where R = S first: 3.5 is half way from V3 to V4.

        It is 1 if R exceeds S already in V1, and 7 if it never does.
        """
        share = np.array([self.leads[f"V{k}"].r_fraction for k in range(1, 7)]) - 0.5
        share = np.nan_to_num(share, nan=-0.5)  # a lead without R and without S
        if not (share >= 0).any():
            return 7.0
        k = int(np.argmax(share >= 0))
        return 1.0 if k == 0 else k + float(share[k - 1] / (share[k - 1] - share[k]))


def delineate(ecg: np.ndarray, time: np.ndarray, rr_ms: float | None = None) -> Delineation:
    """Delineate one beat.

    Args:
        ecg: [12, time] mV in the order of core.names.LEADS, one beat, at rest before the QRS.
        time: [time] ms, uniform, step at most 5 ms.
        rr_ms: cycle length; the T wave is sought before the next P wave may start.

    Returns:
        Times in ms on the axis `time`.

    Raises:
        BadInput: shapes, NaN, a flat signal, or a QRS that is truncated or merges with the T wave.
    """
    check.shape("ecg", ecg, (len(LEADS), len(time)))
    onset, offset = qrs_window(ecg, time)
    baseline = mean_between(time, ecg, onset - BASELINE_MS, onset)
    x = np.asarray(ecg, dtype=np.float64) - baseline[:, None]
    stop = min(time[-1], onset + (MAX_QT_MS if rr_ms is None else min(MAX_QT_MS, 0.7 * rr_ms)))
    t_peak, t_rms_end = _global_t(time, x, offset, stop)
    start = _t_start(offset, t_peak)
    leads = {
        name: LeadBeat(
            lead=name,
            baseline_mv=float(level),
            waves=qrs_waves(time, row, onset, offset),
            j_mv=value_at(time, row, offset),
            st60_mv=value_at(time, row, offset + ST_DELAY_MS),
            t=None if np.isnan(t_peak) else t_wave(time, row, start, stop),
        )
        for name, row, level in zip(LEADS, x, baseline)
    }
    t_end = global_end([beat.t for beat in leads.values()], t_rms_end)
    return Delineation(
        onset, offset, t_peak, t_end, t_rms_end, p_wave(time, x, onset),
        *_angles(time, x, onset, offset, t_end), leads,
    )  # fmt: skip


def _global_t(time: np.ndarray, x: np.ndarray, offset: float, stop: float) -> tuple[float, float]:
    """Peak and end of the T wave of the root mean square over leads; NaN if there is none."""
    inside = (time >= offset + T_AFTER_J_MS) & (time <= stop)
    t, rms = time[inside], np.sqrt((x[:, inside] ** 2).mean(axis=0))
    turns = 1 + np.flatnonzero((rms[1:-1] > rms[:-2]) & (rms[1:-1] >= rms[2:]))
    if len(turns) == 0:
        return float("nan"), float("nan")
    peak = int(turns[np.argmax(rms[turns])])
    return vertex(t, rms, peak)[0], tangent_end(t, rms, peak)


def _t_start(offset: float, t_peak: float) -> float:
    """Half way from J to the peak, and never long before it: the ST segment is not a T wave."""
    return max(offset + 20.0, min((offset + t_peak) / 2, t_peak - 60.0))


def _angles(
    time: np.ndarray, x: np.ndarray, onset: float, offset: float, t_end: float
) -> tuple[float, float, float]:
    """QRS axis, T axis, and the angle between QRS and T in space, degrees."""
    qrs = dict(zip(LEADS, areas(time, x, onset, offset)))
    axis = frontal_axis_deg(qrs["I"], qrs["aVF"])
    if np.isnan(t_end):
        return axis, float("nan"), float("nan")
    t = dict(zip(LEADS, areas(time, x, offset, min(t_end, time[-1]))))
    return axis, frontal_axis_deg(t["I"], t["aVF"]), spatial_angle_deg(qrs, t)

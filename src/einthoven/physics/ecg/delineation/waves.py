"""Q, R, S, R', S' waves of one lead between the global onset and end of the QRS.

Rules of IEC 60601-2-51:2003, annex GG: amplitudes are measured from the level at the QRS onset; a
wave has two opposite slopes with a turning point between, deviates by at least 30 uV for 6 ms or
more, and lasts 12 ms or more; a complex of one downward wave is QS and counts as Q and as S.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from einthoven.physics.ecg.delineation.signal import vertex

MIN_AMPLITUDE_MV = 0.03
MIN_TIME_ABOVE_MS = 6.0
MIN_DURATION_MS = 12.0
LEVEL_MV = 1e-3
"""Smaller values are level: such parts belong to no wave, and round-off does not matter."""
UP_NAMES = ("R", "R'", "R''")
DOWN_NAMES = ("S", "S'", "S''")


@dataclass(frozen=True)
class QrsWave:
    """One wave of a QRS complex.

    Attributes:
        name: Q, R, S, R', S', R'', S'' or QS; empty before the complex is named.
        amplitude_mv: from the level at the QRS onset; negative for Q, S and QS.
        peak_ms: its turning point. start_ms, end_ms: where it leaves and crosses that level.
    """

    name: str
    amplitude_mv: float
    peak_ms: float
    start_ms: float
    end_ms: float

    @property
    def duration_ms(self) -> float:
        """Time between the crossings of the level at the QRS onset."""
        return self.end_ms - self.start_ms


def qrs_waves(
    time: np.ndarray, x: np.ndarray, onset_ms: float, offset_ms: float
) -> tuple[QrsWave, ...]:
    """The waves of one lead in temporal order; none if the lead is flat.

    Args:
        time: [time] ms, uniform.
        x: [time] mV from the level at the QRS onset.
        onset_ms, offset_ms: global QRS.
    """
    inside = np.flatnonzero((time > onset_ms) & (time < offset_ms))
    sign = np.sign(np.where(np.abs(x[inside]) < LEVEL_MV, 0.0, x[inside]))
    runs = np.split(inside, np.flatnonzero(np.diff(sign)) + 1)
    kept: list[QrsWave] = []
    for run in runs:
        wave = _wave(time, x, run, (onset_ms, offset_ms))
        if _is_wave(time, x, run, wave):
            joined = kept and np.sign(kept[-1].amplitude_mv) == np.sign(wave.amplitude_mv)
            kept[-1:] = [_joined(kept[-1], wave)] if joined else [*kept[-1:], wave]
    if len(kept) > 1 and not _falls_back(kept[-1], x[inside[-1]]):
        kept.pop()
    return _named(kept)


def _wave(time: np.ndarray, x: np.ndarray, run: np.ndarray, ends: tuple[float, float]) -> QrsWave:
    """A run of samples of one sign as a wave that ends where the level is crossed."""
    k = run[np.argmax(np.abs(x[run]))]
    peak_ms, amplitude = vertex(time, x, int(k))
    start = max(_crossing(time, x, run[0] - 1), ends[0])
    end = min(_crossing(time, x, run[-1]), ends[1])
    return QrsWave("", amplitude, peak_ms, start, end)


def _crossing(time: np.ndarray, x: np.ndarray, left: int) -> float:
    """Zero crossing between samples `left` and `left` + 1, or the point nearest to zero, ms."""
    if not 0 <= left < len(x) - 1:
        return float(time[np.clip(left, 0, len(x) - 1)])
    before, after = abs(float(x[left])), abs(float(x[left + 1]))
    share = before / (before + after) if before + after > 0 else 0.5
    return float(time[left] + share * (time[left + 1] - time[left]))


def _is_wave(time: np.ndarray, x: np.ndarray, run: np.ndarray, wave: QrsWave) -> bool:
    """Whether amplitude and duration are those of a wave."""
    step = (time[-1] - time[0]) / (len(time) - 1)
    above_ms = step * np.count_nonzero(np.abs(x[run]) >= MIN_AMPLITUDE_MV)
    return bool(above_ms >= MIN_TIME_ABOVE_MS and wave.duration_ms >= MIN_DURATION_MS)


def _joined(first: QrsWave, second: QrsWave) -> QrsWave:
    """Union of two waves of one sign, separated by something too small to be a wave."""
    higher = max(first, second, key=lambda wave: abs(wave.amplitude_mv))
    return replace(higher, start_ms=first.start_ms, end_ms=second.end_ms)


def _falls_back(wave: QrsWave, last_mv: float) -> bool:
    """Whether the last wave turns before the QRS ends; if not, it belongs to the ST segment."""
    return abs(wave.amplitude_mv - last_mv) >= MIN_AMPLITUDE_MV


def _named(waves: Sequence[QrsWave]) -> tuple[QrsWave, ...]:
    """The waves with their names, which end at R'' and S''."""
    up = [wave for wave in waves if wave.amplitude_mv > 0]
    if not up:
        return tuple(replace(wave, name="QS") for wave in waves)
    names = dict(zip(map(id, up), UP_NAMES))
    down = [wave for wave in waves if wave.amplitude_mv < 0]
    if down and down[0].peak_ms < up[0].peak_ms:
        names[id(down.pop(0))] = "Q"
    names |= dict(zip(map(id, down), DOWN_NAMES))
    return tuple(replace(wave, name=names[id(wave)]) for wave in waves if id(wave) in names)

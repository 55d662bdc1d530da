"""Noise of recordings: what is left of the leads when the mean beat is subtracted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import nnls
from scipy.signal import butter, periodogram, sosfiltfilt

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.physics.ecg.beats import AveragedBeat
from einthoven.physics.ecg.leads import lead_matrix
from einthoven.physics.ecg.recordings.aligned import averaged_beat
from einthoven.physics.ecg.recordings.recording import Recording

WANDER_HZ = (0.1, 1.0)
BANDS_HZ = {"1 to 4 Hz": (1.0, 4.0), "4 to 20 Hz": (4.0, 20.0), "20 to 100 Hz": (20.0, 100.0)}
REST_SHARE, REST_MS, BEFORE_QRS_MS = 0.5, 450.0, 80.0
"""Rest of a cycle: from this share of it, at most so many ms, to so many before the next QRS."""
LEVEL_MS = (-90.0, -60.0)
LINE_BINS, BESIDE_BINS = 2, (6, 30)
"""Half-width of a spectral line in bins, and where the spectrum beside it is read."""


@dataclass(frozen=True, eq=False)
class NoiseMeasures:
    """Noise of one recording in the leads I, II, V1 to V6.

    Attributes:
        wander: [8, 8] mV^2, covariance of the baseline from 0.1 to 1 Hz.
        bands: name of a band -> [8, 8] mV^2, covariance between the T wave and the next P wave.
        mains_uv: [8] amplitude of the line above the spectrum beside it.
        sdnn_ms: SD of the cycles between averaged beats; NaN where others come between.
    """

    wander: np.ndarray
    bands: dict[str, np.ndarray]
    mains_uv: np.ndarray
    sdnn_ms: float

    @classmethod
    def of(cls, recording: Recording, mains_hz: float = 50.0) -> Self:
        """Measures of a recording of at least two alike beats; it is not longer than a minute.

        Raises:
            BadInput: as `averaged_beat`.
        """
        beat = averaged_beat(recording)
        (rest, start), rate = residual(recording, beat), recording.rate_hz
        cycles = np.diff(np.sort(np.asarray(beat.peaks_ms)))
        return cls(
            _low_covariance(rest, rate),
            {name: _covariance((rest, start), rate, band, beat) for name, band in BANDS_HZ.items()},
            line_amplitude(rest, rate, mains_hz) * 1000.0,
            float(np.std(cycles, ddof=1)) if len(cycles) > 1 and not beat.others else float("nan"),
        )

    def sd_uv(self, band: str | None = None) -> np.ndarray:
        """SD [8] uV of a band; without a name, of the baseline."""
        covariance = self.wander if band is None else self.bands[band]
        return np.asarray(1000.0 * np.sqrt(np.diag(covariance)))


def residual(recording: Recording, beat: AveragedBeat) -> tuple[np.ndarray, float]:
    """A recording without its mean beat at each place of it.

    Beats at both ends are incomplete, so that what is before the first mean beat and after the
    last one is left out.

    Returns:
        [8, time] mV, without an offset; time of the first sample, ms.
    """
    x = recording.ecg[INDEPENDENT_ROWS]
    time = 1000.0 / recording.rate_hz * np.arange(x.shape[1])
    mean = np.zeros_like(x)
    if beat.peaks_ms is None:
        raise BadInput("beat: its places in the recording are unknown; make it by averaged_beat")
    kinds = [(beat.ecg, beat.peaks_ms), *((kind.ecg, kind.peaks_ms) for kind in beat.others)]
    level = (beat.time >= LEVEL_MS[0]) & (beat.time <= LEVEL_MS[1])
    placed = sorted((float(peak), k) for k, (_, peaks) in enumerate(kinds) for peak in peaks)
    for peak, k in placed:
        rows = np.asarray(kinds[k][0])[INDEPENDENT_ROWS]
        rows = rows - np.median(rows[:, level], axis=1, keepdims=True)
        # mean beats are longer than a cycle: the next one takes the place of the end of this one
        inside = (time >= peak + beat.time[0]) & (time <= peak + beat.time[-1])
        mean[:, inside] = np.array([np.interp(time[inside] - peak, beat.time, row) for row in rows])
    first, last = placed[0][0] + beat.time[0], placed[-1][0] + beat.time[-1]
    kept = (time >= first) & (time <= last)
    left = (x - mean)[:, kept]
    return left - left.mean(axis=1, keepdims=True), float(time[kept][0])


def _low_covariance(x: np.ndarray, rate_hz: float) -> np.ndarray:
    """Covariance from 0.1 to 1 Hz by a windowed spectrum: [8, 8]."""
    n = x.shape[1]
    window = np.hanning(n)
    spectrum = np.fft.rfft(x * window / np.sqrt(np.mean(window**2)), axis=1)
    frequency = np.fft.rfftfreq(n, 1.0 / rate_hz)
    low, high = WANDER_HZ
    inside = spectrum[:, (frequency > low - 1e-6) & (frequency < high + 1e-6)]
    return np.asarray(2.0 * np.real(inside @ inside.conj().T) / n**2)


def _covariance(
    left: tuple[np.ndarray, float], rate_hz: float, band: tuple[float, float], beat: AveragedBeat
) -> np.ndarray:
    """Covariance of a band in the rest of the cycles: [8, 8]; `left` as of `residual`."""
    x, start_ms = left
    filtered = sosfiltfilt(butter(3, band, "band", fs=rate_hz, output="sos"), x, axis=1)
    time = start_ms + 1000.0 / rate_hz * np.arange(x.shape[1])
    peaks = np.sort(np.concatenate([beat.peaks_ms, *(kind.peaks_ms for kind in beat.others)]))
    rest = np.zeros(x.shape[1], bool)
    for peak, following in zip(peaks[:-1], peaks[1:]):
        start = peak + min(REST_SHARE * (following - peak), REST_MS)
        rest |= (time > start) & (time < following - BEFORE_QRS_MS)
    kept = filtered[:, rest]
    return np.asarray(kept @ kept.T / kept.shape[1])


def line_amplitude(x: np.ndarray, rate_hz: float, frequency_hz: float) -> np.ndarray:
    """Amplitude of a spectral line above the spectrum beside it: [row], in the unit of `x`."""
    frequency, density = periodogram(x, rate_hz, window="hann", axis=1)
    k, step = int(np.argmin(np.abs(frequency - frequency_hz))), frequency[1]
    first, last = BESIDE_BINS
    beside = np.concatenate(
        [density[:, k - last : k - first + 1], density[:, k + first : k + last + 1]], axis=1
    )
    # the median of an exponential distribution is log 2 of its mean
    floor = (2 * LINE_BINS + 1) * np.median(beside, axis=1) / np.log(2.0)
    line = density[:, k - LINE_BINS : k + LINE_BINS + 1].sum(axis=1)
    return np.asarray(np.sqrt(2.0 * step * np.maximum(line - floor, 0.0)))


def electrode_levels(covariance: np.ndarray) -> tuple[np.ndarray, float]:
    """Levels of independent noise at the electrodes that explain a covariance of the leads best.

    Args:
        covariance: [8, 8] of I, II, V1 to V6.

    Returns:
        [9] SD of each electrode, in the order of `STANDARD_ELECTRODES`; the explained share of the
        covariance's squares.
    """
    weights = lead_matrix(STANDARD_ELECTRODES)[INDEPENDENT_ROWS]
    upper = np.triu_indices(len(weights))
    design = np.einsum("ie,je->ije", weights, weights)[upper]
    wanted = covariance[upper]
    variances = nnls(design, wanted)[0]
    lost = np.square(wanted - design @ variances).sum()
    return np.sqrt(variances), float(1.0 - lost / np.square(wanted).sum())


def typical(measures: Sequence[NoiseMeasures]) -> dict[str, list[float]]:
    """10th, 50th and 90th percentile over recordings of each measure, averaged over the leads.

    Returns:
        name -> three numbers, uV or ms.
    """
    values = {"baseline, 0.1 to 1 Hz, uV": [one.sd_uv() for one in measures]}
    values |= {f"{band}, uV": [one.sd_uv(band) for one in measures] for band in BANDS_HZ}
    values["mains, uV"] = [one.mains_uv for one in measures]
    found = {name: np.sqrt(np.mean(np.square(rows), axis=1)) for name, rows in values.items()}
    found["SDNN, ms"] = np.array([one.sdnn_ms for one in measures])
    return {name: np.nanpercentile(rows, [10, 50, 90]).round(2).tolist()
            for name, rows in found.items()}  # fmt: skip

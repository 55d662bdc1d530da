"""Reduction of a recording of several beats to one: the mean of its most frequent kind of beat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS
from einthoven.physics.ecg.pacing import precede_beats, spike_candidates, without_spikes

PEAK_SHARE = 0.4
"""A QRS reaches this share of the typical largest spatial velocity; a T wave does not."""
REFRACTORY_MS = 250.0
SLOPE_MS, SMOOTH_MS = 8.0, 24.0
"""Span of the difference whose root mean square is the spatial velocity, and of its mean."""
BEFORE_R_MS, BEFORE_SHARE = 400.0, 0.4
AFTER_SHARE = 0.68
"""A beat lasts from BEFORE_R_MS (at most BEFORE_SHARE of the cycle) before the peak to AFTER_SHARE.
"""
LEVEL_MS = (-90.0, -60.0)
"""Interval before the peak, where nothing is active, in which the baseline drift is read."""
QRS_SPAN_MS = (-100.0, 140.0)
"""Interval around the peak whose shape tells the kind of a beat."""
ALIGN_MS = 30.0
MIN_CORRELATION = 0.9
TRIMMED = 0.2
"""Share of the beats that is left out at each side of the mean, sample by sample: less noise than
a median, and as safe against single disturbances."""
ROUNDS = 3
"""Rounds of assigning beats to kinds; two change nothing any more in most recordings."""


@dataclass(frozen=True, eq=False)
class BeatKind:
    """Beats of one shape of the QRS.

    Attributes:
        ecg: [lead, time] mV, their mean. peaks_ms: [beat] ms from the start of the recording to
            time zero of each.
    """

    ecg: np.ndarray
    peaks_ms: np.ndarray


@dataclass(frozen=True, eq=False)
class AveragedBeat:
    """One representative beat.

    Attributes:
        ecg: [lead, time] mV. time: [time] ms, zero at the steepest part of the QRS.
        rr_ms: median cycle length; None for a single beat. n_beats: number of averaged beats.
        peaks_ms: [beat] ms from the start of the recording to time zero of each averaged beat.
        others: kinds of beats that were not averaged (ectopic, differently conducted, disturbed),
            the most frequent first.
        spikes_ms: [spike] ms from the start of the recording; these pacing spikes were removed.
        irregularity: mean absolute difference of successive cycles over the mean cycle, of cycles
            between beats of the averaged kind; NaN for fewer than three.
    """

    ecg: np.ndarray
    time: np.ndarray
    rr_ms: float | None
    n_beats: int
    peaks_ms: np.ndarray | None = None
    others: tuple[BeatKind, ...] = ()
    spikes_ms: np.ndarray | None = None
    irregularity: float = float("nan")

    @property
    def n_spikes(self) -> int:
        """Number of removed pacing spikes."""
        return 0 if self.spikes_ms is None else len(self.spikes_ms)

    @property
    def n_others(self) -> int:
        """Number of beats of other kinds."""
        return sum(len(kind.peaks_ms) for kind in self.others)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Hints on what was removed and left out."""
        hints = []
        if self.n_spikes:
            hints.append(f"{self.n_spikes} pacing spikes were removed")
        if self.n_others:
            hints.append(
                f"{self.n_beats} beats of the most frequent kind were averaged; {self.n_others} "
                "beats of other shapes were left out"
            )
        return tuple(hints)


def representative_beat(ecg: np.ndarray, rate_hz: float) -> AveragedBeat:
    """The mean beat of the most frequent kind; a recording of one beat is not averaged.

    Pacing spikes are removed first (`ecg.pacing`). The drift, linear between the baselines before
    each QRS, is removed. Beats are of one kind if their QRS correlate by 0.9 or more over all
    leads; they are aligned by this correlation.

    Args:
        ecg: [lead, time] mV. rate_hz: samples per second.

    Raises:
        BadInput: flat, NaN, too short, or no two beats are alike.
    """
    ecg = check.finite("ecg", check.shape("ecg", ecg, (None, None))).astype(np.float64)
    check.between("rate_hz", rate_hz, 200, 50_000, "Hz")
    step = 1000.0 / rate_hz
    ecg, peaks, spikes = _paced(ecg, step)
    if len(peaks) < 2:
        time = step * (np.arange(ecg.shape[1]) - peaks[0])
        return AveragedBeat(ecg, time, None, 1, step * peaks, spikes_ms=step * spikes)
    rr = float(np.median(np.diff(peaks)) * step)
    before = round(min(BEFORE_R_MS, BEFORE_SHARE * rr) / step)
    after = round(AFTER_SHARE * rr / step)
    kinds = _kinds(ecg, peaks, (before, after), step)
    if len(kinds) > 1 and len(kinds[0].peaks_ms) == 1:
        raise BadInput(f"ecg: no two of {len(kinds)} beats are alike; too noisy? filter it, or "
                       "give a longer recording")  # fmt: skip
    main, others = kinds[0], tuple(kinds[1:])
    left_out = np.concatenate([[], *(kind.peaks_ms for kind in others)])
    return AveragedBeat(
        main.ecg, step * (np.arange(before + after) - before), rr, len(main.peaks_ms),
        main.peaks_ms, others, step * spikes, _irregularity(main.peaks_ms, left_out),
    )  # fmt: skip


def _paced(ecg: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ECG without pacing spikes, samples of its QRS peaks, samples of the spikes."""
    none = np.zeros(0, int)
    if len(ecg) < len(LEADS) or not len(candidates := spike_candidates(ecg[: len(LEADS)], step)):
        return ecg, qrs_peaks(ecg, step), none
    bridged = without_spikes(ecg, step, candidates)
    peaks = qrs_peaks(bridged, step)
    if precede_beats(candidates, peaks, step):
        return bridged, peaks, candidates
    return ecg, qrs_peaks(ecg, step), none


def _irregularity(averaged_ms: np.ndarray, left_out_ms: np.ndarray) -> float:
    """Irregularity of the cycles between averaged beats, without those around one left out."""
    every = np.sort(np.concatenate([averaged_ms, left_out_ms]))
    is_averaged = np.isin(every, averaged_ms)
    cycles = np.where(is_averaged[1:] & is_averaged[:-1], np.diff(every), np.nan)
    if np.count_nonzero(np.isfinite(cycles)) < 3:
        return float("nan")
    steps = np.diff(cycles)
    known = steps[np.isfinite(steps)]
    return float(np.abs(known).mean() / np.nanmean(cycles)) if len(known) else float("nan")


def qrs_peaks(ecg: np.ndarray, step_ms: float) -> np.ndarray:
    """Sample of the largest spatial velocity of each QRS.

    Args:
        ecg: [lead, time] mV. step_ms: between samples.

    Raises:
        BadInput: flat in all leads.
    """
    half = max(1, round(SMOOTH_MS / 2 / step_ms))
    window = np.hanning(2 * half + 3)[1:-1]
    reach = max(1, round(SLOPE_MS / 2 / step_ms))
    padded = np.pad(ecg, ((0, 0), (reach, reach)), mode="edge")
    velocity = np.sqrt(((padded[:, 2 * reach :] - padded[:, : -2 * reach]) ** 2).mean(axis=0))
    velocity = np.convolve(velocity, window / window.sum(), mode="same")
    span = max(1, round(1500.0 / step_ms))
    tops = [velocity[k : k + span].max() for k in range(0, len(velocity), span)]
    # the upper quartile, as one disturbance may be ten times as steep as a QRS
    typical = float(np.percentile(tops, 75, method="higher"))
    height = PEAK_SHARE * float(np.median([top for top in tops if top > 0.3 * typical] or [0]))
    if height <= 0:
        raise BadInput("ecg: flat in all leads; there is no QRS")
    peaks: list[int] = []
    apart = REFRACTORY_MS / step_ms
    for k in np.argsort(-velocity):
        if velocity[k] < height:
            break
        if all(abs(k - other) >= apart for other in peaks):
            peaks.append(int(k))
    return np.sort(np.array(peaks))


def _drift(ecg: np.ndarray, peaks: np.ndarray, step: float) -> np.ndarray:
    """The baseline before each QRS, interpolated linearly: [lead, time] mV."""
    first, last = (round(edge / step) for edge in LEVEL_MS)
    knots = [k for k in peaks if k + first >= 0]
    if not knots:
        return np.zeros_like(ecg)
    levels = np.stack([ecg[:, k + first : k + last + 1].mean(axis=1) for k in knots])
    middle = np.array(knots) + (first + last) / 2
    samples = np.arange(ecg.shape[1])
    return np.stack([np.interp(samples, middle, level) for level in levels.T])


def _kinds(
    ecg: np.ndarray, peaks: np.ndarray, window: tuple[int, int], step: float
) -> list[BeatKind]:
    """Kinds of the complete beats, the most frequent first."""
    before, after = window
    reach = round(ALIGN_MS / step)
    qrs = max(round(QRS_SPAN_MS[0] / step), -before), min(round(QRS_SPAN_MS[1] / step), after)
    inside = [k for k in peaks if k - before - reach >= 0 and k + after + reach <= ecg.shape[1]]
    if not inside:
        raise BadInput("ecg: no complete beat in the record; at least two cycles are needed")
    level = ecg - _drift(ecg, peaks, step)
    shapes: list[np.ndarray] = []
    groups: list[list[int]] = []
    for _ in range(ROUNDS):
        groups = [[] for _ in shapes]
        for k in inside:
            placed = [_placed(level, k, shape, qrs, reach) for shape in shapes]
            best = int(np.argmax([score for _, score in placed])) if placed else 0
            if placed and placed[best][1] >= MIN_CORRELATION:
                groups[best].append(placed[best][0])
            else:
                shapes.append(level[:, k + qrs[0] : k + qrs[1]])
                groups.append([k])
        groups = sorted((group for group in groups if group), key=len, reverse=True)
        shapes = [_mean(level, group, qrs) for group in groups]
    # in wide beats the level before the peak is that of the QRS, so each kind has its own drift
    return [
        BeatKind(
            _mean(ecg - _drift(ecg, np.array(group), step), group, (-before, after)),
            step * np.array(group, float),
        )
        for group in groups
    ]


def _placed(
    ecg: np.ndarray, peak: int, shape: np.ndarray, span: tuple[int, int], reach: int
) -> tuple[int, float]:
    """Sample near a peak where a shape correlates best, and that correlation.

    Every lead has its own mean, so that drift does not matter.
    """
    from_sample = peak + span[0] - reach
    x = ecg[:, from_sample : peak + span[1] + reach]
    windows = np.lib.stride_tricks.sliding_window_view(x, shape.shape[1], axis=1)
    centred = shape - shape.mean(axis=1, keepdims=True)
    products = np.einsum("lsw,lw->s", windows, centred)
    squares = (windows.sum(axis=2) ** 2).sum(axis=0) / shape.shape[1]
    variance = (windows**2).sum(axis=(0, 2)) - squares
    scale = np.sqrt(np.maximum(variance, 0) * (centred**2).sum())
    scores = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    best = int(np.argmax(scores))
    return peak - reach + best, float(scores[best])


def _mean(ecg: np.ndarray, samples: Sequence[int], span: tuple[int, int]) -> np.ndarray:
    """Trimmed mean of the beats: [lead, time] mV."""
    beats = np.sort(np.stack([ecg[:, k + span[0] : k + span[1]] for k in samples]), axis=0)
    cut = int(TRIMMED * len(beats))
    return np.asarray(beats[cut : len(beats) - cut].mean(axis=0))


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation over all leads and times together; 0 where one does not vary."""
    a, b = a - a.mean(), b - b.mean()
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float((a * b).sum() / lengths) if lengths else 0.0

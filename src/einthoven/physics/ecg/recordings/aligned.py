"""Mean beat of a recording, at 1 kHz and aligned to its QRS onset, as simulations give beats."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS
from einthoven.physics.ecg.beats import AveragedBeat, representative_beat
from einthoven.physics.ecg.delineation.delineate import Delineation, delineate
from einthoven.physics.ecg.leads import all_leads
from einthoven.physics.ecg.recordings.quality import arms_look_swapped, raise_if_unusable
from einthoven.physics.ecg.recordings.recording import Recording

RATE_HZ, N_TIMES = 1000, 500
"""Sampling rate and number of samples of a simulated beat."""
MAX_SECONDS = 60.0
"""Longest part of a recording that is averaged."""
MAX_DENOMINATOR = 1000
"""Largest denominator of the ratio of the rates; 360 Hz is 25/9."""
FADE_MS = 60.0
"""Duration of the fade into the baseline after a beat that ends before the window."""
QRS_MS, RATE_PER_MIN = (60.0, 260.0), (20.0, 240.0)
"""Ranges of the QRS duration and heart rate of adults."""
MIN_IRREGULARITY = 0.1
"""Without a P wave, such a mean difference of successive cycles (over their mean) is that of atrial
fibrillation: 0.16 to 0.32 in eight that are not paced (LUDB's tuned half, PTB-XL)."""


@dataclass(frozen=True, eq=False)
class AlignedBeat:
    """The mean beat of a recording, at 1 kHz, of its most frequent kind of beat.

    Attributes:
        recording: source of the beat.
        ecg: [12, time] mV, zero at the baseline before the QRS; the whole beat with its P wave.
        time: [time] ms from the QRS onset, step 1.
        delineation: of the beat, with times from its steepest part.
        warnings: hints on the recording.
        source: of the same beat before it was aligned, with other kinds of beats and the times of
            pacing spikes.
    """

    recording: Recording
    ecg: np.ndarray
    time: np.ndarray
    delineation: Delineation
    warnings: tuple[str, ...]
    source: AveragedBeat

    @property
    def rr_ms(self) -> float | None:
        """Median cycle length; None for a single beat."""
        return self.source.rr_ms

    @property
    def n_beats(self) -> int:
        """Number of averaged beats."""
        return self.source.n_beats

    def window(self, onset_ms: float = 0.0, n_times: int = N_TIMES) -> np.ndarray:
        """The beat as a simulation gives it: [12, n_times] mV, 1 ms per sample from time 0.

        In a simulation time 0 is the first activation, some ms before the delineated QRS onset.
        A beat that ends before the window fades into the baseline.

        Args:
            onset_ms: time of the QRS onset in the window. n_times: number of samples.
        """
        time, end = np.arange(float(n_times)), float(self.time[-1]) + onset_ms
        rows = np.array([np.interp(time, self.time + onset_ms, row) for row in self.ecg])
        if end < time[-1]:
            rows *= np.clip((end - time) / FADE_MS, 0.0, 1.0)
        return rows


def resampled(ecg: np.ndarray, rate_hz: float) -> np.ndarray:
    """An ECG resampled to 1 kHz by a polyphase anti-aliasing filter without delay.

    Args:
        ecg: [lead, time]. rate_hz: samples per second.

    Returns:
        [lead, time at 1 kHz], the first sample at the same time.
    """
    ratio = Fraction(RATE_HZ / rate_hz).limit_denominator(MAX_DENOMINATOR)
    if ratio == 1:
        return ecg
    from scipy.signal import resample_poly  # slow, and few recordings need it

    # the line through the ends is removed first, because a step would ring
    return np.asarray(
        resample_poly(ecg, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    )


def averaged_beat(recording: Recording) -> AveragedBeat:
    """Mean beat of a recording's first minute, at 1 kHz, of its most frequent kind of beat.

    Raises:
        BadInput: as `representative_beat`.
    """
    ecg = recording.ecg[:, : round(MAX_SECONDS * recording.rate_hz)]
    try:
        return representative_beat(resampled(ecg, recording.rate_hz), RATE_HZ)
    except BadInput as problem:
        raise BadInput(f"{recording.where}: {problem}") from problem


def aligned_beat(recording: Recording) -> AlignedBeat:
    """Mean beat of a recording from its QRS onset, of its most frequent kind of beat.

    Args:
        recording: of one or several beats.

    Raises:
        BadInput: as `raise_if_unusable`, `averaged_beat` and `delineate`; a QRS duration or heart
            rate outside the range of adults, as from a wrong sampling rate.
    """
    raise_if_unusable(recording)
    beat = averaged_beat(recording)
    try:
        delineation = delineate(beat.ecg, beat.time, beat.rr_ms)
    except BadInput as problem:
        raise BadInput(f"{recording.where}: {problem}") from problem
    _raise_if_implausible(recording, beat, delineation)
    level = np.array([[delineation.leads[name].baseline_mv] for name in LEADS])
    # trimmed means are not additive, so that the derived limb leads are computed again
    rows = all_leads((beat.ecg - level)[INDEPENDENT_ROWS])
    time = beat.time - delineation.onset_ms
    warnings = [*recording.notes, *beat.warnings]
    if looks_like_fibrillation(beat, delineation):
        warnings.append("irregular cycles without a P wave: is it atrial fibrillation?")
    if time[-1] < N_TIMES - 1:
        cycle = f" (cycle length {beat.rr_ms:.0f} ms)" if beat.rr_ms else ""
        warnings.append(f"the beat ends {time[-1]:.0f} ms after its QRS onset{cycle}; "
                        "what follows is drawn to the baseline")  # fmt: skip
    if arms_look_swapped(rows, time, 0.0, delineation.qrs_ms):
        warnings.append(
            "lead I is opposite to V6 and aVR is upright: were the arm electrodes exchanged?"
        )
    return AlignedBeat(recording, rows, time, delineation, tuple(warnings), beat)


def looks_like_fibrillation(beat: AveragedBeat, found: Delineation) -> bool:
    """Whether the cycles are irregular and no P wave precedes the QRS."""
    return found.p is None and beat.irregularity >= MIN_IRREGULARITY


def _raise_if_implausible(recording: Recording, beat: AveragedBeat, found: Delineation) -> None:
    """Refuse a heart rate or QRS duration outside the range of adults."""
    per_minute = 60_000.0 / beat.rr_ms if beat.rr_ms else None
    low, high = RATE_PER_MIN
    wrong = []
    if per_minute is not None and not low <= per_minute <= high:
        wrong.append(f"a heart rate of {per_minute:.0f} per minute")
    if not QRS_MS[0] <= found.qrs_ms <= QRS_MS[1]:
        wrong.append(f"a QRS of {found.qrs_ms:.0f} ms")
    if wrong:
        raise BadInput(
            f"{recording.where}: {' and '.join(wrong)}; is the rate of {recording.rate_hz:g} Hz "
            "right? state it with --rate-hz"
        )

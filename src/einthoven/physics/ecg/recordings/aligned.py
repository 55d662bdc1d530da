"""The beat of a recording as simulations give theirs: 1 kHz, from a known time, at rest before."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import INDEPENDENT_ROWS, LEADS
from einthoven.physics.ecg.beats import AveragedBeat, representative_beat
from einthoven.physics.ecg.delineation.delineate import Delineation, delineate
from einthoven.physics.ecg.leads import all_leads
from einthoven.physics.ecg.recordings.quality import arms_look_swapped, raise_if_unusable
from einthoven.physics.ecg.recordings.recording import Recording

RATE_HZ, N_TIMES = 1000, 500
"""Of simulations: samples per second, samples of a beat."""
MAX_SECONDS = 60.0
"""So much of a recording is averaged."""
MAX_DENOMINATOR = 1000
"""Of the ratio of the rates; 360 Hz is 25/9."""
FADE_MS = 60.0
"""A cycle that ends before the window does fades into the baseline for so long."""
QRS_MS, RATE_PER_MIN = (50.0, 260.0), (20.0, 240.0)
"""No QRS of an adult is shorter or longer, and no heart beats less or more often."""


@dataclass(frozen=True, eq=False)
class AlignedBeat:
    """The median beat of a recording, at 1 kHz.

    Attributes:
        recording: that it is of.
        ecg: [12, time] mV, zero at the baseline before the QRS; the whole beat with its P wave.
        time: [time] ms from the QRS onset, step 1.
        delineation: of the beat, with times from its steepest part.
        rr_ms: median cycle length, None of a single beat. n_beats: that were averaged.
        warnings: hints that do not forbid to go on, in words.
    """

    recording: Recording
    ecg: np.ndarray
    time: np.ndarray
    delineation: Delineation
    rr_ms: float | None
    n_beats: int
    warnings: tuple[str, ...]

    def window(self, onset_ms: float = 0.0, n_times: int = N_TIMES) -> np.ndarray:
        """The beat as a simulation gives it: [12, n_times] mV, 1 ms a sample from its time 0.

        In a simulation time 0 is the first activation, and the QRS onset that a delineation sees
        comes some ms later. A beat that ends before the window does fades into the baseline.

        Args:
            onset_ms: where the QRS onset is put. n_times: samples.
        """
        time, end = np.arange(float(n_times)), float(self.time[-1]) + onset_ms
        rows = np.array([np.interp(time, self.time + onset_ms, row) for row in self.ecg])
        if end < time[-1]:
            rows *= np.clip((end - time) / FADE_MS, 0.0, 1.0)
        return rows


def resampled(ecg: np.ndarray, rate_hz: float) -> np.ndarray:
    """At 1 kHz, by a polyphase filter without delay that lets no alias through.

    Args:
        ecg: [lead, time]. rate_hz: of it.

    Returns:
        [lead, time at 1 kHz], the first sample at the same time.
    """
    ratio = Fraction(RATE_HZ / rate_hz).limit_denominator(MAX_DENOMINATOR)
    if ratio == 1:
        return ecg
    # a line through the ends is taken off, so that the filter sees no step there
    return np.asarray(
        resample_poly(ecg, ratio.numerator, ratio.denominator, axis=1, padtype="line")
    )


def averaged_beat(recording: Recording) -> AveragedBeat:
    """The median beat of a recording's first minute, at 1 kHz; ectopic beats are left out.

    Raises:
        BadInput: as `representative_beat`.
    """
    ecg = recording.ecg[:, : round(MAX_SECONDS * recording.rate_hz)]
    try:
        return representative_beat(resampled(ecg, recording.rate_hz), RATE_HZ)
    except BadInput as problem:
        raise BadInput(f"{recording.where}: {problem}") from problem


def aligned_beat(recording: Recording) -> AlignedBeat:
    """The median beat of a recording from its QRS onset; ectopic beats are left out.

    Args:
        recording: of one or several beats.

    Raises:
        BadInput: as `raise_if_unusable`, `averaged_beat` and `delineate`; a QRS or a heart
            rate that no adult has, which is what a wrong sampling rate gives.
    """
    raise_if_unusable(recording)
    beat = averaged_beat(recording)
    try:
        found = delineate(beat.ecg, beat.time, beat.rr_ms)
    except BadInput as problem:
        raise BadInput(f"{recording.where}: {problem}") from problem
    _raise_if_implausible(recording, beat, found)
    level = np.array([[found.leads[name].baseline_mv] for name in LEADS])
    # medians are not additive, so that the derived limb leads are computed again
    rows = all_leads((beat.ecg - level)[INDEPENDENT_ROWS])
    time = beat.time - found.onset_ms
    warnings = []
    if time[-1] < N_TIMES - 1:
        cycle = f" (cycle length {beat.rr_ms:.0f} ms)" if beat.rr_ms else ""
        warnings.append(f"the beat ends {time[-1]:.0f} ms after its QRS onset{cycle}; "
                        "what follows is drawn to the baseline")  # fmt: skip
    if arms_look_swapped(rows, time, 0.0, found.qrs_ms):
        warnings.append(
            "lead I runs against V6 and aVR is upright: were the arm electrodes exchanged?"
        )
    return AlignedBeat(recording, rows, time, found, beat.rr_ms, beat.n_beats, tuple(warnings))


def _raise_if_implausible(recording: Recording, beat: AveragedBeat, found: Delineation) -> None:
    """A rate that is wrong by two makes a heart rate or a QRS that no adult has."""
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
            "right?"
        )

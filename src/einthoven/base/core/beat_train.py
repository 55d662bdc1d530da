"""One beat repeated at given times; where beats overlap, they are added."""

import numpy as np

FADE_MS = 60.0
"""Time in which a beat fades that its record has cut off."""


def beat_train(
    time: np.ndarray, beat: np.ndarray, onsets: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """The sum of one beat at each onset.

    Potentials are linear in their sources, so that the P wave of a beat adds to the T wave of the
    beat before. A beat is zero before its record. After it, its last value fades linearly.

    Args:
        time: [time] ms of the beat's record, uniform; zero at the onset.
        beat: [..., time].
        onsets: [beat] ms.
        times: [sample] ms at which the sum is wanted, rising.

    Returns:
        [..., sample].
    """
    train = np.zeros((*beat.shape[:-1], len(times)))
    rows, sums = beat.reshape(-1, len(time)), train.reshape(-1, len(times))
    for onset in onsets:
        first, last = np.searchsorted(times, (onset + time[0], onset + time[-1] + FADE_MS))
        since = times[first:last] - onset
        fade = np.clip(1.0 - (since - time[-1]) / FADE_MS, 0.0, 1.0)
        for row, total in zip(rows, sums):
            total[first:last] += np.interp(since, time, row) * fade
    return train


def is_covered(time: np.ndarray, onsets: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Whether each of `times` [sample] ms is within the record of any beat: [sample] bool."""
    since = times[:, None] - np.asarray(onsets)[None]
    return np.asarray(((since >= time[0]) & (since <= time[-1])).any(axis=1))

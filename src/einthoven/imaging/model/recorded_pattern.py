"""Statements on a recorded beat that labelled recordings of people allow.

Two statements: whether it is like the beats of healthy people, and by which pattern of activation
it came about. Both were calibrated on labelled recordings, not on simulations, by
`tools/fit_recorded_pattern.py`, which writes `data/recorded_pattern.json`. A pattern is reported
only where it was right in nearly all labelled people; docs/explanation/recorded-patterns.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.special import softmax

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json
from einthoven.base.metrics.out_of_distribution import FeatureDistribution, OutOfDistributionCheck
from einthoven.imaging.model.recorded_features import (
    CONDUCTION_FEATURES,
    beat_shape,
    conduction_shape,
)
from einthoven.physics.ecg.recordings.aligned import AlignedBeat, looks_like_fibrillation
from einthoven.physics.ecg.recordings.quality import arms_look_swapped

SHIPPED = Path(__file__).parent / "data" / "recorded_pattern.json"
MEASURE, SPIKES = "people_sd", "paced_share"
"""Distance from healthy people's beats, about 1 for theirs, and share of beats after a spike."""
SINUS, LEFT, RIGHT, PACED = "sinus", "lbbb", "rbbb", "paced"
OTHER = "other"
"""Class of all else that delays conduction: fascicular blocks, pre-excitation, unspecific delay."""
CLASSES = (SINUS, LEFT, RIGHT, OTHER)
WORDS = {
    SINUS: "sinus (both bundle branches conduct)", LEFT: "left bundle branch block",
    RIGHT: "right bundle branch block", PACED: "paced",
    OTHER: "another conduction disturbance",
}  # fmt: skip
COMPLETE_MS = 120.0
"""QRS duration of a complete bundle branch block in adults (Surawicz 2009,
doi:10.1161/CIRCULATIONAHA.108.191095)."""
SPIKE_MS = (-10.0, 80.0)
"""Interval from a spike to the QRS onset in ventricular pacing; the onset is found late, or a
little early, where the spike was bridged. An atrial spike comes 100 ms earlier."""
PACED_SHARE = 0.5
"""Largest share of the averaged beats that a spike precedes in a recording that is not paced."""


@dataclass(frozen=True)
class RecordedPattern:
    """The pattern of activation of a recorded beat.

    Attributes:
        pattern: sinus, lbbb, rbbb or paced; None: not reported.
        note: one sentence for the reader, with the reason where none is reported.
        chances: probability of each of `CLASSES`; empty for paced beats.
    """

    pattern: str | None
    note: str
    chances: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Entries of activation.json."""
        return {"pattern": self.pattern, "pattern_note": self.note,
                "pattern_chances": dict(self.chances)}  # fmt: skip


@dataclass(frozen=True, eq=False)
class RecordedPatterns:
    """Distribution of healthy people's beats, and a classifier of conduction.

    Attributes:
        healthy: of `beat_shape`, with its limit.
        centre, scale: [12] of `conduction_shape`, by which it is standardised.
        weights: [class, 12], intercepts: [class] of a multinomial logistic regression.
        thresholds: pattern -> least probability with which it is reported; None: never.
        about: on whom it was fitted, and how often it is right.
    """

    healthy: FeatureDistribution
    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercepts: np.ndarray
    thresholds: Mapping[str, float | None]
    about: Mapping[str, Any]

    @classmethod
    def load(cls, path: str | Path = SHIPPED) -> Self:
        """Read a file of `tools/fit_recorded_pattern.py`.

        Raises:
            BadInput: no such file, or one of another kind.
        """
        data = read_json(path)
        try:
            healthy, shape = data["healthy"], data["conduction"]
            column = lambda key: np.array(shape[key], float)  # noqa: E731
            found = cls(
                FeatureDistribution(
                    np.array(healthy["mean"], float), _rows(healthy["whitening"]).T,
                    float(healthy["limit"]),
                ),
                column("centre"), column("scale"), column("weights"), column("intercepts"),
                data["thresholds"], data["about"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as problem:
            raise BadInput(f"{path}: no patterns of recordings ({problem}); make it again: "
                           "python tools/fit_recorded_pattern.py") from problem  # fmt: skip
        size = len(CLASSES), len(CONDUCTION_FEATURES)
        if found.weights.shape != size or set(found.thresholds) != {SINUS, LEFT, RIGHT}:
            raise BadInput(f"{path}: weights or thresholds are of another version; make it again: "
                           "python tools/fit_recorded_pattern.py")  # fmt: skip
        return found

    def check(self, beat: AlignedBeat) -> OutOfDistributionCheck:
        """Whether a beat is like those of healthy people; a paced one never is."""
        shape = beat_shape(beat.ecg, beat.time, beat.delineation, beat.rr_ms)
        values = {MEASURE: self.healthy.distance(shape), SPIKES: paced_share(beat)}
        return OutOfDistributionCheck(values, {MEASURE: self.healthy.limit, SPIKES: PACED_SHARE})

    def chances(self, shape: np.ndarray) -> dict[str, float]:
        """Probability of each of `CLASSES`, of a `conduction_shape`."""
        standard = (shape - self.centre) / self.scale
        return dict(zip(CLASSES, softmax(self.weights @ standard + self.intercepts).tolist()))

    def pattern(self, beat: AlignedBeat) -> RecordedPattern:
        """The pattern of activation of a beat, or why none is reported."""
        if paced_share(beat) > PACED_SHARE:
            return RecordedPattern(PACED, "pattern: paced (a spike precedes the QRS)", {})
        qrs = beat.delineation.qrs_ms
        chances = self.chances(conduction_shape(beat.ecg, beat.time, beat.delineation))
        if reason := self._unusable(beat) or self._undecided(chances, qrs):
            return RecordedPattern(None, f"pattern: not reported, {reason}", chances)
        best = _likeliest(chances)
        note = f"pattern: {WORDS[best]}, probability {chances[best]:.0%} (QRS {qrs:.0f} ms)"
        return RecordedPattern(best, note, chances)

    def _unusable(self, beat: AlignedBeat) -> str | None:
        """Why the leads or the rhythm allow no statement."""
        if looks_like_fibrillation(beat.source, beat.delineation):
            return "as irregular cycles without a P wave are no sinus rhythm"
        if arms_look_swapped(beat.ecg, beat.time, 0.0, beat.delineation.qrs_ms):
            return "as the arm electrodes look exchanged"
        return None

    def _undecided(self, chances: Mapping[str, float], qrs: float) -> str | None:
        """Why the probabilities allow no statement."""
        best = _likeliest(chances)
        if best == OTHER:
            return f"as {WORDS[OTHER]} is likeliest ({chances[best]:.0%})"
        threshold = self.thresholds[best]
        if threshold is None:
            return (f"as too few labelled recordings have the likeliest one, {WORDS[best]} "
                    f"({chances[best]:.0%}), to calibrate it")  # fmt: skip
        if chances[best] < threshold:
            return (f"as the likeliest, {WORDS[best]}, has a probability of {chances[best]:.0%} "
                    f"only; {threshold:.0%} are needed")  # fmt: skip
        if best == SINUS and qrs >= COMPLETE_MS:
            return f"as a QRS of {qrs:.0f} ms is broad, though no bundle branch block looks like it"
        if best != SINUS and qrs < COMPLETE_MS:
            return (f"as the shape is that of a {WORDS[best]}, but a QRS of {qrs:.0f} ms is that "
                    "of an incomplete one")  # fmt: skip
        return None


def _likeliest(chances: Mapping[str, float]) -> str:
    return max(chances, key=lambda name: chances[name])


def paced_share(beat: AlignedBeat) -> float:
    """Share of the averaged beats whose QRS a spike of a ventricular pacemaker precedes.

    Ectopic beats need no such test: of a recording with several kinds of beats only the most
    frequent kind is averaged.
    """
    spikes, peaks = beat.source.spikes_ms, beat.source.peaks_ms
    if spikes is None or peaks is None or not len(spikes):
        return 0.0
    delay = (peaks + beat.delineation.onset_ms)[:, None] - spikes[None, :]
    paced = ((delay >= SPIKE_MS[0]) & (delay <= SPIKE_MS[1])).any(axis=1)
    return float(paced.mean())


def _rows(rows: list[list[float]]) -> np.ndarray:
    """[n, n] of the rows of a lower triangle, as the file has them."""
    square = np.zeros((len(rows), len(rows)))
    for k, row in enumerate(rows):
        square[k, : k + 1] = row
    return square


@lru_cache
def shipped_patterns() -> RecordedPatterns:
    """The shipped file, read once."""
    return RecordedPatterns.load()

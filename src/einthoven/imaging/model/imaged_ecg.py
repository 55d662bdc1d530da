"""The activation map of a recorded 12-lead ECG, with its uncertainty and a warning."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.files import atomic, save_arrays, write_json
from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.imaging.inputs.points import NAMES
from einthoven.physics.ecg.recordings.aligned import AlignedBeat
from einthoven.physics.ecg.recordings.recording import Recording

LEVEL = 0.9
HEADER = "point,median_ms,low_ms,high_ms,apd90_ms"
"""Columns of activation.csv."""
WARNING = (
    "Not a medical device. The map is what a network that learned from simulated ECGs of "
    "ventricles of healthy shape, without infarct or scar, takes for likely; nobody has measured "
    "it. Its intervals were calibrated on such simulations only."
)
NO_PATTERN = (
    "The activation pattern (sinus, block, pacing) of a recording is not reported yet: all 38 "
    "healthy adults whose ECG was in distribution were called paced "
    "(docs/how-to/image-a-recorded-ecg.md)."
)
"""Simulated beats keep theirs: `predictors.MapDraws.pattern`."""


@dataclass(frozen=True, eq=False)
class ImagedEcg:
    """The activation map of a recording by a model.

    Attributes:
        beat: the mean beat of a recording.
        onset_delays_ms: [quantile] delay from the first activation to the QRS onset.
        samples: [draw, 75] ms from the first activation.
        apd90: [75] ms, as predicted.
        check: whether the ECG is in the distribution of the training.
        with_measures: whether the model was given measures of the body.
    """

    beat: AlignedBeat
    onset_delays_ms: np.ndarray
    samples: np.ndarray
    apd90: np.ndarray
    check: OutOfDistributionCheck
    with_measures: bool

    @property
    def recording(self) -> Recording:
        """The recording of the beat."""
        return self.beat.recording

    @property
    def median(self) -> np.ndarray:
        """[75] ms."""
        return np.median(self.samples, axis=0)

    @property
    def interval(self) -> np.ndarray:
        """Ends of the central intervals of `LEVEL`, [2, 75] ms."""
        return np.quantile(self.samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)

    @property
    def total_ms(self) -> np.ndarray:
        """Median and ends of the interval of the last point's activation, [3] ms."""
        last = self.samples.max(axis=1)
        return np.quantile(last, [0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Hints on the recording, the out-of-distribution check, and the limits of use."""
        words = ", ".join(self.check.reasons)
        outside = (
            f"OUT OF DISTRIBUTION: {words}; this ECG is unlike those of the training, so neither "
            "the map nor its intervals are to be believed"
        )
        return (*self.beat.warnings, *(() if self.check.in_distribution else (outside,)), WARNING)

    @property
    def verdict(self) -> str:
        """The out-of-distribution check in words."""
        return "in distribution" if self.check.in_distribution else "OUT OF DISTRIBUTION"

    def line(self) -> str:
        """One line with the uncertainty and the out-of-distribution check."""
        total, low, high = self.total_ms
        first, last = int(self.median.argmin()), int(self.median.argmax())
        width = float(np.diff(self.interval, axis=0).mean())
        return (
            f"{self.recording.name}: activation lasts {total:.0f} ms ({LEVEL:.0%} interval "
            f"{low:.0f} to {high:.0f}), from {NAMES[first]} to {NAMES[last]}; mean width of the "
            f"intervals {width:.0f} ms; {self.verdict}"
        )

    def to_json(self) -> dict[str, Any]:
        """Content of activation.json."""
        return {
            "recording": self.recording.name,
            "source": str(self.recording.source),
            "n_beats": self.beat.n_beats,
            "rr_ms": self.beat.rr_ms,
            "qrs_ms": self.beat.delineation.qrs_ms,
            "onset_delays_ms": self.onset_delays_ms.tolist(),
            "level": LEVEL,
            "total_activation_ms": dict(zip(("median", "low", "high"), self.total_ms.tolist())),
            "with_measures": self.with_measures,
            "pattern": None,
            "pattern_note": NO_PATTERN,
            "out_of_distribution": self.check.to_json(),
            "warnings": list(self.warnings),
            "points": {
                name: {"median_ms": median, "low_ms": low, "high_ms": high, "apd90_ms": apd90}
                for name, median, low, high, apd90 in self._rows()
            },
        }

    def write(self, folder: str | Path) -> None:
        """Write activation.csv, activation.json and activation.npz, each atomically."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic(folder / "activation.csv") as temporary:
            rows = [",".join([name, *(f"{x:.2f}" for x in row)]) for name, *row in self._rows()]
            temporary.write_text("\n".join([HEADER, *rows]) + "\n")
        write_json(folder / "activation.json", self.to_json())
        beat = {"ecg": self.beat.ecg, "time": self.beat.time}
        maps = {"samples": self.samples, "median": self.median, "interval": self.interval,
                "apd90": self.apd90}  # fmt: skip
        arrays = beat | maps | {"names": np.array(NAMES)}
        save_arrays(folder / "activation.npz", arrays, recording=self.recording.name, level=LEVEL)

    def _rows(self) -> list[tuple[str, float, float, float, float]]:
        """Name, median, interval and APD90 of each point."""
        low, high = self.interval.tolist()
        return list(zip(NAMES, self.median.tolist(), low, high, self.apd90.tolist()))

"""The activation map of a recorded 12-lead ECG, with its uncertainty and a warning."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.files import atomic, save_arrays, write_json
from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.imaging.inputs.points import NAMES
from einthoven.imaging.model.recorded_pattern import RecordedPattern
from einthoven.physics.ecg.recordings.aligned import AlignedBeat
from einthoven.physics.ecg.recordings.recording import Recording

LEVEL = 0.9
HEADER = "point,median_ms,low_ms,high_ms,apd90_ms"
"""Columns of activation.csv."""
LIKELY = 0.5
"""Least probability that a network gives the reported pattern if its map is of that pattern."""
WARNING = (
    "Not a medical device. The map is what a network that learned from simulated ECGs of "
    "ventricles of healthy shape, without infarct or scar, takes for likely; nobody has measured "
    "it. Its intervals were calibrated on such simulations only."
)


@dataclass(frozen=True, eq=False)
class ImagedEcg:
    """The activation map of a recording by a model.

    Attributes:
        beat: the mean beat of a recording.
        onset_delays_ms: [quantile] delay from the first activation to the QRS onset.
        samples: [draw, 75] ms from the first activation.
        apd90: [75] ms, as predicted.
        check: whether the ECG is in the distribution of the training's simulations.
        people: whether it is in the distribution of healthy people's recordings.
        recorded: pattern of activation, or why none is reported.
        explained: probability of each pattern by which the network explains the ECG; empty if it
            states none. It learned from simulations alone, so it is not reported: it serves to see
            whether the map is of the reported pattern at all.
        with_measures: whether the model was given measures of the body.
    """

    beat: AlignedBeat
    onset_delays_ms: np.ndarray
    samples: np.ndarray
    apd90: np.ndarray
    check: OutOfDistributionCheck
    people: OutOfDistributionCheck
    recorded: RecordedPattern
    explained: Mapping[str, float]
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
        unlike = []
        if not self.people.in_distribution:
            unlike.append(
                f"OUT OF DISTRIBUTION: {', '.join(self.people.reasons)}; this ECG is unlike those "
                "of healthy people, and the map is of a healthy heart: it is not to be believed"
            )
        if not self.check.in_distribution:
            unlike.append(
                f"NOT FOUNDED: {', '.join(self.check.reasons)}; no simulation of the training is "
                "like this ECG, so neither the map nor its intervals are to be believed"
            )
        if self.contradicts:
            unlike.append(
                "CONTRADICTION: the network explains this ECG by another pattern than the reported "
                "one, so its map is not to be believed"
            )
        return (*self.beat.warnings, *unlike, WARNING)

    @property
    def contradicts(self) -> bool:
        """Whether the network takes the reported pattern for less likely than not."""
        if self.recorded.pattern is None or not self.explained:
            return False
        kinds = (name.partition("-")[0] for name in self.explained)
        chances = zip(kinds, self.explained.values())
        return sum(chance for kind, chance in chances if kind == self.recorded.pattern) < LIKELY

    @property
    def map_is_founded(self) -> bool:
        """Whether the ECG is like healthy people's, and simulations of its pattern are like it.

        All of it is necessary for a map to be believed, and not sufficient.
        """
        alike = self.people.in_distribution and self.check.in_distribution
        return alike and not self.contradicts

    @property
    def verdict(self) -> str:
        """The checks in words."""
        within = self.people.in_distribution
        among = "in distribution" if within else "OUT OF DISTRIBUTION"
        found = "yes" if self.check.in_distribution else "NO"
        if self.check.in_distribution and self.contradicts:
            found = "only of ANOTHER PATTERN"
        return f"{among} of healthy people's ECGs; simulations like it: {found}"

    def line(self) -> str:
        """One line with the uncertainty and the two checks."""
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
            **self.recorded.to_json(),
            "out_of_distribution": self.people.to_json(),
            "simulations": self.check.to_json() | {"of_another_pattern": self.contradicts},
            "map_is_founded": self.map_is_founded,
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

"""A trained imaging network in one folder, with its card and all that imaging an ECG needs.

`data/` beside this file holds the shipped model; `tools/ship_imaging.py` packs it. Loading executes
no code of the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json
from einthoven.imaging.corpus.corpus import EcgOrigin
from einthoven.imaging.inputs.heart_surface import RecordedHeart
from einthoven.imaging.inputs.onsets import LEAD_IN_MS, steep_onset_ms
from einthoven.imaging.model.ecg_distribution import EcgDistribution
from einthoven.imaging.model.imaged_ecg import ImagedEcg
from einthoven.imaging.model.predictors import (
    PREDICTORS,
    MapPredictor,
    PlacedBeat,
    ResidualPredictor,
)
from einthoven.imaging.model.recorded_pattern import shipped_patterns
from einthoven.physics.ecg.recordings.aligned import AlignedBeat, aligned_beat
from einthoven.physics.ecg.recordings.recording import Recording

SHIPPED = Path(__file__).parent / "data"
CARD_FILE, DISTRIBUTION_FILE, HEART_FILE = "card.json", "ecg_distribution.npz", "heart.npz"


def onset_ms(forward: str, ecg_distribution: EcgDistribution, from_onset: np.ndarray) -> float:
    """Time of the QRS onset after the first sample of a network's input, ms.

    For a network trained from the first activation (`forward` of an `EcgOrigin`) it is the median
    delay of the simulated beats with the most similar ECGs, [12, time] mV from the QRS onset.
    """
    if EcgOrigin.of(forward).is_onset:
        return float(LEAD_IN_MS)
    return float(np.median(ecg_distribution.onset_delays(from_onset)))


@dataclass(frozen=True, eq=False)
class ImagingModel:
    """A packed model.

    Attributes:
        folder: its path.
        card: `network`, `measures` (names), `forward`, `trained_on`, `figures`.
        predictor: ECG -> draws of activation times, and APD90.
        ecg_distribution: of the training ECGs.
        heart: on which maps are drawn without a geometry.
    """

    folder: Path
    card: dict[str, Any]
    predictor: MapPredictor
    ecg_distribution: EcgDistribution
    heart: RecordedHeart

    @classmethod
    def load(cls, folder: str | Path = SHIPPED) -> Self:
        """The shipped model, or another packed one.

        Raises:
            BadInput: no model there, or files that are damaged or of another version.
        """
        folder = Path(folder)
        if not (folder / CARD_FILE).exists():
            raise BadInput(f"{folder}: no packed model; python tools/ship_imaging.py --help")
        card = read_json(folder / CARD_FILE)
        if missing := {"network", "measures", "forward"} - set(card):
            raise BadInput(f"{folder / CARD_FILE}: no {min(missing)}; of another model?")
        ecg_distribution, name = EcgDistribution.load(folder / DISTRIBUTION_FILE), card["network"]
        predictor = PREDICTORS.get(name, ResidualPredictor).load(folder, name, ecg_distribution)
        return cls(
            folder, card, predictor, ecg_distribution, RecordedHeart.load(folder / HEART_FILE)
        )

    def image(self, beat: AlignedBeat, measures: Mapping[str, float] | None = None) -> ImagedEcg:
        """The activation map of a beat, with its uncertainty.

        A recording has the QRS onset, but not the delay from the first activation to it. A network
        trained from the QRS onset does not know that delay. For one trained from the first
        activation the beat is placed by `onset_ms`, as its calibration beats were. The intervals
        include the error of the delay in both cases.

        Args:
            beat: of a recording.
            measures: of the body, all that the model takes; None: unknown.

        Raises:
            BadInput: measures that are missing, or that the model does not take.
        """
        placed, patterns = self.placed(beat, measures), shipped_patterns()
        drawn = self.predictor.draw(placed)
        return ImagedEcg(
            beat,
            self.ecg_distribution.onset_delays(placed.from_onset) - placed.steep_ms,
            drawn.activation_time,
            drawn.apd90,
            self.ecg_distribution.check(placed.from_onset),
            patterns.check(beat),
            patterns.pattern(beat),
            drawn.pattern,
            measures is not None,
        )

    def beat_parameters(
        self, beat: AlignedBeat, measures: Mapping[str, float] | None, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws of simulation parameters of a beat; see `ImagingNetwork.beat_parameters`."""
        return self.predictor.beat_parameters(self.placed(beat, measures), n)

    def placed(self, beat: AlignedBeat, measures: Mapping[str, float] | None) -> PlacedBeat:
        """The beat as the predictor takes it; arguments and errors of `image`."""
        steep_ms = steep_onset_ms(beat.ecg, beat.time)
        from_onset = beat.window(-steep_ms)
        onset = onset_ms(self.card["forward"], self.ecg_distribution, from_onset)
        row = self.measures_row(measures)
        return PlacedBeat(beat.window(onset - steep_ms), from_onset, row, steep_ms)

    def measures_row(self, measures: Mapping[str, float] | None) -> np.ndarray:
        """[measure] in the network's order, NaN if unknown; errors of `image`."""
        names = self.card["measures"]
        if measures is None:
            return np.full(len(names), np.nan)
        if set(measures) != set(names):
            wrong = ", ".join(sorted(set(measures) ^ set(names)))
            raise BadInput(f"measures: give all that the model takes, or none; differs: {wrong}")
        return np.array([measures[name] for name in names], float)


def image(
    recording: Recording,
    measures: Mapping[str, float] | None = None,
    model: ImagingModel | None = None,
) -> ImagedEcg:
    """Image a recording of one or several beats.

    Args:
        recording: see `ei.read_ecg`.
        measures: of the body, all that the model takes; None: unknown.
        model: None: the shipped one.

    Raises:
        BadInput: as `aligned_beat` and `ImagingModel.image`.
    """
    return (model or ImagingModel.load()).image(aligned_beat(recording), measures)

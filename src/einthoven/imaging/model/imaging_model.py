"""A trained imaging network in one folder, with a card and all that a recorded ECG needs.

`data/` beside this file holds the model that is shipped; `tools/ship_imaging.py` packs it. Nothing
is executed by loading.
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
from einthoven.imaging.inputs.onsets import LEAD_IN_MS
from einthoven.imaging.model.ecg_distribution import EcgDistribution
from einthoven.imaging.model.imaged_ecg import ImagedEcg
from einthoven.imaging.model.predictors import MapPredictor, PlacedBeat, predictor_class
from einthoven.physics.ecg.recordings.aligned import AlignedBeat, aligned_beat
from einthoven.physics.ecg.recordings.recording import Recording

SHIPPED = Path(__file__).parent / "data"
CARD_FILE, DISTRIBUTION_FILE, HEART_FILE = "card.json", "ecg_distribution.npz", "heart.npz"


def onset_ms(forward: str, ecg_distribution: EcgDistribution, from_onset: np.ndarray) -> float:
    """Where in its ECG a network wants the QRS onset.

    Args:
        forward: name of the `EcgOrigin` of what the network learned from.
        ecg_distribution: of the training's ECGs.
        from_onset: [12, time] mV from the QRS onset.

    Returns:
        ms after the first sample; for a network that learned from the first activation the median
        delay of the simulated beats that are most like this one.
    """
    if EcgOrigin.of(forward).is_onset:
        return float(LEAD_IN_MS)
    return float(np.median(ecg_distribution.onset_delays(from_onset)))


@dataclass(frozen=True, eq=False)
class ImagingModel:
    """A packed model.

    Attributes:
        folder: where it lies.
        card: `network`, `measures` (names), `forward`, `trained_on`, `figures`.
        predictor: ECG -> draws of activation times, and APD90.
        ecg_distribution: of the training's ECGs.
        heart: on which maps are drawn where no geometry is known.
    """

    folder: Path
    card: dict[str, Any]
    predictor: MapPredictor
    ecg_distribution: EcgDistribution
    heart: RecordedHeart

    @classmethod
    def load(cls, folder: str | Path = SHIPPED) -> Self:
        """The shipped model, or one that was packed elsewhere.

        Raises:
            BadInput: no model there, or files that are damaged or of another version.
        """
        folder = Path(folder)
        if not (folder / CARD_FILE).exists():
            raise BadInput(f"{folder}: no packed model; python tools/ship_imaging.py --help")
        card = read_json(folder / CARD_FILE)
        if missing := {"network", "measures", "forward"} - set(card):
            raise BadInput(f"{folder / CARD_FILE}: no {min(missing)}; of another model?")
        ecg_distribution = EcgDistribution.load(folder / DISTRIBUTION_FILE)
        kind = predictor_class(card["network"])
        return cls(
            folder, card, kind.load(folder, card["network"], ecg_distribution), ecg_distribution,
            RecordedHeart.load(folder / HEART_FILE),
        )  # fmt: skip

    def image(self, beat: AlignedBeat, measures: Mapping[str, float] | None = None) -> ImagedEcg:
        """The activation map of a beat, with its uncertainty.

        A recording tells when the QRS begins, and not how long before the first muscle was
        activated. Either that is unknown to the network, too, or the beat is placed at the median
        delay of the simulated beats that it is most like, as the calibration beats were
        (`onset_ms`). So what is not known of the delay is in the intervals.

        Args:
            beat: of a recording.
            measures: of the body, all that the model takes; None: not known.

        Raises:
            BadInput: measures that are missing, or that the model does not take.
        """
        placed = self.placed(beat, measures)
        drawn = self.predictor.draw(placed)
        return ImagedEcg(
            beat,
            self.ecg_distribution.onset_delays(placed.from_onset),
            drawn.activation_time,
            drawn.apd90,
            self.ecg_distribution.check(placed.from_onset),
            measures is not None,
            drawn.pattern,
        )

    def beat_parameters(
        self, beat: AlignedBeat, measures: Mapping[str, float] | None, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws of what a simulation of the beat takes; see `MapPredictor.beat_parameters`."""
        return self.predictor.beat_parameters(self.placed(beat, measures), n)

    def placed(self, beat: AlignedBeat, measures: Mapping[str, float] | None) -> PlacedBeat:
        """The beat with its QRS onset where the network wants it, and the measures in its order.

        Raises:
            BadInput: measures that are missing, or that the model does not take.
        """
        from_onset = beat.window()
        wanted = onset_ms(self.card["forward"], self.ecg_distribution, from_onset)
        return PlacedBeat(beat.window(wanted), from_onset, self.measures_row(measures))

    def measures_row(self, measures: Mapping[str, float] | None) -> np.ndarray:
        """[measure] in the network's order; NaN if they are not known.

        Raises:
            BadInput: measures that are missing, or that the model does not take.
        """
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
        measures: of the body, all that the model takes; None: not known.
        model: None: the shipped one.

    Raises:
        BadInput: as `aligned_beat` and `ImagingModel.image`.
    """
    return (model or ImagingModel.load()).image(aligned_beat(recording), measures)

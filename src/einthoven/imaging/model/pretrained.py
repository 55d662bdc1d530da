"""A trained imaging network in one folder, with a card and all that a recorded ECG needs.

`data/` beside this file holds the model that is shipped; `tools/ship_imaging.py` packs it. Nothing
is executed by loading.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch

from einthoven.base.config.imaging import PATTERNS
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_json
from einthoven.imaging.corpus.corpus import RECORDED
from einthoven.imaging.inputs.heart_surface import RecordedHeart
from einthoven.imaging.inputs.onsets import LEAD_IN_MS
from einthoven.imaging.model.familiarity import EcgFamiliarity
from einthoven.imaging.model.residuals import CalibrationErrors
from einthoven.imaging.networks.imaging_network import ImagingNetwork
from einthoven.imaging.networks.registry import load_network

SHIPPED = Path(__file__).parent / "data"
CARD_FILE, FAMILIARITY_FILE, HEART_FILE = "card.json", "familiarity.npz", "heart.npz"
NETWORK_FILE, RESIDUALS_FILE = "model.safetensors", "residuals.npz"


class Draws(NamedTuple):
    """What a model says of one beat."""

    activation_time: np.ndarray
    """[draw, 75] ms from the first activation."""
    apd90: np.ndarray
    """[75] ms, the prediction."""
    pattern: dict[str, float] | None
    """Probability of each pattern of activation; None of a network that does not tell it."""


def onset_ms(forward: str, familiarity: EcgFamiliarity, from_onset: np.ndarray) -> float:
    """Where in its ECG a network wants the QRS onset.

    Args:
        forward: what the network learned from; from the QRS onset, or from the first activation,
            of which a recording does not tell how long before it was.
        familiarity: of the training's ECGs.
        from_onset: [12, time] mV from the QRS onset.

    Returns:
        ms after the first sample; for a network that learned from the first activation the median
        delay of the simulated beats that are most like this one.
    """
    if forward.endswith(RECORDED):
        return float(LEAD_IN_MS)
    return float(np.median(familiarity.onset_delays(from_onset)))


@dataclass(frozen=True, eq=False)
class ImagingModel:
    """A packed model.

    Attributes:
        folder: where it lies.
        card: `network`, `measures` (names), `forward`, `trained_on`, `figures`.
        network: ECG -> activation times and APD90.
        residuals: its errors on calibration hearts; None of one that tells its uncertainty.
        familiarity: of the training's ECGs.
        heart: on which maps are drawn where no geometry is known.
    """

    folder: Path
    card: dict[str, Any]
    network: ImagingNetwork
    residuals: CalibrationErrors | None
    familiarity: EcgFamiliarity
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
        residuals = folder / RESIDUALS_FILE
        return cls(
            folder, card, load_network(folder / NETWORK_FILE, card["network"]),
            CalibrationErrors.load(residuals) if residuals.exists() else None,
            EcgFamiliarity.load(folder / FAMILIARITY_FILE), RecordedHeart.load(folder / HEART_FILE),
        )  # fmt: skip

    def onset_ms(self, from_onset: np.ndarray) -> float:
        """Where `draw` wants the QRS onset, ms after the first sample of the ECG."""
        return onset_ms(self.card["forward"], self.familiarity, from_onset)

    @torch.no_grad()
    def draw(
        self, ecg: np.ndarray, from_onset: np.ndarray, measures: Mapping[str, float] | None
    ) -> Draws:
        """Draws of the activation times of one beat.

        Args:
            ecg: [12, 500] mV, the beat with its QRS onset at `onset_ms`.
            from_onset: [12, time] mV from its QRS onset.
            measures: of the body, all of the card's; None: not known.

        Returns:
            Of a network that tells its uncertainty its own draws; of another one as many as there
            are nearest residuals.

        Raises:
            BadInput: measures that are missing, or that the model does not take; a network without
                durations, or without draws and residuals.
        """
        names = self.card["measures"]
        if measures is not None and set(measures) != set(names):
            wrong = ", ".join(sorted(set(measures) ^ set(names)))
            raise BadInput(f"measures: give all that the model takes, or none; differs: {wrong}")
        row = [np.nan if measures is None else measures[name] for name in names]
        inputs = np.asarray(ecg, np.float32)[None], np.array([row], np.float32)
        found = self.network.predict(*map(torch.as_tensor, inputs))
        if found.apd90 is None:
            raise BadInput(f"{self.folder}: network {self.card['network']} tells no APD90")
        if found.samples is not None:
            chances = None if found.pattern is None else found.pattern[0].tolist()
            pattern = dict(zip(PATTERNS, chances)) if chances else None
            return Draws(found.samples[0].astype(float), found.apd90[0], pattern)
        if self.residuals is None:
            raise BadInput(f"{self.folder}: no {RESIDUALS_FILE}; pack the network again")
        errors = self.residuals.nearest(self.familiarity.score(from_onset), measures is not None)
        return Draws(found.activation_time.astype(float) + errors, found.apd90[0], None)

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

from einthoven.core.errors import BadInput
from einthoven.core.files import read_json
from einthoven.imaging.familiarity import EcgFamiliarity
from einthoven.imaging.heart_surface import RecordedHeart
from einthoven.imaging.network import ImagingNetwork
from einthoven.imaging.networks import load_network
from einthoven.imaging.residuals import Residuals

SHIPPED = Path(__file__).parent / "data"
CARD_FILE, FAMILIARITY_FILE, HEART_FILE = "card.json", "familiarity.npz", "heart.npz"
NETWORK_FILE, RESIDUALS_FILE = "model.safetensors", "residuals.npz"


class Draws(NamedTuple):
    """What a model says of one beat."""

    activation_time: np.ndarray
    """[draw, 75] ms from the first activation."""
    apd90: np.ndarray
    """[75] ms, the prediction."""


@dataclass(frozen=True, eq=False)
class ImagingModel:
    """A packed model.

    Attributes:
        folder: where it lies.
        card: `network`, `measures` (names), `trained_on`, `figures`.
        network: ECG -> activation times and APD90.
        residuals: its errors on calibration hearts.
        familiarity: of the training's ECGs.
        heart: on which maps are drawn where no geometry is known.
    """

    folder: Path
    card: dict[str, Any]
    network: ImagingNetwork
    residuals: Residuals
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
        if "network" not in card or "measures" not in card:
            raise BadInput(f"{folder / CARD_FILE}: no network and measures; of another model?")
        return cls(
            folder, card, load_network(folder / NETWORK_FILE, card["network"]),
            Residuals.load(folder / RESIDUALS_FILE),
            EcgFamiliarity.load(folder / FAMILIARITY_FILE), RecordedHeart.load(folder / HEART_FILE),
        )  # fmt: skip

    @torch.no_grad()
    def draw(
        self, ecg: np.ndarray, from_onset: np.ndarray, measures: Mapping[str, float] | None
    ) -> Draws:
        """Draws of the activation times of one beat.

        Args:
            ecg: [12, 500] mV, the beat from where its first activation is thought to be.
            from_onset: [12, time] mV from its QRS onset.
            measures: of the body, all of the card's; None: not known.

        Returns:
            As many draws as there are nearest residuals.

        Raises:
            BadInput: measures that are missing, or that the model does not take.
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
        errors = self.residuals.nearest(self.familiarity.score(from_onset), measures is not None)
        return Draws(found.activation_time.astype(float) + errors, found.apd90[0])

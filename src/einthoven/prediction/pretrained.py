"""A trained pair of encoder and surrogate in one folder, with a card of where it comes from.

`data/` beside this file holds the pair that is shipped; `tools/ship_model.py` packs it, or another
one, from a finished run. All tensors are safetensors files, so that nothing is executed by loading.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from einthoven.config import Config, validate
from einthoven.core.errors import BadInput
from einthoven.core.files import read_json
from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.surrogate.ensemble import Surrogate

SHIPPED = Path(__file__).parent / "data"
CARD_FILE = "card.json"


@dataclass(frozen=True)
class Pretrained:
    """Encoder, surrogate and card.

    Attributes:
        folder: where they lie.
        encoder: with the codes of its training patients.
        surrogate: one network or an ensemble.
        card: `config` of the data set, `training`, `validation`, `test`, of the run.
    """

    folder: Path
    encoder: DeepSdfEncoder
    surrogate: Surrogate
    card: dict[str, Any]

    @classmethod
    def load(cls, folder: str | Path = SHIPPED) -> Self:
        """The shipped model, or one that was packed elsewhere.

        Raises:
            BadInput: no model there, or files that are damaged or of another version.
        """
        folder = Path(folder)
        if not (folder / CARD_FILE).exists():
            raise BadInput(f"{folder}: no packed model; python tools/ship_model.py RESULTS")
        card = read_json(folder / CARD_FILE)
        encoder = DeepSdfEncoder.load(folder / "encoder")
        return cls(folder, encoder, Surrogate.of_folder(folder / "surrogate", card["model"]), card)

    @property
    def config(self) -> Config:
        """Settings of the data set that it was trained on: conductivities, meshes, time axis."""
        return validate(self.card["config"])

"""Evidence on a body whose skin was not imaged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.body.anatomy.population.covariates import BodySize


@dataclass(frozen=True)
class Spread:
    """SDs in mm of measurements about their position in the model.

    Attributes:
        place: electrode along the skin, about its rule-based site (Schijvenaars 1997, J.
            Electrocardiol. 30:247, studied typical errors of 20 to 30 mm).
        together: common shift of V1 to V6 up or down, as when ribs are miscounted.
        landmark: landmark along the skin.
        off_skin: electrodes and landmarks normal to the skin.
        skin: points of the skin normal to it.
        apart: minimum distance of skin points that count as independent.
    """

    place: float = 15.0
    together: float = 12.0
    landmark: float = 10.0
    off_skin: float = 3.0
    skin: float = 3.0
    apart: float = 30.0


@dataclass(frozen=True)
class TorsoEvidence:
    """Evidence in one frame, with axes to the left, the back and the head, mm.

    Attributes:
        places: name -> [3], electrodes of the 12-lead ECG, RL and landmarks of the torso.
        skin: [point, 3] on the skin, in any number.
        heart: [point, 3] of the epicardium, which the skin encloses; if empty, the heart's position
            is not used.
        person: sex, height and BMI.
        turned_deg: SD of the body's rotation about each of the axes.
    """

    places: Mapping[str, np.ndarray] = field(default_factory=dict)
    skin: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    heart: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    person: BodySize | None = None
    turned_deg: float = 4.0

    def __post_init__(self) -> None:
        for name in ("skin", "heart"):
            finite(name, shape(name, getattr(self, name), (None, 3)))
        for name, place in self.places.items():
            finite(name, shape(name, place, (3,)))
        if not (len(self.places) or len(self.skin) or len(self.heart)):
            raise BadInput(
                "torso: its position is undetermined; give electrodes, landmarks, points of the "
                "skin, or the heart in the scanner's frame"
            )

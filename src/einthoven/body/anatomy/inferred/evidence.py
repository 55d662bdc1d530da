"""What is known of a body whose skin nobody imaged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from einthoven.base.core.check import finite, shape
from einthoven.base.core.errors import BadInput
from einthoven.body.anatomy.population.covariates import BodySize


@dataclass(frozen=True)
class Spread:
    """How far what was measured may be from where the model puts it: SDs in mm.

    Attributes:
        place: of an electrode along the skin, about the place that the rules give (Schijvenaars
            1997, J. Electrocardiol. 30:247, studied errors of 20 to 30 mm as usual ones).
        together: of all electrodes V1 to V6 up or down together: a nurse who counts ribs wrongly
            does so for all of them.
        landmark: of a landmark along the skin.
        off_skin: of electrodes and landmarks from the skin.
        skin: of points of the skin, from it.
        apart: points of the skin nearer to each other than this tell the same thing twice.
    """

    place: float = 15.0
    together: float = 12.0
    landmark: float = 10.0
    off_skin: float = 3.0
    skin: float = 3.0
    apart: float = 30.0


@dataclass(frozen=True)
class TorsoEvidence:
    """All in one frame, with axes to the left, the back and the head, mm.

    Attributes:
        places: name -> [3], electrodes of the 12-lead ECG, RL and landmarks of the torso.
        skin: [point, 3] on the skin, in any number.
        heart: [point, 3] of the epicardium, which the skin encloses; without any, where the heart
            lies is no evidence.
        person: sex, height and BMI.
        turned_deg: SD of the turn of the body against the axes, about each of them.
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
                "torso: nothing tells where the body is; give electrodes, landmarks, points of the "
                "skin, or the heart in the scanner's frame"
            )

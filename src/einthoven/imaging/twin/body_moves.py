"""Moves of a body that nobody knows: the pose of the heart, the torso's size, the electrodes.

A move is a change of the body by one SD of its prior. The shipped operator predicts the lead fields
before and after, as if the skin had moved about the resting heart; their difference is added to
the lead fields of the body as it is.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.geometry.closest import TriangleTree
from einthoven.body.anatomy.pose import rotation_about
from einthoven.data.patient.anatomy import Anatomy, Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.operator_predictor import OperatorPredictor
from einthoven.learning.prediction.pretrained import PackedOperator, Pretrained


class BodyChange(NamedTuple):
    """A body's difference from a given one."""

    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Angles of the pose, alpha_x, alpha_y and alpha_z of `body.anatomy.pose`."""
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Shift of the heart to the left, up and to the front."""
    log_size: float = 0.0
    """Logarithm of the torso's size over what it was."""
    log_blood: float = 0.0
    """Logarithm of the blood's conductivity over the settings'."""


POSE_MOVES = {
    "turn_x": BodyChange(turn_deg=(10.0, 0.0, 0.0)),
    "turn_y": BodyChange(turn_deg=(0.0, 8.0, 0.0)),
    "turn_z": BodyChange(turn_deg=(0.0, 0.0, 14.0)),
    "left": BodyChange(shift_mm=(8.0, 0.0, 0.0)),
    "up": BodyChange(shift_mm=(0.0, 15.0, 0.0)),
    "front": BodyChange(shift_mm=(0.0, 0.0, 7.0)),
    "torso_size": BodyChange(log_size=0.05),
    "blood": BodyChange(log_blood=0.5),
}
"""Name -> change of one SD, as in the fit of the population (docs/explanation/population.md)."""
ON_CHEST = tuple(name for name in STANDARD_ELECTRODES if name.startswith("V"))
ALL_MM = {"up": 10.0, "left": 6.0}
"""SD of a common shift of the electrodes on the chest."""
EACH_MM = 5.0
"""SD of each one's own shift, up and to the left."""
AXES = {"up": 2, "left": 0}
LARGEST_SD = 2.5
LEAST_CLEARANCE_MM = 12.0
"""Least distance of heart and skin after a move."""
SHRINK, MOST_TRIALS = 0.8, 12
MOVES = (
    *POSE_MOVES,
    *(f"electrodes_{way}" for way in AXES),
    *(f"{name}_{way}" for way in AXES for name in ON_CHEST),
)
"""Names of the moves, in the order of `LeadMoves.of`."""


def moved_body(anatomy: Anatomy, change: BodyChange) -> Anatomy:
    """The body after a change, about the heart at rest."""
    turn, origin = anatomy.heart_rotation, anatomy.heart_origin
    x, y, z = change.turn_deg
    own = turn @ (rotation_about(2, z) @ rotation_about(1, y) @ rotation_about(0, x)) @ turn.T
    left, up, front = change.shift_mm
    shift = np.array([left, -front, up])

    def about_heart(points: np.ndarray) -> np.ndarray:
        return ((points - origin) * np.exp(change.log_size) - shift) @ own + origin

    skin, points = np.unique(anatomy.skin), anatomy.points.astype(float)
    points[skin] = about_heart(points[skin])
    box = np.array([points[skin].min(axis=0), points[skin].max(axis=0)])
    return replace(
        anatomy, points=points.astype(anatomy.points.dtype), torso_box=box,
        site_points=about_heart(anatomy.site_points),
        ground_point=about_heart(anatomy.ground_point),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class BodyFields:
    """Predicted lead fields of a body and of its changes."""

    patient: Patient
    """Patient with anatomy, mesh and fibres."""
    sigma: LeadFieldSettings
    """Conductivities."""
    operator: OperatorPredictor
    """One network: of differences between bodies an ensemble's SD is not wanted."""

    @classmethod
    def of(cls, patient: Patient, sigma: LeadFieldSettings) -> Self:
        """The fields of a patient by the shipped operator's first network."""
        shipped = Pretrained.load()
        assert isinstance(shipped, PackedOperator)
        ensemble = shipped.operator
        return cls(
            patient, sigma, OperatorPredictor(replace(ensemble, networks=ensemble.networks[:1]))
        )

    def grad(self, change: BodyChange, offsets_mm: np.ndarray | None = None) -> np.ndarray:
        """Gradients [9, cell, 3] kOhm/mm after a change, and of moved electrodes.

        offsets_mm: [9, 3] along the patient's axes, also after a turn, from where the electrodes
            were, before they are put on the skin.
        """
        body = moved_body(self.patient.anatomy, change)
        electrodes = body.twelve_lead_electrodes
        if offsets_mm is not None:
            electrodes = electrodes._replace(points=body.on_skin(electrodes.points + offsets_mm))
        return self._predicted(body, electrodes, change)

    def _predicted(self, body: Anatomy, at: Electrodes, change: BodyChange) -> np.ndarray:
        blood = self.sigma.sigma_blood_s_per_m * float(np.exp(change.log_blood))
        sigma = self.sigma.model_copy(update={"sigma_blood_s_per_m": blood})
        return self.operator.predict(self.patient.with_stages(body), at, sigma).heart_grad

    def moves(self) -> np.ndarray:
        """Derivatives [move, 9, cell, 3] kOhm/mm by `MOVES`, per SD: one-sided differences."""
        rest = self.grad(BodyChange())
        found = [self.grad(change) - rest for change in POSE_MOVES.values()]
        chest = np.array([name in ON_CHEST for name in STANDARD_ELECTRODES])
        own = list[np.ndarray]()
        for axis in AXES.values():
            offsets = np.zeros((len(chest), 3))
            offsets[chest, axis] = EACH_MM
            own.append(self.grad(BodyChange(), offsets) - rest)
        found += [all_mm / EACH_MM * by for all_mm, by in zip(ALL_MM.values(), own)]
        for by in own:
            for k in np.flatnonzero(chest):
                alone = np.zeros_like(by)
                alone[k] = by[k]
                found.append(alone)
        return np.array(found)

    def moved(self, units: np.ndarray) -> np.ndarray:
        """Gradients [9, cell, 3] kOhm/mm where all moves [move] are made, in SD."""
        n, chest = len(POSE_MOVES), len(ON_CHEST)
        offsets = np.zeros((len(STANDARD_ELECTRODES), 3))
        rows = [STANDARD_ELECTRODES.index(name) for name in ON_CHEST]
        each = units[n + len(AXES) :].reshape(len(AXES), chest)
        for k, (way, axis) in enumerate(AXES.items()):
            offsets[rows, axis] = units[n + k] * ALL_MM[way] + EACH_MM * each[k]
        return self.grad(self._whole(units), offsets)

    def _whole(self, units: np.ndarray) -> BodyChange:
        """The change of the body at some moves [move]; electrodes are not part of it."""
        rows = [(*change.turn_deg, *change.shift_mm, change.log_size, change.log_blood)
                for change in POSE_MOVES.values()]  # fmt: skip
        x, y, z, left, up, front, size, blood = (units[: len(rows)] @ np.array(rows)).tolist()
        return BodyChange((x, y, z), (left, up, front), size, blood)

    def allowed(self, units: np.ndarray) -> np.ndarray:
        """Moves [move] within `LARGEST_SD`, and the body's smaller if the heart left the chest."""
        found = np.clip(units, -LARGEST_SD, LARGEST_SD)
        least = min(LEAST_CLEARANCE_MM, self._clearance(np.zeros(len(units))))
        for _ in range(MOST_TRIALS):
            if self._clearance(found) >= least:
                return found
            found[: len(POSE_MOVES)] *= SHRINK
        found[: len(POSE_MOVES)] = 0.0
        return found

    def _clearance(self, units: np.ndarray) -> float:
        """Least distance of the heart's nodes to the skin, mm; of every seventh node."""
        body = moved_body(self.patient.anatomy, self._whole(units))
        near = self.patient.heart.points[::7]
        gap = TriangleTree(body.points, body.skin).closest(near).points - near
        return float(np.linalg.norm(gap, axis=1).min())

"""Where the heart lies, how it is turned and how large it is, and the transfer matrix there."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import scipy.sparse as sp
from scipy.spatial.transform import Rotation

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.mean_reference import transfer_to_mean
from einthoven.numerics.bem.moved_heart import MovableHeart

STEPS = np.array([5.0, 5.0, 5.0, 10.0, 10.0, 10.0, 0.1])
"""Changes that count as small: mm, degrees, natural logarithm of the size."""
SD = np.array([10.0, 10.0, 10.0, 5.0, 5.0, 5.0, 0.03])
"""Of the pose before anything is known; a breath, another posture, a scan at another time."""
SAME = 0.01
"""Relative difference of two transfer matrices that count as one."""


@dataclass(frozen=True)
class HeartPose:
    """Shift (mm), rotation vector (degrees) and size (logarithm) about the centroid by area."""

    values: tuple[float, ...]

    @classmethod
    def at_rest(cls) -> "HeartPose":
        """The pose given."""
        return cls((0.0,) * len(STEPS))

    def moved(self, change: np.ndarray) -> "HeartPose":
        """By a change in `STEPS`."""
        return HeartPose(tuple(np.array(self.values) + change * STEPS))

    def apply(self, points: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """Move points [node, 3] mm of a heart with a centroid [3] mm."""
        shift, turn = np.array(self.values[:3]), np.array(self.values[3:6])
        rotation = Rotation.from_rotvec(turn, degrees=True)
        return self.size * rotation.apply(points - centre) + centre + shift

    @property
    def size(self) -> float:
        """By what factor the heart is larger than filed."""
        return float(np.exp(self.values[6]))

    @property
    def cost(self) -> float:
        """Minus the logarithm of its probability before the recording."""
        return float(0.5 * ((np.array(self.values) / SD) ** 2).sum())

    @property
    def numbers(self) -> dict[str, float]:
        """For the diagnostics."""
        shift, turn = np.array(self.values[:3]), np.array(self.values[3:6])
        found = dict(zip(("shift_x_mm", "shift_y_mm", "shift_z_mm"), shift.tolist()))
        return found | {
            "shift_mm": float(np.linalg.norm(shift)),
            "rotation_deg": float(np.linalg.norm(turn)),
            "size": self.size,
        }


@dataclass(frozen=True, eq=False)
class HeartInTorso:
    """What gives the transfer matrix of a moved heart, in a homogeneous torso."""

    heart: SourceSurface
    """As filed."""
    torso_points: np.ndarray
    """[torso node, 3] mm."""
    torso_faces: np.ndarray
    """[torso face, 3]."""
    at_electrodes: sp.csr_array
    """Interpolation [electrode, torso node]."""
    to_mean: bool = False
    """Whether the recording is against the mean of the electrodes (`problem.mean_reference`)."""

    @classmethod
    def of(cls, problem: InverseProblem) -> Self:
        """Heart and torso of a problem.

        Raises:
            BadInput: it has no torso, or no interpolation from the torso to the electrodes.
        """
        if problem.torso is None or problem.at_electrodes is None:
            raise BadInput("a heart's pose is sought: give `torso` and `at_electrodes`")
        torso = problem.torso
        return cls(
            problem.surface, torso.points, torso.faces, problem.at_electrodes, problem.to_mean
        )

    def at(self, pose: HeartPose) -> np.ndarray:
        """Transfer matrix [electrode, node].

        Raises:
            BadInput: the heart would leave the torso.
        """
        torso = self._movable.matrix(self.moved(pose), pose.size)
        found = self.at_electrodes @ torso
        return transfer_to_mean(found, self.heart.areas) if self.to_mean else found

    def moved(self, pose: HeartPose) -> np.ndarray:
        """Nodes of the heart in a pose: [node, 3] mm."""
        shares = self.heart.areas / self.heart.areas.sum()
        return pose.apply(self.heart.points, shares @ self.heart.points)

    @cached_property
    def _movable(self) -> MovableHeart:
        heart = self.heart.points, self.heart.faces
        return MovableHeart(heart, (self.torso_points, self.torso_faces))

    def coarser(self, n_nodes: int) -> "HeartInTorso":
        """The same with a heart of `n_nodes`, if it has more and is a sphere: cheaper to move."""
        points, faces = self.heart.points, self.heart.faces
        if len(points) <= n_nodes:
            return self
        try:
            return replace(self, heart=SourceSurface(*remesh_to(points, faces, n_nodes)))
        except StepFailed:  # of another topology: as it is, which takes longer
            return self

    def changes(self, pose: HeartPose, here: np.ndarray) -> list[np.ndarray]:
        """Its changes with each of `STEPS`, to the side where the heart stays in the torso."""
        found = []
        for k in range(len(STEPS)):
            step = 0.5 * np.eye(len(STEPS))[k]
            try:
                found.append((self.at(pose.moved(step)) - here) / 0.5)
            except BadInput:
                found.append((here - self.at(pose.moved(-step))) / 0.5)
        return found

    def raise_if_other(self, transfer: np.ndarray) -> None:
        """Raise BadInput where a transfer matrix is not that of this body."""
        own = self.at(HeartPose.at_rest())
        same = own.shape == transfer.shape
        if not same or np.linalg.norm(own - transfer) > SAME * np.linalg.norm(own):
            raise BadInput(
                "the transfer matrix is not that of heart and torso; other electrodes, another "
                "reference, or a torso with lungs? With `pose_known` no pose is sought"
            )

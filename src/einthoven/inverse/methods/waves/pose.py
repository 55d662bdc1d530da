"""Place, orientation and size of the heart, and its transfer matrix."""

from abc import ABC, abstractmethod
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
"""Small changes: mm, degrees, natural logarithm of the size."""
SD = np.array([10.0, 10.0, 10.0, 5.0, 5.0, 5.0, 0.03])
"""Prior SD of the pose: a breath, another posture, a scan at another time."""
SAME = 0.01
"""Largest relative difference of two transfer matrices that count as equal."""


@dataclass(frozen=True)
class HeartPose:
    """Shift (mm), rotation vector (degrees) and size (logarithm) about the centroid by area."""

    values: tuple[float, ...]

    @classmethod
    def at_rest(cls) -> "HeartPose":
        """Pose of the problem."""
        return cls((0.0,) * len(STEPS))

    def moved(self, change: np.ndarray) -> "HeartPose":
        """Pose after a change in `STEPS`."""
        return HeartPose(tuple(np.array(self.values) + change * STEPS))

    def apply(self, points: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """Move points [node, 3] mm of a heart with a centroid [3] mm."""
        rotation = Rotation.from_rotvec(np.array(self.values[3:6]), degrees=True)
        return self.size * rotation.apply(points - centre) + centre + np.array(self.values[:3])

    @property
    def size(self) -> float:
        """Scale of the heart, 1."""
        return float(np.exp(self.values[6]))

    @property
    def cost(self) -> float:
        """Minus the logarithm of its prior probability, up to a constant."""
        return float(0.5 * ((np.array(self.values) / SD) ** 2).sum())

    @property
    def numbers(self) -> dict[str, float]:
        """Numbers for the diagnostics, by name."""
        shift, rotation = np.array(self.values[:3]), np.array(self.values[3:6])
        return dict(zip(("shift_x_mm", "shift_y_mm", "shift_z_mm"), shift.tolist())) | {
            "shift_mm": float(np.linalg.norm(shift)),
            "rotation_deg": float(np.linalg.norm(rotation)),
            "size": self.size,
        }


@dataclass(frozen=True, eq=False)
class PosedHeart(ABC):
    """A heart with its transfer matrix in any pose."""

    heart: SourceSurface
    """Heart of the problem."""

    @abstractmethod
    def at(self, pose: HeartPose) -> np.ndarray:
        """Transfer matrix [electrode, node].

        Raises:
            BadInput: the heart would leave the torso.
        """

    def coarser(self, n_nodes: int) -> "PosedHeart":
        """The same of at most `n_nodes` if that is cheaper to move."""
        return self

    def moved(self, pose: HeartPose) -> np.ndarray:
        """Nodes of the heart in a pose: [node, 3] mm."""
        return pose.apply(self.heart.points, self._centre)

    def changes(self, pose: HeartPose, transfer: np.ndarray) -> list[np.ndarray]:
        """Derivatives of the transfer matrix of a pose by `STEPS`: [electrode, node] each.

        Differences are one-sided, to the side where the heart stays in the torso.
        """
        changes = []
        for k in range(len(STEPS)):
            step = 0.5 * np.eye(len(STEPS))[k]
            try:
                changes.append((self.at(pose.moved(step)) - transfer) / 0.5)
            except BadInput:
                changes.append((transfer - self.at(pose.moved(-step))) / 0.5)
        return changes

    @cached_property
    def _shares(self) -> np.ndarray:
        """Shares of the nodes in the heart's area: [node]."""
        return self.heart.areas / self.heart.areas.sum()

    @cached_property
    def _centre(self) -> np.ndarray:
        """Centroid by area: [3] mm."""
        return self._shares @ self.heart.points


@dataclass(frozen=True, eq=False)
class HeartInTorso(PosedHeart):
    """Heart in a homogeneous torso, with the transfer matrix of any pose."""

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
            BadInput: no torso, or no interpolation from the torso to the electrodes.
        """
        if problem.torso is None or problem.at_electrodes is None:
            raise BadInput(
                "the heart's pose is unknown: give `torso` and `at_electrodes`, or set `pose_known`"
            )
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
        transfer = self.at_electrodes @ torso
        return transfer_to_mean(transfer, self.heart.areas) if self.to_mean else transfer

    @cached_property
    def _movable(self) -> MovableHeart:
        heart = self.heart.points, self.heart.faces
        return MovableHeart(heart, (self.torso_points, self.torso_faces))

    def coarser(self, n_nodes: int) -> "HeartInTorso":
        """Heart of at most `n_nodes` in the same torso, cheaper to move; a sphere only."""
        points, faces = self.heart.points, self.heart.faces
        if len(points) <= n_nodes:
            return self
        try:
            return replace(self, heart=SourceSurface(*remesh_to(points, faces, n_nodes)))
        except StepFailed:  # of another topology: as it is, which takes longer
            return self

    def raise_if_other(self, transfer: np.ndarray) -> None:
        """Raise BadInput if a transfer matrix is not that of this heart in this torso."""
        at_rest = self.at(HeartPose.at_rest())
        same = at_rest.shape == transfer.shape
        if not same or np.linalg.norm(at_rest - transfer) > SAME * np.linalg.norm(at_rest):
            raise BadInput(
                "the transfer matrix is not that of heart and torso; other electrodes, another "
                "reference, or a torso with lungs? With `pose_known` no pose is estimated"
            )

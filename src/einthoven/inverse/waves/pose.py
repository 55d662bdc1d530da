"""Where the heart lies, how it is turned and how large it is, from the body's potentials alone.

A wrong pose asks for potentials on the heart that no wave makes, and the marginal likelihood says
so. It is climbed by steps along the changes of the transfer matrix with the pose, each checked
with the boundary elements of the moved heart. Nothing measured on the heart is used.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from einthoven.bem.transfer import heart_to_torso
from einthoven.core.errors import BadInput
from einthoven.inverse.method import SourceSurface
from einthoven.inverse.waves.evidence import Hyperparameters, Recording
from einthoven.inverse.waves.local_cosines import TimeBasis
from einthoven.inverse.waves.prior import SurfaceModes

STEPS = np.array([5.0, 5.0, 5.0, 10.0, 10.0, 10.0, 0.1])
"""Changes that count as small: mm, degrees, natural logarithm of the size."""
WIDTH = 3.0
"""SD of the pose before anything is known, in `STEPS`: 15 mm, 30 degrees, 30 %."""
N_ROUNDS = 8
LONGEST = 2.0
"""Of a step, in `STEPS`: farther the changes are not even."""
SAME = 0.01
"""Relative difference of two transfer matrices that count as one."""
ENOUGH = 3.0
"""A round that gains less in the logarithm of the probability is the last one."""


@dataclass(frozen=True)
class Pose:
    """Shift (mm), rotation vector (degrees) and size (logarithm) about the heart's centroid."""

    values: tuple[float, ...]

    @classmethod
    def at_rest(cls) -> "Pose":
        """The pose given."""
        return cls((0.0,) * len(STEPS))

    def moved(self, change: np.ndarray) -> "Pose":
        """By a change in `STEPS`."""
        return Pose(tuple(np.array(self.values) + change * STEPS))

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Move points: [node, 3] mm."""
        values, centre = np.array(self.values), points.mean(axis=0)
        turn = Rotation.from_rotvec(values[3:6], degrees=True)
        return np.exp(values[6]) * turn.apply(points - centre) + centre + values[:3]

    @property
    def cost(self) -> float:
        """Minus the logarithm of its probability before the recording."""
        return float(0.5 * ((np.array(self.values) / STEPS / WIDTH) ** 2).sum())

    @property
    def numbers(self) -> dict[str, float]:
        """For the diagnostics."""
        shift, turn = np.array(self.values[:3]), np.array(self.values[3:6])
        found = dict(zip(("shift_x_mm", "shift_y_mm", "shift_z_mm"), shift.tolist()))
        return found | {
            "shift_mm": float(np.linalg.norm(shift)),
            "rotation_deg": float(np.linalg.norm(turn)),
            "size": float(np.exp(self.values[6])),
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
    """Whether the recording is against the mean of the electrodes (`cases.reference.to_mean`)."""

    def at(self, pose: Pose) -> np.ndarray:
        """Transfer matrix [electrode, node].

        Raises:
            BadInput: the heart would leave the torso.
        """
        moved = (pose.apply(self.heart.points), self.heart.faces)
        torso = heart_to_torso(moved, (self.torso_points, self.torso_faces)).matrix
        found = self.at_electrodes @ torso
        if not self.to_mean:
            return found
        return found - found.mean(axis=0) + self.heart.areas / self.heart.areas.sum()

    def changes(self, pose: Pose, here: np.ndarray) -> list[np.ndarray]:
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
        own = self.at(Pose.at_rest())
        same = own.shape == transfer.shape
        if not same or np.linalg.norm(own - transfer) > SAME * np.linalg.norm(own):
            raise BadInput(
                "body: its transfer matrix is not the one given; other electrodes, another "
                "reference, or a torso with lungs? Without `body` no pose is sought"
            )


@dataclass(frozen=True)
class PoseSearch:
    """The climb to the most probable pose of one recording."""

    body: HeartInTorso
    modes: SurfaceModes
    basis: TimeBasis
    body_potentials: np.ndarray
    """[electrode, time] mV."""
    centre: Hyperparameters
    """Of their wide prior."""

    def settle(self, chosen: Hyperparameters) -> tuple[Recording, Hyperparameters, float, Pose]:
        """The most probable pose, with hyperparameters chosen anew.

        Args:
            chosen: hyperparameters of the pose given.

        Returns:
            Recording with the transfer matrix of the pose found and its changes about it,
            hyperparameters, their cost, and the pose.
        """
        pose, chosen = Pose.at_rest(), replace(chosen, model_error=0.0)
        best = self._around(pose)
        chosen, cost = best.choose([chosen], self.centre)
        for _ in range(N_ROUNDS):
            moved = self._shorten(chosen, pose, _step(best, chosen, pose))
            if moved is None:
                break
            there = self._around(moved)
            new, new_cost = there.choose([chosen], self.centre)
            gain = cost + pose.cost - new_cost - moved.cost
            if gain > 0:
                best, chosen, cost, pose = there, new, new_cost, moved
            if gain < ENOUGH:
                break
        # Doubt only now: with it from the start no climb would be worth while.
        known = replace(self.centre, noise_sd=chosen.noise_sd, rest=chosen.rest, model_error=0.0)
        doubts = [replace(start, geometry_error=1.0) for start in (chosen, *known.starts)]
        chosen, cost = best.choose(doubts, self.centre)
        return best, chosen, cost, pose

    def _around(self, pose: Pose) -> Recording:
        """The recording with the transfer matrix of a pose and its changes there."""
        here = self.body.at(pose)
        changes = self.body.changes(pose, here)
        return Recording.of(self.modes, self.basis, here, self.body_potentials, changes)

    def _cost(self, chosen: Hyperparameters, pose: Pose) -> float:
        """Minus the logarithm of the probability of a pose, the hyperparameters left."""
        there = Recording.of(self.modes, self.basis, self.body.at(pose), self.body_potentials)
        return there.cost(chosen) + pose.cost

    def _shorten(self, chosen: Hyperparameters, pose: Pose, step: np.ndarray) -> Pose | None:
        """The longest of a few shares of a step that raises the probability, or None."""
        before = self._cost(chosen, pose)
        for share in (1.0, 0.5, 0.25, 0.1):
            moved = pose.moved(share * step)
            try:
                if self._cost(chosen, moved) < before:
                    return moved
            except BadInput:  # the heart would leave the torso
                continue
        return None


def _step(recording: Recording, chosen: Hyperparameters, pose: Pose) -> np.ndarray:
    """Change in `STEPS` of the largest probability, if the transfer matrix changes evenly."""

    def cost(change: np.ndarray) -> float:
        return recording.changed(change).cost(chosen) + pose.moved(change).cost

    simplex = np.vstack([np.zeros(len(STEPS)), 0.5 * np.eye(len(STEPS))])
    options = {"initial_simplex": simplex, "xatol": 0.05, "fatol": 1.0, "maxfev": 250}
    found = minimize(cost, simplex[0], method="Nelder-Mead", options=options)
    return found.x * min(1.0, LONGEST / np.linalg.norm(found.x))

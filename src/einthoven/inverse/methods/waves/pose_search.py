"""The heart's pose from the body potentials alone, by marginal likelihood.

A wrong pose needs potentials on the heart that no wave makes, which lowers the marginal likelihood.
Nothing measured on the heart is used. The likelihood takes coefficients of time as independent, but
errors of the forward model and of the prior are the same at all times. Without correction the most
probable pose of a heart in place is off by 10 mm, and the estimate gets worse
(docs/studies/2026-11-23-heart-pose.md). So the likelihood has the weight of `WORTH` coefficients
against the pose's prior, and the heart is moved only if the gain is `DECISIVE`.
"""

from dataclasses import dataclass

import numpy as np

from einthoven.inverse.methods.waves.evidence import Hyperparameters
from einthoven.inverse.methods.waves.moving import Climb, MovingRecording
from einthoven.inverse.methods.waves.pose import HeartInTorso, HeartPose
from einthoven.inverse.methods.waves.time_basis import TimeBasis

N_NODES = 200
"""Nodes of the heart during the search for its pose."""
WORTH = 2
"""Number of coefficients of time with independent errors."""
DECISIVE = 5.0
"""Least gain of a pose in the logarithm of the likelihood, per coefficient of time above the noise.

It lies between gains of hearts in place (at most 4.1, of seven) and of hearts misplaced by 20 mm
(at least 6.9, of six)."""


@dataclass(frozen=True)
class PoseOptimum:
    """Result of a search."""

    pose: HeartPose
    """Most probable pose."""
    chosen: Hyperparameters
    """Hyperparameters of that pose."""
    pose_root: np.ndarray
    """Square root of the covariance of the pose: [number of the pose, direction] in `STEPS`."""
    gain: float
    """Gain of the log likelihood against the problem's pose, per coefficient above the noise."""


@dataclass(frozen=True, eq=False)
class PoseSearch:
    """Search for the most probable pose of one recording."""

    body: HeartInTorso
    """Heart and torso of the problem."""
    basis: TimeBasis
    body_potentials: np.ndarray
    """[electrode, time] mV."""
    centre: Hyperparameters
    """Centre of the wide prior of the hyperparameters."""

    def find(self) -> PoseOptimum:
        """Most probable pose, and its gain against that of the problem.

        Raises:
            BadInput: the heart is not inside the torso.
        """
        coarse = self.body.coarser(N_NODES)
        moving = MovingRecording(coarse, self.basis, self.body_potentials)
        stay = Climb(moving, self.centre)
        ends = [stay.run(stay.place(HeartPose.at_rest(), start)) for start in self.centre.starts]
        at_rest = min(ends, key=lambda place: place.cost)
        n_seen = max(at_rest.n_seen, WORTH)
        climb = Climb(moving, self.centre, n_seen / WORTH)
        best = climb.run(at_rest)
        gain = (at_rest.likelihood_cost - best.likelihood_cost) / n_seen
        return PoseOptimum(best.pose, best.chosen, climb.doubt(best), gain)

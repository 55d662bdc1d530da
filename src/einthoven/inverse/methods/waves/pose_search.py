"""The heart's pose from the body's potentials alone, by their marginal likelihood.

A wrong pose asks for potentials on the heart that no wave makes, and the marginal likelihood says
so; nothing measured on the heart is used. But it takes all coefficients of time for independent,
whereas what is wrong with the forward model, and in what this beat differs from the prior's, is the
same at all times: where nothing is misplaced, the most probable pose is off by 10 mm, and the
estimate gets worse (docs/studies/2026-11-23-heart-pose.md). So the likelihood counts as that of
`WORTH` coefficients beside the pose's prior, and the heart is moved only if the gain is
`DECISIVE`.
"""

from dataclasses import dataclass

import numpy as np

from einthoven.inverse.methods.waves.evidence import Hyperparameters
from einthoven.inverse.methods.waves.local_cosines import TimeBasis
from einthoven.inverse.methods.waves.moving import Climb, MovingRecording
from einthoven.inverse.methods.waves.pose import HeartInTorso, HeartPose

N_NODES = 200
"""Of the heart while its pose is sought."""
WORTH = 2
"""Coefficients of time whose errors are independent."""
DECISIVE = 5.0
"""Logarithm of the likelihood that a pose must gain per coefficient of time above the noise.

Between what hearts in place gain (at most 4.1, of seven) and those 20 mm off (at least 6.9, of
six)."""


@dataclass(frozen=True)
class FoundPose:
    """What a search ended with."""

    pose: HeartPose
    """The most probable one."""
    chosen: Hyperparameters
    """There."""
    doubt: np.ndarray
    """Square root of the covariance of the pose: [number of the pose, direction] in `STEPS`."""
    gain: float
    """Of the likelihood, against the pose filed; its logarithm per coefficient above the noise."""


@dataclass(frozen=True, eq=False)
class PoseSearch:
    """For the most probable pose of one recording."""

    body: HeartInTorso
    """As filed."""
    basis: TimeBasis
    body_potentials: np.ndarray
    """[electrode, time] mV."""
    centre: Hyperparameters
    """Of their wide prior."""

    def find(self) -> FoundPose:
        """The most probable pose, and how much more probable it is than that filed.

        Raises:
            BadInput: the heart as filed is not inside the torso.
        """
        coarse = self.body.coarser(N_NODES)
        moving = MovingRecording(coarse, self.basis, self.body_potentials)
        stay = Climb(moving, self.centre)
        ends = [stay.run(stay.place(HeartPose.at_rest(), start)) for start in self.centre.starts]
        filed = min(ends, key=lambda place: place.cost)
        n_seen = max(filed.n_seen, WORTH)
        climb = Climb(moving, self.centre, n_seen / WORTH)
        best = climb.run(filed)
        gain = (filed.likelihood_cost - best.likelihood_cost) / n_seen
        return FoundPose(best.pose, best.chosen, climb.doubt(best), gain)

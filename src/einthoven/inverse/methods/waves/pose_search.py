"""The heart's pose from the body potentials alone, by marginal likelihood.

A wrong pose needs potentials on the heart that no wave makes, which lowers the marginal likelihood.
Nothing measured on the heart is used. The likelihood takes coefficients of time as independent, but
errors of the forward model and of the prior are the same at all times. Without correction the most
probable pose of a heart in place is off by 10 mm, and the estimate gets worse
(docs/studies/2026-11-23-heart-pose.md). So the likelihood has the weight of `WORTH` coefficients
against the pose's prior, and the heart is moved only if the gain is `decisive`.
"""

from dataclasses import dataclass

import numpy as np

from einthoven.inverse.methods.waves.evidence import Hyperparameters
from einthoven.inverse.methods.waves.moving import Climb, MovingRecording
from einthoven.inverse.methods.waves.pose import HeartPose, PosedHeart
from einthoven.inverse.methods.waves.time_basis import TimeBasis

N_NODES = 200
"""Nodes of the heart during the search for its pose."""
WORTH = 2
"""Number of coefficients of time with independent errors."""
DECISIVE = 5.0
"""Least gain of a pose in the logarithm of the likelihood, per coefficient of time above the noise.

Hearts in place, with matrices that have no other error, gain at most 4.1 (seven cases)."""
DECISIVE_IF_WRONG = 1.5
"""The same where the recording shows that the matrix has an error of any kind.

On 46 simulated problems with matrices 0.08 to 0.5 off, moving the heart took a tenth to a half of
the error away above it, and below it cost a twentieth at most
(docs/studies/2026-11-27-filed-poses.md)."""
WRONG = 0.05
"""`model_error` in the problem's pose above which the matrix is wrong."""


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
    error_at_rest: float
    """Size of the forward model's error, `Hyperparameters.model_error`, in the problem's pose."""

    @property
    def decisive(self) -> float:
        """Least gain that is decisively against the problem's pose."""
        return DECISIVE_IF_WRONG if self.error_at_rest > WRONG else DECISIVE


@dataclass(frozen=True, eq=False)
class PoseSearch:
    """Search for the most probable pose of one recording."""

    body: PosedHeart
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
        error = at_rest.chosen.model_error
        return PoseOptimum(best.pose, best.chosen, climb.doubt(best), gain, error)

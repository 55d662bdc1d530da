"""A recording and its transfer matrix at any pose, and the ascent to the most probable pose.

Pose and hyperparameters are estimated together by Fisher scoring with Levenberg's damping. In
alternation, the hyperparameters fitted to a wrong pose keep the search at that pose.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.inverse.methods.waves.evidence import Hyperparameters, WaveData
from einthoven.inverse.methods.waves.pose import SD, STEPS, HeartPose, PosedHeart
from einthoven.inverse.methods.waves.prior import SurfaceModes, surface_modes
from einthoven.inverse.methods.waves.scoring import Slopes
from einthoven.inverse.methods.waves.time_basis import TimeBasis
from einthoven.numerics.optimisation.levenberg_marquardt import Damping, minimise

NEGLIGIBLE = 1e-3
"""Singular patterns on the skin below this share of the largest are left out."""
MAX_STEPS = 40
MAX_REFUSED = 8
ENOUGH = 1.0
"""The search ends after a step that gains less in the logarithm of the posterior density."""
FARTHEST = 2.0, 1.5
"""Largest change in a step: of the pose, in `STEPS`, and of a log hyperparameter."""
PROBE = 0.02
"""Share of `STEPS` for difference quotients."""


@dataclass(frozen=True, eq=False)
class MovingRecording:
    """A recording projected on the potential patterns that hearts of poses nearby can produce."""

    body: PosedHeart
    basis: TimeBasis
    body_potentials: np.ndarray
    """[electrode, time] mV."""

    def gains(self, pose: HeartPose) -> np.ndarray:
        """Transfer matrix of a pose from modes of the heart to patterns: [observation, mode].

        Raises:
            BadInput: the heart would leave the torso.
        """
        return self._patterns.T @ self.body.at(pose) @ self._modes.shapes

    def changes(self, pose: HeartPose, gains: np.ndarray) -> list[np.ndarray]:
        """Derivatives of the gains by each of `STEPS`: a list of [observation, mode].

        One-sided differences, on the side where the heart stays within the torso.
        """
        found = []
        for step in PROBE * np.eye(len(STEPS)):
            try:
                found.append((self.gains(pose.moved(step)) - gains) / PROBE)
            except BadInput:
                found.append((gains - self.gains(pose.moved(-step))) / PROBE)
        return found

    @cached_property
    def filed(self) -> WaveData:
        """The recording at the given pose."""
        matrix = [self.body.at(HeartPose.at_rest())]
        return WaveData.in_patterns(
            self._patterns, self._modes, self.basis, matrix, self.body_potentials
        )

    @cached_property
    def _modes(self) -> SurfaceModes:
        return surface_modes(self.body.heart)

    @cached_property
    def _patterns(self) -> np.ndarray:
        """[electrode, observation], orthonormal."""
        matrices = [self.body.at(HeartPose.at_rest())]
        for change in 2 * np.vstack([np.eye(len(STEPS)), -np.eye(len(STEPS))]):
            try:
                matrices.append(self.body.at(HeartPose.at_rest().moved(change)))
            except BadInput:  # the heart would leave the torso
                continue
        left, values, _ = np.linalg.svd(np.hstack(matrices), full_matrices=False)
        return left[:, values > NEGLIGIBLE * values[0]]


@dataclass(frozen=True)
class Place:
    """A pose and hyperparameters, with the recording at that pose."""

    pose: HeartPose
    chosen: Hyperparameters
    recording: WaveData
    likelihood_cost: float
    """Minus the logarithm of the marginal likelihood."""
    cost: float
    """Minus the logarithm of the posterior density: with the priors of pose and
    hyperparameters."""

    @property
    def names(self) -> tuple[str, ...]:
        """Hyperparameters that are estimated: those that are 0 stay 0."""
        every = [field.name for field in fields(Hyperparameters)]
        return tuple(name for name in every if getattr(self.chosen, name) > 0)

    @property
    def n_seen(self) -> int:
        """Number of coefficients in time with more signal than noise."""
        pairs = zip(self.recording.octaves, self.recording.bands(self.chosen))
        # the largest variance may be that of the level, which is free
        return sum(
            len(octave)
            for (_, octave), band in pairs
            if band.scale * band.variances[-2] > band.noise
        )


@dataclass(frozen=True, eq=False)
class Climb:
    """The ascent to the most probable pose and hyperparameters, or to hyperparameters only."""

    moving: MovingRecording
    centre: Hyperparameters
    """Centre of their wide prior."""
    prior_weight: float | None = None
    """Weight of the pose's prior against the likelihood; None: the pose stays fixed."""

    def place(
        self, pose: HeartPose, chosen: Hyperparameters, recording: WaveData | None = None
    ) -> Place:
        """The place of a pose and hyperparameters; a recording not given is computed at this pose.

        Raises:
            BadInput: the heart would leave the torso.
        """
        if recording is None:
            recording = replace(self.moving.filed, gains=self.moving.gains(pose))
        likelihood = recording.cost(chosen)
        priors = (self.prior_weight or 0.0) * pose.cost + chosen.improbability(self.centre)
        return Place(pose, chosen, recording, likelihood, likelihood + priors)

    def run(self, place: Place) -> Place:
        """The maximum that the ascent from `place` reaches."""
        damping = Damping(1e-3, 0.1, 10.0, MAX_REFUSED, least=1e-4)
        return minimise(self, place, damping, MAX_STEPS, (0.0, ENOUGH))[0]

    def cost(self, place: Place) -> float:
        """Minus the logarithm of the posterior density; infinite with the heart off the torso."""
        return place.cost

    def quadratic(self, place: Place) -> tuple[np.ndarray, np.ndarray]:
        """Gradient [parameter] and Fisher information [parameter, parameter].

        They are zero for parameters at a bound, so that no step moves these.
        """
        gradient, information, free = self._slopes(place)
        return np.where(free, gradient, 0.0), np.where(np.outer(free, free), information, 0.0)

    def moved(self, place: Place, step: np.ndarray) -> Place:
        """The place after a step [parameter], shortened if it is long."""
        names = place.names
        of_pose, of_names = np.split(step, [len(step) - len(names)])
        sizes = np.linalg.norm(of_pose), np.abs(of_names).max()
        longest = max(1.0, *(size / far for size, far in zip(sizes, FARTHEST)))
        factors = np.exp(of_names / longest)
        new = {name: getattr(place.chosen, name) * f for name, f in zip(names, factors)}
        chosen = replace(place.chosen, **new).within(self.centre)
        if not len(of_pose):
            return self.place(place.pose, chosen, place.recording)
        try:
            return self.place(place.pose.moved(of_pose / longest), chosen)
        except BadInput:  # the heart would leave the torso
            return replace(place, cost=np.inf)

    def doubt(self, place: Place) -> np.ndarray:
        """Square root of the pose's covariance at the maximum: [number, direction] in `STEPS`."""
        if self.prior_weight is None:
            raise ValueError("doubt: prior_weight is None, so the pose is fixed")
        _, information, free = self._slopes(place)
        known = np.linalg.inv(information[np.ix_(free, free)])
        return np.linalg.cholesky(self.prior_weight * known[: len(STEPS), : len(STEPS)])

    def _slopes(self, place: Place) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Gradient [parameter], information [parameter, parameter], free ones [parameter] bool."""
        changes = []
        if self.prior_weight is not None:
            changes = self.moving.changes(place.pose, place.recording.gains)
        slopes = Slopes(place.recording, place.chosen, changes, place.names)
        gradient, information = slopes.gradient_and_information()
        self._add_priors(place, gradient, information)
        return gradient, information, self._free(place, gradient)

    def _free(self, place: Place, gradient: np.ndarray) -> np.ndarray:
        """Parameters that are not held at a bound: [parameter] bool."""
        free = np.ones(len(gradient), bool)
        for k, name in enumerate(place.names, start=len(gradient) - len(place.names)):
            value = getattr(place.chosen, name)
            tried = replace(place.chosen, **{name: value * np.exp(-1e-3 * np.sign(gradient[k]))})
            kept = getattr(tried.within(self.centre), name)
            free[k] = gradient[k] == 0 or not np.isclose(kept, value, rtol=1e-5)
        return free

    def _add_priors(self, place: Place, gradient: np.ndarray, information: np.ndarray) -> None:
        """Add those of the priors of pose and hyperparameters, the latter by differences."""
        n_pose, width = len(gradient) - len(place.names), 1e-3
        if self.prior_weight is not None:
            weight = self.prior_weight * (STEPS / SD) ** 2
            gradient[:n_pose] += weight * np.array(place.pose.values) / STEPS
            information[:n_pose, :n_pose] += np.diag(weight)
        here = place.chosen.improbability(self.centre)
        for k, name in enumerate(place.names, start=n_pose):
            value = getattr(place.chosen, name)
            low, high = (
                replace(place.chosen, **{name: value * np.exp(side)}).improbability(self.centre)
                for side in (-width, width)
            )
            gradient[k] += (high - low) / (2 * width)
            # a floor, as some have no prior and may be undetermined by the data
            information[k, k] += max((low + high - 2 * here) / width**2, 0.0) + 1e-3

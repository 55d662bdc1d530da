"""A heart whose transfer matrix came in a file, and that matrix for the heart in a pose near by.

No torso is needed. Let phi be the potential outside the heart, u its values on the moved heart and
v the displacement. On the heart of the file the values are, to first order, u - D u, with D u =
v . grad phi. The skin sees the same phi, so that A u becomes A (u - D u), and A exp(-D) u where v
is not small. The gradient of phi follows from its values: along the surface by differences, across
it as outside of the heart in an unbounded medium (`bem.exterior`). D is linear in the seven numbers
of a pose. It is formed for smooth patterns only.

In a real torso, over the 8 smoothest patterns, it leaves a quarter to two fifths of what a shift of
5 mm changes, a tenth of what 10 degrees change, and a fifth to two fifths of what a tenth of the
size changes (docs/studies/2026-11-27-filed-poses.md).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import expm

from einthoven.base.geometry.triangles import extend_harmonically
from einthoven.inverse.methods.waves.pose import STEPS, HeartPose, PosedHeart
from einthoven.inverse.problem.inverse_problem import SourceSurface
from einthoven.numerics.bem.exterior import gradient_outside

N_PATTERNS = 200
"""Smoothest patterns of the surface that see the displacement; finer ones hardly reach the skin."""


@dataclass(frozen=True, eq=False)
class FiledHeart(PosedHeart):
    """A heart with the transfer matrix of a file."""

    heart: SourceSurface
    """Heart of the problem; holes are capped for the field outside."""
    transfer: np.ndarray
    """[electrode, node] 1 of the file."""
    to_mean: bool = False
    """Whether the matrix is against the mean of the electrodes (`problem.mean_reference`)."""

    def at(self, pose: HeartPose) -> np.ndarray:
        """Transfer matrix [electrode, node]; a constant potential is seen as before."""
        steps = np.array(pose.values) / STEPS
        if not steps.any():
            return self.transfer
        seen = self.transfer - self.transfer.mean(axis=0) if self.to_mean else self.transfer
        change = expm(-np.tensordot(steps, self._displacements, axes=1))
        change -= np.eye(len(change))
        weighted = self._patterns.T * self._shares
        return self.transfer + ((seen @ self._patterns) @ change) @ weighted

    @cached_property
    def _patterns(self) -> np.ndarray:
        return self.heart.modes(min(N_PATTERNS, len(self.heart.points))).functions

    @cached_property
    def _displacements(self) -> np.ndarray:
        """D of each of `STEPS`, [number of the pose, pattern, pattern] 1."""
        patterns, n = self._patterns, len(self.heart.points)
        points, faces = self.heart.closed
        values = np.zeros((len(points), patterns.shape[1]))
        values[:n] = patterns
        if len(points) > n:
            values = extend_harmonically(points, faces, np.arange(len(points)) < n, values)
        gradient = gradient_outside(points, faces, values)[:n]
        gradient[:, :, 0] = 0.0  # a constant, which has no field outside
        away = self.heart.points - self._centre
        shifts = STEPS[:3, None, None] * np.eye(3)[:, None]
        turns = np.cross(np.radians(STEPS[3:6, None, None]) * np.eye(3)[:, None], away)
        moves = [*np.broadcast_to(shifts, turns.shape), *turns, STEPS[6] * away]
        weighted = patterns.T * self._shares
        return np.stack([weighted @ np.einsum("nk,nkp->np", move, gradient) for move in moves])

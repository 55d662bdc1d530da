"""Unknowns of 4D-Var: places and onsets of waves, four constants, a map of the conductivity."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from einthoven.base.geometry.closest import TriangleTree
from einthoven.inverse.methods.variational.stepping import DIFFUSION, STIMULUS
from einthoven.inverse.problem.inverse_problem import SourceSurface

CONSTANTS = 4
"""Number of constants, the first controls: log D, log k, log a, log r."""
PER_SOURCE = 4
"""Number of controls per source: two displacements in the tangent plane (mm), onset, log width."""
POSES = 6
"""Number of displacements of the heart that the transfer matrix may lack."""
TAIL = 2 + POSES
"""Number of the last controls, which do not change the wave: gain, rest and displacements."""
STRENGTH = 5.0
"""Strength of a stimulus at its centre; with the factor 1 - u its exact value hardly matters."""
DURATION = 0.3
"""Standard deviation of a stimulus in time, in time units of the model."""


@dataclass(frozen=True)
class StimulusSources:
    """Gaussian stimuli on the surface."""

    centres: np.ndarray
    """[source, 3] mm."""
    onsets: np.ndarray
    """[source] time units."""
    log_widths: np.ndarray
    """[source] log mm."""

    def __len__(self) -> int:
        return len(self.onsets)


@dataclass(frozen=True)
class Control:
    """A point in the space of the controls, and its effect on the equation."""

    surface: SourceSurface
    base: np.ndarray
    """[4] D (mm^2 / time unit), k, a, r of the prior's centre."""
    log_constants: np.ndarray
    """[4] deviations from `base`."""
    modes: np.ndarray
    """[node, mode] functions of the map of log D."""
    log_diffusion: np.ndarray
    """[mode] coefficients of the map."""
    sources: StimulusSources
    gain: float = 1.0
    """Potential of u = 1 over that of u = 0."""
    rest: float = 0.0
    """Potential of u = 0."""
    pose: np.ndarray = field(default_factory=lambda: np.zeros(POSES))
    """[6] mm, see `model_error.displaced`."""

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return CONSTANTS + self.modes.shape[1] + PER_SOURCE * len(self.sources) + TAIL

    @cached_property
    def parameters(self) -> np.ndarray:
        """Parameters D, k, a, r: [4, node]."""
        rows = (self.base * np.exp(self.log_constants))[:, None] * np.ones(len(self.modes))
        rows[DIFFUSION] *= np.exp(self.modes @ self.log_diffusion)
        return rows

    @cached_property
    def maps(self) -> np.ndarray:
        """Stimuli at their maximum in time: [node, source]."""
        distance = np.linalg.norm(self.surface.points[:, None] - self.sources.centres, axis=2)
        return STRENGTH * np.exp(-0.5 * (distance / np.exp(self.sources.log_widths)) ** 2)

    def courses(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Time course of each stimulus and its derivative to the onset: [time, source]."""
        after = (np.atleast_1d(times)[:, None] - self.sources.onsets) / DURATION
        course = np.exp(-0.5 * after**2)
        return course, course * after / DURATION

    @cached_property
    def frames(self) -> np.ndarray:
        """Two unit tangents of the surface at each source: [source, 2, 3]."""
        tree = TriangleTree(self.surface.points, self.surface.faces)
        a, b, c = self.surface.points[
            self.surface.faces[tree.closest(self.sources.centres).faces]
        ].swapaxes(0, 1)
        normals = np.cross(b - a, c - a)
        return np.linalg.svd(normals[:, None])[2][:, 1:]

    @cached_property
    def kinds(self) -> np.ndarray:
        """Kinds [control of the wave], see `stepping.heun_tangent`."""
        fields = np.full(self.modes.shape[1], DIFFUSION)
        stimuli = np.full(PER_SOURCE * len(self.sources), STIMULUS)
        return np.concatenate([np.arange(CONSTANTS), fields, stimuli])

    @cached_property
    def weights(self) -> np.ndarray:
        """Weights [node, control of the wave], see `stepping.heun_tangent`."""
        columns = [*self.parameters, *(self.parameters[DIFFUSION][:, None] * self.modes).T]
        for j in range(len(self.sources)):
            offset = self.surface.points - self.sources.centres[j]
            scaled = self.maps[:, j] / np.exp(2 * self.sources.log_widths[j])
            columns += [scaled * (offset @ tangent) for tangent in self.frames[j]]
            columns += [self.maps[:, j], scaled * np.einsum("ij,ij->i", offset, offset)]
        return np.ascontiguousarray(np.transpose(columns))

    def factors(self, times: np.ndarray) -> np.ndarray:
        """Factors [time, control of the wave], see `stepping.heun_tangent`."""
        course, slope = self.courses(times)
        columns = [np.ones((len(course), CONSTANTS + self.modes.shape[1]))]
        for j in range(len(self.sources)):
            columns.append(np.c_[course[:, j], course[:, j], slope[:, j], course[:, j]])
        return np.concatenate(columns, axis=1)

    def moved(self, step: np.ndarray) -> "Control":
        """Control after a step [control]; centres are projected onto the nearest face."""
        c, m, j = CONSTANTS, self.modes.shape[1], len(self.sources)
        local = step[c + m : -TAIL].reshape(j, PER_SOURCE)
        centres = self.sources.centres + np.einsum("jk,jkx->jx", local[:, :2], self.frames)
        sources = StimulusSources(
            TriangleTree(self.surface.points, self.surface.faces).closest(centres).points,
            self.sources.onsets + local[:, 2],
            self.sources.log_widths + local[:, 3],
        )
        return replace(
            self,
            log_constants=self.log_constants + step[:c],
            log_diffusion=self.log_diffusion + step[c : c + m],
            sources=sources,
            gain=self.gain + step[-TAIL],
            rest=self.rest + step[-TAIL + 1],
            pose=self.pose + step[-POSES:],
        )

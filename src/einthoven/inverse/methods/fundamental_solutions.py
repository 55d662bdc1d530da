"""Method of fundamental solutions: no mesh between heart and skin, no transfer matrix."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from scipy.spatial.distance import cdist

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.base.geometry.simplex import vertex_area_vectors
from einthoven.inverse.methods.regularisation.criteria import Creso, Criterion
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface
from einthoven.inverse.problem.method import CriterionMethod, Diagnostics, Estimate
from einthoven.inverse.problem.spectrum import TikhonovSpectrum

RANK_TOLERANCE = 1e-12
"""Singular values below this share of the largest are rounding."""
BLOCK = 64
"""Nodes of the torso whose distances to all sources are in memory at once."""


@dataclass(frozen=True)
class FundamentalSolutions(CriterionMethod):
    """Sum of virtual sources: u(x) = c_0 + sum of c_j / (4 pi |x - x_j|) in a homogeneous torso.

    The sources lie on the torso's surface, inflated about its centre, and on the heart's, deflated
    about its centre. Conditions are the measured potentials at the electrodes and no current
    through the skin at all nodes of the torso. The weight of the penalty on c_1, c_2, ... is by
    `criterion`. Then u is evaluated at the heart's nodes. `transfer` is used for the residual in
    the diagnostics only, so that lungs and other conductivities in it have no effect. Any reference
    of the potentials is allowed, as c_0 absorbs it exactly.

    Lengths are divided by the torso's mean radius, which sets the weight of the second condition
    against the first (in the original it is that of the unit of length).

    References:
        Wang, Rudy, Ann Biomed Eng 34:1272 (2006), doi:10.1007/s10439-006-9131-7.
    """

    name: ClassVar[str] = "mfs"
    criterion: Criterion = field(default_factory=Creso)
    inflation: float = 1.2
    """Size of the sources' outer surface against the torso."""
    deflation: float = 0.8
    """Size of the sources' inner surface against the heart."""

    def solve(self, problem: InverseProblem) -> Estimate:
        """Estimate whose `reg_weight` is that of the penalty on the sources."""
        check.between("inflation", self.inflation, 1.01, 10.0)
        check.between("deflation", self.deflation, 0.01, 0.99)
        body_potentials, surface = problem.body_potentials, problem.surface
        torso = problem.torso_with_electrodes
        sources, radius = self.sources(surface, torso), mean_radius(torso)
        electrodes = potentials(torso.points[problem.electrode_nodes], sources, radius)
        means = electrodes.mean(axis=0), body_potentials.mean(axis=0)
        # c_0 is not penalised: it makes the mean over the electrodes exact, whatever the others
        conditions = np.concatenate([electrodes - means[0], currents(torso, sources, radius)])
        no_current = np.zeros((len(torso.points), len(problem.time)))
        known = np.concatenate([body_potentials - means[1], no_current])
        left, singular, right = np.linalg.svd(conditions, full_matrices=False)
        kept = singular > RANK_TOLERANCE * singular[0]
        left, singular, right = left[:, kept], singular[kept], right[kept]
        coeffs = left.T @ known
        outside = max(float((known**2).sum() - (coeffs**2).sum()), 0.0)
        pooled = TikhonovSpectrum.pooled(singular, coeffs, outside, len(known))
        spectrum = replace(pooled, n_free=len(problem.time))
        weight = self.criterion.choose(spectrum)
        filters = spectrum.filters(np.array([weight]))[0]
        solution = right.T @ ((filters / singular)[:, None] * coeffs)
        constant = means[1] - means[0] @ solution
        return Estimate(
            constant + potentials(surface.points, sources, radius) @ solution,
            Diagnostics(
                reg_weight=weight,
                criterion=self.criterion.name,
                numbers={"effective_rank": float(filters.sum()), "n_sources": float(len(sources))},
            ),
        )

    def sources(self, surface: SourceSurface, torso: SourceSurface) -> np.ndarray:
        """Virtual sources: [source, 3] mm; inner ones outside a concave heart are left out.

        Raises:
            BadInput: more than half of the inner ones lie outside the heart, as with cavities.
        """
        centre = surface.areas @ surface.points / surface.areas.sum()
        inner = centre + self.deflation * (surface.points - centre)
        inside = ClosedSurface(surface.points, surface.faces).distance(inner) < 0
        if inside.mean() < 0.5:
            raise BadInput(
                f"mfs: {np.sum(~inside)} of {len(inner)} nodes shrunk about the heart's centre lie "
                "outside it; the method needs the epicardium alone, closed, with outward triangles"
            )
        middle = torso.points.mean(axis=0)
        outer = middle + self.inflation * (torso.points - middle)
        return np.concatenate([outer, inner[inside]])


def mean_radius(torso: SourceSurface) -> float:
    """Mean distance of the torso's nodes from their centre, mm."""
    offsets = torso.points - torso.points.mean(axis=0)
    return float(np.linalg.norm(offsets, axis=1).mean())


def potentials(points: np.ndarray, sources: np.ndarray, radius: float) -> np.ndarray:
    """Potentials of unit coefficients: [point, source]."""
    return radius / (4 * np.pi * cdist(points, sources))


def currents(torso: SourceSurface, sources: np.ndarray, radius: float) -> np.ndarray:
    """Outward normal derivatives of unit coefficients at the torso's nodes: [node, source]."""
    normals = vertex_area_vectors(torso.points, torso.faces)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    rows = np.zeros((len(normals), len(sources)))
    for k in range(0, len(normals), BLOCK):
        block = slice(k, k + BLOCK)
        offsets = (torso.points[block, None] - sources) / radius
        along = np.einsum("psd,pd->ps", offsets, normals[block])
        rows[block] = -along / (4 * np.pi * np.linalg.norm(offsets, axis=2) ** 3)
    return rows

"""Method of fundamental solutions: no mesh between heart and skin, no transfer matrix."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.spatial.distance import cdist

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.signed_distance import ClosedSurface
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.inverse.methods.regularisation.criteria import Creso, Criterion
from einthoven.inverse.problem.method import Diagnostics, Estimate, Method, SourceSurface
from einthoven.inverse.problem.spectrum import TikhonovSpectrum

RANK_TOLERANCE = 1e-12
"""Singular values below this share of the largest are round-off."""
BLOCK = 64
"""Nodes of the torso whose distances to all sources are held at once."""


@dataclass(frozen=True)
class FundamentalSolutions(Method):
    """u(x) = c_0 + sum over virtual sources of c_j / (4 pi |x - x_j|) in a homogeneous torso.

    The sources lie on the torso's surface blown up about its centre and on the heart's shrunk
    about its own. Conditions: the measured potentials at the electrodes, no current through the
    skin at all nodes of the torso; Tikhonov 0 on c_1, c_2, ..., weight by `criterion`. Then u is
    evaluated at the heart's nodes. Of `transfer` only the number of rows and the residual in the
    diagnostics are used; lungs and other conductivities it may know of are not seen. Any reference
    of the potentials will do: c_0 takes it up exactly.

    Lengths are divided by the torso's mean radius, which sets the weight of the second condition
    against the first (in the original it is that of the unit of length).

    References:
        Wang, Rudy, Ann Biomed Eng 34:1272 (2006), doi:10.1007/s10439-006-9131-7.
    """

    name: ClassVar[str] = "mfs"
    torso_points: np.ndarray
    """[torso node, 3] mm."""
    torso_faces: np.ndarray
    """[torso face, 3], outward."""
    electrode_nodes: np.ndarray
    """[electrode] nodes of the torso, in the order of the body potentials."""
    criterion: Criterion = field(default_factory=Creso)
    inflation: float = 1.2
    """Size of the sources' outer surface against the torso."""
    deflation: float = 0.8
    """Size of the sources' inner surface against the heart."""

    def solve(
        self,
        transfer: np.ndarray,
        body_potentials: np.ndarray,
        surface: SourceSurface,
        time: np.ndarray,
    ) -> Estimate:
        """See `Method.solve`.

        Raises:
            BadInput: electrodes that are no nodes of the torso or not as many as the potentials;
                sources on the wrong side of a surface.
        """
        self._check(len(body_potentials))
        sources = self.sources(surface)
        electrodes = self._potentials(self.torso_points[self.electrode_nodes], sources)
        means = electrodes.mean(axis=0), body_potentials.mean(axis=0)
        # c_0 is not penalised: it makes the mean over the electrodes exact, whatever the others
        conditions = np.concatenate([electrodes - means[0], self._currents(sources)])
        currents = np.zeros((len(self.torso_points), len(time)))
        known = np.concatenate([body_potentials - means[1], currents])
        left, singular, right = np.linalg.svd(conditions, full_matrices=False)
        kept = singular > RANK_TOLERANCE * singular[0]
        left, singular, right = left[:, kept], singular[kept], right[kept]
        coeffs = left.T @ known
        outside = max(float((known**2).sum() - (coeffs**2).sum()), 0.0)
        pooled = TikhonovSpectrum.pooled(singular, coeffs, outside, len(known))
        spectrum = replace(pooled, n_free=len(time))
        weight = self.criterion.choose(spectrum)
        filters = spectrum.filters(np.array([weight]))[0]
        solution = right.T @ ((filters / singular)[:, None] * coeffs)
        constant = means[1] - means[0] @ solution
        return Estimate(
            constant + self._potentials(surface.points, sources) @ solution,
            Diagnostics(
                reg_weight=weight,
                criterion=self.criterion.name,
                numbers={"effective_rank": float(filters.sum()), "n_sources": float(len(sources))},
            ),
        )

    def sources(self, surface: SourceSurface) -> np.ndarray:
        """Virtual sources: [source, 3] mm.

        Raises:
            BadInput: more than half of the inner ones do not lie in the heart, as when the surface
                has cavities; those of a dented heart that do not are left out.
        """
        centre = surface.areas @ surface.points / surface.areas.sum()
        inner = centre + self.deflation * (surface.points - centre)
        inside = ClosedSurface(surface.points, surface.faces).distance(inner) < 0
        if inside.mean() < 0.5:
            raise BadInput(
                f"mfs: {np.sum(~inside)} of {len(inner)} nodes shrunk about the heart's centre lie "
                "outside it; the method needs the epicardium alone, closed, with outward triangles"
            )
        middle = self.torso_points.mean(axis=0)
        outer = middle + self.inflation * (self.torso_points - middle)
        return np.concatenate([outer, inner[inside]])

    def _check(self, n_electrodes: int) -> None:
        check.shape("electrode_nodes", self.electrode_nodes, (n_electrodes,))
        check.finite("torso_points", check.shape("torso_points", self.torso_points, (None, 3)))
        low, high = np.min(self.electrode_nodes), np.max(self.electrode_nodes)
        if low < 0 or high >= len(self.torso_points):
            raise BadInput(
                f"electrode_nodes: {low} to {high}, but the torso has nodes 0 to "
                f"{len(self.torso_points) - 1}; counted from 1?"
            )
        check.between("inflation", self.inflation, 1.01, 10.0)
        check.between("deflation", self.deflation, 0.01, 0.99)

    @cached_property
    def _radius(self) -> float:
        """Mean distance of the torso's nodes from their centre, mm."""
        away = self.torso_points - self.torso_points.mean(axis=0)
        return float(np.linalg.norm(away, axis=1).mean())

    def _potentials(self, points: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """Of unit coefficients: [point, source]."""
        return self._radius / (4 * np.pi * cdist(points, sources))

    def _currents(self, sources: np.ndarray) -> np.ndarray:
        """Outward normal derivatives at the torso's nodes: [torso node, source]."""
        normals = node_normals(self.torso_points, self.torso_faces)
        rows = np.zeros((len(normals), len(sources)))
        for k in range(0, len(normals), BLOCK):
            some = slice(k, k + BLOCK)
            away = (self.torso_points[some, None] - sources) / self._radius
            along = np.einsum("psd,pd->ps", away, normals[some])
            rows[some] = -along / (4 * np.pi * np.linalg.norm(away, axis=2) ** 3)
        return rows


def node_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Means of the triangles' normals by area: [node, 3] of length 1."""
    vectors = triangle_area_vectors(points, faces)
    summed = np.stack(
        [np.bincount(faces.ravel(), np.repeat(v, 3), minlength=len(points)) for v in vectors.T],
        axis=1,
    )
    return summed / np.linalg.norm(summed, axis=1, keepdims=True)

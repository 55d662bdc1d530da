"""Smoothness of potentials on the torso, by which leads and their order are checked.

Potentials at the electrodes are continued to the whole torso by the function of least bending
int (Laplacian u)^2, the surface Laplacian interpolation. That energy is y' S y with S [electrode,
electrode]. The potential that the others predict at electrode i is y_i - (S y)_i / S_ii.

References:
    Oostendorp et al., J Comput Phys 80:331 (1989), doi:10.1016/0021-9991(89)90103-4.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from einthoven.base.geometry.surface_operators import cotangent_stiffness, lumped_areas
from einthoven.inverse.measured.electrodes import MeasuredElectrodes
from einthoven.inverse.measured.surface_files import MeasuredSurface

CONSTANT = 1e-6
"""Weight of the mean against the lowest bending; it fixes constants at no cost."""

EXACT = 1e4
"""Weight of the potentials at the electrodes against the bending between them."""


@dataclass(frozen=True, eq=False)
class Smoothness:
    """The bending energy of potentials at electrodes on a torso."""

    torso: MeasuredSurface
    electrodes: MeasuredElectrodes

    @cached_property
    def _bending(self) -> tuple[sp.csr_array, np.ndarray]:
        """Bending energy [torso node, torso node] 1/mm^2, and lumped areas [torso node] mm^2."""
        points, faces = self.torso.points, self.torso.faces
        stiffness, areas = cotangent_stiffness(points, faces), lumped_areas(points, faces)
        return stiffness @ sp.diags_array(1.0 / areas) @ stiffness, areas

    @cached_property
    def energy(self) -> np.ndarray:
        """Energy S: [electrode, electrode] 1/mm^2; constants have none."""
        points, (bending, areas) = self.torso.points, self._bending
        scale = CONSTANT / areas.sum()  # a length scale makes it weigh less than any bending
        system = sp.csc_array(bending + scale * sp.diags_array(areas / areas.sum()))
        at = self.electrodes.interpolation(len(points))
        covariance = at @ splu(system).solve(at.T.toarray())
        # electrodes that share their triangle's nodes would make it singular
        covariance += 1e-9 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        precision = np.linalg.inv((covariance + covariance.T) / 2)
        return (precision + precision.T) / 2

    def continued(self, potentials: np.ndarray) -> np.ndarray:
        """Potentials [electrode, time] mV continued to the torso: [torso node, time] mV."""
        at, (bending, _) = self.electrodes.interpolation(len(self.torso.points)), self._bending
        held = EXACT * bending.trace() / (at.T @ at).trace() * at.T
        return splu(sp.csc_array(bending + held @ at)).solve(held @ potentials)

    def predicted(self, potentials: np.ndarray) -> np.ndarray:
        """Potentials that all others predict at each electrode: [electrode, time] mV."""
        diagonal = np.diag(self.energy)[:, None]
        return potentials - (self.energy @ potentials) / diagonal

    def residual(self, potentials: np.ndarray) -> float:
        """90 % quantile over electrodes of the RMS that the others do not predict, mV.

        It is high enough for the seams of a grid to count, and a few broken leads do not count.
        """
        residual = potentials - self.predicted(potentials)
        return float(np.quantile(np.sqrt((residual**2).mean(axis=1)), 0.9))

    def filled(self, potentials: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """Potentials [electrode, time] mV with those of `missing` [electrode] bool interpolated."""
        filled, known = potentials.copy(), ~missing
        system = self.energy[np.ix_(missing, missing)]
        filled[missing] = -np.linalg.solve(
            system, self.energy[np.ix_(missing, known)] @ potentials[known]
        )
        return filled

    def roughness(self, potentials: np.ndarray) -> float:
        """Bending energy as a share of its mean over all orders of the electrodes: 1 for noise.

        The mean over permutations P of y' P' S P y is |y - mean|^2 tr(S) / (n - 1), since S has
        no energy for constants.
        """
        deviation = potentials - potentials.mean(axis=0)
        energy = np.einsum("et,ef,ft->", deviation, self.energy, deviation, optimize=True)
        n = len(potentials)
        return float(energy * (n - 1) / ((deviation**2).sum() * np.trace(self.energy)))

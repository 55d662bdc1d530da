"""Inverse problems that the methods' own equations did not make: beats of volumetric patients.

The wave is the anisotropic eikonal one in the patient's myocardium. The potential is that of finite
elements in the whole body, with anisotropic muscle and blood in the cavities. The method gets
another surface with fewer nodes, and a transfer matrix by boundary elements of a homogeneous torso
in which the heart may be misplaced.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from einthoven.base.core import check
from einthoven.base.geometry.barycentric import SkinPoints, attach
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.base.geometry.sampling import farthest_points
from einthoven.base.geometry.simplex import sparse_rows
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.numerics.bem.transfer import heart_to_torso
from einthoven.physics.leadfield.neumann import electrode_weights

BELOW_MM, ABOVE_MM = 200.0, 150.0
"""Heights from the heart's centre between which electrodes are placed."""


@dataclass(frozen=True, eq=False)
class BodyBeat:
    """A beat of a patient with its potential in the whole body."""

    patient: Patient
    """Patient with mesh and fibres."""
    activation: Activation
    """Activation of that patient."""
    time: np.ndarray
    """[time] ms."""
    potential: np.ndarray
    """[node, time] mV of the mesh, zero mean on the skin."""
    paced: np.ndarray
    """[site] heart nodes that are stimulated; none in a beat from the His bundle."""


@dataclass(frozen=True, eq=False)
class RecordedBody:
    """Surfaces and electrodes of a patient in whom a beat is recorded.

    The heart's surface is epicardium, base and valve caps, so that muscle and blood, and with them
    all sources, are inside.
    """

    patient: Patient
    """Patient with mesh."""
    n_heart: int = 1094
    """Nodes of the heart's surface."""
    n_torso: int = 1000
    """Nodes of the skin."""
    n_electrodes: int = 256
    """Farthest points on the skin between `BELOW_MM` and `ABOVE_MM`."""

    def __post_init__(self) -> None:
        for name, least in (("n_heart", 50), ("n_torso", 50), ("n_electrodes", 3)):
            check.between(name, getattr(self, name), least, 20_000)

    def problem(self, beat: BodyBeat, heart_shift: np.ndarray | None = None) -> KnownProblem:
        """Inverse problem of a beat.

        Args:
            beat: of this patient, with its potential.
            heart_shift: [3] mm, error of the heart's place in what the method gets; None: no error.

        Returns:
            Extracellular potentials in mV; `sites` are the sources of a beat that was paced.

        Raises:
            StepFailed: the remeshing fails.
            BadInput: as `bem.transfer.heart_to_torso`.
        """
        shift = np.zeros(3) if heart_shift is None else heart_shift
        (points, faces), skin, activation = self.heart, self.skin, beat.activation
        assumed = points + shift
        # the remeshed skin cuts corners by some mm: electrodes go to its nearest place
        places = attach(*skin, self.electrodes)
        at_electrodes = sparse_rows(places.vertices, places.weights, len(skin[0]))
        return KnownProblem(
            name=f"{self.patient.name}-{activation.scenario}",
            heart_points=assumed,
            heart_faces=faces,
            torso_points=skin[0],
            torso_faces=skin[1],
            electrode_points=self.electrodes,
            transfer=at_electrodes @ heart_to_torso((assumed, faces), skin).matrix,
            time=beat.time,
            body_potentials=self.at_electrodes @ beat.potential,
            potentials=self.at_heart @ beat.potential,
            activation_time=self.activation_time(activation),
            sites=self.patient.mesh.points[beat.paced] + shift,
            transmembrane=False,
            made={"patient": self.patient.name, "scenario": activation.scenario},
        )

    @cached_property
    def heart(self) -> tuple[np.ndarray, np.ndarray]:
        """Remeshed closed surface of the heart: points [node, 3] mm and faces, outward."""
        return remesh_to(*self.patient.mesh.surfaces.closed("epi"), self.n_heart)

    @cached_property
    def skin(self) -> tuple[np.ndarray, np.ndarray]:
        """Remeshed skin: points [torso node, 3] mm and faces."""
        return remesh_to(*self.patient.mesh.surfaces.closed("torso"), self.n_torso)

    @cached_property
    def electrodes(self) -> np.ndarray:
        """Nodes of the mesh's skin: [electrode, 3] mm; the first is nearest to the heart."""
        mesh, middle = self.patient.mesh, self.heart[0].mean(axis=0)
        nodes = mesh.points[np.unique(mesh.skin)]
        height = nodes[:, 2] - middle[2]
        band = nodes[(height > -BELOW_MM) & (height < ABOVE_MM)]
        return farthest_points(band, middle, self.n_electrodes)

    @cached_property
    def at_electrodes(self) -> sp.csr_array:
        """Interpolation of the mesh's nodal values: [electrode, mesh node]."""
        mesh = self.patient.mesh
        return electrode_weights(mesh.points, mesh.skin, self.electrodes)

    @cached_property
    def _on_heart(self) -> SkinPoints:
        """The heart's nodes on the mesh's own surface, in its triangles."""
        mesh = self.patient.mesh
        return attach(mesh.points, mesh.surfaces.union("epi"), self.heart[0])

    @cached_property
    def at_heart(self) -> sp.csr_array:
        """Interpolation of the mesh's nodal values on its surface: [node, mesh node]."""
        places = self._on_heart
        return sparse_rows(places.vertices, places.weights, len(self.patient.mesh.points))

    def activation_time(self, activation: Activation) -> np.ndarray:
        """[node] ms at the heart's surface; NaN where a corner is in a cap, without muscle."""
        places = self._on_heart
        muscle = (places.vertices < self.patient.mesh.n_heart_nodes).all(axis=1)
        times = np.full(len(muscle), np.nan)
        tau = np.asarray(activation.activation_time, float)
        corners = tau[places.vertices[muscle]]
        times[muscle] = (places.weights[muscle] * corners).sum(axis=1)
        return times

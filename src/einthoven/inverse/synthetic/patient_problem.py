"""Inverse problems that the methods' own equations did not make: beats of volumetric patients.

The wave is the anisotropic eikonal one in the patient's myocardium, the potential that of finite
elements in the whole body (muscle anisotropic, blood in the cavities). The method is given another
surface, with fewer nodes, and a transfer matrix by boundary elements of a homogeneous torso,
whose geometry may be off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import scipy.sparse as sp

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.config.repolarisation import RepolarisationSettings
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.barycentric import SkinPoints, attach
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.base.geometry.sampling import farthest_points
from einthoven.base.geometry.sparse_rows import sparse_rows
from einthoven.base.geometry.triangles import compact
from einthoven.data.patient.activation import Activation
from einthoven.data.patient.patient import Patient
from einthoven.inverse.synthetic.heart_surfaces import HEART_SURFACES
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.misfit import Misfit
from einthoven.numerics.bem.transfer import heart_to_torso
from einthoven.physics.ecg.body_potentials import body_potential
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.leadfield.skin import electrode_weights

CONDUCTIVITIES, DURATIONS = LeadFieldSettings(), RepolarisationSettings()
"""The defaults of their sections."""


@dataclass(frozen=True, eq=False)
class BodyBeat:
    """A beat of a patient with its potential in the whole body.

    Attributes:
        patient: with mesh and fibres. activation: of that patient.
        time: [time] ms. potential: [node, time] mV of the mesh, zero mean on the skin.
        paced: [site] heart nodes that are stimulated; none of a beat from the His bundle.
    """

    patient: Patient
    activation: Activation
    time: np.ndarray
    potential: np.ndarray
    paced: np.ndarray

    @classmethod
    def of(
        cls,
        patient: Patient,
        activation: Activation,
        time: np.ndarray,
        leadfield: LeadFieldSettings = CONDUCTIVITIES,
        repolarisation: RepolarisationSettings = DURATIONS,
        paced: Sequence[int] = (),
    ) -> Self:
        """Solve for the potential; about 20 s for 4,600 heart nodes and 500 samples on one core.

        Args:
            patient: with mesh and fibres, and coordinates for durations that vary.
            activation: of that patient.
            time: [time] ms, uniform.
            leadfield: conductivities. repolarisation: durations.
            paced: heart nodes that are stimulated.

        Raises:
            BadInput, NotConverged: as `ecg.body_potentials.body_potential`.
        """
        membrane = Membrane.of(patient, leadfield, repolarisation)
        potential = body_potential(patient, membrane, activation, time, leadfield)
        nodes = np.asarray(paced, np.int64)
        return cls(patient, activation, np.asarray(time, float), potential, nodes)


@dataclass(frozen=True)
class RecordedBody:
    """What is known of a body in which a beat is recorded.

    Attributes:
        surface: of `synthetic.heart_surfaces.HEART_SURFACES`: epicardium, base and valve caps, so
            that muscle and blood, and with them all sources, are inside; or that of the myocardium,
            with the endocardia: the blood is outside, and conducts as the torso does.
        n_heart: nodes of the heart's surface. n_torso: of the skin.
        n_electrodes: as far from one another as can be, on the part of the skin between heights.
        from_below_mm, to_above_mm: those heights, from the heart's centre.
        misfit: how far heart and skin are from where they are believed to be.
    """

    surface: str = "epicardium"
    n_heart: int = 1094
    n_torso: int = 1000
    n_electrodes: int = 256
    from_below_mm: float = 200.0
    to_above_mm: float = 150.0
    misfit: Misfit = field(default_factory=Misfit)

    def __post_init__(self) -> None:
        if self.surface not in HEART_SURFACES:
            raise BadInput(f"surface = {self.surface!r}: choose {' or '.join(HEART_SURFACES)}")
        for name, least in (("n_heart", 50), ("n_torso", 50), ("n_electrodes", 3)):
            check.between(name, getattr(self, name), least, 20_000)


def patient_problem(beat: BodyBeat, recording: RecordedBody = RecordedBody()) -> KnownProblem:
    """The inverse problem of a beat.

    Args:
        beat: with its potential.
        recording: surfaces, electrodes and what is wrong with them.

    Returns:
        Potentials in mV, of extracellular kind; `sites` are the sources of a beat that was paced.

    Raises:
        StepFailed: of the remeshing; BadInput: as `bem.transfer.heart_to_torso`.
    """
    setting = BodySetting(beat.patient, recording)
    heart, skin = setting.heart, setting.skin
    believed, electrodes = recording.misfit.torso(skin[0], setting.electrodes)
    moved = heart[0] + recording.misfit.shift
    to_torso = heart_to_torso((moved, heart[1]), (believed, skin[1])).matrix
    # the remeshed skin cuts corners by some mm: electrodes go to its nearest place
    places = attach(believed, skin[1], electrodes)
    transfer = sparse_rows(places.vertices, places.weights, len(believed)) @ to_torso
    activation = beat.activation
    name = f"{beat.patient.name}-{activation.scenario}"
    return KnownProblem(
        name=name,
        heart_points=moved,
        heart_faces=heart[1],
        torso_points=believed,
        torso_faces=skin[1],
        electrode_points=electrodes,
        transfer=transfer,
        time=beat.time,
        body_potentials=setting.at_electrodes @ beat.potential,
        potentials=setting.at_heart @ beat.potential,
        activation_time=setting.activation_time(activation),
        sites=beat.patient.mesh.points[beat.paced] + recording.misfit.shift,
        transmembrane=False,
        made={"patient": beat.patient.name, "scenario": activation.scenario,
              "surface": recording.surface,
              "heart_mm": recording.misfit.heart_mm, "torso_mm": recording.misfit.torso_mm,
              "misfit_seed": recording.misfit.seed},
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class BodySetting:
    """Surfaces and electrodes of a patient in place, and where they are in the mesh."""

    patient: Patient
    recording: RecordedBody

    @cached_property
    def heart(self) -> tuple[np.ndarray, np.ndarray]:
        """Remeshed closed surface of the heart: points [node, 3] mm and faces, outward."""
        points = self.patient.mesh.points
        return remesh_to(*compact(points, self._heart_facets), self.recording.n_heart)

    @cached_property
    def _heart_facets(self) -> np.ndarray:
        """Triangles of the mesh on the heart's surface, out of it: [facet, 3]."""
        return HEART_SURFACES[self.recording.surface].faces(self.patient.mesh)

    @cached_property
    def skin(self) -> tuple[np.ndarray, np.ndarray]:
        """Remeshed skin: points [torso node, 3] mm and faces."""
        return remesh_to(*self.patient.mesh.surfaces.closed("torso"), self.recording.n_torso)

    @cached_property
    def electrodes(self) -> np.ndarray:
        """[electrode, 3] mm, nodes of the mesh's skin; the first is nearest to the heart."""
        mesh, middle = self.patient.mesh, self.heart[0].mean(axis=0)
        nodes = mesh.points[np.unique(mesh.skin)]
        height = nodes[:, 2] - middle[2]
        low, high = -self.recording.from_below_mm, self.recording.to_above_mm
        band = nodes[(height > low) & (height < high)]
        return farthest_points(band, middle, self.recording.n_electrodes)

    @cached_property
    def at_electrodes(self) -> sp.csr_array:
        """Interpolation of the mesh's nodal values: [electrode, mesh node]."""
        mesh = self.patient.mesh
        return electrode_weights(mesh.points, mesh.skin, self.electrodes)

    @cached_property
    def _on_heart(self) -> SkinPoints:
        """The heart's nodes on the mesh's own surface, in its triangles."""
        return attach(self.patient.mesh.points, self._heart_facets, self.heart[0])

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

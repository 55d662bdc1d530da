"""The inverse problem y = A u + noise, the input of every method.

Potentials are in mV and times in ms; of the dimensionless Aliev-Panfilov problems of Zhu 2025 both
are 1. Geometry is in mm.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.caps import capped
from einthoven.base.geometry.laplacian_modes import LaplacianModes, laplacian_modes
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surface_operators import (
    cotangent_stiffness,
    lumped_areas,
    neighbour_laplacian,
)
from einthoven.inverse.problem.double_layer import double_layer
from einthoven.numerics.bem.transfer import BemTransfer, heart_to_torso
from einthoven.physics.electrophysiology.aliev_panfilov import MS_PER_UNIT


@dataclass(frozen=True)
class SourceSurface:
    """A closed triangle surface that holds all sources: epicardium, or epi- and endocardium."""

    points: np.ndarray
    """[node, 3] mm."""
    faces: np.ndarray
    """[face, 3], outward."""

    @cached_property
    def areas(self) -> np.ndarray:
        """Lumped areas of the nodes: [node] mm^2."""
        return lumped_areas(self.points, self.faces)

    @cached_property
    def closed(self) -> tuple[np.ndarray, np.ndarray]:
        """Points [node, 3] mm and faces [face, 3] with holes capped, as a cage or a sock may have.

        New nodes come last.

        Raises:
            BadInput: a hole has no simple cap.
        """
        points, faces = capped("heart", self.points, self.faces)
        return points, faces if enclosed_volume(points, faces) > 0 else faces[:, ::-1]

    @property
    def can_be_closed(self) -> bool:
        """Whether every hole can be capped."""
        try:
            return len(self.closed) > 0
        except BadInput:
            return False

    @cached_property
    def stiffness(self) -> sp.csr_array:
        """Stiffness K with u' K u = int |grad u|^2: [node, node], 1."""
        return cotangent_stiffness(self.points, self.faces)

    def modes(self, n_modes: int) -> LaplacianModes:
        """Smoothest Laplace-Beltrami eigenfunctions [node, mode], of mean square 1."""
        modes = laplacian_modes(self.points, self.faces, n_modes)
        return modes._replace(functions=modes.functions * np.sqrt(self.areas.sum()))

    @cached_property
    def neighbour_laplacian(self) -> sp.csr_array:
        """Laplacian of Zhu 2025, eq. (15): [node, node], 1/mm^2."""
        return neighbour_laplacian(self.points, self.faces)


@dataclass(frozen=True, eq=False)
class InverseProblem:
    """A heart's surface, the transfer matrix to the electrodes, and the potentials recorded there.

    Most methods need the first four alone. The others serve methods that compute with the torso,
    with a model of the action potential, or with the kind of potential.

    Attributes:
        transfer: [electrode, node], 1; body potentials of a unit potential at a node.
        body_potentials: [electrode, time] mV.
        surface: nodes at which the potentials are estimated.
        time: [time] ms, uniform.
        torso: closed surface of the body.
        electrode_points: [electrode, 3] mm on the torso, in the order of the body potentials.
        transmembrane: whether the potentials on the heart are; else they are extracellular.
        ms_per_unit: unit of time of the Aliev-Panfilov model, in the unit of `time`.
        noise_sd: SD of the noise, mV; None: unknown.
        forward: linear maps from the heart to the torso; None: they are computed on demand.
        at_electrodes: interpolation [electrode, torso node], for a heart that may have moved.
        to_mean: whether the reference is the mean of the electrodes (`problem.mean_reference`).
        pose_known: false if the heart may be displaced from `surface`.

    Raises:
        BadInput: shapes that do not fit, NaN, constant potentials, or uneven steps of time.
    """

    transfer: np.ndarray
    body_potentials: np.ndarray
    surface: SourceSurface
    time: np.ndarray
    torso: SourceSurface | None = None
    electrode_points: np.ndarray | None = None
    transmembrane: bool = False
    ms_per_unit: float = MS_PER_UNIT
    noise_sd: float | None = None
    forward: BemTransfer | None = None
    at_electrodes: sp.csr_array | None = None
    to_mean: bool = False
    pose_known: bool = True

    def __post_init__(self) -> None:
        n = len(self.surface.points)
        transfer = check.finite("transfer", check.shape("transfer", self.transfer, (None, n)))
        expected = (len(transfer), len(self.time))
        body = check.shape("body_potentials", self.body_potentials, expected)
        body = check.finite("body_potentials", body)
        time = check.finite("time", np.asarray(self.time, dtype=float))
        steps = np.diff(time)
        if len(steps) and (steps.min() <= 0 or np.ptp(steps) > 1e-3 * steps.mean()):
            raise BadInput("time: the steps must be positive and even; resample the recording")
        if not np.ptp(body) > 0:
            raise BadInput("body_potentials: all values are equal; were leads lost on reading?")
        if not self.ms_per_unit > 0:
            raise BadInput(f"ms_per_unit = {self.ms_per_unit:g} must be positive; 12.9 for ms")
        if self.electrode_points is not None:
            shape = (len(transfer), 3)
            check.finite(
                "electrode_points", check.shape("electrode_points", self.electrode_points, shape)
            )
        for name, values in (("transfer", transfer), ("body_potentials", body), ("time", time)):
            object.__setattr__(self, name, np.asarray(values, dtype=np.float64))

    @cached_property
    def electrode_nodes(self) -> np.ndarray:
        """The torso's nearest nodes: [electrode].

        Raises:
            BadInput: no torso or electrodes, or two electrodes with the same node.
        """
        tree = cKDTree(self._torso("electrode_nodes").points)
        if self.electrode_points is None:
            raise BadInput("electrode_points: give [electrode, 3] mm on the torso")
        nodes = np.asarray(tree.query(self.electrode_points)[1])
        if len(np.unique(nodes)) < len(nodes):
            raise BadInput(
                f"{len(nodes)} electrodes on a torso of {len(tree.data)} nodes share nodes; take "
                "more nodes or fewer electrodes"
            )
        return nodes

    @cached_property
    def torso_with_electrodes(self) -> SourceSurface:
        """The torso with the nodes nearest to the electrodes moved to them.

        Raises:
            BadInput: as `electrode_nodes`.
        """
        torso = self._torso("torso_with_electrodes")
        points = torso.points.copy()
        points[self.electrode_nodes] = self.electrode_points
        return SourceSurface(points, torso.faces)

    @cached_property
    def potential_of_source(self) -> np.ndarray | None:
        """Electrograms of action potentials: [node, node] 1; None: the potentials are those."""
        return None if self.transmembrane else double_layer(self.surface.points, self.surface.faces)

    @cached_property
    def normal_derivative(self) -> np.ndarray:
        """Outward du/dn on the heart per unit potential at a node: [node, node] 1/mm.

        Raises:
            BadInput: neither a torso nor linear maps to it.
        """
        if self.forward is not None:
            return self.forward.normal_derivative
        torso, heart = self._torso("normal_derivative"), self.surface
        forward = heart_to_torso((heart.points, heart.faces), (torso.points, torso.faces))
        return forward.normal_derivative

    def _torso(self, quantity: str) -> SourceSurface:
        if self.torso is None:
            raise BadInput(f"{quantity} needs the torso; give the closed surface of the body")
        return self.torso

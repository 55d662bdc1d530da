"""One heart that plays the QRS of people: five early sites, speeds and conductivities.

The physiology is that of `base.config.people`, the distribution fitted to recorded ECGs, without
Purkinje trees. As the QRS alone counts, repolarisation is that of the baseline everywhere.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np

from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.people import FASCICLES, PeopleDistribution, shipped_people
from einthoven.base.core.names import INDEPENDENT_ROWS, STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.transfer import Cells, ElectrodeTransfer
from einthoven.physics.electrophysiology.capture import WaveSources, first_arrival
from einthoven.physics.electrophysiology.cells.condition import BASELINE
from einthoven.physics.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.physics.electrophysiology.endocardium import UnitSpeedGraph
from einthoven.physics.electrophysiology.purkinje.purkinje_network import Network

N_TIMES = 160
"""Length of a simulated QRS, ms from the first activation."""
OF_REPOLARISATION = "apd_"
"""Beginning of the names of variables that a QRS does not show."""


@lru_cache
def qrs_people() -> PeopleDistribution:
    """The shipped distribution of the variables that a QRS depends on."""
    people = shipped_people()
    return people.of([name for name in people.names if not name.startswith(OF_REPOLARISATION)])


class PlayedQrs(NamedTuple):
    """A QRS of a heart."""

    tau: np.ndarray
    """[node] ms, activation times; the least is zero."""
    ecg: np.ndarray
    """[8, N_TIMES] mV of the independent leads, from the first activation in steps of 1 ms."""


@dataclass(frozen=True, eq=False)
class PeopleHeart:
    """A heart whose beats begin at the early sites of people."""

    patient: Patient
    """Patient with mesh, fibres and ventricular coordinates."""
    grad: np.ndarray
    """[9, cell, 3] kOhm/mm, in the order of `core.names.STANDARD_ELECTRODES`."""
    muscle: Eikonal
    """Eikonal equation of the muscle; each beat sets its speeds."""
    layers: UnitSpeedGraph
    """Both endocardial layers at 1 mm/ms."""
    transfer: ElectrodeTransfer
    """From activation times to the nine electrodes."""
    nodes: dict[str, np.ndarray]
    """Fascicle -> heart nodes among which its site lies."""

    @classmethod
    def of(cls, patient: Patient, grad: np.ndarray, activation: ActivationSettings) -> Self:
        """A heart with its lead fields.

        Args:
            patient: with mesh, fibres and ventricular coordinates.
            grad: [9, cell, 3] kOhm/mm, in the order of `core.names.STANDARD_ELECTRODES`.
            activation: how far the fast layers reach; speeds are the beats'.

        Raises:
            BadInput: stages that are missing or do not fit each other.
        """
        heart, f0, wall = patient.heart, patient.fibers.f0, patient.coordinates.uvc_nu
        lv, rv = (heart.surface_nodes(tag) for tag in (Surface.LV_ENDO, Surface.RV_ENDO))
        left = lv[wall[lv] == -1]
        right = {"right": rv[wall[rv] == 1], "right-septal": rv[wall[rv] == -1]}
        return cls(
            patient,
            grad,
            Eikonal.of(heart.points, heart.cells, speed_tensor_sq(f0, 1.0, 1.0)),
            UnitSpeedGraph.of(Network.without_trees(), patient, activation),
            ElectrodeTransfer.of(heart, f0, grad, N_TIMES),
            {fascicle: right.get(fascicle, left) for fascicle in FASCICLES},
        )

    def play(self, values: dict[str, float]) -> PlayedQrs:
        """The QRS of a physiology: variable of `qrs_people` -> value.

        Raises:
            StepFailed: nodes that no wave reaches.
        """
        fiber, along = values["cv_fiber_mm_per_ms"], values["sigma_il_s_per_m"]
        lv, rv = (values[f"cv_{side}_endocardium_mm_per_ms"] for side in ("lv", "rv"))
        across = fiber * values["cv_transverse_share"]
        speeds = speed_tensor_sq(self.patient.fibers.f0, fiber, across)
        graph = self.layers.at((1.0, lv, rv))
        tau = first_arrival(self.muscle.with_speeds(speeds), graph, self._sources(values))
        times = tau.activation_time - tau.activation_time.min()
        cells = Cells(along, along * values["sigma_it_share"], np.zeros(len(times)), BASELINE)
        potentials = self.transfer.front(times, cells)
        ecg = twelve_lead(STANDARD_ELECTRODES, potentials)[INDEPENDENT_ROWS]
        return PlayedQrs(times, ecg)

    def plays(self, deviations: np.ndarray) -> np.ndarray:
        """QRS complexes [draw, 8, N_TIMES] mV of deviations [draw, variable] of `qrs_people`."""
        people = qrs_people()
        return np.array([self.play(people.at(draw)).ecg for draw in deviations])

    def _sources(self, values: dict[str, float]) -> WaveSources:
        at, nodes, times = self.patient.coordinates, list[int](), list[float]()
        for fascicle, among in self.nodes.items():
            angle = float(np.radians(values[f"{fascicle}_phi_deg"]))
            nodes.append(among[at.distance(among, values[f"{fascicle}_z"], angle).argmin()])
            times.append(values[f"{fascicle}_time_ms"])
        return WaveSources(np.array(nodes), np.array(times) - min(times))

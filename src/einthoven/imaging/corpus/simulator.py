"""One beat of one heart in a few hundredths of a second: activation, V_m at 75 points, ECGs.

What `electrophysiology.scenarios.activate` and `ecg.simulate_ecg` compute, for thousands of beats
of one heart (`tests/contract/test_imaging_simulator.py` holds them together): what depends on the
heart alone is made once, and all forward models share one sweep.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
from scipy.spatial import cKDTree

from einthoven.base.config.electrophysiology import (
    ActivationSettings,
    EarlySiteSettings,
    PurkinjeSettings,
    RepolarisationSettings,
)
from einthoven.base.config.scenarios import BUILT_IN
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.base.core.errors import BadInput
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stage import Stage
from einthoven.data.patient.substrate import Substrate
from einthoven.imaging.corpus.beat_parameters import BeatParameters, StimulusSite
from einthoven.imaging.corpus.corpus import N_TIMES
from einthoven.imaging.inputs.points import RecordingPoints, recording_points
from einthoven.physics.ecg.transfer import Cells, ElectrodeTransfer
from einthoven.physics.electrophysiology.capture import WaveSources, first_arrival
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.physics.electrophysiology.endocardium import UnitSpeedGraph
from einthoven.physics.electrophysiology.purkinje.blocks import blocked
from einthoven.physics.electrophysiology.purkinje.purkinje_network import JunctionDelays, Network
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
from einthoven.physics.electrophysiology.repolarisation import GradientFields
from einthoven.physics.electrophysiology.substrate.effects import (
    added_duration,
    dead_nodes,
    filled,
    speed_factor,
)
from einthoven.physics.electrophysiology.substrate.make import make_substrate

AS_USUAL, SMOOTHING_MM = ActivationSettings(), RepolarisationSettings().smoothing_mm
SITE_MM = (90.0, 30.0, 30.0, 10.0, 200.0)
"""Weights of z, cosine and sine of phi, rho and nu in the distance between sites, mm of a usual
heart; nu has the largest, so that a site is in the ventricle that it names."""

PLATEAU_FIELDS = (0, 2, 3)
"""Gradients along which plateaus differ: all but anterior to posterior."""


@dataclass(frozen=True, eq=False)
class SimulatedBeat:
    """Simulated beat of a case in a heart."""

    case: BeatParameters
    """Case with its sites where they are: at nodes of the heart."""
    tau: np.ndarray
    """[node] ms, activation times; the least is zero."""
    activation_time: np.ndarray
    """[75] ms, tau at the recording points."""
    apd90: np.ndarray
    """[75] ms."""
    potentials: dict[str, np.ndarray]
    """Forward model -> [9, 500] mV of `core.names.STANDARD_ELECTRODES`."""


@dataclass(frozen=True, eq=False)
class Simulator:
    """Simulator of beats of one heart."""

    patient: Patient
    points: RecordingPoints
    muscle: Eikonal
    """Eikonal equation of the muscle; each case sets its speeds."""
    transfer: ElectrodeTransfer
    forward: tuple[str, ...]
    activation: ActivationSettings
    gradients: GradientFields
    """Gradients of durations and plateaus."""
    _graphs: dict[tuple[str, ...], UnitSpeedGraph] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        patient: Patient,
        lead_fields: Mapping[str, np.ndarray],
        activation: ActivationSettings = AS_USUAL,
        smoothing_mm: float = SMOOTHING_MM,
    ) -> Self:
        """Simulator of any case on a heart.

        Args:
            patient: with mesh, fibres, ventricular coordinates and Purkinje trees.
            lead_fields: forward model -> gradients [9, cell, 3] kOhm/mm, in the order of
                `core.names.STANDARD_ELECTRODES`.
            activation: delays of the junctions, capture and how far the fast layers reach; speeds
                are the case's.
            repolarisation: over what length durations are levelled; the rest is the case's.

        Raises:
            BadInput: stages that are missing or do not fit each other.
            NotConverged: of the linear solver that levels durations.
        """
        heart, f0 = patient.heart, patient.fibers.f0
        everywhere = np.concatenate([lead_fields[name] for name in lead_fields])
        return cls(
            patient=patient,
            points=recording_points(patient),
            muscle=Eikonal.of(heart.points, heart.cells, speed_tensor_sq(f0, 1.0, 1.0)),
            transfer=ElectrodeTransfer.of(heart, f0, everywhere, N_TIMES),
            forward=tuple(lead_fields),
            activation=activation,
            gradients=GradientFields.of(patient, smoothing_mm),
        )

    def simulate(self, case: BeatParameters) -> SimulatedBeat:
        """Simulate one case.

        Raises:
            BadInput: a cycle length or a factor on I_Kr for which there are no action potentials.
        """
        if case.mixed is not None and case.mixed.tau is not None:
            return self.beat(case, case.mixed.tau)
        if case.early:
            found = self.with_early_sites(case.early).simulate(replace(case, early=()))
            return replace(found, case=replace(found.case, early=case.early))
        case, sources = self._started(case)
        speeds = speed_tensor_sq(self.patient.fibers.f0, case.cv_fiber, case.cv_transverse)
        if (scar := self.patient.diseased) is not None:
            speeds *= np.square(speed_factor(scar, self.patient.heart))[:, None, None]
        graph = self._network(case).at(
            (case.cv_tree, case.cv_lv_endocardium, case.cv_rv_endocardium)
        )
        tau = first_arrival(self.muscle.with_speeds(speeds), graph, sources).activation_time
        if scar is not None:
            heart = self.patient.heart
            tau = filled(tau, dead_nodes(scar, heart), heart.points)
        return self.beat(case, tau - tau.min())

    def with_scar(self, section: SubstrateSettings) -> tuple[Self, Substrate]:
        """The same heart with a scar, and what it is; without one if `section` has kind none.

        Raises:
            BadInput: ischaemia, whose cells these simulations do not have; or as `make_substrate`.
            NotConverged: as `make_substrate`.
        """
        if section.kind == "ischaemia":
            raise BadInput("substrate.kind: ischaemia; beats for imaging know scars only")
        scar = make_substrate(self.patient, section)
        if scar.is_healthy:
            return self, scar
        transfer = self.transfer
        if (coupling := scar.coupling) is not None:
            transfer = replace(transfer, grad=transfer.grad * coupling[:, None, None])
        return replace(self._with_stage(scar), transfer=transfer), scar

    def with_early_sites(self, early: tuple[EarlySiteSettings, ...]) -> Self:
        """The same heart activated from early sites, without trees.

        Raises:
            BadInput, StepFailed: as `grow_tree`.
        """
        tree = grow_tree(self.patient, PurkinjeSettings(backend="sites", early_sites=list(early)))
        return self._with_stage(tree)

    def _with_stage(self, stage: Stage) -> Self:
        """The same heart with another stage."""
        patient = self.patient.with_stages(stage)
        vars(patient)["heart"] = self.patient.heart  # cached there; seconds to make again
        return replace(self, patient=patient, _graphs={})

    def beat(self, case: BeatParameters, tau: np.ndarray) -> SimulatedBeat:
        """Beat of a case's cells and conductivities at given activation times [node] ms.

        Raises:
            BadInput: as `simulate`.
        """
        durations, members = self.durations(case), family()
        low = self.low_plateau(case)
        cells = Cells(case.sigma_il, case.sigma_it, durations, case.condition, low)
        phi = np.split(self.transfer.potential(tau, cells), len(self.forward))
        at = self.points.weights
        apd90 = np.interp(at @ durations, members.apd90, family(case.condition).apd90)
        return SimulatedBeat(case, tau, at @ tau, apd90, dict(zip(self.forward, phi)))

    def durations(self, case: BeatParameters) -> np.ndarray:
        """APD90 [node] ms at the baseline, within the range of the family."""
        if case.mixed is not None:
            return case.mixed.durations
        differences = (case.apex_to_base_ms, case.anterior_to_posterior_ms, case.rv_to_lv_ms,
                       case.endo_to_epi_ms)  # fmt: skip
        known, scar = family().apd90, self.patient.diseased
        found = self.gradients.field(
            case.apd_mean_ms, dict(enumerate(differences)), (known[0], known[-1])
        )
        return found if scar is None else added_duration(scar, found)

    def low_plateau(self, case: BeatParameters) -> np.ndarray | None:
        """Share of the low plateau [node]; None: there is none."""
        if case.mixed is not None:
            return case.mixed.low
        if not case.plateaus:
            return None
        mean, *differences = case.plateaus
        return self.gradients.field(mean, dict(zip(PLATEAU_FIELDS, differences)), (0.0, 1.0))

    def node(self, site: StimulusSite) -> int:
        """The heart node of a site, at any depth of the wall."""
        return int(self._tree.query(_place(*site.columns[:5]))[1])

    def site_at(self, node: int, time_ms: float = 0.0) -> StimulusSite:
        """The site of a heart node."""
        at = self.patient.coordinates
        z, phi, rho, nu = (
            float(values[node]) for values in (at.uvc_z, at.uvc_phi, at.uvc_rho, at.uvc_nu)
        )
        return StimulusSite(z, phi, rho, nu, time_ms)

    def _started(self, case: BeatParameters) -> tuple[BeatParameters, WaveSources]:
        """Case with its sites at nodes, and sources of its wave."""
        nodes, times = [self.node(site) for site in case.sites], [s.time_ms for s in case.sites]
        sites = tuple(self.site_at(*place) for place in zip(nodes, times))
        sources = WaveSources(np.array(nodes, int), np.array(times), np.inf if sites else 0.0)
        return replace(case, sites=sites), sources

    def _network(self, case: BeatParameters) -> UnitSpeedGraph:
        blocks = () if case.sites else tuple(BUILT_IN[case.pattern].blocks)
        uses_trees = self.activation.capture or not case.sites
        if (key := (*blocks, str(uses_trees))) not in self._graphs:
            trees = self._trees(blocks) if uses_trees else Network.without_trees()
            self._graphs[key] = UnitSpeedGraph.of(trees, self.patient, self.activation)
        return self._graphs[key]

    def _trees(self, blocks: tuple[str, ...]) -> Network:
        """Network of the trees at 1 mm/ms."""
        config, tree = self.activation, self.patient.purkinje
        retrograde = config.pmj_retrograde_ms if config.capture else np.inf
        delays = JunctionDelays(config.pmj_antegrade_ms, retrograde)
        network = Network.of(self.patient, delays, speed_factor=1.0 / tree.speed_mm_per_ms)
        return blocked(network, tree, blocks, distal=True)

    @cached_property
    def _tree(self) -> cKDTree:
        at = self.patient.coordinates
        angle = at.uvc_phi.astype(float)
        places = _place(at.uvc_z, np.cos(angle), np.sin(angle), at.uvc_rho, at.uvc_nu)
        return cKDTree(places.T)


def _place(*coordinates: np.ndarray | float) -> np.ndarray:
    """Coordinates on a common scale: [5] or [5, node] mm."""
    return np.stack([mm * np.asarray(values, float) for mm, values in zip(SITE_MM, coordinates)])

"""Problems that the section `inverse` of the config asks for."""

from dataclasses import dataclass, replace

import numpy as np

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core import check
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.data.patient.patient import Patient
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.patient_problem import BodyBeat, RecordedBody
from einthoven.inverse.synthetic.zhu_problem import zhu_problem
from einthoven.physics.ecg.body_potentials import body_potential
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov

NODES_PER_ELECTRODE = 5
"""Least number of skin nodes per electrode, as potentials are linear between nodes."""


@dataclass(frozen=True, kw_only=True)
class PlannedProblem:
    """One problem in the body of a patient."""

    name: str
    """Name of the problem."""
    seed: int
    """Seed of the direction in which the heart is misplaced."""
    n_heart_nodes: int
    """Nodes of the heart's surface."""
    n_torso_nodes: int
    """Nodes of the skin, which has more where its electrodes need them."""
    n_electrodes: int = 0
    """Number of electrodes on the skin, of a beat."""
    n_times: int = 0
    time_step: float = 0.0
    """Samples of a problem of Zhu 2025."""
    beat_step_ms: float = 0.0
    """Beat step between samples of a beat."""
    physics_off: float = 0.0
    """Relative error of diffusion and reaction, and with them of the speed."""
    heart_mm: float = 0.0
    """Error of the heart's place."""
    scenario: str | None = None
    """Scenario of the beat; None: a problem of Zhu 2025."""

    def make(
        self,
        patient: Patient,
        ecg: EcgSettings,
        leadfield: LeadFieldSettings,
        repolarisation: RepolarisationSettings,
    ) -> KnownProblem:
        """Problem with its answer; a beat of 4,600 heart nodes and 500 samples takes about 20 s.

        For a beat the patient has fibres, coordinates and the scenario's activation.

        Raises:
            BadInput: a wave that does not reach all nodes in time, surfaces that do not fit.
            StepFailed: the remeshing fails.
            NotConverged: the linear solver stopped above its tolerance.
        """
        shift = heart_shift(self.heart_mm, self.seed)
        if self.scenario is None:
            return replace(self._of_zhu(patient, shift), name=self.name)
        time = ecg.start_ms + np.arange(0.0, ecg.duration_ms, self.beat_step_ms)
        activation = patient.activation(self.scenario)
        membrane = Membrane.of(patient, leadfield, repolarisation)
        potential = body_potential(patient, membrane, activation, time, leadfield)
        beat = BodyBeat(patient, activation, time, potential, np.empty(0, np.int64))
        n_torso = max(self.n_torso_nodes, NODES_PER_ELECTRODE * self.n_electrodes)
        body = RecordedBody(patient, self.n_heart_nodes, n_torso, self.n_electrodes)
        return replace(body.problem(beat, shift), name=self.name)

    def _of_zhu(self, patient: Patient, shift: np.ndarray) -> KnownProblem:
        surfaces = patient.mesh.surfaces
        heart = remesh_to(*surfaces.closed("epi"), self.n_heart_nodes)
        torso = remesh_to(*surfaces.closed("torso"), self.n_torso_nodes)
        usual, factor = AlievPanfilov(), 1.0 + self.physics_off
        model = replace(usual, diffusion=factor * usual.diffusion, k=factor * usual.k)
        return zhu_problem(heart, torso, model, self.time_step * np.arange(self.n_times), shift)


def heart_shift(length_mm: float, seed: int) -> np.ndarray:
    """Shift [3] mm of a length in a random direction.

    Raises:
        BadInput: the heart would leave the body.
    """
    check.between("heart_mm", length_mm, 0.0, 40.0, "the heart would leave the body")
    direction = generator(seed, "geometry misfit").standard_normal(3)
    return length_mm * direction / np.linalg.norm(direction)

"""Problems as the section `inverse` of the config asks for them."""

from dataclasses import dataclass, replace

import numpy as np

from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.config.repolarisation import RepolarisationSettings
from einthoven.base.geometry.remeshing import remesh_to
from einthoven.data.patient.patient import Patient
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.misfit import Misfit
from einthoven.inverse.synthetic.paper import Experiment, paper_problem
from einthoven.inverse.synthetic.patient_problem import BodyBeat, RecordedBody, patient_problem
from einthoven.physics.electrophysiology.aliev_panfilov import AlievPanfilov

NODES_PER_ELECTRODE = 5
"""At least, of the skin: potentials are linear between nodes."""


@dataclass(frozen=True, kw_only=True)
class PlannedProblem:
    """One problem in the body of a patient.

    Attributes:
        name: of the problem.
        seed: of the direction of a misfit.
        n_heart_nodes, n_torso_nodes: of the surfaces; the skin has more where its many electrodes
            need them.
        n_electrodes: on the skin, of a beat.
        n_times, time_step: samples of a problem of Zhu 2025.
        beat_step_ms: between samples of a beat.
        physics_off: share by which diffusion and reaction are off, and with them the speed.
        heart_mm: how far the heart is from where it is believed to be.
        scenario: of the beat; None: a problem of Zhu 2025.
    """

    name: str
    seed: int
    n_heart_nodes: int
    n_torso_nodes: int
    n_electrodes: int = 0
    n_times: int = 0
    time_step: float = 0.0
    beat_step_ms: float = 0.0
    physics_off: float = 0.0
    heart_mm: float = 0.0
    scenario: str | None = None

    def make(
        self,
        patient: Patient,
        ecg: EcgSettings,
        leadfield: LeadFieldSettings,
        repolarisation: RepolarisationSettings,
    ) -> KnownProblem:
        """The problem.

        Args:
            patient: with mesh, and for a beat with fibres and the scenario's activation.
            ecg: start and duration of the beat.
            leadfield: conductivities.
            repolarisation: of the patient.

        Raises:
            BadInput: a wave that does not reach all nodes in time, surfaces that do not fit.
            StepFailed: the remeshing fails.
        """
        if self.scenario is None:
            return replace(self._of_paper(patient), name=self.name)
        time = ecg.start_ms + np.arange(0.0, ecg.duration_ms, self.beat_step_ms)
        activation = patient.activation(self.scenario)
        beat = BodyBeat.of(patient, activation, time, leadfield, repolarisation)
        recording = RecordedBody(
            n_heart=self.n_heart_nodes,
            n_torso=max(self.n_torso_nodes, NODES_PER_ELECTRODE * self.n_electrodes),
            n_electrodes=self.n_electrodes,
            misfit=self._misfit,
        )
        return replace(patient_problem(beat, recording), name=self.name)

    def _of_paper(self, patient: Patient) -> KnownProblem:
        surfaces = patient.mesh.surfaces
        heart = remesh_to(*surfaces.closed("epi"), self.n_heart_nodes)
        torso = remesh_to(*surfaces.closed("torso"), self.n_torso_nodes)
        usual = AlievPanfilov()
        factor = 1.0 + self.physics_off
        model = replace(usual, diffusion=factor * usual.diffusion, k=factor * usual.k)
        experiment = Experiment(model=model, misfit=self._misfit)
        return paper_problem(heart, torso, experiment, self.time_step * np.arange(self.n_times))

    @property
    def _misfit(self) -> Misfit:
        return Misfit(heart_mm=self.heart_mm, seed=self.seed)

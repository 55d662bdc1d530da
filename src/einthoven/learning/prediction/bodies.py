"""One heart in several bodies: the spread of the ECG due to an unknown torso.

If a torso is inferred, several bodies can be drawn from its posterior (`bodies` in the sheet). The
heart is the same in all of them, so mesh, fibres and activation are computed once and moved with
its pose. Skin, pose and electrodes differ; a model that solves for the skin takes them into account
at no extra cost.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.base.config.models import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import save_arrays
from einthoven.base.core.names import LEADS
from einthoven.base.core.tags import Tissue
from einthoven.base.plots.ecg_paper import ecg_figure
from einthoven.data.patient.anatomy import HEART, Anatomy
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.new_patient import STATED, predict_new
from einthoven.learning.prediction.pretrained import Pretrained
from einthoven.numerics.training.machine import ONE_CORE, Machine

SAME_HEART_MM = 1e-3


@dataclass(frozen=True, eq=False)
class BodyEcgs:
    """ECGs of one heart in several bodies.

    Attributes:
        patient: the heart's name.
        bodies: [body] names; the first is the patient's own, or most likely, one.
        scenarios: [scenario]. time: [time] ms.
        ecg: [body, scenario, lead, time] mV.
        out_of_distribution: bodies that are out of the model's distribution.
    """

    patient: str
    bodies: list[str]
    scenarios: list[str]
    time: np.ndarray
    ecg: np.ndarray
    out_of_distribution: list[str]

    @classmethod
    def of(
        cls,
        model: Pretrained,
        patient: Patient,
        anatomies: Iterable[Anatomy],
        config: Config,
        machine: Machine = ONE_CORE,
    ) -> Self:
        """Predict the ECGs of a heart in its own and in other bodies.

        Args:
            model: a model that takes no code of the anatomy.
            patient: with all stages and activations.
            anatomies: the other bodies.
            config: as for `predict_new`.
            machine: threads.

        Raises:
            BadInput: a body with another heart, or without the electrodes of the ECG.
        """
        names, ecgs, strange = [], [], []
        for body in (patient, *(moved_heart(patient, anatomy) for anatomy in anatomies)):
            found = predict_new(model, body, body.anatomy.twelve_lead_electrodes, config, machine)
            names.append(body.anatomy.patient)
            ecgs.append(found.needed("ecg"))
            if not (found.out_of_distribution or {})["in_distribution"]:
                strange.append(names[-1])
        scenarios, time = found.needed("scenarios").tolist(), found.needed("time")
        return cls(patient.name, names, scenarios, time, np.stack(ecgs), strange)

    def interval(self, level: float = STATED) -> tuple[np.ndarray, np.ndarray]:
        """Ends of the central interval over the bodies: [scenario, lead, time] mV each."""
        low, high = np.quantile(self.ecg, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        return low, high

    def line(self) -> str:
        """One line for the user: relative distance of the bodies' ECGs from their mean."""
        mean = self.ecg.mean(axis=0)
        spread = np.linalg.norm(self.ecg - mean, axis=-1) / np.linalg.norm(mean, axis=-1)
        beyond = ", ".join(self.out_of_distribution)
        return (
            f"{len(self.bodies)} bodies: their ECGs differ from the mean by {spread.mean():.3f} "
            f"(rel. l2, mean over leads){f'; OUT OF DISTRIBUTION: {beyond}' if beyond else ''}"
        )

    def write(self, to: Path) -> None:
        """Write bodies.npz and a picture per scenario: mean and 90 % band over the bodies."""
        save_arrays(to / "bodies.npz", {"ecg": self.ecg, "time": self.time,
                                        "body": np.array(self.bodies),
                                        "scenario": np.array(self.scenarios),
                                        "lead": np.array(LEADS)},
                    patient=self.patient, out_of_distribution=self.out_of_distribution)  # fmt: skip
        low, high = self.interval()
        label = f"mean and {100 * STATED:.0f} % of {len(self.bodies)} bodies"
        for k, scenario in enumerate(self.scenarios):
            title, mean = f"{self.patient}, {scenario}", self.ecg[:, k].mean(axis=0)
            figure = ecg_figure(self.time, {label: mean}, title, {label: (low[k], high[k])})
            figure.savefig(to / f"ecg_bodies_{scenario}.png", metadata={"Software": None})


def moved_heart(patient: Patient, anatomy: Anatomy) -> Patient:
    """The same heart in another body: its mesh and fibres in that body's patient frame.

    Args:
        patient: with anatomy, mesh, fibres and activations.
        anatomy: of the other body; its heart is the same in the heart frame.

    Returns:
        A patient whose mesh is the heart alone.

    Raises:
        BadInput: the hearts differ.
    """
    own = patient.anatomy
    here, there = (_heart_frame(each) for each in (own, anatomy))
    if here.shape != there.shape or np.abs(here - there).max() > SAME_HEART_MM:
        raise BadInput(f"{anatomy.patient}: does not have the heart of {own.patient}")
    turn = anatomy.heart_rotation @ own.heart_rotation.T
    mesh, fibers = patient.mesh, patient.fibers
    points = mesh.points[: mesh.n_heart_nodes] - own.heart_origin
    on_heart = np.isin(mesh.facet_tags, HEART)
    heart = TetMesh(
        patient=patient.name,
        points=points @ turn.T + anatomy.heart_origin,
        cells=mesh.cells[: mesh.n_heart_cells],
        cell_tags=np.full(mesh.n_heart_cells, Tissue.MYOCARDIUM, mesh.cell_tags.dtype),
        facets=mesh.facets[on_heart],
        facet_tags=mesh.facet_tags[on_heart],
        n_heart_nodes=mesh.n_heart_nodes,
        n_heart_cells=mesh.n_heart_cells,
    )
    turned = {key: (getattr(fibers, key) @ turn.T).astype(np.float32) for key in ("f0", "s0", "n0")}
    same = [patient.coordinates] if patient.has("coordinates") else []
    return Patient.of(anatomy, heart, replace(fibers, **turned), *same,
                      *patient.activations.values())  # fmt: skip


def _heart_frame(anatomy: Anatomy) -> np.ndarray:
    """Vertices of the heart's surfaces in the heart frame, mm."""
    nodes = np.unique(anatomy.surfaces.tagged(*HEART))
    return (anatomy.points[nodes] - anatomy.heart_origin) @ anatomy.heart_rotation

"""Prediction of a new patient by a packed model: lead fields, ECGs, pictures.

If a torso is inferred, several bodies can be drawn from its posterior (`bodies` in the sheet); the
spread of the ECG is that due to an unknown torso. The heart is the same in all of them, so mesh,
fibres and activation are computed once and moved with its pose. Skin, pose and electrodes differ; a
model that solves for the skin takes them into account at no extra cost.
"""

import time as clock
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.config.models import Config
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import save_arrays, write_json
from einthoven.base.core.log import step
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.base.core.tags import Tissue
from einthoven.base.metrics.reliability import normal_bound_ratio
from einthoven.base.plots.ecg_paper import ecg_figure
from einthoven.base.plots.errors import torso_map_figure
from einthoven.base.plots.style import write_figures
from einthoven.data.patient.anatomy import HEART, Anatomy, Electrodes
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.learning.prediction.ecg import with_ecg
from einthoven.learning.prediction.prediction import Prediction
from einthoven.learning.prediction.pretrained import Pretrained
from einthoven.learning.surrogate.operator.inputs import conductivities_of
from einthoven.numerics.training.machine import ONE_CORE, Machine
from einthoven.physics.ecg.simulate import SimulationSettings

STATED = 0.9
"""Level of the intervals that are drawn and checked."""
SAME_HEART_MM = 1e-3


def predict_new(
    model: Pretrained,
    patient: Patient,
    electrodes: Electrodes,
    config: Config | None = None,
    machine: Machine = ONE_CORE,
    code_file: str | Path | None = None,
) -> Prediction:
    """Predicted lead fields of a patient, and ECGs if there are activations.

    Args:
        model: a packed one.
        patient: with anatomy and the stages that the model needs.
        electrodes: on the skin.
        config: conductivities (those drawn for the patient take precedence), time axis and
            repolarisation; None: those of the model's training.
        machine: threads.
        code_file: for a coded model, a code found by `einthoven encode`; None: found here.

    Returns:
        The prediction, with its out-of-distribution check; if that fails, the rest is unreliable.

    Raises:
        BadInput: shapes do not fit, or a broken file.
        NotConverged: no code fits the surfaces.
    """
    config = config or model.config
    sigma = conductivities_of(patient, config.leadfield)
    step(f"{patient.name}: predicting {len(electrodes.names)} electrodes")
    found = model.predict(patient, electrodes, sigma, machine, code_file)
    if patient.has("activations") and set(STANDARD_ELECTRODES) <= set(electrodes.names.tolist()):
        step(f"{patient.name}: ECG")
        start, activations = clock.perf_counter(), list(patient.activations.values())
        found = with_ecg(found, patient, activations, SimulationSettings.of(config, sigma))
        took = {"seconds_ecg": clock.perf_counter() - start}
        found = replace(found, seconds=found.seconds | took)
    return found


def write_prediction(prediction: Prediction, patient: Patient, to: Path) -> None:
    """Write prediction.npz, out_of_distribution.json and pictures.

    The pictures are an ECG per scenario, with the interval of an ensemble, and the body map of its
    uncertainty.
    """
    step("writing and drawing")
    prediction.save(to / "prediction.npz")
    check = (prediction.out_of_distribution or {}) | {"patient": patient.name}
    if prediction.expected_ecg is not None:
        check["expected_ecg"] = prediction.expected_ecg
    write_json(to / "out_of_distribution.json", check)
    figures: dict[str, Any] = {}
    if prediction.ecg is not None:
        time, method = prediction.needed("time"), str(prediction.about["model"])
        for k, scenario in enumerate(prediction.needed("scenarios")):
            ecg, title, bands = prediction.ecg[k], f"{patient.name}, {scenario}", {}
            if prediction.ecg_sd is not None:
                half = prediction.ecg_sd[k] * normal_bound_ratio(STATED, prediction.n_members)
                bands = {method: (ecg - half, ecg + half)}
                title += f", {100 * STATED:.0f} % as stated"
            figures[f"ecg_{scenario}.png"] = ecg_figure(time, {method: ecg}, title, bands)
    if prediction.heart_sd_deg is not None:
        anatomy = patient.anatomy
        figures["uncertainty.png"] = torso_map_figure(
            anatomy.points, anatomy.skin, prediction.needed("electrode_points"),
            {patient.name: prediction.heart_sd_deg.mean(axis=1)},
            "stated deviation of the direction, mean over the heart (degrees)",
        )  # fmt: skip
    write_figures(figures, to)


@dataclass(frozen=True, eq=False)
class BodyEcgs:
    """ECGs of one heart in several bodies."""

    patient: str
    """The heart's name."""
    bodies: list[str]
    """[body] names; the first is the patient's own, or most likely, one."""
    scenarios: list[str]
    """[scenario]."""
    time: np.ndarray
    """[time] ms."""
    ecg: np.ndarray
    """[body, scenario, lead, time] mV."""
    out_of_distribution: list[str]
    """Bodies that are out of the model's distribution."""

    @classmethod
    def of(
        cls,
        model: Pretrained,
        patient: Patient,
        anatomies: Iterable[Anatomy],
        config: Config,
        machine: Machine = ONE_CORE,
    ) -> Self:
        """Predict the ECGs of a heart, with its activations, in its own and in other bodies.

        The model takes no code of the anatomy. The config is as for `predict_new`.

        Raises:
            BadInput: a body with another heart, or without the electrodes of the ECG.
        """
        names, ecgs, outside = [], [], []
        for body in (patient, *(moved_heart(patient, anatomy) for anatomy in anatomies)):
            found = predict_new(model, body, body.anatomy.twelve_lead_electrodes, config, machine)
            names.append(body.anatomy.patient)
            ecgs.append(found.needed("ecg"))
            if not (found.out_of_distribution or {})["in_distribution"]:
                outside.append(names[-1])
        scenarios, time = found.needed("scenarios").tolist(), found.needed("time")
        return cls(patient.name, names, scenarios, time, np.stack(ecgs), outside)

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
            write_figures({f"ecg_bodies_{scenario}.png": figure}, to)


def moved_heart(patient: Patient, anatomy: Anatomy) -> Patient:
    """The same heart with its fibres in another body's patient frame; the mesh is the heart's.

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
    same = [getattr(patient, name) for name in ("coordinates", "beat") if patient.has(name)]
    return Patient.of(anatomy, heart, replace(fibers, **turned), *same,
                      *patient.activations.values())  # fmt: skip


def _heart_frame(anatomy: Anatomy) -> np.ndarray:
    """Vertices of the heart's surfaces in the heart frame, mm."""
    nodes = np.unique(anatomy.surfaces.tagged(*HEART))
    return (anatomy.points[nodes] - anatomy.heart_origin) @ anatomy.heart_rotation

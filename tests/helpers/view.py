"""The idealised heart in a ball with nine electrodes; its lead fields are linear, so exact."""

from dataclasses import replace

import numpy as np
import pyvista as pv

from einthoven.base.config.section import builtins_of
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.base.core.files import save_arrays
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation, Ecg
from einthoven.data.patient.substrate import Substrate
from helpers.heart import heart_mesh

TORSO_MM = 150.0
SPEED_MM_PER_MS = 1.0
SLOPES = np.random.default_rng(3).normal(size=(9, 3)) * 1e-4
"""[electrode, 3] kOhm/mm: the gradients."""
TIME = np.arange(-20.0, 300.0)
TURN_DEG = 10.0
TURNED = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def electrode_points() -> np.ndarray:
    """[electrode, 3] mm on the ball, the first ones in front, which is at -y."""
    angle = np.linspace(-1.2, 1.2, 9)
    height = np.linspace(-60, 60, 9)
    radius = np.sqrt(TORSO_MM**2 - height**2)
    return np.column_stack([radius * np.sin(angle), -radius * np.cos(angle), height])


def ecg_of(scenarios: list[str]) -> np.ndarray:
    """[scenario, lead, time] mV: a bump at 40 ms, another in each lead."""
    bump = np.exp(-(((TIME - 40) / 15) ** 2))
    return np.multiply.outer(np.ones(len(scenarios)), np.multiply.outer(np.arange(-5, 7) / 5, bump))


def seen_patient(scenarios: tuple[str, ...] = ("sinus",), edge_mm: float = 6.0) -> Patient:
    """A patient with all that the 3-D view shows."""
    mesh = heart_mesh(edge_mm)
    skin = pv.Icosphere(radius=TORSO_MM, nsub=4)
    names, points = np.array(STANDARD_ELECTRODES), electrode_points()
    anatomy = Anatomy(
        patient="ideal", points=np.asarray(skin.points, float), faces=skin.regular_faces,
        face_tags=np.full(skin.n_cells, Surface.SKIN, np.int8), site_names=names,
        site_points=points, ground_point=-points[0], heart_rotation=np.eye(3),
        heart_origin=np.zeros(3), latent_pca=np.zeros(23),
        torso_box=TORSO_MM * np.array([[-1.0] * 3, [1.0] * 3]),
        landmark_names=np.array([], str), landmark_points=np.zeros((0, 3)), split="test",
    )  # fmt: skip
    fields = LeadFields(
        patient="ideal", lead_field=SLOPES @ mesh.points.T, electrode_names=names,
        electrode_points=points, residual=np.zeros(9),
    )  # fmt: skip
    ecg = Ecg(
        patient="ideal", time=TIME, scenario=np.array(scenarios), electrode_names=names,
        lead=np.array(LEADS), electrode_potential=np.zeros((len(scenarios), 9, len(TIME))),
        ecg=ecg_of(list(scenarios)),
    )  # fmt: skip
    low = mesh.points[:, 2].min()
    tau = (mesh.points[:, 2] - low) / SPEED_MM_PER_MS
    wave = Activation(patient="ideal", activation_time=tau.astype(np.float32), scenario="sinus",
                      source_nodes=np.array([tau.argmin()]), source_times=np.zeros(1))  # fmt: skip
    waves = [replace(wave, scenario=name) for name in scenarios]
    return Patient.of(replace(mesh, patient="ideal"), anatomy, fields, ecg, *waves)


def with_scar(patient: Patient) -> Patient:
    """The patient with a scar in the half at x > 0, behind a border zone of 10 mm."""
    heart, settings = patient.heart, builtins_of(SubstrateSettings(kind="scar"))
    level = np.clip(heart.points[:, 0] / 10.0, 0.0, 1.0).astype(np.float32)
    tissue = np.zeros(len(heart.cells), np.int8)
    return patient.with_stages(
        Substrate(patient=patient.name, tissue=tissue, level=level, settings=settings)
    )


def turned(vectors: np.ndarray, degrees: float = TURN_DEG) -> np.ndarray:
    """Vectors [..., 3] turned by an angle, each about an axis across it (Rodrigues)."""
    across = np.cross(vectors, vectors @ TURNED.T)
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return c * vectors + s * np.cross(across, vectors)


def prediction_of(patient: Patient, path, **changed):
    """prediction.npz: every gradient turned by `TURN_DEG`, the ECG a tenth larger."""
    scenarios = list(patient.activations)
    grad = np.repeat(turned(SLOPES)[:, None], len(patient.heart.cells), axis=1)
    arrays = {"heart_grad": grad.astype(np.float32), "ecg": 1.1 * ecg_of(scenarios), "time": TIME,
              "scenario": np.array(scenarios),
              "electrode_names": np.array(STANDARD_ELECTRODES)}  # fmt: skip
    attrs = {"patient": patient.name, "model": "operator"} | changed.pop("attrs", {})
    arrays |= changed
    save_arrays(path, {k: v for k, v in arrays.items() if v is not None}, **attrs)
    return path

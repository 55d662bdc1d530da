"""Training samples and reference fields from the stage files of a finished run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from einthoven.base.core.files import load_arrays
from einthoven.base.core.tags import Surface, Tissue
from einthoven.body.fibers.ldrb import solve_wall_fields
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
from einthoven.learning.surrogate.inputs import Inputs, patient_inputs
from einthoven.learning.surrogate.split_samples import PatientSample
from einthoven.physics.leadfield.solve import solve_lead_fields

N_ELSEWHERE = 1024
"""Points outside the myocardium that are kept, so that a hundred patients fit into memory."""
LEVEL_MM = 15.0


class LearningRun:
    """A results folder: its encoder, its patients by split, their samples and solutions."""

    def __init__(self, folder: str | Path, config: Any, encoder: str | Path = ""):
        self.folder, self.config = Path(folder), config
        self.encoder_folder = Path(encoder or self.folder / "encoders/deepsdf")
        self.encoder = DeepSdfEncoder.load(self.encoder_folder)

    def names(self, split: str) -> list[str]:
        """Patients of a split."""
        latents = self.encoder.latents
        return [p for p, s in zip(latents.patient, latents.split, strict=True) if s == split]

    def patient(self, name: str) -> Patient:
        """A patient with all stages."""
        return Patient.open(self.folder / "patients" / name)

    def stage(self, patient: str, stage: str, *names: str) -> Any:
        """Arrays of a stage file."""
        return load_arrays(self.folder / "patients" / patient / f"{stage}.npz", names)

    def inputs(
        self,
        patient: str,
        points: np.ndarray,
        fiber: np.ndarray,
        electrodes: np.ndarray,
        code: np.ndarray | None = None,
    ) -> Inputs:
        """Inputs of a surrogate at points [point, 3] mm with electrodes [electrode, 3] mm."""
        if code is None:
            geometry = self.encoder.geometry(patient)
        else:
            geometry = self.encoder.geometry_of(code.astype(np.float32))
        pose = self.patient(patient).anatomy.pose
        return patient_inputs(geometry, pose, points, fiber, electrodes)

    def sample(self, patient: str, code: np.ndarray | None = None) -> PatientSample:
        """Field samples of a patient: all in the myocardium, some of the others."""
        field = self.stage(patient, "field")
        inside = field["field_tissue"] == Tissue.MYOCARDIUM
        heart, others = np.flatnonzero(inside), np.flatnonzero(~inside)[:N_ELSEWHERE]
        used = np.concatenate([heart, others])
        inputs = self.inputs(patient, field["field_points"][used], field["field_fiber"][used],
                             field["electrode_points"], code)  # fmt: skip
        grad = torch.as_tensor(field["field_grad"][:, used].astype(np.float32))
        n = len(heart)
        return PatientSample(inputs, grad, torch.arange(n), torch.arange(n, len(used)))

    def samples(self, split: str) -> list[PatientSample]:
        """Samples of all patients of a split."""
        return [self.sample(patient) for patient in self.names(split)]

    def changed(self, samples: Mapping[str, Sequence[PatientSample]], data: Any) -> dict[str, Any]:
        """The samples of each split after `data` (learning_variants)."""
        return {
            split: [data(self, split, *pair) for pair in zip(self.names(split), theirs)]
            for split, theirs in samples.items()
        }

    def in_heart(self, patient: str) -> np.ndarray:
        """Cells of the field samples in the myocardium, in their order."""
        field = self.stage(patient, "field")
        return field["field_cell"][field["field_tissue"] == Tissue.MYOCARDIUM]

    def raw_gradients(self, patient: str) -> np.ndarray:
        """The linear elements' own gradients at samples in the heart: [electrode, sample, 3]."""
        whole = self.patient(patient)
        return whole.lead_fields.gradients_at(whole.mesh, self.in_heart(patient), "raw")

    def wall_fields(self, patient: str) -> np.ndarray:
        """The fibre rule's three transmural and its apicobasal field there: [sample, 4]."""
        heart = self.patient(patient).heart
        fields = solve_wall_fields(heart)
        nodal = np.stack([fields.lv, fields.rv, fields.epi, fields.apicobasal], axis=1)
        return nodal[heart.cells[self.in_heart(patient)]].mean(axis=1).astype(np.float32)

    def heart_cells(self, patient: str, n_cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids, centroids and fibers of some heart cells spread over the heart."""
        whole = self.patient(patient)
        chosen = np.unique(np.linspace(0, len(whole.heart.cells) - 1, n_cells).astype(int))
        return chosen, whole.heart.centroids[chosen], whole.fibers.f0[chosen]

    def solve(self, patient: str, places: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Finite-element gradients of new electrodes in heart cells: [electrode, cell, 3]."""
        whole, config = self.patient(patient), self.config.leadfield
        electrodes = Electrodes(np.array([f"E{k:03d}" for k in range(len(places))]), places)
        fields = solve_lead_fields(whole, electrodes, config)
        return fields.gradients(whole.heart, config.gradient).grad[:, chosen]


def belt(anatomy: Any, degrees: np.ndarray, height_mm: float) -> np.ndarray:
    """Skin points about the heart's origin, `height_mm` above it: [angle, 3] mm.

    Angles run from the front over the patient's left to the back.
    """
    skin = np.unique(anatomy["faces"][anatomy["face_tags"] == Surface.SKIN])
    away = anatomy["points"][skin] - anatomy["heart_origin"]
    level = np.abs(away[:, 2] - height_mm) < LEVEL_MM
    away, skin = away[level], skin[level]
    angle = np.rad2deg(np.arctan2(away[:, 0], -away[:, 1]))
    gap = np.abs((angle[None] - degrees[:, None] + 180) % 360 - 180)
    return anatomy["points"][skin[gap.argmin(axis=1)]]

"""Inputs of the benchmark's models from the patients of a published folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from benchmark_networks import GeometryInputs
from torch import Tensor

from einthoven.app.evaluation.benchmark.task import BenchmarkTask
from einthoven.base.config.section import Section
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.sampling import farthest_points, points_on_surface
from einthoven.data.patient.anatomy import Anatomy, Pose
from einthoven.data.patient.patient import Patient
from einthoven.learning.encoders.base import Encoder
from einthoven.learning.encoders.pca import PcaEncoder
from einthoven.learning.encoders.train import train_encoder
from einthoven.learning.surrogate.operator.inputs import (
    HeartPoints,
    OperatorInputs,
    conductivities_of,
)
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

N_SKIN, N_TOKENS, N_CANDIDATES = 64, 96, 2000
"""Places on the skin and in the heart that geometry networks see, and of how many chosen."""
ON_A_PLANE = 2.0
"""A point source on an insulated plane has twice the field of one in infinite space."""


@dataclass(frozen=True, eq=False)
class BenchmarkHeart:
    """One patient at some points of its heart.

    Attributes:
        name: of the patient. pose: where the heart is. sigma_torso: mS/mm.
        points: in the myocardium, patient frame, with fibres.
        electrodes: [electrode, 3] mm, patient frame.
        exact: inputs of the operator: features of points, and the solved torso without heart.
        general: the same for the geometry networks, with the formula of a point source.
    """

    name: str
    pose: Pose
    sigma_torso: float
    points: HeartPoints
    electrodes: np.ndarray
    exact: OperatorInputs
    general: GeometryInputs

    def with_incident(self) -> GeometryInputs:
        """Inputs of the geometry networks, with the solved torso without heart as first guess."""
        return self.general._replace(guess=self.exact.incident)

    def in_patient_frame(self, gradient: Tensor) -> np.ndarray:
        """[electrode, point, 3] in 1/mm^2, heart frame -> kOhm/mm, patient frame."""
        return gradient.numpy() @ self.pose.heart_rotation.T / self.sigma_torso


class Truth(NamedTuple):
    """A patient at its field points, and what is to be learned there."""

    heart: BenchmarkHeart
    grad: Tensor
    """[electrode, point, 3] 1/mm^2: true gradients, times the torso's conductivity; heart frame."""


class Published:
    """A published folder: its patients at field points and at cells."""

    def __init__(self, folder: Path):
        self.folder, self.benchmark = folder, BenchmarkTask.open(folder)
        self.known: dict[tuple[str, str], BenchmarkHeart] = {}

    def encoder(self, to: Path) -> Encoder:
        """The published code of every patient, with the patients' own surfaces."""
        train_encoder(PcaEncoder.name, Section(), self.benchmark.store, to)
        return PcaEncoder.load(to, self.benchmark.surfaces)

    def at_field_points(self, name: str) -> BenchmarkHeart:
        """A patient at its field points, for all electrodes; kept."""
        if (key := (name, "field")) not in self.known:
            patient = self.benchmark.whole(name)
            points, electrodes = HeartPoints.of_samples(patient), patient.field.electrode_points
            self.known[key] = self._heart(patient, points, electrodes)
        return self.known[key]

    def at_cells(self, name: str) -> BenchmarkHeart:
        """A patient at all cells of its heart, for the nine electrodes of the ECG; kept."""
        if (key := (name, "cells")) not in self.known:
            patient = self.benchmark.whole(name)
            names = patient.field.electrode_names.tolist()
            nine = patient.field.electrode_points[[names.index(n) for n in STANDARD_ELECTRODES]]
            self.known[key] = self._heart(patient, HeartPoints.of_cells(patient), nine)
        return self.known[key]

    def truth(self, split: str) -> list[Truth]:
        """Patients of a split."""
        found = []
        for name in self.benchmark.patients(split):
            heart, true = self.at_field_points(name), self.benchmark.field(name).grad
            grad = true @ heart.pose.heart_rotation * heart.sigma_torso
            found.append(Truth(heart, torch.as_tensor(grad.astype(np.float32))))
        return found

    def _heart(
        self, patient: Patient, points: HeartPoints, electrodes: np.ndarray
    ) -> BenchmarkHeart:
        sigma, anatomy = conductivities_of(patient, self.benchmark.leadfield), patient.anatomy
        exact = OperatorInputs.of(anatomy, points, electrodes, sigma)
        general = general_inputs(anatomy, points, electrodes, exact.local)
        torso = sigma.sigma_torso_s_per_m
        return BenchmarkHeart(patient.name, anatomy.pose, torso, points, electrodes, exact, general)


def general_inputs(
    anatomy: Anatomy, heart: HeartPoints, electrodes: np.ndarray, local: Tensor
) -> GeometryInputs:
    """Inputs of the geometry networks: points, electrodes, skin, field of a point source."""
    turn, origin = anatomy.heart_rotation, anatomy.heart_origin
    points, electrodes = ((x - origin) @ turn for x in (heart.points, electrodes))
    guess = ON_A_PLANE * pseudo_lead_field_grad(points, electrodes, 1.0)
    candidates = points[:: 1 + len(points) // N_CANDIDATES]
    tokens = farthest_points(candidates, candidates.mean(axis=0), N_TOKENS)
    place, normal = skin_places(anatomy)
    skin = np.concatenate([(place - origin) @ turn, normal @ turn], axis=1)
    arrays = (guess, electrodes, skin, tokens)
    return GeometryInputs(local, *(torch.as_tensor(a.astype(np.float32)) for a in arrays))


def skin_places(anatomy: Anatomy) -> tuple[np.ndarray, np.ndarray]:
    """Points [N_SKIN, 3] mm spread over the skin, and outward normals [N_SKIN, 3]."""
    drawn = generator(0, "skin")
    places, normals = points_on_surface(*anatomy.surfaces.closed("torso"), N_CANDIDATES, drawn)
    far = farthest_points(places, places.mean(axis=0), N_SKIN)
    ids = [int((places == place).all(axis=1).argmax()) for place in far]
    return places[ids], normals[ids]

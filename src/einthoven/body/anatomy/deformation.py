"""Random changes of a patient beyond coefficients and pose (config.augmentation)."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from einthoven.base.config import models
from einthoven.base.config.augmentation import AugmentationSettings
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.body.anatomy.population.girths import torso_measures
from einthoven.body.anatomy.shape.curved_base import BaseCurve
from einthoven.body.anatomy.shape.deformed_heart import HeartDeformation
from einthoven.body.anatomy.shape.deformed_torso import TorsoDeformation
from einthoven.body.anatomy.shape.torso import TorsoSurface
from einthoven.data.patient.parameters import PatientParameters

DRAWN_BACK = 0.8
"""Factor on all coefficients for every attempt that gave no valid body."""


@dataclass(frozen=True, eq=False)
class Deformation:
    """One attempt at one patient."""

    seed: int
    patient: str
    attempt: int
    """Number of the attempt, from 0."""
    heart: HeartDeformation
    torso: TorsoDeformation

    @classmethod
    def draw(cls, patient: str, attempt: int, config: AugmentationSettings) -> Self:
        """Draw a deformation; it depends only on the seed, the patient's name and the attempt."""
        rng = generator(config.seed, patient, "augmentation", attempt)

        def factor(ends: list[float]) -> float:
            return float(np.exp(rng.uniform(*np.log(ends))))

        heart_axes = np.array([factor(config.heart_axis_scale) for _ in range(3)])
        torso_axes = np.array([factor(config.torso_axis_scale) for _ in range(3)])
        heart_warp, torso_warp, height_above, height_below, *is_cut = rng.random(6)
        base = generator(config.seed, patient, "augmentation", attempt, "base")
        above, below = np.array(is_cut) < config.cut_share
        heart = HeartDeformation(
            lv_wall=factor(config.lv_wall),
            rv_wall=factor(config.rv_wall),
            rv_breadth=factor(config.rv_breadth),
            scale=factor(config.heart_scale) * heart_axes / np.cbrt(heart_axes.prod()),
            warp_mm=heart_warp * config.heart_warp_mm,
            base=BaseCurve.draw(config.base_curve_mm, config.base_breadth, base),
        )
        torso = TorsoDeformation(
            scale=factor(config.torso_scale) * torso_axes,
            warp_mm=torso_warp * config.torso_warp_mm,
            above=height_above if above else None,
            below=height_below if below else None,
        )
        return cls(config.seed, patient, attempt, heart, torso)

    def rng(self, of: str) -> np.random.Generator:
        """Random generator for the warp of one surface."""
        return generator(self.seed, self.patient, "augmentation", self.attempt, of)

    def parameters(self, drawn: PatientParameters) -> PatientParameters:
        """Coefficients of this attempt, nearer to the mean with each."""
        share = DRAWN_BACK**self.attempt
        return replace(
            drawn,
            heart_coeffs=[share * c for c in drawn.heart_coeffs],
            torso_coeffs=[share * c for c in drawn.torso_coeffs],
            pose_coeffs=[share * c for c in drawn.pose_coeffs],
        )

    def summary(
        self, parameters: PatientParameters, config: models.AnatomySettings, whole: TorsoSurface
    ) -> dict[str, Any]:
        """Summary of what was built, for an attribute of anatomy.npz.

        Args:
            parameters: of this attempt.
            config: the section as this patient has it.
            whole: the torso before it was cut.
        """
        heart, torso = self.heart, self.torso
        return {
            "n_redraws": self.attempt,
            "pose_coeffs": parameters.pose_coeffs,
            "lv_wall": heart.lv_wall,
            "rv_wall": heart.rv_wall,
            "rv_breadth": heart.rv_breadth,
            "heart_scale": heart.scale.tolist(),
            "heart_warp_mm": heart.warp_mm,
            "outflow_mm": heart.base.outflow_mm,
            "base_bow_mm": heart.base.bow_mm,
            "base_breadth": heart.base.breadth,
            "heart_edge_mm": config.heart_edge_mm,
            "lungs": config.lungs,
            "torso_scale": torso.scale.tolist(),
            "torso_warp_mm": torso.warp_mm,
            "cut_above": torso.above,
            "cut_below": torso.below,
            "whole_torso_ml": enclosed_volume(whole.points, whole.faces) / 1000,
            "whole_torso_mm": torso_measures(whole),
        }

"""Random changes of a patient beyond coefficients and pose (config.augmentation).

A torso of a shape model is scaled and warped, and truncated above and below the heart.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from einthoven.base.config import models
from einthoven.base.config.augmentation import AugmentationSettings
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.boundary_loops import boundary_loops
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.remeshing import remesh_closed
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import unique_edges
from einthoven.body.anatomy.population.girths import torso_measures
from einthoven.body.anatomy.shape.deformed_heart import BaseCurve, HeartDeformation, SmoothField
from einthoven.body.anatomy.shape.torso import TorsoSurface
from einthoven.data.patient.parameters import PatientParameters

WARP_WIDTH_MM = 120.0
VOLUME_RANGE_ML = (7_000.0, 100_000.0)
ORGAN_MARGIN_MM = 25.0
"""Minimum distance of a cut from heart and lungs."""
END_MARGIN_MM = 10.0
"""Minimum length that a cut removes."""
SITE_MARGIN_MM = 15.0
"""Minimum distance of electrodes from a cut, approximately."""
CAP_MM = 1.0
"""Minimum distance from a cut of all corners of triangles with electrodes."""
DRAWN_BACK = 0.8
"""Factor on all coefficients for every attempt that gave no valid body."""


@dataclass(frozen=True, eq=False)
class TorsoDeformation:
    """Differences of a torso from that of its shape model."""

    scale: np.ndarray
    """[3] factors on breadth, depth and height."""
    warp_mm: float
    """Root mean square of the random displacement."""
    above: float | None
    below: float | None
    """Position of the cut: 0 at the organs, 1 at the neck or the hips; None: no cut."""

    def apply(self, torso: TorsoSurface, rng: np.random.Generator) -> TorsoSurface:
        """The whole deformed torso with its landmarks.

        Raises:
            StepFailed: it intersects itself.
        """
        scaled = torso.points * self.scale
        warp = SmoothField.draw(scaled, self.warp_mm, WARP_WIDTH_MM, rng)
        marks = {name: place * self.scale for name, place in torso.landmarks.items()}
        marks = {name: place + warp(place[None])[0] for name, place in marks.items()}
        deformed = replace(torso, points=scaled + warp(scaled), landmarks=marks)
        check_torso(deformed)
        return deformed

    def ends(self, torso: Surfaces, organs: np.ndarray) -> tuple[float, float]:
        """Heights in mm of the cuts below and above organs [point, 3] mm; infinite: none."""
        z, inside = torso.points[:, 2], organs[:, 2]
        low, high = -np.inf, np.inf
        if self.below is not None:
            nearest, farthest = inside.min() - ORGAN_MARGIN_MM, z.min() + END_MARGIN_MM
            low = nearest + self.below * (farthest - nearest)
        if self.above is not None:
            nearest, farthest = inside.max() + ORGAN_MARGIN_MM, z.max() - END_MARGIN_MM
            high = nearest + self.above * (farthest - nearest)
        return low, high


def check_torso(torso: Surfaces) -> None:
    """Refuse anything but a closed simple surface of a torso's size.

    Raises:
        StepFailed: it is open, disconnected or not a topological sphere, it intersects itself, or
            its volume is not that of a torso.
    """
    edges, count = unique_edges(torso.faces)
    if (count != 2).any() or len(torso.points) - len(edges) + len(torso.faces) != 2:
        raise StepFailed("torso: not one closed surface")
    if n := len(intersecting_pairs(torso.points, torso.faces)):
        raise StepFailed(f"torso: {n} pairs of its triangles intersect")
    volume, (low, high) = enclosed_volume(torso.points, torso.faces) / 1000, VOLUME_RANGE_ML
    if not low <= volume <= high:
        raise StepFailed(f"torso: {volume:.0f} ml, outside {low:.0f} to {high:.0f} ml")


def cut_torso(torso: Surfaces, low: float, high: float) -> Surfaces:
    """The part between two heights in mm, closed and remeshed with the same edge length.

    Raises:
        StepFailed: it is no longer a valid torso (`check_torso`).
    """
    import pyvista as pv

    skin = pv.PolyData.from_regular_faces(torso.points, torso.faces)
    for height, normal in ((high, (0, 0, -1)), (low, (0, 0, 1))):
        if np.isfinite(height):
            skin = skin.clip_closed_surface(normal=normal, origin=(0, 0, height))
    skin = skin.clean(tolerance=1e-6).triangulate().extract_largest()
    skin = skin.extract_surface(algorithm=None).clean(tolerance=0.0)
    points, faces = np.asarray(skin.points, float), np.asarray(skin.regular_faces)
    if boundary_loops(faces):
        raise StepFailed(f"torso: a cut between {low:.0f} and {high:.0f} mm could not be closed")
    points, faces = remesh_closed(points, faces, torso.edge_mm)
    cut = Surfaces(points, faces.astype(np.int32), np.full(len(faces), Surface.SKIN, np.int8))
    check_torso(cut)
    return cut


def moved_sites(
    sites: np.ndarray, anchors: tuple[float, float], ends: tuple[float, float], cut: Surfaces
) -> np.ndarray:
    """Electrode sites [site, 3] mm of the whole torso, moved to the skin of the cut one.

    Heights beyond the anchors (those of the precordial electrodes) are compressed linearly into the
    remaining part, as limb electrodes of a short scan lie at its ends.
    """
    z = sites[:, 2].copy()
    for anchor, end, sign in zip(anchors, ends, (-1.0, 1.0)):
        beyond = sign * (z - anchor)
        room = sign * (end - anchor) - SITE_MARGIN_MM
        factor = max(0.0, min(1.0, room / beyond.max())) if beyond.max() > 0 else 1.0
        z = np.where(beyond > 0, anchor + sign * factor * beyond, z)
    targets = np.column_stack([sites[:, :2], z])
    corners = cut.points[cut.faces][:, :, 2]
    ends_off = (corners.min(axis=1) > ends[0] + CAP_MM) & (corners.max(axis=1) < ends[1] - CAP_MM)
    return attach(cut.points, cut.faces[ends_off], targets).on(cut.points)


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
        """Summary of what was built in this attempt, for an attribute of anatomy.npz.

        `whole` is the torso before it was cut.
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

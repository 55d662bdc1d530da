"""One patient of the user: files -> the arrays of anatomy.npz, with every repair told."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from einthoven.anatomy.shape.heart import HeartSurfaces
from einthoven.anatomy.shape.heart_check import MIN_CLEARANCE_MM
from einthoven.anatomy.shape.tagged_heart import placed_heart
from einthoven.config import models
from einthoven.core.errors import BadInput, EinthovenError, StepFailed
from einthoven.core.tags import Surface
from einthoven.geometry.remeshing import remesh_closed
from einthoven.geometry.signed_distance import surface_distance
from einthoven.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.geometry.surfaces import Surfaces
from einthoven.imported.defect import Defect, draw, near
from einthoven.imported.read import read_heart, read_points, read_surface
from einthoven.imported.repair import mend
from einthoven.imported.sheet import Row
from einthoven.imported.sites import imported_sites
from einthoven.imported.units import MM, to_patient_frame, unit_of
from einthoven.imported.wall_tags import tag_wall
from einthoven.patient.anatomy import Anatomy
from einthoven.patient.parameters import PatientParameters

TORSO_EDGE_MM = {"coarse": 22.0, "fine": 12.0}
TOO_FINE = 0.7
"""A torso with edges below this share of `TORSO_EDGE_MM` is remeshed; volume may change by:"""
MAX_VOLUME_CHANGE = 0.01
N_PCA = 23
N_COEFFS = {"heart_coeffs": 10, "torso_coeffs": 10, "pose_coeffs": 6}
SPLIT = "imported"


class ReadBody(NamedTuple):
    """Heart, torso and named places in the patient frame, mm, and what was done to them."""

    heart: Surfaces
    torso: Surfaces
    places: dict[str, np.ndarray]
    origin: np.ndarray
    """[3] mm: the patient frame's origin in the files, along the patient's axes."""
    notes: list[str]


def import_patient(row: Row, picture: Path, config: models.Anatomy) -> Anatomy:
    """Read, check, mend and triangulate one patient.

    Args:
        row: of the sheet.
        picture: where the picture of a defect goes (PNG).
        config: the section `anatomy`; atlases and lungs have no meaning here. A torso finer than
            `torso_resolution` is remeshed to the edges of that one of the atlas.

    Returns:
        The anatomy; `repairs` tells what was done to it, `frame` how to come back to the files.

    Raises:
        BadInput: a file or field is wrong; the message names it, the cause and the remedy, and
            the picture if there is a place to see.
    """
    try:
        return _build(row, config)
    except Defect as defect:
        drawn = draw(defect, picture)
        raise BadInput(f"{row.patient}: {defect}{f'; see {picture}' if drawn else ''}") from defect
    except EinthovenError as error:
        raise BadInput(f"{row.patient}: {error}") from error


def _build(row: Row, config: models.Anatomy) -> Anatomy:
    body = _read(row)
    heart, heart_notes = mend("heart", body.heart)
    torso, torso_notes = mend("torso", body.torso)
    notes = [*body.notes, *heart_notes, *torso_notes]
    _check_inside(heart, torso)
    if not (heart.face_tags > 0).all():
        heart = replace(heart, face_tags=tag_wall(heart.points, heart.faces))
        notes.append("heart: base, epicardium and ventricles found by shape")
    placed, rotation, origin = _heart(heart, config.heart_edge_mm)
    torso, note = _coarsen(torso, TORSO_EDGE_MM[config.torso_resolution])
    notes += [note] if note else []
    sites, site_notes = imported_sites(torso.points, torso.faces, body.places, config.sites)
    notes += [*site_notes, *_oddities(rotation)]
    surfaces = Surfaces.joined(
        [
            Surfaces(placed.points @ rotation.T + origin, placed.faces, placed.face_tags),
            replace(torso, face_tags=np.full(len(torso.faces), Surface.SKIN, np.int8)),
        ]
    )
    landmarks = np.array(list(placed.landmarks.values()))
    return Anatomy(
        patient=row.patient,
        split=SPLIT,
        points=surfaces.points,
        faces=surfaces.faces,
        face_tags=surfaces.face_tags,
        site_names=np.array(sites.names),
        site_points=sites.points,
        ground_point=sites.ground,
        heart_rotation=rotation,
        heart_origin=origin,
        latent_pca=np.full(N_PCA, np.nan),
        torso_box=np.stack([torso.points.min(axis=0), torso.points.max(axis=0)]),
        landmark_names=np.array(list(placed.landmarks)),
        landmark_points=landmarks @ rotation.T + origin,
        volumes_ml=placed.volumes_ml,
        repairs=notes,
        frame={"axes": row.axes, "unit": row.unit, "origin_mm": body.origin.tolist()},
    )


def cohort_entry(patient: str) -> PatientParameters:
    """The patient's cohort file: no atlas, so no coefficients."""
    unknown: dict[str, Any] = {key: [None] * n for key, n in N_COEFFS.items()}
    return PatientParameters(patient, SPLIT, **unknown)


def _read(row: Row) -> ReadBody:
    """Files to mm and the patient's axes, the origin at the centroid of the skin."""
    folder = Path(row.folder)
    heart = read_heart(row.heart, folder, row.tags)
    torso = read_surface(folder / row.torso)
    places = read_points(folder / row.electrodes) if row.electrodes else {}
    unit, notes = unit_of(row.unit, {"heart": heart.extent_mm, "torso": torso.extent_mm})
    to_patient = MM[unit] * to_patient_frame(row.axes)
    skin = torso.points @ to_patient
    area = np.linalg.norm(triangle_area_vectors(skin, torso.faces), axis=1)
    origin = np.average(skin[torso.faces].mean(axis=1), axis=0, weights=area)
    return ReadBody(
        replace(heart, points=heart.points @ to_patient - origin),
        replace(torso, points=skin - origin),
        {name: place @ to_patient - origin for name, place in places.items()},
        origin,
        notes,
    )


def _check_inside(heart: Surfaces, torso: Surfaces) -> None:
    """The heart in the torso, with a distance to the skin."""
    depth = -surface_distance(torso.points, torso.faces, heart.points)
    if depth.min() < MIN_CLEARANCE_MM:
        places = heart.points[depth < MIN_CLEARANCE_MM]
        outside = int((depth < 0).sum())
        raise Defect(
            f"heart: {outside} of {len(depth)} vertices are outside the torso, the nearest "
            f"{depth.min():.1f} mm from the skin ({MIN_CLEARANCE_MM:g} wanted), {near(places)}; "
            "are both files in one frame and unit?",
            [(torso.points, torso.faces), (heart.points, heart.faces)], places,
        )  # fmt: skip


def _heart(heart: Surfaces, edge_mm: float) -> tuple[HeartSurfaces, np.ndarray, np.ndarray]:
    try:
        return placed_heart(heart, edge_mm)
    except StepFailed as error:
        raise BadInput(f"heart: {error}; smoother surfaces, or another heart_edge_mm?") from error


def _coarsen(torso: Surfaces, edge_mm: float) -> tuple[Surfaces, str]:
    """A torso much finer than needed gets the edges of the atlas."""
    had = torso.edge_mm
    if had >= TOO_FINE * edge_mm:
        return torso, ""
    points, faces = remesh_closed(torso.points, torso.faces, edge_mm)
    change = enclosed_volume(points, faces) / enclosed_volume(torso.points, torso.faces) - 1
    if abs(change) > MAX_VOLUME_CHANGE:
        raise BadInput(
            f"torso: remeshed from {had:.1f} to {edge_mm:g} mm its volume changes by {change:.1%}; "
            "anatomy.torso_resolution: fine, or give it coarser"
        )
    note = f"torso: remeshed from {had:.1f} to {edge_mm:g} mm edges, volume {change:+.2%}"
    return Surfaces(points, faces, np.zeros(len(faces), int)), note


def _oddities(rotation: np.ndarray) -> list[str]:
    """What is anatomically unusual about the pose: most often the axes are stated wrongly."""
    to_apex = -rotation[:, 2]
    wrong = [
        f"to the {way}"
        for way, value in (("right", -to_apex[0]), ("back", to_apex[1]), ("head", to_apex[2]))
        if value > 0.2
    ]
    if not wrong:
        return []
    return [f"check the axes: the heart's apex points {' and '.join(wrong)}"]

"""One patient of the user: files -> the arrays of anatomy.npz, with every repair told."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from einthoven.anatomy.shape.heart import HeartSurfaces
from einthoven.anatomy.shape.tagged_heart import placed_heart
from einthoven.anatomy.shape.torso_cut import remesh_closed
from einthoven.core.errors import BadInput, EinthovenError, StepFailed
from einthoven.core.tags import Surface
from einthoven.geometry.signed_distance import surface_distance
from einthoven.geometry.simplex import enclosed_volume, triangle_area_vectors
from einthoven.imported.defect import Defect, draw, near
from einthoven.imported.read import read_heart, read_points, read_surface
from einthoven.imported.repair import Surface3, mend
from einthoven.imported.sheet import Row
from einthoven.imported.sites import imported_sites
from einthoven.imported.units import MM, to_patient_frame, unit_of
from einthoven.imported.wall_tags import tag_wall

MIN_CLEARANCE_MM = 2.0
"""As in mesh.surfaces (a test compares them)."""
TORSO_EDGE_MM = {"coarse": 22.0, "fine": 12.0}
TOO_FINE = 0.7
"""A torso with edges below this share of `TORSO_EDGE_MM` is remeshed; volume may change by:"""
MAX_VOLUME_CHANGE = 0.01
N_PCA = 23
N_COEFFS = {"heart_coeffs": 10, "torso_coeffs": 10, "pose_coeffs": 6}
SPLIT = "imported"


class Body(NamedTuple):
    """Heart, torso and named places in the patient frame, mm, and what was done to them."""

    heart: Surface3
    torso: Surface3
    places: dict[str, np.ndarray]
    origin: np.ndarray
    """[3] mm: the patient frame's origin in the files, along the patient's axes."""
    notes: list[str]


def import_patient(
    row: Row, picture: Path, heart_edge_mm: float, torso_resolution: str, sites: str = "front"
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read, check, mend and triangulate one patient.

    Args:
        row: of the sheet.
        picture: where the picture of a defect goes (PNG).
        heart_edge_mm: mean edge of the heart's triangles.
        torso_resolution: a finer torso is remeshed to the edges of this one of the atlas.
        sites: where the grid electrodes are, "front" or "around".

    Returns:
        arrays and attributes of anatomy.npz (docs/contracts.md); in the attributes `repairs` are
        the repairs, and `frame` tells how to come back to the files.

    Raises:
        BadInput: a file or field is wrong; the message names it, the cause and the remedy, and
            the picture if there is a place to see.
    """
    try:
        return _build(row, heart_edge_mm, torso_resolution, sites)
    except Defect as defect:
        drawn = draw(defect, picture)
        raise BadInput(f"{row.patient}: {defect}{f'; see {picture}' if drawn else ''}") from defect
    except EinthovenError as error:
        raise BadInput(f"{row.patient}: {error}") from error


def _build(
    row: Row, heart_edge_mm: float, torso_resolution: str, where: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    body = _read(row)
    heart, heart_notes = mend("heart", body.heart)
    torso, torso_notes = mend("torso", body.torso)
    notes = [*body.notes, *heart_notes, *torso_notes]
    _check_inside(heart, torso)
    if not (heart.tags > 0).all():
        heart = heart._replace(tags=tag_wall(heart.points, heart.faces))
        notes.append("heart: base, epicardium and ventricles found by shape")
    placed, rotation, origin = _heart(heart, heart_edge_mm)
    torso, note = _coarsen(torso, TORSO_EDGE_MM[torso_resolution])
    notes += [note] if note else []
    sites, site_notes = imported_sites(torso.points, torso.faces, body.places, where)
    notes += [*site_notes, *_oddities(rotation)]
    n_heart = len(placed.points)
    marks = np.array(list(placed.landmarks.values()))
    arrays = {
        "points": np.concatenate([placed.points @ rotation.T + origin, torso.points]),
        "faces": np.concatenate([placed.faces, torso.faces + n_heart]).astype(np.int32),
        "face_tags": np.concatenate(
            [placed.face_tags, np.full(len(torso.faces), Surface.SKIN, np.int8)]
        ),
        "site_names": np.array(sites.names),
        "site_points": sites.points,
        "ground_point": sites.ground,
        "heart_rotation": rotation,
        "heart_origin": origin,
        "latent_pca": np.full(N_PCA, np.nan),
        "torso_box": np.stack([torso.points.min(axis=0), torso.points.max(axis=0)]),
        "landmark_names": np.array(list(placed.landmarks)),
        "landmark_points": marks @ rotation.T + origin,
    }
    attrs = {
        "volumes_ml": placed.volumes_ml,
        "patient": row.patient,
        "split": SPLIT,
        "repairs": notes,
        "frame": {"axes": row.axes, "unit": row.unit, "origin_mm": body.origin.tolist()},
    }
    return arrays, attrs


def cohort_entry(patient: str) -> dict[str, Any]:
    """The patient's cohort file: no atlas, so no coefficients."""
    unknown = {key: [None] * n for key, n in N_COEFFS.items()}
    body = dict.fromkeys(("index", "sex", "height_cm", "bmi"))
    return {"patient": patient, "split": SPLIT, **body, **unknown}


def _read(row: Row) -> Body:
    """Files to mm and the patient's axes, the origin at the centroid of the skin."""
    folder = Path(row.folder)
    heart = read_heart(row.heart, folder, row.tags)
    torso = read_surface(folder / row.torso)
    places = read_points(folder / row.electrodes) if row.electrodes else {}
    unit, notes = unit_of(row.unit, {"heart": heart.extent, "torso": torso.extent})
    turn = MM[unit] * to_patient_frame(row.axes)
    skin = torso.points @ turn
    area = np.linalg.norm(triangle_area_vectors(skin, torso.faces), axis=1)
    origin = np.average(skin[torso.faces].mean(axis=1), axis=0, weights=area)
    return Body(
        heart._replace(points=heart.points @ turn - origin),
        torso._replace(points=skin - origin),
        {name: place @ turn - origin for name, place in places.items()},
        origin,
        notes,
    )


def _check_inside(heart: Surface3, torso: Surface3) -> None:
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


def _heart(heart: Surface3, edge_mm: float) -> tuple[HeartSurfaces, np.ndarray, np.ndarray]:
    try:
        return placed_heart(*heart, edge_mm)
    except StepFailed as error:
        raise BadInput(f"heart: {error}; smoother surfaces, or another heart_edge_mm?") from error


def _coarsen(torso: Surface3, edge_mm: float) -> tuple[Surface3, str]:
    """A torso much finer than needed gets the edges of the atlas."""
    had = torso.edge
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
    return Surface3(points, faces, np.zeros(len(faces), int)), note


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

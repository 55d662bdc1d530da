"""One patient of the user: from files to the arrays of anatomy.npz, with a list of repairs."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from einthoven.base.config import models
from einthoven.base.core.errors import BadInput, MissingExtra
from einthoven.base.core.log import step
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.intersections import intersecting_pairs
from einthoven.base.geometry.remeshing import remesh_closed, remesh_to
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.base.geometry.triangles import triangle_quality
from einthoven.body.anatomy.body import PlacedBody
from einthoven.body.anatomy.electrodes import Sites
from einthoven.body.anatomy.shape.heart_check import MIN_CLEARANCE_MM
from einthoven.body.anatomy.shape.pieces import area_centroid
from einthoven.body.anatomy.shape.tagged_heart import VALVE_CAPS
from einthoven.body.anatomy.shape.torso import TorsoSurface
from einthoven.body.imported.defect import Defect, Rough, near
from einthoven.body.imported.frame import body_origin, to_patient_frame, unit_of
from einthoven.body.imported.inferred import inferred_torso, moved, typical_pose
from einthoven.body.imported.measured import check_holes, read_measured
from einthoven.body.imported.read import read_cloud, read_heart, read_points, read_surface
from einthoven.body.imported.refusal_pictures import refusals_drawn
from einthoven.body.imported.repair import repair_closed
from einthoven.body.imported.rework import Placed, hearts_of
from einthoven.body.imported.sheet import UNKNOWN_AXES, Row
from einthoven.body.imported.shells import closed_wall
from einthoven.body.imported.sites import imported_sites
from einthoven.body.segmentation.reading import MM
from einthoven.body.segmentation.segmented_heart import (
    is_label_image,
    is_segmentation,
    segmented_heart,
    segmented_torso,
)
from einthoven.data.patient.anatomy import HEART, Anatomy
from einthoven.data.patient.measured import MeasuredTissue
from einthoven.data.patient.parameters import PatientParameters

TORSO_EDGE_MM = {"coarse": 22.0, "fine": 12.0}
TOO_FINE = 0.7
"""A torso with edges below this share of `TORSO_EDGE_MM` is remeshed; then its volume may change
by:"""
MAX_VOLUME_CHANGE = 0.01
LEAST_QUALITY = 0.1
"""A torso with a triangle below this quality (1: equilateral) is also remeshed, because no
tetrahedron on such a triangle is good enough."""
USUAL_ML = {"lv": 240.0, "rv": 280.0, "myocardium": 210.0}
"""Upper limits of healthy men at the end of diastole, rounded upwards (Petersen 2017,
10.1186/s12968-017-0327-9); muscle: LV 141 and RV 65 g of 1.05 g/ml."""
N_PCA = 23
N_COEFFS = {"heart_coeffs": 10, "torso_coeffs": 10, "pose_coeffs": 6}
SPLIT = "imported"


def import_patient(row: Row, picture: Path, config: models.AnatomySettings) -> Anatomy:
    """Anatomy of a patient from its files: read, checked, repaired and triangulated.

    Args:
        row: of the sheet.
        picture: path of a picture of the fault, if the patient is refused (PNG).
        config: the section `anatomy`; its atlases and lungs are not used. A torso finer than
            `torso_resolution` is remeshed to the edge length of that resolution.

    Returns:
        The anatomy; `repairs` lists what was changed, `frame` the transform to the files' frame.

    Raises:
        BadInput: a file or field is wrong; the message names it, the cause, the remedy and the
            picture: of the defect, or of the files if the fault has no place.
    """
    with refusals_drawn(row, picture):
        return _build(row, config)


def _build(row: Row, config: models.AnatomySettings) -> Anatomy:
    step(f"{row.patient}: reading")
    heart, files = _read(row, config.torso_resolution)
    step(f"{row.patient}: checking and repairing the surfaces")
    heart, heart_notes, fault = _repaired(heart)
    torso, torso_notes = repair_closed("torso", files.torso)
    if row.pose == "given":
        _check_inside(heart, torso)
    step(f"{row.patient}: remeshing the heart's wall")
    for found in hearts_of(heart, config.heart_edge_mm, fault):
        notes = [*files.notes, *heart_notes, *found.tag_notes, *torso_notes, *found.notes]
        anatomy = _assembled(row, config, files, torso, found._replace(notes=notes))
        surfaces = anatomy.surfaces
        wall = surfaces.faces[surfaces.face_tags != Surface.SKIN]
        if not len(intersecting_pairs(surfaces.points, wall)):
            break
    return anatomy


def _assembled(
    row: Row,
    config: models.AnatomySettings,
    files: "_Files",
    torso: Surfaces,
    found: Placed,
) -> Anatomy:
    """The anatomy with a triangulated heart and all notes so far."""
    placed, rotation, lies = found.heart, found.rotation, found.origin
    notes = [*found.notes, *_unusual_volumes(placed.volumes_ml)]
    if files.measured:
        muscle = placed.only(np.isin(placed.face_tags, HEART))
        lying = Surfaces(placed.points @ rotation.T + lies, muscle.faces, muscle.face_tags)
        notes += check_holes(files.measured, lying)
    measured = files.measured and files.measured.moved(rotation, -lies @ rotation)
    covariance = files.covariance_mm2
    if files.inferred and row.pose == "typical":
        lay = rotation
        rotation, lies = typical_pose(row, placed, files.inferred, config.pose)
        lies = lies + area_centroid(files.torso.points, files.torso.faces)
        if covariance is not None:
            covariance = rotation @ lay.T @ covariance @ lay @ rotation.T
        notes.append("heart: its place and turn are those of virtual patients, not this patient's")
    step(f"{row.patient}: remeshing the torso")
    torso, coarsening_notes = _coarsen(torso, TORSO_EDGE_MM[config.torso_resolution])
    sites, site_notes = imported_sites(torso.points, torso.faces, files.places, config.sites)
    notes += [*coarsening_notes, *site_notes, *_oddities(rotation)]
    centre = rotation @ placed.centre + lies
    origin = body_origin(torso.points, torso.faces, centre, config.pose)
    tags = np.full(len(torso.faces), Surface.SKIN, np.int8)
    skin = Surfaces(torso.points - origin, torso.faces, tags)
    return PlacedBody(skin, placed, rotation, lies - origin).anatomy(
        Sites(sites.names, sites.points - origin, sites.ground - origin),
        patient=row.patient,
        split=SPLIT,
        latent_pca=np.full(N_PCA, np.nan),
        repairs=notes,
        frame={"axes": row.axes, "unit": row.unit, "origin_mm": origin.tolist()}
        | ({"turn": files.turn.tolist()} if row.axes == UNKNOWN_AXES else {}),
        surface_covariance_mm2=None if covariance is None else covariance.tolist(),
        **(measured.moved(rotation.T, lies - origin).to_anatomy() if measured else {}),
    )


def _repaired(heart: Surfaces) -> tuple[Surfaces, list[str], Rough | None]:
    """A closed wall from what was read, tagged or not; and why it is not simple, if it is not."""
    heart = heart.only(~np.isin(heart.face_tags, list(VALVE_CAPS.values())))
    heart, notes = closed_wall(heart)
    try:
        heart, more = repair_closed("heart", heart)
    except Rough as error:
        return error.surfaces[0], notes, error
    return heart, [*notes, *more], None


def cohort_entry(patient: str) -> PatientParameters:
    """The patient's cohort file, without coefficients, as there is no atlas."""
    unknown: dict[str, Any] = {key: [None] * n for key, n in N_COEFFS.items()}
    return PatientParameters(patient, SPLIT, **unknown)


class _Files(NamedTuple):
    """A patient's files except the heart's: mm, along the patient's axes, origin of the files."""

    torso: Surfaces
    places: dict[str, np.ndarray]
    """Name -> [3]; on an inferred torso also the electrodes that were not given."""
    notes: list[str]
    """Notes on unit and torso."""
    inferred: TorsoSurface | None
    """The torso with landmarks about its own centroid, if it was inferred."""
    turn: np.ndarray
    """[3, 3]: patient = file @ turn, up to unit and origin."""
    covariance_mm2: np.ndarray | None
    """[3, 3] for the heart's surfaces, if they come from images."""
    measured: MeasuredTissue | None
    """The heart's own fibres and activation, if the row names any."""


def _read(row: Row, resolution: str) -> tuple[Surfaces, _Files]:
    """The heart's surface and all other files, in mm, along the patient's axes."""
    folder = Path(row.folder)
    turns = row.pose == "typical"
    is_scan = is_segmentation(row.heart)
    scan = segmented_heart(folder / row.heart, row.tags, any_pose=turns) if is_scan else None
    heart = scan.wall if scan else read_heart(row.heart, folder, row.surface_tags)
    measured = None if scan else read_measured(row.heart, folder, row.measured)
    in_image = is_label_image(row.torso)
    read_skin = partial(segmented_torso, labels=row.tags) if in_image else read_surface
    torso = read_skin(folder / row.torso) if row.torso else None
    places = read_points(folder / row.electrodes) if row.electrodes else {}
    cloud = read_cloud(folder / row.skin) if row.skin else np.empty((0, 3))
    # data from images are already in mm and the patient's axes
    extents = {} if scan else {"heart": heart.extent_mm}
    extents |= {"torso": torso.extent_mm} if torso and not in_image else {}
    unit, notes = unit_of(row.unit, extents)
    turn = np.eye(3) if row.axes == UNKNOWN_AXES else to_patient_frame(row.axes)
    to_patient = MM[unit] * turn
    if not scan:
        heart = replace(heart, points=heart.points @ to_patient)
    places = {name: place @ to_patient for name, place in places.items()}
    inferred = None
    if torso:
        skin = torso if in_image else replace(torso, points=torso.points @ to_patient)
    else:
        lies = heart.points if row.pose == "given" else np.empty((0, 3))
        found = inferred_torso(row, places, cloud @ to_patient, lies, resolution)
        places = found.electrodes() | {name: place @ found.turn for name, place in places.items()}
        skin, notes = found.torso, [*notes, found.note]
        turn = turn @ found.turn
        inferred = moved(found.torso, np.eye(3), -area_centroid(skin.points, skin.faces))
    skin = Surfaces(skin.points, skin.faces, skin.face_tags)
    notes = [*notes, *(scan.notes if scan else [])]
    covariance = scan.covariance_mm2 if scan else None
    measured = measured and measured.moved(to_patient, np.zeros(3))
    return heart, _Files(skin, places, notes, inferred, turn, covariance, measured)


def _check_inside(heart: Surfaces, torso: Surfaces) -> None:
    """Check that the heart is inside the torso with a distance to the skin."""
    depth = -surface_distance(torso.points, torso.faces, heart.points)
    if depth.min() < MIN_CLEARANCE_MM:
        places = heart.points[depth < MIN_CLEARANCE_MM]
        outside = int((depth < 0).sum())
        raise Defect(
            f"heart: {outside} of {len(depth)} vertices are outside the torso, the nearest "
            f"{depth.min():.1f} mm from the skin ({MIN_CLEARANCE_MM:g} wanted), {near(places)}; "
            "are both files in one frame and unit?",
            places,
            torso,
            heart,
        )


def _coarsen(torso: Surfaces, edge_mm: float) -> tuple[Surfaces, list[str]]:
    """Remesh a torso much finer than needed to the atlas' edges, or evenly if it has slivers."""
    had, worst = torso.edge_mm, triangle_quality(torso.points, torso.faces).min()
    if had < TOO_FINE * edge_mm:
        points, faces, how = _remeshed(torso, edge_mm)
        note = f"torso: remeshed from {had:.1f} to {edge_mm:g} mm edges{how}"
    elif worst < LEAST_QUALITY:
        points, faces = remesh_to(torso.points, torso.faces, len(torso.points))
        note = f"torso: remeshed for triangles of a quality down to {worst:.2g}, as cuts leave them"
    else:
        return torso, []
    change = enclosed_volume(points, faces) / enclosed_volume(torso.points, torso.faces) - 1
    if abs(change) > MAX_VOLUME_CHANGE:
        raise BadInput(
            f"{note}: its volume changes by {change:.1%}; set anatomy.torso_resolution: fine, "
            "or supply it coarser and with even triangles"
        )
    return Surfaces(points, faces, np.zeros(len(faces), int)), [f"{note}, volume {change:+.2%}"]


def _remeshed(torso: Surfaces, edge_mm: float) -> tuple[np.ndarray, np.ndarray, str]:
    """Points [vertex, 3] mm and faces [face, 3] of a coarser torso; by clusters without MeshLab."""
    try:
        return *remesh_closed(torso.points, torso.faces, edge_mm), ""
    except MissingExtra:
        n_vertices = round(len(torso.points) * (torso.edge_mm / edge_mm) ** 2)
        return *remesh_to(torso.points, torso.faces, n_vertices), " by clusters"


def _unusual_volumes(volumes_ml: dict[str, float]) -> list[str]:
    """Volumes that few adults have: most often papillary muscle, fat or another unit is in them."""
    found = {name: (volumes_ml[name], high) for name, high in USUAL_ML.items()}
    return [
        f"heart: check the {name}: {volume:.0f} ml; healthy adults have at most {high:.0f} ml"
        for name, (volume, high) in found.items()
        if volume > high
    ]


def _oddities(rotation: np.ndarray) -> list[str]:
    """Unusual properties of the pose, which most often mean wrongly stated axes."""
    to_apex = -rotation[:, 2]
    ways = (("right", -to_apex[0]), ("back", to_apex[1]), ("head", to_apex[2]))
    wrong = " and ".join(f"to the {way}" for way, value in ways if value > 0.2)
    return [f"check the axes: the heart's apex points {wrong}"] if wrong else []

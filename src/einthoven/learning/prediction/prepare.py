"""Preparation of a patient for a prediction: read its folder, and make missing stages."""

import math
import shutil
import time as clock
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np

from einthoven.base.config.models import Config
from einthoven.base.config.physiology import Physiology
from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, MissingExtra
from einthoven.base.core.files import atomic
from einthoven.base.core.log import logger, step
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.body.anatomy.electrodes import posterior_electrodes
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import assign_fibers, solve_wall_fields
from einthoven.body.imported.anatomy import import_patient
from einthoven.body.imported.read import read_points
from einthoven.body.imported.sheet import ImportSheet, Row
from einthoven.body.imported.sites import on_skin
from einthoven.body.mesh.lattice import lattice_mesh
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.body.mesh.thin_walls import with_inner_nodes, with_short_edges
from einthoven.data.patient.anatomy import Anatomy, Electrodes
from einthoven.data.patient.patient import Patient
from einthoven.learning.samples.sdf import sdf_samples
from einthoven.physics.electrophysiology.purkinje.tree import attached, grow_tree
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.scenarios.kinds import scenario_of

LATTICE_EDGE_MM = 2.6
"""Coarser lattices disconnect right ventricles of 3 mm (docs/explanation/without-a-mesher.md)."""
FINE_MM = 3.0
"""Longer edges of the muscle are halved where a fine mesh is wanted."""
TAKEN_ALONG = ("anatomy.npz", "mesh.npz", "fibers.npz", "sdf.npz", "purkinje.npz", "beat.npz",
               "activation_*.npz")  # fmt: skip
"""Stage files that a prediction needs, or leaves beside its own."""


@dataclass(frozen=True)
class Prepared:
    """A patient with everything that a model needs."""

    patient: Patient
    """Patient with its stages."""
    config: Config
    """Config with the patient's speeds and durations from the sheet."""
    bodies: tuple[Anatomy, ...]
    """Further bodies with the same heart, requested by the sheet."""
    seconds: dict[str, float]
    """`seconds_import` and `seconds_{stage}` of what was made."""
    sex: str | None = None
    """Female or male; None: the sheet does not say it."""


def prepared(
    source: Path,
    to: Path,
    config: Config,
    stages: Collection[str],
    name: str | None = None,
    fine: bool = False,
) -> Prepared:
    """Read a stage folder, or import a patient of a sheet; make missing stages.

    Missing mesh, fibres and activation are made as for a virtual patient: activation in the
    scenarios of section `ecg`, with the speeds of the config or those in the sheet. No activation
    is made without ventricular coordinates. A new mesh has a node inside every wall; a Purkinje
    tree that is there without a mesh is attached to it.

    Args:
        source: results/patients/{patient}, a folder written by `einthoven import`, or a sheet.
        to: folder for new stage files, and for copies of those that the source has.
        config: settings for new stages.
        stages: stages to make beside the activation (`Pretrained.stages`).
        name: patient of the sheet.
        fine: whether edges of a new mesh that are longer than `FINE_MM` are halved.

    Raises:
        BadInput: a file is missing or wrong, fibres are missing and cannot be made here, `to` has
            files of another patient, or a fine mesh is wanted where there is a mesh.
    """
    bodies, sex, start = list[Anatomy](), None, clock.perf_counter()
    seconds = dict[str, float]()
    if not source.is_dir():
        row, *drawn = _chosen_rows(source, name)
        import_patient(row, to / f"{row.patient}.png", config.anatomy).save(to / "anatomy.npz")
        seconds["seconds_import"] = clock.perf_counter() - start
        bodies = [import_patient(r, to / f"{r.patient}.png", config.anatomy) for r in drawn]
        source, config, sex = to, _as_measured(config, row), row.sex or None
    elif to.is_dir() and (other := _other_patient(source, to)):
        raise BadInput(f"{to}: has files of {other}; give another folder with --to")
    found = Patient.open(source)
    if fine and _known(found, "mesh"):
        raise BadInput(f"{source}: has a mesh.npz, which is used as it is; --fine needs a folder "
                       "without one (anatomy.npz alone)")  # fmt: skip
    _take_along(source, to)
    makers = MAKERS | {"mesh": partial(_mesh, longest_mm=FINE_MM)} if fine else MAKERS
    for stage, make in makers.items():
        if stage in (*stages, *FOR_THE_ECG) and not _known(found, stage):
            start = clock.perf_counter()
            step(f"{found.name}: {stage}")
            found = make(found, config, to)
            seconds[f"seconds_{stage}"] = clock.perf_counter() - start
    for activation in (found.activations if found.has("activations") else {}).values():
        if len(activation.activation_time) != len(found.heart.points):
            raise BadInput(
                f"{source}: activation_{activation.scenario}.npz has "
                f"{len(activation.activation_time)} nodes, the heart {len(found.heart.points)}"
            )
    return Prepared(found, config, tuple(bodies), seconds, sex)


def _take_along(source: Path, to: Path) -> None:
    """Copy the stage files of a folder into another one, so that it has the whole patient."""
    if source.resolve() == to.resolve():
        return
    for pattern in TAKEN_ALONG:
        for file in source.glob(pattern):
            with atomic(to / file.name) as temporary:
                shutil.copyfile(file, temporary)


def _other_patient(source: Path, to: Path) -> str:
    """Name of another patient whose anatomy is in a folder, or an empty text."""
    if source.resolve() == to.resolve() or not (to / "anatomy.npz").exists():
        return ""
    own, there = Patient.open(source).name, Patient.open(to).name
    return "" if own == there else there


def chosen_electrodes(
    anatomy: Anatomy, n_grid: int, file: Path | None = None, posterior: bool = False
) -> Electrodes:
    """The nine electrodes of the 12-lead ECG and `n_grid` further sites, or those of a file.

    Args:
        anatomy: of the patient.
        n_grid: number of further sites.
        file: CSV with name, x, y, z in mm in the patient frame, within 15 mm of the skin.
        posterior: whether V7 to V9 come last.

    Raises:
        BadInput: a broken file, electrodes off the skin, or V7 to V9 that cannot be placed or are
            in the file, too.
    """
    first = _without_posterior(anatomy, n_grid, file)
    if not posterior:
        return first
    last = posterior_electrodes(anatomy)
    names = np.concatenate([first.names, last.names])
    check.unique(f"{file or anatomy.patient}: electrodes with --posterior", names.tolist())
    return Electrodes(names, np.concatenate([first.points, last.points]))


def _without_posterior(anatomy: Anatomy, n_grid: int, file: Path | None) -> Electrodes:
    if file is None:
        return anatomy.electrodes(0, len(STANDARD_ELECTRODES) + n_grid)
    given = read_points(file)
    try:
        places = on_skin(anatomy.points, anatomy.skin, given)[0]
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from error
    return Electrodes(np.array(list(places)), np.array(list(places.values())))


def _chosen_rows(sheet: Path, patient: str | None) -> list[Row]:
    """A patient of a sheet (by default its only one), and the bodies drawn for it."""
    found = ImportSheet.read(sheet)
    own = [name for name, row in found.rows.items() if not row.body]
    if patient is None and len(own) != 1:
        found.refuse_faults()
        raise BadInput(f"{sheet}: several patients; name one; it has {', '.join(found.rows)}")
    row = found.row(patient or own[0])
    return [row, *(other for other in found.rows.values() if other.of == row.patient)]


def _as_measured(config: Config, row: Row) -> Config:
    """The config with the speeds and durations of a row."""
    if not row.physiology:
        return config
    none = {"people": False, "people_draws": "", "beats": ""}
    widths = dict(config.variation).keys() - {"seed", *none}
    still = dict.fromkeys(widths, 0.0) | none
    usual = config.model_copy(update={"variation": config.variation.model_copy(update=still)})
    found = Physiology.of(usual, row.patient, row.physiology)
    parts = {part.name: getattr(found, part.name) for part in fields(found)}
    return config.model_copy(update=parts)


def _known(patient: Patient, stage: str) -> bool:
    """Whether a patient has a stage; a fibers.npz from elsewhere may lack the coordinates."""
    if stage != "coordinates" or not patient.has(stage):
        return patient.has(stage)
    try:
        _ = patient.coordinates
    except BadInput:
        return False
    return True


def _mesh(patient: Patient, config: Config, to: Path, longest_mm: float = math.inf) -> Patient:
    """Mesh of the body; without a mesher, of the muscle alone, which is sufficient for a model.

    Edges of the muscle that are longer than `longest_mm` or cross a wall are halved. A tree of
    another mesh is attached to this one.
    """
    anatomy = patient.anatomy
    refined = anatomy.site_points[: len(STANDARD_ELECTRODES)]
    whole = config.mesh.model_copy(update={"inner_nodes": False})  # long edges are halved first
    try:
        mesh = tetrahedralise(anatomy.surfaces, refined, whole, patient.name)
    except MissingExtra as error:
        logger.warning("%s: no mesher (%s); the muscle is meshed by a lattice", patient.name, error)
        frame = anatomy.heart_rotation, anatomy.heart_origin
        edge_mm = min(LATTICE_EDGE_MM, config.mesh.heart_edge_mm)
        mesh = lattice_mesh(anatomy.surfaces, frame, edge_mm, patient.name)
    mesh = with_inner_nodes(with_short_edges(mesh, longest_mm))
    mesh.save(to / "mesh.npz")
    found = patient.with_stages(mesh)
    if not patient.has("purkinje"):
        return found
    tree = attached(patient.purkinje, found.heart)
    tree.save(to / "purkinje.npz")
    return found.with_stages(tree)


def _fibers(patient: Patient, config: Config, to: Path) -> Patient:
    """Fibres, and the coordinates that define durations of the action potential."""
    fields = solve_wall_fields(patient.heart)
    fibers = assign_fibers(patient, config.fibers, fields)
    coordinates = ventricular_coordinates(patient, fields)
    fibers.save(to / "fibers.npz", coordinates)
    return patient.with_stages(fibers, coordinates)


def _coordinates(patient: Patient, config: Config, to: Path) -> Patient:
    """Ventricular coordinates beside given fibres."""
    return patient.with_stages(ventricular_coordinates(patient))


def _sdf(patient: Patient, config: Config, to: Path) -> Patient:
    samples = sdf_samples(patient.anatomy, config.sdf_samples)
    samples.save(to / "sdf.npz")
    return patient.with_stages(samples)


def _activations(patient: Patient, config: Config, to: Path) -> Patient:
    """The activation that came with the heart, or that of section `ecg` from a Purkinje tree."""
    measured = patient.anatomy.measured
    if measured and measured.time is not None:
        own = activate(patient, measured.scenario, config.activation)
        own.save(to / f"activation_{own.scenario}.npz")
        return patient.with_stages(own)
    if not _known(patient, "coordinates"):
        return patient
    if not patient.has("purkinje"):
        tree = grow_tree(patient, config.purkinje)
        tree.save(to / "purkinje.npz")
        patient = patient.with_stages(tree)
    found = []
    for name in config.ecg.scenarios:
        scenario = scenario_of(name, config.known_scenarios[name])
        found.append(activate(patient, scenario, config.activation))
        found[-1].save(to / f"activation_{name}.npz")
    return patient.with_stages(*found)


FOR_THE_ECG = ("coordinates", "activations")
MAKERS: dict[str, Callable[[Patient, Config, Path], Patient]] = {
    "mesh": _mesh,
    "fibers": _fibers,
    "coordinates": _coordinates,
    "sdf": _sdf,
    "activations": _activations,
}
"""Stage -> function that makes and writes it, in order."""

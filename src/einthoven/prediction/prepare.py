"""What a prediction needs of a patient: read from its folder, and made where it is missing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.config.models import Config
from einthoven.core.errors import BadInput
from einthoven.core.names import STANDARD_ELECTRODES
from einthoven.electrophysiology.scenarios import activate
from einthoven.fibers.coordinates import ventricular_coordinates
from einthoven.fibers.fields import solve_wall_fields
from einthoven.fibers.ldrb import assign_fibers
from einthoven.imported.anatomy import import_patient
from einthoven.imported.read import read_points
from einthoven.imported.sheet import read_sheet
from einthoven.imported.sites import on_skin
from einthoven.mesh.tetrahedra import tetrahedralise
from einthoven.patient.anatomy import Anatomy, Electrodes
from einthoven.patient.fibers import Coordinates, Fibers
from einthoven.patient.mesh import TetMesh
from einthoven.patient.patient import Patient
from einthoven.samples.sdf import sdf_samples


def prepared(source: Path, to: Path, config: Config, patient: str | None = None) -> Patient:
    """Read a stage folder, or import a patient of a sheet; make mesh, fibres and SDF samples.

    Args:
        source: results/patients/{patient}, a folder that `einthoven import` wrote, or a sheet.
        to: where stage files go that are made.
        config: settings for what is made.
        patient: which one of the sheet.

    Raises:
        BadInput: a file is missing or wrong, or fibres are missing and cannot be made here.
    """
    if not source.is_dir():
        source = _imported(source, to, config, patient)
    found = Patient.open(source)
    for stage, make in MAKERS.items():
        if not found.has(stage):
            made, *others = make(found, config)
            made.save(to / f"{stage}.npz", *others)
            found = found.with_stages(made, *others)
    measured = found.anatomy.measured
    if measured and measured.time is not None and not found.has("activations"):
        activation = activate(found, measured.scenario, config.activation)
        activation.save(to / f"activation_{activation.scenario}.npz")
        found = found.with_stages(activation)
    for activation in (found.activations if found.has("activations") else {}).values():
        if len(activation.activation_time) != len(found.heart.points):
            raise BadInput(
                f"{source}: activation_{activation.scenario}.npz has "
                f"{len(activation.activation_time)} nodes, the heart {len(found.heart.points)}"
            )
    return found


def chosen_electrodes(anatomy: Anatomy, n_grid: int, file: Path | None = None) -> Electrodes:
    """The nine of the 12-lead ECG and `n_grid` further sites, or those of a file.

    Args:
        anatomy: of the patient.
        n_grid: number of further sites.
        file: CSV with name, x, y, z in mm in the patient frame, within 15 mm of the skin.

    Raises:
        BadInput: a broken file, or electrodes off the skin.
    """
    if file is None:
        return anatomy.electrodes(0, len(STANDARD_ELECTRODES) + n_grid)
    try:
        places = on_skin(anatomy.points, anatomy.skin, read_points(file))[0]
    except BadInput as error:
        raise BadInput(f"{file}: {error}") from error
    return Electrodes(np.array(list(places)), np.array(list(places.values())))


def _imported(sheet: Path, to: Path, config: Config, patient: str | None) -> Path:
    """Folder with the imported anatomy of one row of a sheet."""
    rows = {row.patient: row for row in read_sheet(sheet)}
    if patient is None and len(rows) == 1:
        patient = next(iter(rows))
    if patient not in rows:
        raise BadInput(f"{sheet}: which patient? It has {', '.join(rows)}")
    import_patient(rows[patient], to / f"{patient}.png", config.anatomy).save(to / "anatomy.npz")
    return to


def _mesh(patient: Patient, config: Config) -> tuple[TetMesh]:
    refined = patient.anatomy.site_points[: len(STANDARD_ELECTRODES)]
    return (tetrahedralise(patient.anatomy.surfaces, refined, config.mesh, patient.name),)


def _fibers(patient: Patient, config: Config) -> tuple[Fibers, Coordinates]:
    """Fibres, and the coordinates that durations of the action potential are set in."""
    try:
        fields = solve_wall_fields(patient.heart)
        fibers = assign_fibers(patient, config.fibers, fields)
        return fibers, ventricular_coordinates(patient, fields)
    except ImportError as error:
        raise BadInput(
            f"{patient.where}: has no fibers.npz, and fibres by rules need a solver that is not "
            f"installed ({error}); give fibers.npz with f0, s0, n0 [heart cell, 3]"
        ) from error


MAKERS: dict[str, Callable[[Patient, Config], tuple[Any, ...]]] = {
    "mesh": _mesh,
    "fibers": _fibers,
    "sdf": lambda patient, config: (sdf_samples(patient.anatomy, config.sdf_samples),),
}
"""Stage -> what makes it and what shares its file, in order."""

"""Check and repair imported patients of a sheet, or one heart from a label image or contours.

Writes anatomy.npz per patient with a list of all repairs, or heart.vtp for a heart without a torso.

    einthoven import sheet.csv --to imported
"""

import argparse
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from einthoven.app.cli.options import BUILT_IN, add_folder, config_of

if TYPE_CHECKING:
    import numpy as np

    from einthoven.body.imported.sheet import Row

SURFACES = ("heart: ", "torso: ", "surfaces ", "septum: ", "LV wall: ")
"""Beginnings of notes on surfaces; those below say that one was changed, and how far at most."""
CHANGED = re.compile(r"rebuilt|moved|thickened|smoothed|dropped|closed,|remeshed|turned to face")
MOVED = re.compile(r"(?:by up to|moved up to|at most) ([\d.]+) mm")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("source", metavar="SHEET|IMAGE", help="a sheet (CSV, docs/reference/import-sheet.md); or a "
        "label image (.nii, .nii.gz, .nrrd, .mha) or contours (.csv) of one heart")  # fmt: skip
    add("patients", metavar="PATIENT", nargs="*", help="names in the sheet; default: all")
    add_folder(command, "imported")
    add("--config", metavar="FILE", type=Path, help="config with the section anatomy (edge lengths "
        f"in mm); {BUILT_IN}")  # fmt: skip
    image = command.add_argument_group("of an image or contours")
    add = image.add_argument
    add("--labels", metavar="TEXT", default="",
        help="meaning of the labels: acdc, mms, mmwhs or 'lv=3 rv=1 myo=2'; more "
        "words: rv_myo=, torso=, other=, phase=, unit=, axes=, rv_wall=, pixel=")  # fmt: skip
    add("--torso", metavar="FILE", help="the skin; without it only the heart's wall is written")
    add("--electrodes", metavar="FILE", help="CSV with name,x,y,z, as in a sheet")
    add("--unit", metavar="UNIT", default="mm",
        help="unit of torso and electrodes: mm, cm, m or um")  # fmt: skip
    add("--axes", metavar="AXES", default="LPS", help="where x, y and z of torso and electrodes "
        "point: letters of L R P A S I")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Import the requested patients; raise BadInput with a line for each failure.

    A wrong line of the sheet, or a patient that is refused, stops no other patient.
    """
    from einthoven.base.core.errors import BadInput
    from einthoven.body.imported.sheet import ImportSheet
    from einthoven.body.segmentation.segmented_heart import is_scan

    source = arguments.source
    if is_scan(Path(source)):
        _import_scan(arguments)
        return
    sheet, failed = ImportSheet.read(source), list[str]()
    for name in arguments.patients or (*sheet.rows, *sheet.faults):
        try:
            _import_row(sheet.row(name), arguments)
        except BadInput as error:
            failed.append(str(error))
    if failed:
        raise BadInput("\n".join(failed))


def _import_row(row: "Row", arguments: argparse.Namespace) -> None:
    """Write the anatomy of one patient and print what was changed."""
    from einthoven.body.imported.anatomy import import_patient

    target = arguments.to / row.patient
    config = config_of(arguments.config).anatomy
    anatomy = import_patient(row, target.with_suffix(".png"), config)
    anatomy.save(target / "anatomy.npz")
    volumes = ", ".join(f"{part} {value:.0f}" for part, value in anatomy.volumes_ml.items())
    told = f"{volumes} ml{_sd(anatomy.surface_sd_mm())}{repaired(anatomy.repairs or ())}"
    print(f"{row.patient}: ok, {told}; {target / 'anatomy.npz'}")
    for line in anatomy.repairs or ():
        print(f"  {line}")


def repaired(notes: Iterable[str]) -> str:
    """Names of surfaces that an import changed, and the largest move in mm, from its notes."""
    found = dict[str, float]()
    for note in notes:
        name = "torso" if note.startswith("torso: ") else "heart"
        if note.startswith(SURFACES) and CHANGED.search(note):
            found[name] = max(found.get(name, 0.0), *map(float, MOVED.findall(note)), 0.0)
    parts = [f"{name} (moved by up to {mm:g} mm)" if mm else name for name, mm in found.items()]
    return f", repaired: {' and '.join(parts)}" if parts else ""


def _sd(sd: "np.ndarray | None") -> str:
    """Text with the mean and the largest SD [face] mm of surfaces from images."""
    if sd is None:
        return ""
    return f", surfaces known to {sd.mean():.1f} mm (SD, up to {sd.max():.1f})"


def _import_scan(arguments: argparse.Namespace) -> None:
    """Import one heart: the whole patient if there is a torso, else the wall as heart.vtp."""
    from einthoven.base.core.errors import BadInput
    from einthoven.body.imported.refusal_pictures import refusals_drawn
    from einthoven.body.imported.sheet import Row
    from einthoven.body.segmentation.segmented_heart import segmented_heart, write_wall

    source, places = Path(arguments.source), (arguments.torso, arguments.electrodes)
    name = re.sub(r"[^a-z0-9]+", "-", source.name.lower().partition(".")[0]).strip("-")
    name = name if name[:1].isalpha() else f"heart-{name}"
    if arguments.patients:
        raise BadInput(f"{source}: is one heart; {' '.join(arguments.patients)} cannot be chosen")
    if all(places):
        heart, torso, electrodes = (str(Path(place).absolute()) for place in (source, *places))
        given = arguments.unit, arguments.axes, arguments.labels
        _import_row(Row(name, heart, torso, electrodes, *given), arguments)
        return
    if any(places):
        raise BadInput(
            "a patient needs --torso and --electrodes; without both the heart is written"
        )
    target = arguments.to / name / "heart.vtp"
    row = Row(name, str(source.absolute()), "", "", unit="", axes="", tags=arguments.labels)
    with refusals_drawn(row, arguments.to / f"{name}.png"):
        scanned = segmented_heart(source, arguments.labels)
    write_wall(scanned, target)
    volumes = ", ".join(f"{part} {value:.0f}" for part, value in scanned.volumes_ml.items())
    told = f"{volumes} ml{_sd(scanned.surface_sd_mm)}{repaired(scanned.notes)}"
    print(f"{name}: ok, {told}; {target} (mm, axes LPS)")
    for line in scanned.notes:
        print(f"  {line}")

"""Find the shape code of an anatomy, from complete surfaces or from points on some of them.

Needs a trained DeepSDF encoder. Writes the code for `einthoven predict --code`, and prints the
residuals and the out-of-distribution check.

    einthoven encode points.csv --noise-mm 1 --to code.npz
"""

import argparse
from pathlib import Path

from einthoven.app.cli.options import positive


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add = command.add_argument
    add("file", metavar="FILE", type=Path, help="CSV of points (surface,x,y,z in mm), or complete "
        "surfaces: anatomy.npz, as `einthoven import` writes it")  # fmt: skip
    add("--encoder", metavar="FOLDER", default="results/encoders/deepsdf",
        help="folder of a trained encoder")  # fmt: skip
    add("--noise-mm", metavar="MM", type=positive, default=1.0,
        help="SD of the points normal to their surface, mm")  # fmt: skip
    add("--free-origin", action="store_true",
        help="estimate the origin of the patient frame (axes: left, back, up)")  # fmt: skip
    add("--name", metavar="NAME", help="name of the patient; default: the file's")
    add("--to", metavar="FILE", default="code.npz", help="output")
    add("--surfaces", metavar="FOLDER", type=Path, help="also write the decoded surfaces (.vtp)")


def run(arguments: argparse.Namespace) -> None:
    """Write the code; print its residuals and whether the shape is in distribution."""
    from einthoven.base.core.errors import BadInput
    from einthoven.base.core.tags import SDF_SURFACES
    from einthoven.data.patient.anatomy import Anatomy
    from einthoven.data.publish.mesh_files import save_surface
    from einthoven.learning.encoders.deepsdf.encoder import DeepSdfEncoder
    from einthoven.learning.encoders.deepsdf.from_points import (
        SurfacePoints,
        code_from_points,
        code_from_surfaces,
        decoded_surfaces,
    )

    file = arguments.file
    if file.suffix == ".npz":
        if arguments.free_origin:
            raise BadInput(f"{file}: surfaces know their frame; --free-origin is for points")
        surfaces = Anatomy.load(file).surfaces
        encoder = DeepSdfEncoder.load(arguments.encoder)
        encoded = code_from_surfaces(encoder, surfaces)
    else:
        given = SurfacePoints.read(file)
        encoder = DeepSdfEncoder.load(arguments.encoder)
        encoded = code_from_points(encoder, given, arguments.noise_mm, arguments.free_origin)
    name = arguments.name or file.stem
    encoded.save(arguments.to, name)
    for surface in SDF_SURFACES:
        misfit = encoded.misfit_mm.get(surface)
        known = "not given, from the others" if misfit is None else f"{misfit:.2f} mm"
        print(f"  {surface:5s} {known}")
    if arguments.free_origin and encoded.origin is not None:
        place = ", ".join(f"{x:.1f}" for x in encoded.origin)
        print(f"  origin of the patient frame at {place} mm")
    checked = encoded.check
    words = "in distribution" if checked.in_distribution else "OUT OF DISTRIBUTION: "
    print(f"{name}: {words}{', '.join(checked.reasons)}; {arguments.to}")
    if arguments.surfaces:
        origin = 0.0 if encoded.origin is None else encoded.origin
        for surface, (points, faces) in decoded_surfaces(encoder, encoded.latent).items():
            print(save_surface(points + origin, faces, arguments.surfaces / f"{surface}.vtp"))

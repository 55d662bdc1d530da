"""`einthoven encode`: the code of an anatomy from its surfaces, or from points on some of them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.seeds import generator
from einthoven.core.tags import SDF_SURFACES

if TYPE_CHECKING:
    from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
    from einthoven.encoders.deepsdf.out_of_distribution import Novelty

NEAR_FRACTION, NEAR_MM = 0.8, 10.0
"""Of samples about complete surfaces, as in the data set's default."""
GRID = 65
"""Grid points a side for decoded surfaces."""


def encode(arguments: argparse.Namespace) -> None:
    """Find the shape code of an anatomy, from complete surfaces or from points on them."""
    from einthoven.core.files import save_arrays
    from einthoven.encoders.deepsdf.encoder import DeepSdfEncoder
    from einthoven.encoders.train import OWN_SPLIT

    path, folder = Path(arguments.file), Path(arguments.encoder)
    encoder = DeepSdfEncoder.load(folder)
    find = from_surfaces if path.suffix == ".npz" else from_points
    latent, origin, misfit, verdict = find(encoder, path, arguments)
    name = arguments.name or path.stem
    arrays = {"patient": np.array([name]), "split": np.array([OWN_SPLIT]), "latent": latent[None]}
    save_arrays(arguments.to, arrays, near_surface_mm=misfit, novelty=verdict.to_json(),
                origin_mm=origin.tolist())  # fmt: skip
    for surface in SDF_SURFACES:
        known = f"{misfit[surface]:.2f} mm" if surface in misfit else "not given, from the others"
        print(f"  {surface:5s} {known}")
    if arguments.free_origin:
        print(f"  origin of the patient frame at {', '.join(f'{x:.1f}' for x in origin)} mm")
    told = "like the training shapes" if verdict.familiar else "UNLIKE the training shapes: "
    print(f"{name}: {told}{', '.join(verdict.reasons)}; {arguments.to}")
    if arguments.surfaces:
        for file in write_surfaces(encoder, latent, origin, Path(arguments.surfaces)):
            print(file)


Found = tuple[np.ndarray, np.ndarray, dict[str, float], "Novelty"]
"""Code [latent], origin [3] mm, surface -> misfit in mm, verdict."""


def from_surfaces(encoder: "DeepSdfEncoder", path: Path, arguments: argparse.Namespace) -> Found:
    """Code of complete surfaces: an anatomy.npz, as `einthoven import` writes it."""
    from einthoven.core.files import load_arrays
    from einthoven.encoders.imported_code import own_code
    from einthoven.geometry.signed_distance import sample_sdf

    if arguments.free_origin:
        raise BadInput(f"{path}: surfaces know their frame; --free-origin is for points")
    anatomy = load_arrays(path, ("points", "faces", "face_tags"))
    n_points = encoder.config["infer_points"]
    samples = sample_sdf(anatomy, generator(0, "encode"), n_points, NEAR_FRACTION, NEAR_MM)
    latent, misfit, verdict = own_code(encoder, arguments.encoder, *samples)
    return latent, np.zeros(3), misfit, verdict


def from_points(encoder: "DeepSdfEncoder", path: Path, arguments: argparse.Namespace) -> Found:
    """Code of points on surfaces: a CSV file with the columns surface, x, y, z."""
    from einthoven.encoders.deepsdf.from_points import SurfacePoints, code_from_points
    from einthoven.encoders.deepsdf.out_of_distribution import novelty

    given = SurfacePoints.read(path)
    found = code_from_points(encoder, given, arguments.noise_mm, arguments.free_origin)
    verdict = novelty(encoder, arguments.encoder, found.latent, {})  # noise is no strangeness
    return *found, verdict


def write_surfaces(
    encoder: "DeepSdfEncoder", latent: np.ndarray, origin: np.ndarray, folder: Path
) -> list[Path]:
    """Write the four decoded surfaces as VTK files, in the frame of what was given."""
    import pyvista

    from einthoven.encoders.deepsdf.decoded import decoded_surfaces
    from einthoven.publish.vtk import save_vtk

    found = decoded_surfaces(encoder, latent, GRID)
    return [
        save_vtk(pyvista.PolyData.from_regular_faces(points + origin, faces), folder / f"{k}.vtp")
        for k, (points, faces) in found.items()
    ]


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add = command.add_argument
    add("file", metavar="FILE", help="CSV of points (surface,x,y,z in mm), or complete surfaces: "
        "anatomy.npz, as `einthoven import` writes it")  # fmt: skip
    add("--encoder", metavar="FOLDER", default="results/encoders/deepsdf",
        help="default: %(default)s")  # fmt: skip
    add("--noise-mm", metavar="MM", type=float, default=1.0,
        help="standard deviation of the points; default: %(default)s")  # fmt: skip
    add("--free-origin", action="store_true",
        help="the origin is not the torso's centre (axes: left, back, up)")  # fmt: skip
    add("--name", metavar="NAME", help="of the patient; default: the file's")
    add("--to", metavar="FILE", default="code.npz", help="default: %(default)s")
    add("--surfaces", metavar="FOLDER", help="also write the decoded surfaces")

"""From published files to one atlas file: download, or take the user's files; read; convert."""

import tempfile
from importlib import import_module
from pathlib import Path

import numpy as np

from einthoven.base.core.check import between
from einthoven.base.core.errors import BadInput
from einthoven.base.core.log import logger
from einthoven.body.anatomy.shape.atlas_file import model_arrays, save_atlas
from einthoven.body.anatomy.shape.atlas_heart import edge_key, meshed
from einthoven.body.anatomy.shape.heart_shape import SHIPPED_EDGES_MM
from einthoven.body.anatomy.shape.torso_cut import torso_arrays
from einthoven.body.atlases.catalogue import CATALOGUE, PublishedAtlas
from einthoven.body.atlases.components import share_of
from einthoven.body.atlases.download import fetch_file, sha256, unpack

MAX_MODES = 100


def fetch(name: str, source: Path | None, to: Path, phase: str = "ED", n_modes: int = 20) -> Path:
    """Make the atlas file of a published atlas.

    Args:
        name: in `catalogue.CATALOGUE`.
        source: the user's folder, file or zip; None downloads into `to`/`name`.
        to: folder of atlas files.
        phase: "ED" or "ES".
        n_modes: number of modes to keep.

    Returns:
        The file written.

    Raises:
        BadInput: unknown name or phase, no internet, or malformed files.
        StepFailed: the mean could not be triangulated.
    """
    if name not in CATALOGUE:
        raise BadInput(f"{name!r} is not a known atlas; known are {', '.join(CATALOGUE)}")
    atlas = CATALOGUE[name]
    between("modes", n_modes, 1, MAX_MODES)
    if phase not in atlas.phases:
        raise BadInput(f"phase {phase}: {name} has {', '.join(atlas.phases)}")
    out = to / (f"{name}.npz" if phase == atlas.phases[0] else f"{name}-{phase.lower()}.npz")
    if source is None:
        if phase != "ED" and name == "bai-2015":
            raise BadInput(
                f"{name}: no address for phase {phase} is known; pass the files with --from"
            )
        source = to / name
        download(atlas, source)
    if not source.exists():
        raise BadInput(f"{source}: no such file or folder")
    with tempfile.TemporaryDirectory() as unpacked:
        folder = source if source.is_dir() else source.parent
        if source.suffix == ".zip":
            folder = Path(unpacked)
            unpack(source, folder, atlas.file_names(phase))
        convert(atlas, folder, out, phase, n_modes)
    return out


def download(atlas: PublishedAtlas, folder: Path) -> None:
    """Download the files of an atlas into a folder.

    Raises:
        BadInput: a download failed; the message says where the files are and where to put them.
    """
    logger.info("%s: %s", atlas.name, atlas.licence)
    for remote in atlas.files:
        try:
            fetch_file(remote, folder)
        except BadInput as error:
            raise BadInput(
                f"{error}; then: einthoven fetch {atlas.name} --from {folder} (see {atlas.page})"
            ) from error


def convert(atlas: PublishedAtlas, folder: Path, out: Path, phase: str, n_modes: int) -> None:
    """Read an atlas' files in a folder and write the atlas file."""
    reader = import_module(f"{__package__}.{atlas.reader}")
    found = reader.read(folder, phase, n_modes)
    if atlas.kind == "torso":
        model, arrays = found.model, torso_arrays(found)
    else:
        model, arrays = found, model_arrays(found)
        for edge_mm in SHIPPED_EDGES_MM:
            logger.info("%s: triangulating at %g mm", atlas.name, edge_mm)
            arrays |= model_arrays(meshed(found, edge_mm), edge_key(edge_mm))
    files = [folder / file for file in atlas.file_names(phase)]
    save_atlas(
        out,
        atlas.kind,
        arrays,
        name=atlas.name,
        title=atlas.title,
        source=atlas.source,
        licence=atlas.licence,
        phase=phase,
        n_modes=model.n_modes,
        share_of_kept=np.round(share_of(np.asarray(model.sds) ** 2), 4).tolist(),
        sha256={path.name: sha256(path) for path in files if path.is_file()},
    )


def table() -> str:
    """The known atlases as text."""
    from tabulate import tabulate

    rows = [[name, its.kind, its.title, its.licence, its.page] for name, its in CATALOGUE.items()]
    widths = [None, None, 30, 30, 60]
    return tabulate(rows, ["name", "of a", "what", "terms", "page"], maxcolwidths=widths)

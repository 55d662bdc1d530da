"""From published files to one atlas file: download, or take the user's files; read; convert.

`data/catalogue.yaml` has the addresses of the files, and their terms. A download tries addresses in
order, is complete or not at all, and has a checksum.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import yaml

from einthoven.base.core.check import between
from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.files import atomic, sha256_of
from einthoven.base.core.log import logger, step
from einthoven.body.anatomy.shape.atlas_heart import edge_key, meshed
from einthoven.body.anatomy.shape.heart_shape import SHIPPED_EDGES_MM
from einthoven.body.anatomy.shape.model import model_arrays, save_atlas
from einthoven.body.anatomy.shape.torso_cut import torso_arrays
from einthoven.body.atlases.components import share_of

ARCHIVE = "https://web.archive.org/web/2id_/"
"""Prefix of an address: the newest copy in the Internet Archive."""
TIMEOUT_S = 60.0
MAX_MODES = 100


@dataclass(frozen=True)
class Remote:
    """One file to download."""

    name: str
    """File name that readers expect."""
    urls: tuple[str, ...]
    """Addresses, tried in order."""
    sha256: str = ""
    """SHA-256 of the file, or "" if none is published."""
    members: tuple[str, ...] = ()
    """Names to extract, if the file is a zip."""


@dataclass(frozen=True)
class PublishedAtlas:
    """One atlas."""

    name: str
    """Name in `CATALOGUE`."""
    kind: str
    """"heart" or "torso"."""
    reader: str
    """Module of this package that reads its files."""
    title: str
    """One line."""
    source: str
    """Publication."""
    licence: str
    """Terms, in one line."""
    page: str
    """Web page, if the addresses fail."""
    files: tuple[Remote, ...]
    """Files to download; those of end-diastole where names contain the phase."""
    phases: tuple[str, ...] = ("ED",)
    """Phases of the cardiac cycle that it holds."""

    def file_names(self, phase: str) -> list[str]:
        """Names of the files that the reader needs; names without a phase hold all phases."""
        names = [name for remote in self.files for name in remote.members or (remote.name,)]
        return [name.replace("_ED_", f"_{phase}_") for name in names]


def _read(name: str, entry: dict[str, Any]) -> PublishedAtlas:
    """One atlas of `data/catalogue.yaml`; the archived copy of a file's address is its last one."""
    files = tuple(
        Remote(
            file["name"],
            (*file["urls"], ARCHIVE + file["urls"][0]),
            file.get("sha256", ""),
            tuple(file.get("members", ())),
        )
        for file in entry.pop("files")
    )
    phases = tuple(entry.pop("phases", ("ED",)))
    return PublishedAtlas(name, files=files, phases=phases, **entry)


_TABLE = yaml.safe_load((Path(__file__).parent / "data" / "catalogue.yaml").read_text())
CATALOGUE = {name: _read(name, entry) for name, entry in _TABLE.items()}


def fetch_file(remote: Remote, folder: Path) -> None:
    """Put one file into a folder, unless it exists with the right checksum; a zip is extracted.

    Raises:
        BadInput: no address delivers it complete and unchanged; nothing is left behind.
    """
    with extra("atlases", f"fetching {remote.name}"):
        import pooch
        from requests.exceptions import RequestException

    if remote.members and all((folder / name).is_file() for name in remote.members):
        return
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT_S, headers={"User-Agent": "einthoven"})
    failures = []
    for url in remote.urls:
        try:
            pooch.retrieve(url, remote.sha256 or None, remote.name, folder, downloader=downloader)
            break
        except (RequestException, ValueError, OSError) as error:
            failures.append(f"{urlsplit(url).hostname}: {' '.join(str(error).split())}")
    else:
        raise BadInput(
            f"{remote.name} could not be fetched ({'; '.join(failures)}); get {remote.urls[0]} on "
            f"a machine with internet and put it into {folder}"
        )
    if not remote.sha256:
        logger.warning("%s: no checksum is published; this file has sha256 %s",
                       remote.name, sha256_of(folder / remote.name))  # fmt: skip
    if remote.members:
        unpack(folder / remote.name, folder, remote.members)


def unpack(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Extract the named files from a zip, whatever folder they are in.

    Raises:
        BadInput: not a zip, or a file is missing.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            inside = {Path(member).name: member for member in file.namelist()}
            if missing := [name for name in names if name not in inside]:
                raise BadInput(f"{archive}: holds no {', '.join(missing)}; another package?")
            for name in names:
                with file.open(inside[name]) as source, atomic(folder / name) as temporary:
                    with open(temporary, "wb") as target:
                        shutil.copyfileobj(source, target)
    except zipfile.BadZipFile as error:
        raise BadInput(f"{archive}: not a zip file ({error}); truncated?") from error


def fetch(name: str, source: Path | None, to: Path, phase: str = "ED", n_modes: int = 20) -> Path:
    """Make the atlas file of a published atlas, and return it.

    Args:
        name: in `CATALOGUE`.
        source: the user's folder, file or zip; None downloads into `to`/`name`.
        to: folder of atlas files.
        phase: "ED" or "ES".
        n_modes: number of modes to keep.

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
        _download(atlas, source)
    if not source.exists():
        raise BadInput(f"{source}: no such file or folder")
    with tempfile.TemporaryDirectory() as unpacked:
        folder = source if source.is_dir() else source.parent
        if source.suffix == ".zip":
            folder = Path(unpacked)
            unpack(source, folder, atlas.file_names(phase))
        convert(atlas, folder, out, phase, n_modes)
    return out


def _download(atlas: PublishedAtlas, folder: Path) -> None:
    """Download the files of an atlas into a folder; a failure says where to put them by hand."""
    logger.info("%s: %s", atlas.name, atlas.licence)
    for remote in atlas.files:
        step(f"fetching {remote.name}")
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
        sha256={path.name: sha256_of(path) for path in files if path.is_file()},
    )


def table() -> str:
    """The known atlases as text."""
    from tabulate import tabulate

    rows = [[name, its.kind, its.title, its.licence, its.page] for name, its in CATALOGUE.items()]
    widths = [None, None, 30, 30, 60]
    return tabulate(rows, ["name", "of a", "what", "terms", "page"], maxcolwidths=widths)

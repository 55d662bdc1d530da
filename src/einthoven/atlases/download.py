"""Fetch a file: addresses in order, whole or not at all, checksum compared."""

import hashlib
import zipfile
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from einthoven.atlases.catalogue import Remote
from einthoven.core.atomic import atomic
from einthoven.core.errors import BadInput
from einthoven.core.log import logger

TIMEOUT_S = 60.0
CHUNK = 1 << 20


def fetch_file(remote: Remote, folder: Path) -> None:
    """Put one file into a folder, unless it is there with the right checksum.

    Args:
        remote: what to fetch; of a zip, the members are put there.
        folder: where to.

    Raises:
        BadInput: no address delivers it whole and unchanged; nothing is left behind.
    """
    wanted = [folder / name for name in remote.members or (remote.name,)]
    if all(path.is_file() for path in wanted) and (
        remote.members or remote.sha256 in ("", sha256(wanted[0]))
    ):
        logger.info("%s is there already", remote.name)
        return
    failures = []
    for url in remote.urls:
        try:
            logger.info("fetching %s", url)
            _download(url, folder / remote.name, remote.sha256)
            break
        except BadInput as error:
            failures.append(f"{urlsplit(url).hostname}: {error}")
    else:
        raise BadInput(
            f"{remote.name} could not be fetched ({'; '.join(failures)}); get {remote.urls[0]} on "
            f"a machine with internet and put it into {folder}"
        )
    if not remote.sha256:
        logger.warning("%s: no checksum is published; this file has sha256 %s",
                       remote.name, sha256(folder / remote.name))  # fmt: skip
    if remote.members:
        unpack(folder / remote.name, folder, remote.members)


def _download(url: str, path: Path, expected: str) -> None:
    """Write the answer of one address to `path`.

    Raises:
        BadInput: no answer, a refusal, fewer bytes than announced, or another checksum.
    """
    request = Request(url, headers={"User-Agent": "einthoven"})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer, atomic(path) as temporary:
            announced = answer.headers.get("Content-Length")
            with open(temporary, "wb") as file:
                n_bytes = _copy(answer, file)
            if announced is not None and n_bytes != int(announced):
                raise BadInput(f"cut off after {n_bytes} of {announced} bytes")
            if expected and (found := sha256(temporary)) != expected:
                raise BadInput(f"sha256 {found}, expected {expected}; changed or damaged")
    except HTTPError as error:
        raise BadInput(f"the server says {error.code} {error.reason}") from error
    except (URLError, TimeoutError, HTTPException, OSError) as error:
        raise BadInput(f"{getattr(error, 'reason', error)}, offline?") from error


def _copy(source: IO[bytes], target: IO[bytes]) -> int:
    """Copy until the source ends; return the number of bytes."""
    n_bytes = 0
    while chunk := source.read(CHUNK):
        target.write(chunk)
        n_bytes += len(chunk)
    return n_bytes


def sha256(path: Path) -> str:
    """Checksum of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Take the named files out of a zip, whatever folder they lie in there.

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
                        _copy(source, target)
    except zipfile.BadZipFile as error:
        raise BadInput(f"{archive}: not a zip file ({error}); cut short?") from error

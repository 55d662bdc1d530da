"""Download of a file: addresses in order, complete or not at all, with a checksum."""

import hashlib
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from einthoven.base.core.atomic import atomic
from einthoven.base.core.errors import BadInput
from einthoven.base.core.extras import extra
from einthoven.base.core.log import logger
from einthoven.body.atlases.catalogue import Remote

TIMEOUT_S = 60.0


def fetch_file(remote: Remote, folder: Path) -> None:
    """Put one file into a folder, unless it exists with the right checksum.

    Args:
        remote: file to download; the members of a zip are extracted.
        folder: target.

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
                       remote.name, sha256(folder / remote.name))  # fmt: skip
    if remote.members:
        unpack(folder / remote.name, folder, remote.members)


def sha256(path: Path) -> str:
    """Checksum of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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

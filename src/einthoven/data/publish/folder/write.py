"""Writer of the published folder of a data set, complete or not at all."""

import json
import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from einthoven.base.config.models import PublicationSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import (
    parts_of,
    replace_folder,
    restore_folder,
    sha256_of,
    write_json,
)
from einthoven.base.core.log import logger
from einthoven.data.dataset.consolidate import consolidate
from einthoven.data.dataset.loaders import open_dataset
from einthoven.data.publish.folder.about import About, about_of, card, document
from einthoven.data.publish.folder.folder_check import write_sums
from einthoven.data.publish.folder.json_ld import CONFIG, croissant, ro_crate
from einthoven.data.publish.folder.tables import SAMPLE, STORE, write_signals, write_tables

MAX_SAMPLE_BYTES = 100e6
LICENCE_TEXT = """\
{about.settings.title}, version {about.settings.version}
by {about.settings.creators[0]}

{about.licence}: you may share and adapt it if you give credit, link to the licence and say what you
changed. The licence's text: {about.licence_url}
"""


def publish_folder(
    store: Path,
    patients: Sequence[Path],
    settings: PublicationSettings,
    sources: Mapping[str, Path],
    metrics: Mapping[str, Any] | None,
    to: Path,
) -> About:
    """Write the published folder (stores, tables, signals, sample, cards); return its metadata.

    Args:
        store: the consolidated store. patients: those of its patients.
        settings: section `publication`.
        sources: name in the folder -> file to copy: the workflow.
        metrics: of the run's report, for the card's baselines.
        to: the folder; an old one is replaced when the new one is complete.

    Raises:
        BadInput: there are imported patients, whose data need their owners' licence; no ECGs; a
            sample that is too large.
    """
    restore_folder(to)
    with parts_of(to) as aside:
        _copy(store, aside / STORE)
        _unzip(store, aside / STORE.removesuffix(".zip"))
        for patient in patients:
            _copy(patient, aside / "patients" / patient.name)
        for name, source in sources.items():
            _copy(source, aside / name)
        about = about_of(store, settings)
        write_json(aside / CONFIG, json.loads(about.config))
        tree = open_dataset(store)
        write_tables(tree, aside)
        write_signals(tree, aside / "ecg")
        n_sample = _write_sample(patients, tree, about, aside / SAMPLE)
        (aside / "LICENSE").write_text(LICENCE_TEXT.format(about=about))
        (aside / "CITATION.cff").write_text(about.citation_file)
        (aside / "data-format.md").write_text(document())
        (aside / "README.md").write_text(card(about, n_sample, metrics))
        _describe(about, aside)
        replace_folder(aside, to)
    return about


def _write_sample(patients: Sequence[Path], tree: Any, about: About, folder: Path) -> int:
    """Write the same layout with few patients, of the test split first."""
    split = dict(zip(tree["patient"].values.tolist(), tree["split"].values.tolist()))
    order = {"test": 0, "val": 1, "train": 2}
    by_name = {path.name.removesuffix(".zarr.zip"): path for path in patients}
    chosen = sorted(by_name, key=lambda name: (order[split[name]], name))
    chosen = sorted(chosen[: about.settings.sample_patients])
    consolidate(folder / STORE, [by_name[name] for name in chosen], json.loads(about.config))
    for name in chosen:
        _copy(by_name[name], folder / "patients" / by_name[name].name)
    few = open_dataset(folder / STORE)
    write_tables(few, folder)
    write_signals(few, folder / "ecg")
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    if size > MAX_SAMPLE_BYTES:
        raise BadInput(
            f"sample of {len(chosen)} patients: {size / 1e6:.0f} MB, more than "
            f"{MAX_SAMPLE_BYTES / 1e6:.0f}; lower publication.sample_patients"
        )
    logger.info("sample: %s, %.1f MB", ", ".join(chosen), size / 1e6)
    return len(chosen)


def _describe(about: About, folder: Path) -> None:
    """Write Croissant and RO-Crate of all files, then the sums of all files."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    unzipped = STORE.removesuffix(".zip") + "/"
    sums = {name: sha256_of(folder / name) for name in names}
    listed = {name: total for name, total in sums.items() if not name.startswith(unzipped)}
    write_json(folder / "ro-crate-metadata.json", ro_crate(about, listed))
    of_croissant = {n: t for n, t in listed.items() if not n.startswith(("ecg/", SAMPLE + "/"))}
    write_json(folder / "croissant.json", croissant(about, folder, of_croissant))
    write_sums(folder, sums)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, by a hard link where the disk allows it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _unzip(store: Path, folder: Path) -> None:
    """Extract the members of a store as files."""
    with zipfile.ZipFile(store) as archive:
        for member in archive.namelist():
            if not (folder / member).resolve().is_relative_to(folder.resolve()):
                raise BadInput(f"{store}: member {member!r} leads out of the store")
        archive.extractall(folder)

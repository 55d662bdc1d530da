"""Check that the documents of a published folder describe the data that are in it.

Croissant and RO-Crate are made again from the store, with title, version, date and creators from
the documents themselves, and compared field by field. Free text may be edited.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from einthoven.base.config.models import PublicationSettings
from einthoven.base.core.errors import BadInput
from einthoven.data.dataset.structure import differences
from einthoven.data.publish.folder.about import About, about_of
from einthoven.data.publish.folder.json_ld import CONFIG, croissant, ro_crate
from einthoven.data.publish.folder.tables import STORE

CROISSANT, CRATE = "croissant.json", "ro-crate-metadata.json"
CITATION, CARD, LICENCE_FILE = "CITATION.cff", "README.md", "LICENSE"
FREE = ("description", "keywords", "citeAs", "prov:", "rai:", "@context")
"""Beginnings of keys whose text may differ, but neither be missing nor have another type."""
NO_NAME = "urn:einthoven:"


def description_faults(folder: Path, sums: Mapping[str, str], listed: list[str]) -> Iterator[str]:
    """Fields of Croissant, RO-Crate, citation, card and licence that contradict the data.

    The stores and tables are sound; SHA-256 by name of file; names of all files that the documents
    describe.
    """
    try:
        said, crate = (json.loads((folder / name).read_text()) for name in (CROISSANT, CRATE))
    except (OSError, ValueError) as error:
        yield f"{CROISSANT}, {CRATE}: not readable ({error})"
        return
    try:
        about = about_of(folder / STORE, _settings(said, crate))
    except (KeyError, TypeError, AttributeError, ValidationError, StopIteration) as error:
        yield f"{CROISSANT}: title, version, date or creators are not valid ({error})"
        return
    except BadInput as error:
        yield str(error).removeprefix(f"{folder}/")
        return
    files = {name: sums[name] for name in listed}
    few = {name: total for name, total in files.items()
           if not name.startswith(("ecg/", "sample/"))}  # fmt: skip
    for name, found, expected in (
        (CROISSANT, said, croissant(about, folder, few)),
        (CRATE, crate, ro_crate(about, files)),
    ):
        for fault in differences(_plain(found), _plain(json.loads(json.dumps(expected)))):
            yield f"{name}: {fault} by the data"
    if not str(said["description"]).startswith(f"{about.n_patients} virtual patients"):
        yield f"{CROISSANT}: description does not begin with {about.n_patients} virtual patients"
    yield from _text_faults(folder, about)


def _settings(said: dict[str, Any], crate: dict[str, Any]) -> PublicationSettings:
    """Title, version, date, creators and address as the documents state them."""
    title = next(item["name"] for item in crate["@graph"] if item["@id"] == "./")
    url = str(said["url"])
    return PublicationSettings(
        title=title,
        version=said["version"],
        date=said["datePublished"],
        creators=[creator["name"] for creator in said["creator"]],
        url="" if url.startswith(NO_NAME) else url,
        changes={said["version"]: "as stated"},
    )


def _plain(document: Any) -> Any:
    """JSON-LD without free text; lists of objects by their @id, so that a fault names the object.

    The version of the software that is stated need not be the one that checks.
    """
    if isinstance(document, list):
        if document and all(isinstance(item, dict) and "@id" in item for item in document):
            return {str(item["@id"]): _plain(item) for item in document}
        return [_plain(item) for item in document]
    if not isinstance(document, dict):
        return document
    software = "ComputationalWorkflow" in str(document.get("@type"))
    return {
        key: type(value).__name__
        if key.startswith(FREE) or (software and key == "version")
        else _plain(value)
        for key, value in document.items()
    }


def _text_faults(folder: Path, about: About) -> Iterator[str]:
    """Facts in citation, card, licence and config that contradict the data."""
    try:
        citation = yaml.safe_load((folder / CITATION).read_text())
        card = (folder / CARD).read_text()
        front = yaml.safe_load(card.split("---")[1])
        licence = (folder / LICENCE_FILE).read_text()
        config = json.loads((folder / CONFIG).read_text())
    except (OSError, ValueError, IndexError, yaml.YAMLError) as error:
        yield f"{CITATION}, {CARD}, {LICENCE_FILE}, {CONFIG}: not readable ({error})"
        return
    facts = {
        "license": about.licence,
        "version": about.settings.version,
        "date-released": about.settings.date,
        "title": about.settings.title,
    }
    for key, value in facts.items():
        if str(citation.get(key)) != value:
            yield f"{CITATION}: {key} is {citation.get(key)}, {value} by the data and {CROISSANT}"
    if front.get("license") != about.licence.lower():
        yield f"{CARD}: license is {front.get('license')}, {about.licence.lower()} by the store"
    counts = ", ".join(f"{n} {split}" for split, n in about.counts.items())
    if (whole := f"{about.n_patients} patients ({counts})") not in card:
        yield f"{CARD}: does not state {whole}, as the store has them"
    if about.licence not in licence or about.licence_url not in licence:
        yield f"{LICENCE_FILE}: does not name {about.licence}, the licence of the store"
    for fault in differences(config, json.loads(about.config)):
        yield f"{CONFIG}: {fault} by the store"

"""Croissant 1.1 metadata of a published data set, with the fields of its RAI vocabulary.

https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and croissant-rai-spec.html. Files
are listed with their sums. Croissant cannot describe arrays inside a Zarr store, so the record sets
are the tables, and the stores are files whose layout docs/data-format.md describes.
"""

import csv
from pathlib import Path
from typing import Any

from einthoven.data.publish.folder.about import About
from einthoven.data.publish.folder.tables import ELECTRODES, FEATURES, SPLITS

CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "prov": "http://www.w3.org/ns/prov#", "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty", "fileSet": "cr:fileSet", "format": "cr:format",
    "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
    "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex",
    "repeated": "cr:repeated", "replace": "cr:replace", "samplingRate": "cr:samplingRate",
    "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}  # fmt: skip
TYPES = {".csv": "text/csv", ".zip": "application/zip", ".md": "text/markdown"}
TEXT_COLUMNS = ("patient", "split", "sex", "electrode", "scenario")
MEANINGS = {
    "patient": "patient", "split": "train, val or test, by patient", "scenario": "activation",
    "sex": "female, male or unknown", "electrode": "name of the electrode",
    "x_mm": "to the patient's left, mm", "y_mm": "to the back, mm", "z_mm": "to the head, mm",
}  # fmt: skip


def croissant(about: About, folder: Path, sums: dict[str, str]) -> dict[str, Any]:
    """The JSON-LD document.

    Args:
        about: metadata of the data set.
        folder: with the tables in it.
        sums: name in the folder -> SHA-256, for each file to list.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1",
                       "http://mlcommons.org/croissant/RAI/1.0"],
        "name": about.slug,
        "description": about.description,
        "url": about.url or f"urn:einthoven:{about.slug}:{about.version}",
        "license": about.licence_url,
        "creator": [{"@type": "sc:Organization", "name": name} for name in about.creators],
        "version": about.version,
        "datePublished": about.date,
        "keywords": list(about.keywords),
        "isLiveDataset": False,
        "citeAs": about.citation,
        **about.responsible_ai,
        "distribution": [_file(folder / name, name, total) for name, total in sums.items()],
        "recordSet": [_records(folder, name) for name in (SPLITS, ELECTRODES, FEATURES)],
    }  # fmt: skip


def _file(path: Path, name: str, total: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name, "sha256": total,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": TYPES.get(path.suffix, "application/octet-stream"),
    }  # fmt: skip


def _records(folder: Path, table: str) -> dict[str, Any]:
    """A table as a record set: one field per column."""
    stem = table.removesuffix(".csv")
    with open(folder / table, newline="") as file:
        columns = next(csv.reader(file))
    fields = [
        {
            "@type": "cr:Field", "@id": f"{stem}/{column}", "name": column,
            "description": MEANINGS.get(column, f"{column}; docs/reference/ecg-features.md"),
            "dataType": "sc:Text" if column in TEXT_COLUMNS else "sc:Float",
            "source": {"fileObject": {"@id": table}, "extract": {"column": column}},
        }
        for column in columns
    ]  # fmt: skip
    return {"@type": "cr:RecordSet", "@id": stem, "name": stem, "field": fields}

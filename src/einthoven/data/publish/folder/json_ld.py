"""JSON-LD of a published data set: Croissant 1.1 and RO-Crate 1.1.

https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and croissant-rai-spec.html: files
are listed with their sums. Croissant cannot describe arrays inside a Zarr store, so the record sets
are the tables, and the stores are files whose layout docs/data-format.md describes.

https://w3id.org/ro/wfrun/workflow/0.5, profile Workflow Run Crate: which workflow and config made
what. The action has no times, so that the same config and seed give the same bytes.
"""

import csv
import json
from pathlib import Path
from typing import Any

from einthoven.base.core.version import __version__
from einthoven.data.publish.folder.about import DATA, About
from einthoven.data.publish.folder.tables import ELECTRODES, FEATURES, SPLITS

CONTEXT = DATA / "croissant_context.json"
TYPES = {".csv": "text/csv", ".zip": "application/zip", ".md": "text/markdown"}
TEXT_COLUMNS = ("patient", "split", "sex", "electrode", "scenario")
MEANINGS = {
    "patient": "patient", "split": "train, val or test, by patient", "scenario": "activation",
    "sex": "female, male or unknown", "electrode": "name of the electrode",
    "x_mm": "to the patient's left, mm", "y_mm": "to the back, mm", "z_mm": "to the head, mm",
}  # fmt: skip
CONFIG, WORKFLOW = "provenance/config.json", "provenance/workflow/Snakefile"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
SNAKEMAKE = "https://snakemake.github.io"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"


def croissant(about: About, folder: Path, sums: dict[str, str]) -> dict[str, Any]:
    """The JSON-LD document of a folder with its tables; `sums` are SHA-256 by file to list."""
    return {
        "@context": json.loads(CONTEXT.read_text()),
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1",
                       "http://mlcommons.org/croissant/RAI/1.0"],
        "name": about.slug,
        "description": about.description,
        "url": about.settings.url or f"urn:einthoven:{about.slug}:{about.settings.version}",
        "license": about.licence_url,
        "creator": [{"@type": "sc:Organization", "name": name} for name in about.settings.creators],
        "version": about.settings.version,
        "datePublished": about.settings.date,
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


def ro_crate(about: About, sums: dict[str, str]) -> dict[str, Any]:
    """The JSON-LD document of ro-crate-metadata.json; `sums` are SHA-256 by name in the folder."""
    files = [_crate_file(name, total) for name, total in sums.items() if name != WORKFLOW]
    return {
        "@context": ["https://w3id.org/ro/crate/1.1/context",
                     "https://w3id.org/ro/terms/workflow-run/context"],
        "@graph": [
            {
                "@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"},
                "conformsTo": [{"@id": "https://w3id.org/ro/crate/1.1"},
                               {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"}],
            },
            {
                "@id": "./", "@type": "Dataset", "name": about.settings.title,
                "version": about.settings.version, "datePublished": about.settings.date,
                "description": about.description,
                "license": {"@id": about.licence_url}, "keywords": ", ".join(about.keywords),
                "conformsTo": [{"@id": profile} for profile in PROFILES],
                "hasPart": [{"@id": name} for name in sums],
                "mainEntity": {"@id": WORKFLOW}, "mentions": {"@id": "#run"},
                "creator": [{"@id": f"#creator-{k}"} for k in range(len(about.settings.creators))],
            },
            *({"@id": profile, "@type": "CreativeWork", "name": name, "version": profile[-3:]}
              for profile, name in PROFILES.items()),
            *({"@id": f"#creator-{k}", "@type": "Organization", "name": name}
              for k, name in enumerate(about.settings.creators)),
            {"@id": about.licence_url, "@type": "CreativeWork", "name": about.licence},
            {
                "@id": WORKFLOW, "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
                "name": "einthoven", "programmingLanguage": {"@id": LANGUAGE},
                "version": __version__, "sha256": sums[WORKFLOW],
                "license": "https://spdx.org/licenses/AGPL-3.0-or-later",
            },
            {"@id": LANGUAGE, "@type": "ComputerLanguage", "name": "Snakemake",
             "identifier": {"@id": SNAKEMAKE}, "url": {"@id": SNAKEMAKE}},
            {"@id": SNAKEMAKE, "@type": "WebSite", "name": "Snakemake"},
            {
                "@id": "#run", "@type": "CreateAction", "name": "the run that made the data",
                "instrument": {"@id": WORKFLOW}, "object": [{"@id": CONFIG}],
                "result": [{"@id": name} for name in sums if not name.startswith("provenance/")],
                "agent": {"@id": "#creator-0"},
                "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
            },
            *files,
        ],
    }  # fmt: skip


def _crate_file(name: str, total: str) -> dict[str, Any]:
    return {"@id": name, "@type": "File", "name": name, "sha256": total}

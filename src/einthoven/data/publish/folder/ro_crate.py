"""RO-Crate 1.1 of a run in the profile Workflow Run Crate 0.5: which workflow and config made what.

https://w3id.org/ro/wfrun/workflow/0.5. The action has no times, so that the same config and seed
give the same bytes.
"""

from typing import Any

from einthoven.base.core.version import __version__
from einthoven.data.publish.folder.about import About

CONFIG, WORKFLOW = "provenance/config.json", "provenance/workflow/Snakefile"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
SNAKEMAKE = "https://snakemake.github.io"
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"


def ro_crate(about: About, sums: dict[str, str]) -> dict[str, Any]:
    """The JSON-LD document of ro-crate-metadata.json.

    Args:
        about: metadata of the data set.
        sums: name in the folder -> SHA-256 of each file.
    """
    files = [_file(name, total) for name, total in sums.items() if name != WORKFLOW]
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
                "@id": "./", "@type": "Dataset", "name": about.title, "version": about.version,
                "description": about.description, "datePublished": about.date,
                "license": {"@id": about.licence_url}, "keywords": ", ".join(about.keywords),
                "conformsTo": [{"@id": profile} for profile in PROFILES],
                "hasPart": [{"@id": name} for name in sums],
                "mainEntity": {"@id": WORKFLOW}, "mentions": {"@id": "#run"},
                "creator": [{"@id": f"#creator-{k}"} for k in range(len(about.creators))],
            },
            *({"@id": profile, "@type": "CreativeWork", "name": name, "version": profile[-3:]}
              for profile, name in PROFILES.items()),
            *({"@id": f"#creator-{k}", "@type": "Organization", "name": name}
              for k, name in enumerate(about.creators)),
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


def _file(name: str, total: str) -> dict[str, Any]:
    return {"@id": name, "@type": "File", "name": name, "sha256": total}

"""Metadata of a published data set, shared by its card, Croissant and RO-Crate; its two pages.

The card is README.md of the published folder, with front matter for Hugging Face. The page on the
layout of all formats is made from the tables that writers and checker use.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from einthoven.base.config.models import PublicationSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.version import __version__
from einthoven.data.dataset.consolidate import LICENCE
from einthoven.data.dataset.layout import FORMAT_VERSION, LAYOUTS, STAGE_LAYOUT, Variable
from einthoven.data.dataset.loaders import open_dataset

LICENCE_URLS = {"CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/"}
DATA = Path(__file__).parent / "data"
STATEMENTS = yaml.safe_load((DATA / "statements.yaml").read_text())
"""Limits, biases, uses and impact of the data, and how they were made."""
TEMPLATE = DATA / "card.md"
SIZES = ((1000, "n<1K"), (10_000, "1K<n<10K"), (float("inf"), "10K<n<100K"))
LAYOUT_TEMPLATE = DATA / "layout_page.md"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class About:
    """Title page of a data set."""

    settings: PublicationSettings
    """Section `publication`."""
    licence: str
    """SPDX name."""
    counts: dict[str, int]
    """Number of patients per split."""
    scenarios: tuple[str, ...]
    """Names of the scenarios."""
    n_electrodes: int
    """Number per patient."""
    config: str
    """Physics sections from the store's root, JSON."""

    keywords = ("electrocardiography", "lead field", "virtual patients", "finite elements",
                "inverse ECG", "synthetic data")  # fmt: skip
    slug = "einthoven-virtual-patients"
    """Name without spaces."""

    @property
    def licence_url(self) -> str:
        """Address of the licence text."""
        return LICENCE_URLS[self.licence]

    @property
    def n_patients(self) -> int:
        """Number of patients in all splits."""
        return sum(self.counts.values())

    @property
    def description(self) -> str:
        """Description in two sentences."""
        beats = ", ".join(self.scenarios)
        return (
            f"{self.n_patients} virtual patients (a bi-ventricular heart in a torso) with meshes, "
            f"fibres, activation ({beats}), finite-element lead fields of {self.n_electrodes} "
            "electrodes, body-surface potentials, 12-lead ECGs, signed distances and lead-field "
            f"samples. {STATEMENTS['how_made']}"
        )

    @property
    def citation(self) -> str:
        """BibTeX entry."""
        authors = " and ".join(f"{{{name}}}" for name in self.settings.creators)
        key = self.slug.replace("-", "_")
        return (
            f"@misc{{{key}, author = {{{authors}}}, title = {{{self.settings.title}}}, "
            f"version = {{{self.settings.version}}}, year = {{{self.settings.date[:4]}}}}}"
        )

    @property
    def citation_file(self) -> str:
        """CITATION.cff of the data."""
        authors = "".join(f"  - name: {json.dumps(name)}\n" for name in self.settings.creators)
        where = f"url: {json.dumps(self.settings.url)}\n" if self.settings.url else ""
        return (
            f"cff-version: 1.2.0\ntype: dataset\ntitle: {json.dumps(self.settings.title)}\n"
            'message: "If you use these data, please cite them."\n'
            f"authors:\n{authors}version: {self.settings.version}\n"
            f"date-released: {self.settings.date}\nlicense: {self.licence}\n{where}"
        )

    @property
    def responsible_ai(self) -> dict[str, Any]:
        """Minimal fields of Croissant RAI, and the provenance of the data in PROV-O."""
        return {
            "rai:dataCollection": STATEMENTS["how_made"],
            "rai:dataCollectionType": ["Software Collection"],
            "rai:dataLimitations": STATEMENTS["limits"],
            "rai:dataBiases": STATEMENTS["biases"],
            "rai:dataUseCases": STATEMENTS["uses"],
            "rai:dataSocialImpact": STATEMENTS["impact"],
            "rai:personalSensitiveInformation": "None: no person's data.",
            "rai:hasSyntheticData": True,
            "prov:wasGeneratedBy": {
                "@type": "prov:Activity",
                "prov:label": f"einthoven {__version__}, workflow run",
            },
        }


def about_of(store: Path, settings: PublicationSettings) -> About:
    """Metadata of a consolidated store.

    Raises:
        BadInput: it holds imported patients.
    """
    tree = open_dataset(store)
    counts = Counter(tree["split"].values.tolist())
    if tree.attrs["licence"] != LICENCE or set(counts) - set(SPLITS):
        raise BadInput(
            f"{store}: holds {counts['imported']} imported patients, whose data are not ours to "
            "publish; leave them out (`dataset: exclude`, or no `imported.sheet`)"
        )
    ecg = tree["ecg"].to_dataset()
    return About(
        settings,
        tree.attrs["licence"],
        {split: counts[split] for split in SPLITS if counts[split]},
        tuple(ecg["scenario"].values.tolist()),
        ecg.sizes["electrode"],
        tree.attrs["config"],
    )


def card(about: About, n_sample: int, metrics: Mapping[str, Any] | None) -> str:
    """Text of README.md; `metrics` are those of the run's report, if it has any."""
    size = next(name for limit, name in SIZES if about.n_patients < limit)
    counts = ", ".join(f"{n} {split}" for split, n in about.counts.items())
    changes = about.settings.changes
    return TEMPLATE.read_text().format(
        size=size, quoted=json.dumps(about.settings.title), title=about.settings.title,
        description=about.description, version=about.settings.version,
        format_version=FORMAT_VERSION, software=__version__, licence=about.licence,
        n_sample=n_sample, counts=f"{about.n_patients} patients ({counts})",
        scenarios=", ".join(about.scenarios), n_electrodes=about.n_electrodes,
        first=about.scenarios[0], baselines=baselines(metrics), **STATEMENTS,
        changelog="\n".join(f"- {version}: {change}." for version, change in changes.items()),
    )  # fmt: skip


def baselines(metrics: Mapping[str, Any] | None) -> str:
    """Table of the methods of a report, on its test patients."""
    if metrics is None:
        return "This run trained no model."
    rows = ["| method | angle in the heart (deg) | ECG rel. l2 |", "|---|---|---|"]
    for name, row in metrics["methods"].items():
        cells = []
        for key in ("angular_error_deg", "ecg_rel_l2"):
            value = row.get(key)
            cells.append(f"{value['mean']:.3g} ± {value['std']:.2g}" if value else "")
        rows.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return "\n".join(rows)


def document() -> str:
    """The whole page."""
    stores = ""
    for kind, layout in LAYOUTS.items():
        stores += f"\n## {kind}\n"
        for group, variables in layout.items():
            stores += f"\n### `/{group.strip('/')}`\n{_table((v.name, v) for v in variables)}"
    stages = "".join(
        f"\n### `{stage}`\n{_table((v.stage_name, v) for v in variables)}"
        for stage, variables in STAGE_LAYOUT.items()
    )
    page = LAYOUT_TEMPLATE.read_text().replace("{version}", str(FORMAT_VERSION))
    return page.replace("{stores}", stores).replace("{stages}", stages)


def _table(rows: Iterable[tuple[str, Variable]]) -> str:
    head = "\n| variable | dimensions | dtype | unit | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| `{name}` | {', '.join(v.dims)} | {v.dtype} | {v.units} | {v.long_name} |\n"
        for name, v in rows
    )

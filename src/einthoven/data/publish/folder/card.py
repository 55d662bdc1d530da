"""The data card: README.md of the published folder, with front matter for Hugging Face."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from einthoven.base.core.version import __version__
from einthoven.data.dataset.layout import FORMAT_VERSION
from einthoven.data.publish.folder.about import BIASES, HOW_MADE, IMPACT, LIMITS, USES, About

TEMPLATE = Path(__file__).with_name("card.md")
SIZES = ((1000, "n<1K"), (10_000, "1K<n<10K"), (float("inf"), "10K<n<100K"))


def card(about: About, n_sample: int, metrics: Mapping[str, Any] | None) -> str:
    """Text of README.md.

    Args:
        about: metadata of the data set.
        n_sample: patients in the sample.
        metrics: metrics of the run's report, for the baselines; None: it has none.
    """
    size = next(name for limit, name in SIZES if about.n_patients < limit)
    counts = ", ".join(f"{n} {split}" for split, n in about.counts.items())
    changes = about.settings.changes
    return TEMPLATE.read_text().format(
        size=size, quoted=json.dumps(about.title), title=about.title,
        description=about.description, version=about.version,
        format_version=FORMAT_VERSION, software=__version__, licence=about.licence,
        n_sample=n_sample, counts=f"{about.n_patients} patients ({counts})",
        scenarios=", ".join(about.scenarios), n_electrodes=about.n_electrodes,
        first=about.scenarios[0], uses=USES, limits=LIMITS, biases=BIASES, how_made=HOW_MADE,
        impact=IMPACT, baselines=baselines(metrics),
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

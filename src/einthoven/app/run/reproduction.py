"""Runs of the papers' own tables: what each reads, and one small record of its numbers."""

import csv
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from einthoven.base.config.load import as_params
from einthoven.base.config.models import Config
from einthoven.base.core.files import read_json

FOLDER = "results/reproduction"
TIMED = {
    "dokuchaev-2026": ("mesh", "fibers", "leadfield", "field_samples", "sdf_samples", "encoder",
                       "shapes", "surrogate", "operator_train", "predict", "operator_predict",
                       "evaluate"),
    "zhu-2025": ("reproduction_zhu",),
    "landajuela-2022": ("imaging_simulate", "imaging_train", "imaging_evaluate",
                        "reproduction_nearest"),
}  # fmt: skip
"""Paper -> the rules whose seconds are its time."""


@dataclass(frozen=True)
class Reproduction:
    """Files and parameters of `snakemake reproduction`."""

    config: Config
    """All of the config."""

    @property
    def sha256(self) -> str:
        """Hash of the config, 12 hexadecimal digits."""
        text = json.dumps(as_params(self.config), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def sources(self, paper: str) -> dict[str, list[str]]:
        """First part of the names of numbers -> files with metrics, one for each repeat."""
        repeats = range(self.config.reproduction.repeats)
        known = {
            "dokuchaev-2026": {"report": ["results/report/metrics.json"]},
            "zhu-2025": {"networks": [f"{FOLDER}/zhu/{k}.json" for k in repeats]},
            "landajuela-2022": {
                "imaging": ["results/imaging/metrics.json"],
                "nearest": [f"{FOLDER}/nearest.json"],
            },
        }
        return known[paper]

    def files(self, paper: str) -> list[str]:
        """All files with metrics of a paper."""
        return [file for files in self.sources(paper).values() for file in files]


def numbers(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Names like networks/network-1/random/at_error_ms -> numbers of nested objects.

    Lists, texts and absent values are left out.
    """
    for key, value in metrics.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from numbers(value, f"{name}/")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, float(value)


def values_of(sources: Mapping[str, Iterable[str | Path]]) -> dict[str, list[float]]:
    """Name of a number -> its values, one for each file that has it.

    Raises:
        BadInput: a file is missing or no JSON.
    """
    found: dict[str, list[float]] = {}
    for prefix, files in sources.items():
        for file in files:
            for name, value in numbers(read_json(file), f"{prefix}/"):
                found.setdefault(name, []).append(value)
    return found


def seconds_of(rules: Iterable[str], benchmarks: Path) -> float:
    """Seconds of all jobs of some rules, by Snakemake's benchmark files; 0 without any."""
    total = 0.0
    for rule in rules:
        for path in [benchmarks / f"{rule}.tsv", *sorted((benchmarks / rule).rglob("*.tsv"))]:
            if path.is_file():
                with open(path, newline="") as file:
                    total += sum(float(row["s"]) for row in csv.DictReader(file, delimiter="\t"))
    return total


def machine() -> str:
    """Class of the machine: number of cores, architecture, and GPU if there is one."""
    gpu = ", GPU" if Path("/proc/driver/nvidia/gpus").is_dir() else ""
    return f"{os.cpu_count()} cores, {platform.machine()}{gpu}"


def commit(folder: Path) -> str:
    """Commit of a checkout, with a + if tracked files differ; `unknown` outside one."""
    try:
        asked = (["rev-parse", "--short=10", "HEAD"], ["status", "--porcelain", "-uno"])
        head, changed = (
            subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True,
                           check=True).stdout.strip()
            for arguments in asked
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + "+" * bool(changed)


def record(
    paper: str, sources: Mapping[str, Iterable[str | Path]], about: Mapping[str, str]
) -> dict[str, Any]:
    """The record of a run: what was run, where, how long, and all its numbers.

    Args:
        paper: name in `TIMED`.
        sources: as of `Reproduction.sources`.
        about: `command`, `config_sha256`, `commit`.
    """
    return {
        "paper": paper,
        **about,
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(seconds_of(TIMED[paper], Path("results/benchmarks"))),
        "values": values_of(sources),
    }

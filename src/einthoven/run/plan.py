"""What the workflow asks for: jobs of each rule for a config, and the resources of each rule."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from einthoven.config.models import Config

GATHERING = frozenset({"consolidate", "recipe", "encoder", "surrogate", "evaluate"})
"""Rules of which one job goes through all patients, so that its time grows with their number."""

_RULE = re.compile(r"^rule (\w+):$(.*?)(?=^rule |\Z)", re.MULTILINE | re.DOTALL)
_ASKED = {
    "threads": re.compile(r"^    threads: (\d+)", re.MULTILINE),
    "mem_mb": re.compile(r"mem_mb=\D*(\d+)"),
    "runtime": re.compile(r"runtime=\D*(\d+)"),
}


@dataclass(frozen=True)
class Asked:
    """What a rule asks for at its first attempt: threads, memory in MB, time in minutes."""

    threads: int = 1
    mem_mb: int | None = None
    runtime: int | None = None


def patients(config: Config) -> dict[str, int]:
    """Number of patients of each split, without the excluded ones."""
    from einthoven.anatomy.population.cohort import block_splits
    from einthoven.core.names import patient_name

    cohort = config.cohort
    block = block_splits(cohort.block_size, cohort.val_per_block, cohort.test_per_block)
    excluded = set(config.dataset.exclude)
    kept = (i for i in range(cohort.n_patients) if patient_name(i) not in excluded)
    return dict(Counter(block[index % len(block)] for index in kept))


def n_imported(config: Config) -> int:
    """Number of imported patients in the config's sheet, without the excluded ones."""
    from einthoven.imported.sheet import read_sheet

    rows = read_sheet(config.imported.sheet) if config.imported.sheet else []
    return sum(row.patient not in config.dataset.exclude for row in rows)


def planned_jobs(config: Config) -> dict[str, int]:
    """Jobs of each rule that a run from nothing has, without rules that only gather files."""
    from einthoven.core.names import SHAPES_PER_CHUNK, STANDARD_ELECTRODES
    from einthoven.leadfield.gather import batches

    splits = patients(config)
    n, n_test = sum(splits.values()), splits.get("test", 0)
    n_electrodes = len(STANDARD_ELECTRODES) + config.electrodes.n_grid
    models = config.learning.models
    n_encoders, n_models = len(config.learning.encoders), len(models)
    n_external = n_imported(config)
    n_ensembles = n_encoders * (config.learning.ensemble > 1 and "refraction" in models)
    n_coded = sum(name != "pca" for name in config.learning.encoders)
    n_chunks = config.deepsdf.n_shapes // SHAPES_PER_CHUNK
    n_batches = len(batches(n_electrodes, config.leadfield.electrodes_per_job))
    per_patient = "sdf_samples mesh fibers purkinje field_samples ecg patient_store"
    return dict.fromkeys(per_patient.split(), n + n_external) | {
        "cohort": n,
        "anatomy": n,
        "shapes": ("deepsdf" in config.learning.encoders) * n_chunks,
        "import_patient": n_external,
        "imported_code": n_external * n_coded,
        "activation": (n + n_external) * len(config.ecg.scenarios),
        "leadfield": (n + n_external) * n_batches,
        "calibration": 1,
        "consolidate": 1,
        "recipe": n_encoders * (1 + n_models),
        "encoder": n_encoders,
        "surrogate": n_encoders * n_models + n_ensembles * (config.learning.ensemble - 1),
        "uncertainty": n_ensembles,
        "predict": n_models * (n_encoders * n_test + n_coded * n_external),
        "reconstruct": n_coded * (n_test + n_external),
        "evaluate": 1,
        "report": 1,
    }


def asked_resources(rules: str | Path) -> dict[str, Asked]:
    """Resources that the rules of a workflow ask for.

    Args:
        rules: folder of .smk files; one that is not there has no rules.
    """
    text = "\n".join(path.read_text() for path in sorted(Path(rules).glob("*.smk")))
    return {name: _asked(body) for name, body in _RULE.findall(text)}


def _asked(body: str) -> Asked:
    found = {name: pattern.search(body) for name, pattern in _ASKED.items()}
    return Asked(**{name: int(match[1]) for name, match in found.items() if match})

"""Number of jobs of a plan, and the resources that each rule requests."""

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from einthoven.app.run.plan import Plan

GATHERING = frozenset(
    {"consolidate", "recipe", "encoder", "surrogate", "operator_train", "evaluate"}
)
"""Rules with one job over all patients, whose time grows with their number."""

PER_PATIENT = ("sdf_samples", "mesh", "fibers", "purkinje", "field_samples", "ecg",
               "patient_store")  # fmt: skip
ONCE = ("cohort_sheet", "population", "consolidate", "evaluate", "report")
_RULE = re.compile(r"^rule (\w+):$(.*?)(?=^rule |\Z)", re.MULTILINE | re.DOTALL)
_ASKED = {
    "threads": re.compile(r"^    threads: (\d+)", re.MULTILINE),
    "mem_mb": re.compile(r"mem_mb=\D*(\d+)"),
    "runtime": re.compile(r"runtime=\D*(\d+)"),
}


@dataclass(frozen=True)
class Asked:
    """Request of a rule at its first attempt: threads, memory in MB, time in minutes."""

    threads: int = 1
    mem_mb: int | None = None
    runtime: int | None = None


def planned_jobs(plan: Plan) -> dict[str, int]:
    """Jobs of each rule in a run from scratch, without rules that only gather files."""
    n, n_test = len(plan.patients), len(plan.of_split("test"))
    n_imported, n_everybody = len(plan.imported), len(plan.everybody)
    n_coded = len(plan.coded)
    surrogates = [method for method in plan.methods if method.encoder]
    operators = [method for method in plan.methods if not method.encoder]
    return dict.fromkeys(PER_PATIENT, n_everybody) | dict.fromkeys(ONCE, 1) | {
        "cohort": n,
        "anatomy": n,
        "shapes": sum(len(plan.chunks(encoder)) for encoder in plan.encoders),
        "import_patient": n_imported,
        "imported_code": n_imported * n_coded,
        "activation": n_everybody,
        "substrate": n_everybody if plan.config.substrate.enabled else 0,
        "beat": sum(bool(plan.beat_of(SimpleNamespace(patient=name))) for name in plan.everybody),
        "recording": n_everybody if plan.recorded else 0,
        "leadfield": n_everybody * len(plan.batches),
        "encoder": len(plan.encoders),
        "recipe": len(surrogates),
        "surrogate": sum(len(plan.networks(method)) for method in surrogates),
        "uncertainty": sum(len(plan.uncertainty(method)) for method in surrogates),
        "predict": sum(len(plan.predicted(method)) for method in surrogates),
        "operator_train": sum(len(plan.networks(method)) for method in operators),
        "operator_uncertainty": sum(len(plan.uncertainty(method)) for method in operators),
        "operator_predict": sum(len(plan.predicted(method)) for method in operators),
        "reconstruct": n_coded * (n_test + n_imported),
    }  # fmt: skip


def asked_resources(rules: str | Path) -> dict[str, Asked]:
    """Resources requested by the rules in a folder of .smk files; empty if it does not exist."""
    text = "\n".join(path.read_text() for path in sorted(Path(rules).glob("*.smk")))
    return {name: _asked(body) for name, body in _RULE.findall(text)}


def _asked(body: str) -> Asked:
    matches = {name: pattern.search(body) for name, pattern in _ASKED.items()}
    return Asked(**{name: int(match[1]) for name, match in matches.items() if match})

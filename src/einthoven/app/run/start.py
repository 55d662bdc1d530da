"""Conditions for the start of a run: a valid config, its files, results with their metadata."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from einthoven.app.run.plan import Plan
from einthoven.base.config import validate
from einthoven.base.core.errors import BadInput

DEFAULT_RATE_LIMIT = (100, 1)
"""Job starts per seconds, unless another limit is set."""
EMBEDDED = Path(__file__).resolve().parents[2] / "body" / "anatomy" / "shape" / "data"
"""The two atlases of the package."""


def typed(value: Any) -> Any:
    """Values of --config, which Snakemake leaves as text inside a section, parsed as YAML."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return yaml.safe_load(value) if isinstance(value, str) else value


def plan_or_exit(settings: Mapping[str, Any]) -> Plan:
    """The plan of unchecked settings, or exit with status 2 and a one-line reason."""
    try:
        plan = Plan.of(validate(dict(settings)))
        check_atlases(plan)
    except BadInput as error:
        print(f"einthoven: {error}", file=sys.stderr)
        sys.exit(2)
    return plan


def check_atlases(plan: Plan, embedded: Path = EMBEDDED) -> None:
    """Check that the atlases of the package and of the config exist.

    Raises:
        BadInput: one of them is missing.
    """
    for name in ("torso", "heart"):
        path = embedded / f"{name}_atlas.npz"
        if not path.is_file():
            cure = f"restore it with git, or run python tools/build_{name}_atlas.py"
            raise BadInput(f"{path}: the {name} atlas is missing; {cure}")
    for key, file in plan.atlases.items():
        if not Path(file).is_file():
            raise BadInput(
                f"config: anatomy.{key}: {file}: no such file; `einthoven fetch` makes it"
            )


def warn_without_metadata(folder: Path) -> None:
    """Warn if results were copied without Snakemake's metadata."""
    known = any((folder / ".snakemake" / "metadata").glob("*"))
    if (folder / "results" / "patients").is_dir() and not known:
        print(
            "einthoven: results/ was copied without .snakemake/metadata, so earlier edits of the "
            "config go unnoticed; copy that folder too, or run with --forceall",
            file=sys.stderr,
        )


def drop_default_rate_limit(scheduler: Any) -> None:
    """Remove Snakemake's default limit of job starts per second from its scheduler.

    With a limit, every search for ready jobs starts a timer for the next one, and so does every
    finished job (its issue 3804): after 200 jobs Snakemake searches 200 times a second, which takes
    a quarter of a core.
    """
    limit = scheduler.job_rate_limiter
    if limit is not None and (limit.max_jobs, limit.timespan) == DEFAULT_RATE_LIMIT:
        scheduler.job_rate_limiter = None

"""Batches of electrodes: which electrodes a job solves, and how their files come together."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from einthoven.core import check
from einthoven.core.errors import BadInput
from einthoven.core.files import Arrays, load_arrays

POSITION_TOLERANCE_MM = 1e-3


class LeadFields(NamedTuple):
    """Lead fields of named electrodes, in the order that was asked for."""

    lead_field: np.ndarray
    electrode_names: np.ndarray
    electrode_points: np.ndarray
    residual: np.ndarray


def batches(n_electrodes: int, electrodes_per_job: int) -> list[tuple[int, int]]:
    """First and one past the last electrode of each job; 0 a job means all in one."""
    size = electrodes_per_job or max(n_electrodes, 1)
    starts = range(0, n_electrodes, size)
    return [(start, min(start + size, n_electrodes)) for start in starts]


def gather_lead_fields(
    paths: Sequence[str | Path],
    electrode_names: Sequence[str],
    electrode_points: np.ndarray | None = None,
) -> LeadFields:
    """Put batch files together by electrode name, whatever their order.

    Args:
        paths: `leadfield_b*.npz` files of one patient.
        electrode_names: the electrodes wanted, in the order wanted.
        electrode_points: [electrode, 3] mm where they should be; None skips that check.

    Returns:
        lead_field [electrode, node] kOhm, names, points and residuals.

    Raises:
        BadInput: an electrode is missing, or in two files, or elsewhere than it should be; the
            files differ in patient or number of nodes.
    """
    names = list(check.unique("electrode_names", [str(name) for name in electrode_names]))
    if not paths:
        raise BadInput("no lead-field files to gather; run the leadfield rule")
    required = ("lead_field", "electrode_names", "electrode_points", "residual")
    batches = [load_arrays(path, required) for path in paths]
    found = [str(name) for batch in batches for name in batch["electrode_names"]]
    check.unique(f"{_listed(paths)}: electrodes", found)
    missing = [name for name in names if name not in set(found)]
    if missing:
        raise BadInput(f"{_listed(paths)}: lacks {', '.join(missing[:8])}; stale batch files?")
    for batch in batches:
        _check_same_mesh(batches[0], batch)
    row = {name: k for k, name in enumerate(found)}
    order = [row[name] for name in names]
    joined = {key: np.concatenate([batch[key] for batch in batches])[order] for key in required}
    if electrode_points is not None:
        apart = np.linalg.norm(joined["electrode_points"] - electrode_points, axis=1)
        if apart.max(initial=0.0) > POSITION_TOLERANCE_MM:
            worst = int(np.argmax(apart))
            raise BadInput(
                f"{_listed(paths)}: electrode {names[worst]} is {apart[worst]:.3g} mm from where "
                "the anatomy has it; re-run the leadfield rule"
            )
    return LeadFields(**joined)


def _check_same_mesh(first: Arrays, other: Arrays) -> None:
    nodes, patients = {}, {}
    for batch in (first, other):
        nodes[batch["lead_field"].shape[1]] = batch.path
        patients[batch.attrs.get("patient")] = batch.path
    if len(nodes) > 1 or len(patients) > 1:
        raise BadInput(
            f"{first.path} and {other.path}: different patients or meshes "
            f"(nodes {sorted(nodes)}, patients {sorted(map(str, patients))})"
        )


def _listed(paths: Sequence[str | Path]) -> str:
    return f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}"

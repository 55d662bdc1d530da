"""Cycle lengths of simulated beats, as patients' folders and stores state them."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from einthoven.app.evaluation.ecg_folders import ECG_FILE, patients_in
from einthoven.base.config.scenarios import BUILT_IN, read_scenario
from einthoven.base.core.errors import BadInput
from einthoven.data.dataset.layout import DATASET_FORMAT, PATIENT_FORMAT
from einthoven.data.dataset.store import open_store, values_of
from einthoven.data.patient.patient import Patient

STORE = ".zarr.zip"


def cycle_lengths(paths: Sequence[str | Path], scenario: str) -> dict[str, float]:
    """Cycle length of a scenario's beats.

    Args:
        paths: results, patients' folders, stores; recordings state theirs themselves.
        scenario: of the beats.

    Returns:
        patient -> ms; those for whom nothing is stated are missing.
    """
    found = dict[str, float]()
    for path in (one for given in paths for one in _simulated(Path(given))):
        with suppress(BadInput):  # what cannot be read is reported by the reader of the ECG
            found |= _of_store(path, scenario) if path.is_file() else _of_patient(path, scenario)
    return found


def _simulated(path: Path) -> list[Path]:
    """Patients' folders and stores of a path."""
    inner = patients_in(path)
    candidates = [path, *(sorted(inner.iterdir()) if inner.is_dir() else ())]
    return [p for p in candidates if p.name.endswith(STORE) or (p / ECG_FILE).is_file()]


def _of_patient(path: Path, scenario: str) -> dict[str, float]:
    patient = Patient.open(path)
    return {patient.name: patient.activation(scenario).cycle_length_ms}


def _of_store(path: Path, scenario: str) -> dict[str, float]:
    with open_store(path) as root:
        kind = root.attrs.get("format")
        if kind == DATASET_FORMAT:
            cycle = cycle_of_config(root.attrs.get("config"), scenario)
            names = values_of(root, "patient")
            return {} if cycle is None else {str(name): cycle for name in names}
    return _of_patient(path, scenario) if kind == PATIENT_FORMAT else {}


def cycle_of_config(config: Any, scenario: str) -> float | None:
    """Cycle length of a scenario of the config that a consolidated store holds as JSON, ms.

    None for a scenario that the config does not have.
    """
    sections = json.loads(config) if isinstance(config, str) else {}
    defined = sections.get("scenarios", {}).get("defined", {})
    if scenario in defined:
        with suppress(ValidationError):  # of another version
            return float(read_scenario(defined[scenario]).cycle_length_ms)
    return float(BUILT_IN[scenario].cycle_length_ms) if scenario in BUILT_IN else None

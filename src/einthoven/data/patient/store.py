"""Stages from the store of one patient."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.data.dataset.layout import PATIENT_FORMAT, PATIENT_LAYOUT, STAGE_LAYOUT
from einthoven.data.dataset.store import open_store, values_of
from einthoven.data.patient.activation import Activation
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.stage import Stage

CONDITION = {"cycle_length": 1000.0, "i_kr_factor": 1.0}
"""Conditions of the cells, and their defaults."""
FILE_OF = {"coordinates": "fibers"}
"""Stages that share the file, or the group of a store, of another one."""


def name_in(path: Path) -> str:
    """Name of the patient of a store.

    Raises:
        BadInput: it is not the store of one patient.
    """
    with open_store(path) as root:
        if root.attrs.get("format") != PATIENT_FORMAT:
            raise BadInput(f"{path}: not the store of one patient; see results/dataset/patients")
        return str(root.attrs["patient"])


def read_parameters(path: Path) -> PatientParameters:
    """Split, sex and coefficients, None for each unknown one; the store has no other parameters."""
    with open_store(path) as root:
        stored = {v.name: values_of(root, f"cohort/{v.name}") for v in PATIENT_LAYOUT["cohort"]}
        coeffs: dict[str, Any] = {
            name: [None if math.isnan(value) else value for value in values.tolist()]
            for name, values in stored.items()
        }
        sex = root.attrs.get("sex")
        return PatientParameters(
            patient=str(root.attrs["patient"]),
            split=str(root.attrs["split"]),
            sex=None if sex is None else str(sex),
            **coeffs,
        )


def read_stage[S: Stage](path: Path, kind: type[S]) -> S:
    """A stage from a patient's store; electrode sites are the electrodes themselves."""
    group = FILE_OF.get(kind.stage, kind.stage)
    stored = {v.stage_name: v.name for v in PATIENT_LAYOUT[group]}
    stored |= {"site_names": "electrode", "site_points": "electrode_points"}
    with open_store(path) as root:
        keys = {name: f"{group}/{stored.get(name, name)}"
                for name in (v.stage_name for v in STAGE_LAYOUT[kind.stage])}  # fmt: skip
        if "electrode_points" in keys:
            keys["electrode_points"] = "anatomy/electrode_points"
        arrays = {name: values_of(root, key) for name, key in keys.items() if key in root}
        attrs = {**root.attrs, **root[group].attrs}
    return kind.of(arrays, attrs, path)


def read_activations(path: Path) -> dict[str, Activation]:
    """Activations by scenario."""
    with open_store(path) as root:
        found = {
            v.name: values_of(root, f"activation/{v.name}")
            for v in PATIENT_LAYOUT["activation"]
            if v.name not in CONDITION
        }
        n_scenarios, name = len(found["scenario"]), str(root.attrs["patient"])
        for key, baseline in CONDITION.items():
            # stores before format 4 have no conditions
            old = root.attrs.get("format_version") in (1, 2, 3)
            found[key] = (
                np.full(n_scenarios, baseline) if old else values_of(root, f"activation/{key}")
            )
        settings: Any = root["activation"].attrs.get("settings")
    owner = found["source_scenario"]
    return {
        str(scenario): Activation(
            patient=name, scenario=str(scenario), activation_time=found["activation_time"][k],
            source_nodes=found["source_nodes"][owner == k],
            source_times=found["source_times"][owner == k], settings=settings,
            cycle_length_ms=float(found["cycle_length"][k]),
            i_kr_factor=float(found["i_kr_factor"][k]),
        )
        for k, scenario in enumerate(found["scenario"])
    }  # fmt: skip


def read_lead_fields(path: Path) -> LeadFields:
    """Lead fields of all electrodes at the nodes that the store keeps."""
    fields = read_stage(path, LeadFields)
    with open_store(path) as root:
        return replace(fields, kept_nodes=values_of(root, "leadfield/kept_nodes"))

"""Writer of one patient's checksummed store."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from einthoven.base.config.atria import AtriaSettings
from einthoven.base.config.load import section_of
from einthoven.base.config.physiology import Physiology
from einthoven.base.core.errors import BadInput
from einthoven.base.core.tags import SDF_SURFACES, Surface
from einthoven.base.core.version import __version__
from einthoven.data.dataset.layout import (
    ELECTRODE,
    FORMAT_VERSION,
    OF_SOME,
    PATIENT_FORMAT,
    PATIENT_LAYOUT,
    SCENARIO,
    STAGE_SIZES,
)
from einthoven.data.dataset.store import new_store, write
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient

SHELL_MM = 10.0
"""Shell around the heart, for plots and electrograms close to it."""

RULE_OF = {"repolarisation": "ecg"}
"""Rule that reads a section with another name."""
Group = dict[str, np.ndarray]
"""Arrays by their names in the stage files."""


def write_store(path: str | Path, patient: Patient, whole_body: bool = False) -> None:
    """Collect a patient's stages in one store. The same stages give the same bytes.

    Args:
        path: the .zarr.zip file to write.
        patient: with parameters and all stages.
        whole_body: keep the lead field at all nodes, not just at those of `region_of_interest`.

    Raises:
        BadInput: a stage is missing or broken, or stages contradict each other.
    """
    groups = _groups(patient, whole_body)
    some = [name for name in OF_SOME if patient.has(name)]
    groups |= {name: getattr(patient, name).arrays() for name in some}
    _check_groups(groups)
    single = ("anatomy", "mesh", "fibers", "purkinje", "ecg", "sdf", "field", *some)
    attrs = {name: dict(sorted(getattr(patient, name).attrs().items())) for name in single}
    attrs["activation"] = {"settings": next(iter(patient.activations.values())).settings}
    about = {
        "format": PATIENT_FORMAT,
        "format_version": FORMAT_VERSION,
        "einthoven_version": __version__,
        "patient": patient.name,
        "split": patient.parameters.split,
        "sex": patient.parameters.sex,
    }
    with new_store(path, about) as root:
        for name, arrays in groups.items():
            group = root.create_group(name, attributes=attrs.get(name, {}))
            for variable in (PATIENT_LAYOUT | OF_SOME)[name]:
                write(group, variable, arrays[variable.stage_name])


def region_of_interest(mesh: TetMesh) -> np.ndarray:
    """Nodes at which a store keeps the lead field: heart (first), all within 10 mm of it, skin.

    Elsewhere Z is smooth and tells nothing about sources. For a full-resolution mesh two thirds of
    the nodes remain.
    """
    heart = cKDTree(mesh.points[: mesh.n_heart_nodes])
    distance, _ = heart.query(mesh.points, distance_upper_bound=SHELL_MM)
    kept = np.isfinite(distance)
    kept[: mesh.n_heart_nodes] = True
    kept[mesh.facets[mesh.facet_tags == Surface.SKIN]] = True
    return np.flatnonzero(kept).astype(np.int32)


def _groups(patient: Patient, whole_body: bool) -> dict[str, Group]:
    """Arrays of all groups, in the order of the layout."""
    mesh, fields, surface = patient.mesh, patient.lead_fields, np.array(SDF_SURFACES)
    parameters, activations = patient.parameters, list(patient.activations.values())
    sources = [activation.source_nodes for activation in activations]
    kept = np.arange(len(mesh.points)) if whole_body else region_of_interest(mesh)
    electrodes = {k: fields.arrays()[k] for k in ("electrode_names", "electrode_points")}
    return {
        "cohort": {v.name: np.array(getattr(parameters, v.name), float)
                   for v in PATIENT_LAYOUT["cohort"]},
        # only the skin sites that carry an electrode
        "anatomy": patient.anatomy.arrays() | electrodes,
        "mesh": mesh.arrays(),
        "fibers": patient.fibers.arrays() | patient.coordinates.arrays(),
        "purkinje": patient.purkinje.arrays(),
        "activation": {
            "scenario": np.array([activation.scenario for activation in activations]),
            "activation_time": np.stack([a.activation_time for a in activations]),
            "source_nodes": np.concatenate(sources),
            "source_times": np.concatenate([a.source_times for a in activations]),
            "source_scenario": np.repeat(np.arange(len(sources)), [len(s) for s in sources]),
            "cycle_length": np.array([a.cycle_length_ms for a in activations]),
            "i_kr_factor": np.array([a.i_kr_factor for a in activations]),
        },
        "leadfield": fields.arrays()
        | {"kept_nodes": kept, "lead_field": fields.lead_field[:, kept]},
        "physiology": _physiology(patient),
        "ecg": patient.ecg.arrays(),
        "sdf": patient.sdf.arrays() | {"surface": surface},
        "field": patient.field.arrays() | {"surface": surface},
    }  # fmt: skip


def _physiology(patient: Patient) -> Group:
    """Speeds, durations and drawn conductivities, from the settings of the stages."""
    sections = {
        "purkinje": patient.purkinje.settings,
        "activation": next(iter(patient.activations.values())).settings,
        "repolarisation": patient.ecg.settings,
    }
    known = {name: section for name, section in sections.items() if section is not None}
    if lacking := sorted(sections.keys() - known.keys()):
        rules = ", ".join(RULE_OF.get(name, name) for name in lacking)
        raise BadInput(f"{patient.where}: no settings of {', '.join(lacking)}; re-run {rules}")
    columns = Physiology.read(known, str(patient.where)).columns | dict(patient.ecg.traits or {})
    columns |= patient.lead_fields.conductivities or {}
    if (atria := patient.ecg.atria) is not None:
        columns |= section_of(AtriaSettings, atria, str(patient.where)).columns
    if patient.has("substrate"):
        columns |= patient.substrate.columns
    return {"setting": np.array(list(columns)), "value": np.array(list(columns.values()))}


def _check_groups(groups: Mapping[str, Group]) -> None:
    """Check that all variables of the layout are there, with consistent lengths and names."""
    sizes = dict(STAGE_SIZES)
    for group, arrays in groups.items():
        for variable in (PATIENT_LAYOUT | OF_SOME)[group]:
            name = variable.stage_name
            if name not in arrays:
                raise BadInput(f"{group}: lacks {name}; re-run the rule {group}")
            if fault := variable.length_fault(np.shape(arrays[name]), sizes):
                raise BadInput(f"{group}/{name}: {fault}; stage files of different runs?")
        for variable, home in ((ELECTRODE, "anatomy"), (SCENARIO, "activation")):
            name = variable.stage_name
            if name in arrays and list(arrays[name]) != list(groups[home][name]):
                raise BadInput(f"{group}: {variable.name} names differ from those in {home}")

"""Writer of one patient's closed, checksummed store from the stage files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays, read_json
from einthoven.core.tags import SDF_SURFACES
from einthoven.core.version import __version__
from einthoven.dataset.layout import FORMAT_VERSION, PATIENT_FORMAT, PATIENT_LAYOUT
from einthoven.dataset.region import region_of_interest
from einthoven.dataset.store import cast, new_store, write

Group = dict[str, np.ndarray]
ELECTRODES = ("electrode_names", "electrode_points")
SINGLE_STAGES = ("anatomy", "mesh", "fibers", "purkinje", "ecg", "sdf", "field")


def _join_activation(paths: Mapping[str, str | Path]) -> Group:
    """One group from a file per scenario."""
    files = {scenario: load_arrays(path) for scenario, path in paths.items()}
    sources = [np.atleast_1d(f["source_nodes"]) for f in files.values()]
    return {
        "scenario": np.array(list(files)),
        "activation_time": np.stack([f["activation_time"] for f in files.values()]),
        "source_nodes": np.concatenate(sources),
        "source_times": np.concatenate([np.atleast_1d(f["source_times"]) for f in files.values()]),
        "source_scenario": np.repeat(np.arange(len(sources)), [len(s) for s in sources]),
    }


def _join_leadfield(paths: Sequence[str | Path]) -> Group:
    """One group from a file per batch of electrodes, in batch order."""
    files = [load_arrays(path) for path in paths]
    names = ("electrode_names", "electrode_points", "lead_field", "residual")
    return {name: np.concatenate([f[name] for f in files]) for name in names}


def _kept_nodes(mesh: Group, n_heart_nodes: int, whole_body: bool) -> np.ndarray:
    points = mesh["points"]
    if whole_body:
        return np.arange(len(points), dtype=np.int32)
    return region_of_interest(points, mesh["facets"], mesh["facet_tags"], n_heart_nodes)


def _select(group: str, arrays: Mapping[str, np.ndarray], sizes: dict[str, int]) -> Group:
    """The layout's variables of a group, cast and with consistent dimensions.

    Raises:
        BadInput: a variable is missing or its size contradicts another one's.
    """
    chosen = {}
    for variable in PATIENT_LAYOUT[group]:
        if variable.stage_name not in arrays:
            raise BadInput(f"{group}: lacks {variable.stage_name}; re-run the rule {group}")
        try:
            values = cast(variable, arrays[variable.stage_name])
        except BadInput as error:
            raise BadInput(f"{group}: {error}") from error
        for dim, size in zip(variable.dims, values.shape):
            if sizes.setdefault(dim, size) != size:
                raise BadInput(
                    f"{group}/{variable.name}: {dim} has length {size}, elsewhere {sizes[dim]}; "
                    "stage files of different runs?"
                )
        chosen[variable.name] = values
    return chosen


def _check_names(groups: Mapping[str, Group]) -> None:
    """The same electrodes and scenarios everywhere.

    Raises:
        BadInput: names the group that differs.
    """
    for dim, home in (("electrode", "anatomy"), ("scenario", "activation")):
        for group, arrays in groups.items():
            if dim in arrays and list(arrays[dim]) != list(groups[home][dim]):
                raise BadInput(f"{group}: {dim} names differ from those in {home}")


def write_patient_store(
    path: str | Path,
    cohort: str | Path,
    stages: Mapping[str, str | Path],
    activation: Mapping[str, str | Path],
    leadfield: Sequence[str | Path],
    whole_body: bool = False,
) -> None:
    """Collect a patient's stage files in one store. The same files give the same bytes.

    Args:
        path: the .zarr.zip file to write.
        cohort: the patient's JSON file.
        stages: files of the stages in `SINGLE_STAGES`.
        activation: scenario -> file.
        leadfield: files of the batches, in order.
        whole_body: keep the lead field at all nodes, not just at those of `region_of_interest`.

    Raises:
        BadInput: a file is broken, or the files contradict each other.
    """
    parameters: dict[str, Any] = read_json(cohort)
    loaded = {stage: load_arrays(stages[stage]) for stage in SINGLE_STAGES}
    surfaces = {"surface": np.array(SDF_SURFACES)}
    solved = _join_leadfield(leadfield)
    raw: dict[str, Mapping[str, np.ndarray]] = {
        **loaded,
        # of all places on the skin, those that carry an electrode
        "anatomy": {**loaded["anatomy"], **{k: solved[k] for k in ELECTRODES}},
        "cohort": {v.name: np.array(parameters[v.name], float) for v in PATIENT_LAYOUT["cohort"]},
        "sdf": {**loaded["sdf"], **surfaces},
        "field": {**loaded["field"], **surfaces},
        "activation": _join_activation(activation),
    }
    sizes = {"xyz": 3, "axis": 3, "bound": 2, "corner": 3, "vertex_of_cell": 4, "end": 2}
    sizes |= {"surface": len(SDF_SURFACES)}
    groups: dict[str, Group] = {}
    for stage in PATIENT_LAYOUT:
        if stage == "leadfield":
            kept = _kept_nodes(groups["mesh"], sizes["heart_node"], whole_body)
            raw[stage] = {
                **solved,
                "kept_nodes": kept,
                "lead_field": solved["lead_field"][:, kept],
            }
        groups[stage] = _select(stage, raw[stage], sizes)
    _check_names(groups)
    attrs = {
        "format": PATIENT_FORMAT,
        "format_version": FORMAT_VERSION,
        "einthoven_version": __version__,
        "patient": parameters["patient"],
        "split": parameters["split"],
    }
    with new_store(path, attrs) as root:
        for name, arrays in groups.items():
            group = root.create_group(name, attributes=_attrs(loaded.get(name)))
            for variable in PATIENT_LAYOUT[name]:
                write(group, variable, arrays[variable.name])


def _attrs(arrays: Any) -> dict[str, Any]:
    """A stage's attributes, without those that differ from run to run."""
    attrs = getattr(arrays, "attrs", {})
    return {key: value for key, value in attrs.items() if not key.startswith("seconds")}

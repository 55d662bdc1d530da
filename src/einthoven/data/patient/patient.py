"""One patient, whose stages are read on demand, from files or from its store."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_attrs
from einthoven.data.dataset.layout import OF_SOME, PATIENT_FORMAT, PATIENT_LAYOUT, STAGE_LAYOUT
from einthoven.data.dataset.store import open_store, values_of
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.fitted_beat import FittedBeat
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.samples import FieldSamples, SdfSamples
from einthoven.data.patient.stage import Stage
from einthoven.data.patient.stages import Activation, Coordinates, Ecg, Fibers, PurkinjeTree
from einthoven.data.patient.substrate import Substrate

CONDITION = {"cycle_length": 1000.0, "i_kr_factor": 1.0}
"""Conditions of the cells, and their defaults."""
FILE_OF = {"coordinates": "fibers"}
"""Stages that share the file, or the group of a store, of another one."""
_ONE_EACH = (Anatomy, TetMesh, Fibers, Coordinates, PurkinjeTree, Substrate, FittedBeat, Ecg,
             SdfSamples, FieldSamples)  # fmt: skip
SINGLE: dict[str, type[Stage]] = {kind.stage: kind for kind in _ONE_EACH}
"""Stages of which a patient has exactly one."""


def _name_in(path: Path) -> str:
    """Name of the patient of a store."""
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
    stored = {v.stage_name: v.name for v in (PATIENT_LAYOUT | OF_SOME)[group]}
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


class _Part[T]:
    """An attribute of a patient that is read on demand."""

    def __init__(self, doc: str):
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, patient: "Patient", owner: type) -> T:
        return patient._stage(self.name)


class Patient:
    """One patient: its stages from a folder, a store or memory, each read when asked for.

    `Patient.open("results/patients/p0000")` reads a folder or a store, `Patient.of(anatomy, mesh)`
    holds stages in memory, `patient.with_stages(fibers)` adds some. A stage is an attribute:
    `patient.mesh.points` [node, 3] mm, `patient.ecg.ecg` [scenario, lead, time] mV.

    Args:
        name: p0000 ...
        stages: name of the stage -> its source; `activations` is a mapping by scenario.
        where: for messages.
    """

    def __init__(
        self, name: str, stages: Mapping[str, Callable[[], Any]], where: str | Path = "memory"
    ):
        self.name, self.where = name, where
        self._stages, self._read = dict(stages), dict[str, Any]()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """A patient from results/patients/{patient} or results/dataset/patients/{patient}.zarr.zip.

        Raises:
            BadInput: neither a folder with stages nor the store of one patient.
        """
        path = Path(path)
        if not path.is_dir():
            return cls._of_store(path)
        stages = _stage_files(sorted(path.glob("*.npz")))
        if not stages:
            raise BadInput(f"{path}: holds no stage of a patient, such as anatomy.npz")
        return cls.of_files(**stages)

    @classmethod
    def group(cls, paths: Iterable[str | Path]) -> Iterator[Self]:
        """Patients of files that lie in one folder per patient, one after the other."""
        folders: dict[Path, list[Path]] = {}
        for path in map(Path, paths):
            folders.setdefault(path.parent, []).append(path)
        for files in folders.values():
            yield cls.of_files(**_stage_files(files))

    @classmethod
    def of_files(cls, **files: Any) -> Self:
        """A patient from the files of some of its stages, and no others.

        Args:
            files: stage -> path; `activation` and `leadfield` -> paths; `cohort` -> JSON.

        Raises:
            BadInput: the files are of several patients.
        """
        stages: dict[str, Callable[[], Any]] = {}
        for stage, kind in SINGLE.items():
            if file := files.get(FILE_OF.get(stage, stage)):
                stages[stage] = partial(kind.load, file)
        if cohort := files.pop("cohort", None):
            stages["parameters"] = partial(PatientParameters.load, cohort)
        if times := files.get("activation"):
            stages["activations"] = partial(_by_scenario, times)
        if batches := files.get("leadfield"):
            stages["lead_fields"] = partial(LeadFields.gather, batches)
        names: dict[str, Path] = {}
        for given in files.values():
            for file in [given] if isinstance(given, str | Path) else given:
                names.setdefault(str(read_attrs(file).get("patient")), Path(file))
        if len(names) != 1:
            raise BadInput(
                f"{', '.join(map(str, names.values()))}: files of several patients, {sorted(names)}"
            )
        name, file = names.popitem()
        return cls(name, stages, file.parent)

    @classmethod
    def of(cls, *stages: Stage | PatientParameters) -> Self:
        """A patient from stages in memory; activations of several scenarios are grouped."""
        known: dict[type, str] = {kind: name for name, kind in SINGLE.items()}
        known |= {LeadFields: "lead_fields", PatientParameters: "parameters"}
        found: dict[str, Any] = {known[type(s)]: s for s in stages if type(s) in known}
        activations = {s.scenario: s for s in stages if isinstance(s, Activation)}
        patient = cls(stages[0].patient, {})
        patient._read = found | ({"activations": activations} if activations else {})
        return patient

    def with_stages(self, *stages: Stage) -> Self:
        """The same patient with additional or replaced stages in memory."""
        merged = type(self)(self.name, self._stages, self.where)
        merged._read = self._read | type(self).of(*stages)._read
        return merged

    @classmethod
    def _of_store(cls, path: Path) -> Self:
        name = _name_in(path)
        with open_store(path) as root:
            lacking = {group for group in OF_SOME if group not in root}
        stages: dict[str, Callable[[], Any]] = {
            stage: partial(read_stage, path, kind)
            for stage, kind in SINGLE.items()
            if stage not in lacking
        }
        stages["activations"] = partial(read_activations, path)
        stages["lead_fields"] = partial(read_lead_fields, path)
        stages["parameters"] = partial(read_parameters, path)
        return cls(name, stages, path)

    def has(self, stage: str) -> bool:
        """Whether the patient has a stage, read or not."""
        return stage in self._stages or stage in self._read

    def _stage(self, stage: str) -> Any:
        if not self.has(stage):
            there = ", ".join(self._stages | self._read) or "nothing"
            raise BadInput(f"{self.where}: {self.name} has no {stage}, only {there}")
        if stage not in self._read:
            self._read[stage] = self._stages[stage]()
        return self._read[stage]

    parameters = _Part[PatientParameters]("Split and coefficients.")
    anatomy = _Part[Anatomy]("Surfaces, electrode sites, pose.")
    mesh = _Part[TetMesh]("Tetrahedra.")
    coordinates = _Part[Coordinates]("Ventricular coordinates.")
    purkinje = _Part[PurkinjeTree]("Trees and junctions.")
    substrate = _Part[Substrate]("Scar or ischaemia.")
    beat = _Part[FittedBeat]("Wave and cells of a drawn beat.")
    activations = _Part[dict[str, Activation]]("Activation by scenario.")
    lead_fields = _Part[LeadFields]("Lead fields of all electrodes.")
    ecg = _Part[Ecg]("ECGs of all scenarios.")
    sdf = _Part[SdfSamples]("Signed distances.")
    field = _Part[FieldSamples]("Gradients of the lead fields at some points.")

    @cached_property
    def heart(self) -> Heart:
        """Nodes, cells and surfaces of the myocardium."""
        return Heart.from_mesh(self.mesh)

    @property
    def fibers(self) -> Fibers:
        """Fibre frames, as many as the heart has cells.

        Raises:
            BadInput: they belong to another mesh.
        """
        fibers: Fibers = self._stage("fibers")
        if self.has("mesh") and len(fibers.f0) != self.mesh.n_heart_cells:
            raise BadInput(
                f"{self.where}: {len(fibers.f0)} fibres for {self.mesh.n_heart_cells} heart "
                "cells; are they from different runs?"
            )
        return fibers

    @property
    def diseased(self) -> Substrate | None:
        """Scar or ischaemia; None for a healthy heart, which is then computed as ever.

        Raises:
            BadInput: it belongs to another mesh.
        """
        if not self.has("substrate") or self.substrate.is_healthy:
            return None
        for name, counted in (("tissue", self.heart.cells), ("level", self.heart.points)):
            if (n := len(getattr(self.substrate, name))) != len(counted):
                raise BadInput(
                    f"{self.where}: substrate: {n} values of {name} for {len(counted)} of the "
                    "heart; of another mesh? re-run the rule substrate"
                )
        return self.substrate

    @property
    def fitted(self) -> FittedBeat | None:
        """Wave and cells of a drawn beat; None where none was drawn.

        Raises:
            BadInput: they belong to another mesh, or the heart is diseased.
        """
        if not self.has("beat"):
            return None
        if self.diseased is not None:
            raise BadInput(
                f"{self.where}: beat: wave and cells were fitted to a healthy beat, and the heart "
                'has a substrate; take a patient of a run with variation.beats: ""'
            )
        if (n := len(self.beat.apd90)) != len(self.heart.points):
            raise BadInput(
                f"{self.where}: beat: {n} values of apd90 for {len(self.heart.points)} nodes of "
                "the heart; of another mesh? re-run the rule beat"
            )
        return self.beat

    def activation(self, scenario: str) -> Activation:
        """Activation in one scenario.

        Raises:
            BadInput: there is no such scenario.
        """
        if scenario not in self.activations:
            known = ", ".join(self.activations)
            raise BadInput(f"{self.name}: no scenario {scenario!r}; there are {known}")
        return self.activations[scenario]

    def cycle_length_ms(self, scenario: str) -> float:
        """From beat to beat: that of the person, if it was drawn, else that of the cells.

        Raises:
            BadInput: there is no such scenario, or no ECG.
        """
        own = self.ecg.cycle_length_ms
        usual = self.activation(scenario).cycle_length_ms
        return float(own[self.ecg.scenario.tolist().index(scenario)] if own else usual)


def _stage_files(paths: Sequence[Path]) -> dict[str, Any]:
    """Stage -> file, by name; batches of lead fields in numerical order."""
    files: dict[str, Any] = {path.stem: path for path in paths if path.stem in SINGLE}
    batches = [path for path in paths if path.stem.startswith("leadfield_b")]
    batches.sort(key=lambda path: int(path.stem.removeprefix("leadfield_b")))
    activations = [path for path in paths if path.stem.startswith("activation_")]
    return files | {"activation": activations, "leadfield": batches} if files else {}


def _by_scenario(paths: Sequence[str | Path]) -> dict[str, Activation]:
    found = [Activation.load(path) for path in paths]
    return {activation.scenario: activation for activation in found}

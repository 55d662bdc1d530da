"""One patient, whose stages are read on demand."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import read_attrs
from einthoven.data.patient.activation import Activation, PurkinjeTree
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.ecg import Ecg
from einthoven.data.patient.fibers import Coordinates, Fibers
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.samples import FieldSamples, SdfSamples
from einthoven.data.patient.stage import Stage
from einthoven.data.patient.store import (
    FILE_OF,
    name_in,
    read_activations,
    read_lead_fields,
    read_parameters,
    read_stage,
)

_ONE_EACH = (Anatomy, TetMesh, Fibers, Coordinates, PurkinjeTree, Ecg, SdfSamples, FieldSamples)
SINGLE: dict[str, type[Stage]] = {kind.stage: kind for kind in _ONE_EACH}
"""Stages of which a patient has exactly one."""


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
        name = name_in(path)
        stages: dict[str, Callable[[], Any]] = {
            stage: partial(read_stage, path, kind) for stage, kind in SINGLE.items()
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

    def activation(self, scenario: str) -> Activation:
        """Activation in one scenario.

        Raises:
            BadInput: there is no such scenario.
        """
        if scenario not in self.activations:
            known = ", ".join(self.activations)
            raise BadInput(f"{self.name}: no scenario {scenario!r}; there are {known}")
        return self.activations[scenario]


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

"""Virtual patients of the benchmark of physiology, from the cohort's draw to ECGs.

`make` is what a process of `physiology.py` does; every step is kept on disk and made again only
where its settings or its code changed.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from breakthroughs import EpicardialArrival, epicardial_arrival
from physiology_goals import SINUS

from einthoven.app.run.fingerprints import ROOT, fingerprint
from einthoven.base.config import Config
from einthoven.base.config.load import validate
from einthoven.base.config.physiology import Physiology
from einthoven.base.core.files import read_json, write_json
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.body.anatomy.body import build_anatomy
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.body.fibers.ldrb import assign_fibers, solve_wall_fields
from einthoven.body.mesh.tetrahedra import tetrahedralise
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.physics.ecg.features import EcgSample, FeatureRow, feature_table
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.scenarios.kinds import scenario_of
from einthoven.physics.leadfield.solve import solve_lead_fields

SCENARIOS = (SINUS, "lbbb", "rbbb", "crt")
"""Scenarios with goals; the config's others come on top."""
N_ELECTRODES = len(STANDARD_ELECTRODES)
MADE_BY = {
    "anatomy": ("anatomy", "geometry"),
    "mesh": ("mesh", "geometry"),
    "fibers": ("fibers", "fem"),
    "leadfield": ("leadfield", "fem", "geometry"),
}
"""Slow step -> rooms whose edits make it again. What follows is made again after any edit."""


def processor_seconds() -> float:
    """Time of this process and of those that it waited for: gmsh runs in its own."""
    return sum(os.times()[:4])


def room_key(*rooms: str) -> str:
    """Hash of all files of some rooms."""
    files = [path for room in rooms for path in sorted((ROOT / room).rglob("*"))
             if path.is_file() and "__pycache__" not in path.parts]  # fmt: skip
    total = hashlib.sha256()
    for path in files:
        total.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return total.hexdigest()[:16]


@dataclass(frozen=True)
class PatientTask:
    """One patient to make; what it depends on goes through JSON to the process that makes it."""

    index: int
    config: dict[str, Any]
    work: Path
    keys: Mapping[str, str]
    """Step -> hash of its code."""


class Maker:
    """Steps of one patient; each is made once per settings and code, and its time is kept.

    Args:
        task: who and what.
    """

    def __init__(self, task: PatientTask):
        self.task, self.config = task, validate(task.config)
        self.parameters = draw_patient(task.index, self.config.cohort)
        self.physiology = Physiology.of(self.config, self.parameters.patient)
        self.folder = task.work / "patients" / self.parameters.patient
        self.sheet = task.work / "cohort" / f"{self.parameters.patient}.json"
        self.sheet.parent.mkdir(parents=True, exist_ok=True)
        self.parameters.save(self.sheet)
        self.chain = json.dumps(asdict(self.parameters), sort_keys=True)
        self.seconds: dict[str, float] = {}

    @property
    def scenarios(self) -> list[str]:
        """All that are simulated."""
        return list(dict.fromkeys([*SCENARIOS, *self.config.ecg.scenarios]))

    def patient(self, *stages: str) -> Patient:
        """The patient with some stages from their files."""
        files: dict[str, Any] = {stage: self.folder / f"{stage}.npz" for stage in stages}
        if "leadfield" in files:
            files["leadfield"] = [self.folder / "leadfield_b0.npz"]
        if "activation" in files:
            files["activation"] = [self.activation_file(name) for name in self.scenarios]
        return Patient.of_files(**files, cohort=self.sheet)

    def activation_file(self, scenario: str) -> Path:
        """Path of a scenario's activation."""
        return self.folder / f"activation_{scenario}.npz"

    def step(self, name: str, sections: tuple[str, ...], make: Callable[[], None]) -> None:
        """Make a step unless it was made from the same settings, code and earlier steps."""
        settings = {section: self.task.config[section] for section in sections}
        text = json.dumps([self.chain, name, settings, self.task.keys[name]], sort_keys=True)
        self.chain = hashlib.sha256(text.encode()).hexdigest()
        record = self.folder / f"{name}.made.json"
        if not record.is_file() or read_json(record)["key"] != self.chain:
            record.unlink(missing_ok=True)
            start = processor_seconds()
            make()
            write_json(record, {"key": self.chain, "seconds": processor_seconds() - start})
        self.seconds[name] = read_json(record)["seconds"]

    def run(self) -> None:
        """All steps in their order."""
        self.step("anatomy", ("anatomy",), self.anatomy)
        self.step("mesh", ("mesh", "electrodes"), self.mesh)
        self.step("fibers", ("fibers",), self.fibers)
        self.step("leadfield", ("leadfield",), self.lead_fields)
        self.step("purkinje", tuple(self.task.config), self.purkinje)
        self.step("activation", (), self.activation)
        self.step("ecg", (), self.ecg)

    def anatomy(self) -> None:
        """Surfaces and electrodes."""
        build_anatomy(self.parameters, self.config.anatomy).save(self.folder / "anatomy.npz")

    def mesh(self) -> None:
        """The tetrahedra that the data set has."""
        anatomy = self.patient("anatomy").anatomy
        refined = anatomy.site_points[: N_ELECTRODES + self.config.electrodes.n_refined]
        mesh = tetrahedralise(anatomy.surfaces, refined, self.config.mesh, anatomy.patient)
        mesh.save(self.folder / "mesh.npz")

    def fibers(self) -> None:
        """Fibres and ventricular coordinates."""
        patient = self.patient("mesh")
        fields = solve_wall_fields(patient.heart)
        fibers = assign_fibers(patient, self.config.fibers, fields)
        fibers.save(self.folder / "fibers.npz", ventricular_coordinates(patient, fields))

    def lead_fields(self) -> None:
        """Lead fields of the nine electrodes of the 12-lead ECG."""
        patient = self.patient("anatomy", "mesh", "fibers")
        electrodes = patient.anatomy.electrodes(0, N_ELECTRODES)
        fields = solve_lead_fields(patient, electrodes, self.config.leadfield, dtype="float32")
        fields.save(self.folder / "leadfield_b0.npz")

    def purkinje(self) -> None:
        """Purkinje trees."""
        tree = grow_tree(self.patient("mesh", "fibers"), self.physiology.purkinje)
        tree.save(self.folder / "purkinje.npz")

    def activation(self) -> None:
        """Activation in all scenarios."""
        patient, known = self.patient("mesh", "fibers", "purkinje"), self.config.known_scenarios
        for name in self.scenarios:
            scenario = scenario_of(name, known[name])
            activation = activate(patient, scenario, self.physiology.activation)
            activation.save(self.activation_file(name))

    def ecg(self) -> None:
        """ECGs of all scenarios."""
        config = self.config
        patient = self.patient("anatomy", "mesh", "fibers", "activation", "leadfield")
        activations = [patient.activation(name) for name in self.scenarios]
        durations = self.physiology.repolarisation
        settings = SimulationSettings(config.ecg, config.leadfield, durations)
        ecg = simulate_ecg(patient, patient.lead_fields, activations, settings)
        ecg.save(self.folder / "ecg.npz")


@dataclass(frozen=True)
class Made:
    """Result of a process for one patient."""

    parameters: PatientParameters
    rows: list[FeatureRow]
    failed: dict[str, str]
    epicardium: EpicardialArrival
    seconds: dict[str, float]


def make(task: PatientTask) -> Made:
    """Make one patient, or take it from the folder, and delineate the ECGs."""
    maker = Maker(task)
    maker.run()
    patient = maker.patient("mesh", "fibers", "activation", "ecg")
    rows, failed = feature_table([EcgSample.of_ecg(patient.ecg, maker.parameters.sex)])
    arrival = epicardial_arrival(patient, patient.activation(SINUS))
    return Made(maker.parameters, rows, failed, arrival, maker.seconds)


def tasks_of(config: Config, n: int, work: Path) -> list[PatientTask]:
    """One task per patient."""
    keys = {step: room_key(*rooms) for step, rooms in MADE_BY.items()}
    keys |= dict.fromkeys(("purkinje", "activation", "ecg"), fingerprint(__file__))
    data = config.model_dump(mode="json")
    data["cohort"].pop("n_patients")  # a larger cohort leaves everybody as they were
    return [PatientTask(index, data, work, keys) for index in range(n)]

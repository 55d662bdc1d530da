"""Stage files of a config's patients, without a start-up for each: what the workflow would write.

    python studies/any_body_patients.py config/any_body.yaml results --patients 0 300
    python studies/any_body_patients.py CONFIG results --imported

Calls `main` of the workflow's scripts in one process, with the settings that the rules give them,
so files have the bytes that `snakemake` would give them. For each patient `cohort/NAME.json`,
`patients/NAME/anatomy.npz` and `field.npz`; meshes, fibres and lead fields are deleted after that
(or kept by `--keep`). Test and imported patients keep them, and get Purkinje trees, activation
and ECG.

A file that is there is not made again, whatever became of the config: delete what an edit touches.
A patient that cannot be built is told in `patients/NAME/failed.json` (stage and cause) and left
out, until that file is deleted. `costs.csv` gets processor seconds by patient and step.
`--json` tells of the patients of section augmentation who was built and who is of which class
(`anatomy.population.classes`), and the spread of walls, volumes and bodies.
"""

import argparse
import csv
import importlib.util
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from body_classes import CLASSES, body_mass_index, lv_wall_mm

from einthoven.app.run.plan import REBUILT, SPLITS, Plan
from einthoven.base.config import load
from einthoven.base.core.errors import EinthovenError
from einthoven.base.core.files import read_json, write_json
from einthoven.base.core.log import log_to_stderr, logger
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.data.patient.anatomy import Anatomy

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow/scripts"
LARGE = ("mesh", "fibers", "leadfield_*")
"""Stage files that are deleted."""
IMPORTED = "imported"
USUAL_EDGE_MM = 4.0
TRAINED = ("train", "val")
PERCENTILES = (0, 5, 50, 95, 100)


@cache
def script(name: str) -> ModuleType:
    """A script of the workflow as a module."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Outputs(list[str]):
    """The outputs of a rule: by number, and by name."""

    def __init__(self, named: dict[str, str]):
        super().__init__(named.values())
        vars(self).update(named)


@dataclass(frozen=True)
class Step:
    """A job of the workflow."""

    script: str
    output: dict[str, str]
    input: dict[str, Any]
    params: dict[str, Any]

    @property
    def is_done(self) -> bool:
        """Whether all its files are there."""
        return all(map(os.path.exists, self.output.values()))

    def run(self) -> float:
        """Make its files: processor seconds, those of gmsh's process included."""
        before = sum(os.times()[:4])
        for path in self.output.values():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        given, params = SimpleNamespace(**self.input), SimpleNamespace(**self.params)
        script(self.script).main(given, Outputs(self.output), params, logger)
        return sum(os.times()[:4]) - before


class Body:
    """One patient: its files, and all jobs with the settings that the rules give them."""

    def __init__(self, plan: Plan, results: Path, patient: str, n_conductivities: int = 1):
        self.plan, self.results, self.patient = plan, results, patient
        self.folder = results / "patients" / patient
        self.failed = self.folder / "failed.json"
        self.who = SimpleNamespace(patient=patient, imported=patient)
        self.is_judged = plan.splits.get(patient, IMPORTED) in ("test", IMPORTED)
        trained = plan.splits.get(patient) in TRAINED
        self.further = range(2, n_conductivities + 1) if trained else range(0)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        last = ["field", *(f"field_{k}" for k in self.further)] + ["ecg"] * self.is_judged
        return all(map(os.path.exists, self.files(*last).values()))

    def file(self, stage: str) -> str:
        """A stage file."""
        return str(self.folder / f"{stage}.npz")

    def files(self, *stages: str) -> dict[str, Any]:
        """Stage files by stage."""
        return {stage: self.file(stage) for stage in stages}

    def steps(self) -> Iterator[Step]:
        """All jobs, in order."""
        yield from self._imported() if self.patient in self.plan.imported else self._drawn()
        yield from self._fields()
        for k in self.further:
            yield from self._further(k)
        if self.is_judged:
            yield from self._beats()

    def _drawn(self) -> Iterator[Step]:
        plan, cohort = self.plan, self._cohort
        section = plan.section("cohort")
        yield Step("cohort", cohort, {}, {"section": section, "patient": self.patient})
        own = plan.settings
        shapes = {"section": own.anatomy_of(self.who), "augmentation": own.shape_augmentation}
        yield Step("anatomy", self.files("anatomy"), cohort, shapes)

    def _imported(self) -> Iterator[Step]:
        plan, picture = self.plan, str(self.folder / "import.png")
        section = plan.part("anatomy", REBUILT)
        params = {"row": plan.row_of(self.who), "picture": picture, "section": section}
        yield Step("import_patient", self._cohort | self.files("anatomy"), {}, params)

    def _fields(self) -> Iterator[Step]:
        plan = self.plan
        section = {"section": plan.settings.mesh_of(self.who), "n_refined": plan.n_refined}
        yield Step("mesh", self.files("mesh"), self.files("anatomy"), section)
        section = {"section": plan.section("fibers")}
        yield Step("fibers", self.files("fibers"), self.files("mesh") | self._measured, section)
        if plan.config.substrate.enabled:
            section = {"section": plan.settings.substrate_of(self.who)}
            yield Step("substrate", self.files("substrate"), self.files("mesh", "fibers"), section)
        section = {
            "section": plan.settings.leadfield_of(self.who),
            "drawn": bool(plan.config.augmentation.conductivities),
        }
        for batch, electrodes in plan.batches.items():
            of_batch = section | {"batch": batch, "electrodes": electrodes}
            made = self.files(f"leadfield_b{batch}")
            needs = self.files("anatomy", "mesh", "fibers") | self._scar
            yield Step("leadfield", made, needs, of_batch)
        section = {"section": plan.section("field_samples"), **self._gradient}
        yield Step("field_samples", self.files("field"), self._solved, section)

    def _further(self, k: int) -> Iterator[Step]:
        """Lead fields and samples for the k-th draw of conductivities, on the same mesh."""
        plan, config = self.plan, self.plan.config
        ranges = config.augmentation.model_copy(update={"seed": config.augmentation.seed + k - 1})
        other = replace(plan, config=config.model_copy(update={"augmentation": ranges}))
        section = {"section": other.settings.leadfield_of(self.who), "drawn": True}
        section |= {"batch": str(k), "electrodes": [0, plan.n_electrodes]}
        made = self.files(f"leadfield_{k}")
        needs = self.files("anatomy", "mesh", "fibers") | self._scar
        yield Step("leadfield", made, needs, section)
        section = {"section": plan.section("field_samples"), **self._gradient}
        needs |= {"leadfield": list(made.values())}
        yield Step("field_samples", {"field": self.file(f"field_{k}")}, needs, section)

    def _beats(self) -> Iterator[Step]:
        plan, who = self.plan, self.who
        section = {"section": plan.settings.purkinje_of(who)}
        yield Step("purkinje", self.files("purkinje"), self.files("mesh", "fibers"), section)
        section = {
            "section": plan.settings.activation_of(who),
            "scenarios": plan.scenarios,
            "definitions": plan.definitions,
        }
        yield from self._drawn_beat()
        made = self.files(*(f"activation_{name}" for name in plan.scenarios))
        needs = self.files("mesh", "fibers", "purkinje") | self._measured | self._diseased
        yield Step("activation", made, needs, section)
        section = {
            "section": plan.section("ecg"),
            "conductivity": plan.settings.conductivities_of(who),
            "repolarisation": plan.settings.repolarisation_of(who),
            "atria": plan.settings.atria_of(who),
            "traits": plan.settings.traits_of(who),
            **self._gradient,
        }
        needs = self._solved | {"activation": list(made.values())} | self._diseased
        yield Step("ecg", self.files("ecg"), needs, section)

    def _drawn_beat(self) -> Iterator[Step]:
        """The fit of a drawn beat, in runs that draw beats."""
        plan, own, who = self.plan, self.plan.settings, self.who
        if not plan.beat_of(who):
            return
        params = {
            "activation": own.activation_of(who), "leadfield": own.leadfield_of(who),
            "repolarisation": own.repolarisation_of(who), "atria": own.atria_of(who),
            "person": own.beat_person_of(who), **self._gradient,
        }  # fmt: skip
        yield Step("beat", self.files("beat"), self._solved | {"beats": plan.beats}, params)

    @property
    def _cohort(self) -> dict[str, str]:
        return {"cohort": str(self.results / f"cohort/{self.patient}.json")}

    @property
    def _measured(self) -> dict[str, Any]:
        """The file with an imported heart's own fibres and activation, if it has any."""
        has_own = self.plan.measured_of(self.who)
        return {"anatomy": self.file("anatomy") if has_own else []}

    @property
    def _diseased(self) -> dict[str, Any]:
        """The files with scar or ischaemia, and with a drawn beat, in runs that have any."""
        plan, who = self.plan, self.who
        return {"substrate": plan.diseased_of(who) and self.file("substrate"),
                "beat": plan.beat_of(who) and self.file("beat")}  # fmt: skip

    @property
    def _scar(self) -> dict[str, Any]:
        """The same, where lead fields know of it."""
        return {"substrate": self.plan.scar_of(self.who) and self.file("substrate")}

    @property
    def _solved(self) -> dict[str, Any]:
        batches = [self.file(f"leadfield_b{batch}") for batch in self.plan.batches]
        return self.files("anatomy", "mesh", "fibers") | {"leadfield": batches}

    @property
    def _gradient(self) -> dict[str, Any]:
        kind, n = self.plan.config.leadfield.gradient, self.plan.n_electrodes
        return {"gradient": kind, "n_electrodes": n}

    def make(self) -> dict[str, float]:
        """All missing files: processor seconds by step that ran; a step that failed is the last."""
        seconds: dict[str, float] = {}
        for step in self.steps():
            if step.is_done:
                continue
            try:
                seconds[step.script] = seconds.get(step.script, 0.0) + step.run()
            except EinthovenError as error:
                cause = f"{type(error).__name__}: {error}"
                logger.error("%s: %s: %s", self.patient, step.script, cause)
                self.folder.mkdir(parents=True, exist_ok=True)
                write_json(self.failed, {"stage": step.script, "cause": cause})
                break
        return seconds

    def tidy(self) -> None:
        """Delete the large files."""
        for name in LARGE:
            for path in self.folder.glob(f"{name}.npz"):
                path.unlink()


def quantities(anatomy: Anatomy) -> dict[str, float]:
    """Measures of one body that the family should cover."""
    skin = anatomy.surfaces.closed("torso")
    volumes = {f"{name}_ml": value for name, value in anatomy.volumes_ml.items()}
    return volumes | {
        "lv_wall_mm": lv_wall_mm(anatomy),
        "bmi": body_mass_index(anatomy),
        "torso_l": float(enclosed_volume(*skin)) * 1e-6,
    }


def summary(bodies: list[Body]) -> dict[str, Any]:
    """Patients built, failures, classes, and percentiles 0, 5, 50, 95, 100."""
    anatomies = [Anatomy.load(body.file("anatomy")) for body in bodies if body.is_done]
    values = [quantities(anatomy) for anatomy in anatomies]
    failed = [body for body in bodies if body.failed.exists()]
    return {
        "n_built": Counter(anatomy.split for anatomy in anatomies),
        "n_fine": sum(a.augmentation["heart_edge_mm"] < USUAL_EDGE_MM for a in anatomies),
        "n_lungs": sum(a.augmentation["lungs"] for a in anatomies),
        "failed": {body.patient: read_json(body.failed) for body in failed},
        "classes": {
            name: [a.patient for a in anatomies if holds(a)] for name, holds in CLASSES.items()
        },
        "percentiles": {
            name: np.percentile([row[name] for row in values], PERCENTILES).tolist()
            for name in (values[0] if values else ())
        },
    }


def main() -> None:
    """Make the patients that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("config", type=Path)
    add("results", type=Path)
    add("--patients", nargs=2, type=int, metavar=("FIRST", "END"), default=(0, 0))
    add("--imported", action="store_true", help="the patients of imported.sheet, too")
    add("--splits", nargs="+", choices=SPLITS, default=SPLITS, help="of the drawn ones")
    add("--conductivities", type=int, default=1, metavar="N", help="solves per patient")
    add("--keep", action="store_true", help="meshes, fibres and lead fields of all patients")
    add("--json", type=Path, help="of all drawn patients that are asked for")
    args = parser.parse_args()
    log_to_stderr()
    plan = Plan.of(load(args.config))
    if args.conductivities > 1 and not plan.config.augmentation.conductivities:
        parser.error("--conductivities: section augmentation draws none")
    drawn = [f"p{k:04d}" for k in range(*args.patients)]
    drawn = [name for name in drawn if plan.splits.get(name) in args.splits]
    names = [*drawn, *(plan.imported if args.imported else ())]
    for name in names:
        body = Body(plan, args.results, name, args.conductivities)
        if not body.is_done and not body.failed.exists():
            seconds = body.make()
            with (args.results / "costs.csv").open("a", newline="") as costs:
                csv.writer(costs).writerows((name, *pair) for pair in seconds.items())
            logger.info("%s: %.1f s of processor time", name, sum(seconds.values()))
        if body.is_done and not (args.keep or body.is_judged):
            body.tidy()
    if args.json:
        write_json(args.json, summary([Body(plan, args.results, n) for n in names if n in drawn]))


if __name__ == "__main__":
    main()

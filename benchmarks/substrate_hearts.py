"""Virtual patients of a run, and what a scar or ischaemia does to their beat."""

import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from einthoven.app.evaluation.criteria import InfarctCriteria, infarct_criteria
from einthoven.app.run.plan import Plan
from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.substrate import SubstrateSettings, TerritorySettings
from einthoven.data.patient.parameters import PatientParameters
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.features import beat_features
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.substrate.make import make_substrate

FACING = {"LAD": ("V1", "V2", "V3", "V4"), "LCX": ("I", "aVL", "V5", "V6"),
          "RCA": ("II", "III", "aVF")}  # fmt: skip
"""Leads of published criteria (Thygesen et al., Circulation 138:e618, 2018)."""
ACUTE = SubstrateSettings(kind="ischaemia", severity="severe", border_mm=10.0)
"""Potassium rises over about a centimetre (Coronel et al., Circulation 77:1125, 1988)."""
OLD = SubstrateSettings(kind="scar")


@dataclass(frozen=True)
class Beat:
    """One simulated beat."""

    values: dict[str, float]
    criteria: InfarctCriteria

    def level(self, lead: str) -> float:
        """J point, mV."""
        return self.values[f"j_mv_{lead.lower()}"]


@dataclass(frozen=True, eq=False)
class SubstrateHeart:
    """A patient of the run with its own settings."""

    patient: Patient
    activation: ActivationSettings
    simulation: SimulationSettings
    scenarios: list[str]
    sex: str | None

    @classmethod
    def of(cls, plan: Plan, folder: Path) -> "SubstrateHeart":
        """A heart from its folder."""
        who, own = SimpleNamespace(patient=folder.name), plan.settings
        leadfield = own.conductivities_of(who) | {"gradient": plan.config.leadfield.gradient}
        sections = own.repolarisation_of(who), own.atria_of(who), own.traits_of(who)
        sheet = folder.parents[1] / "cohort" / f"{folder.name}.json"
        return cls(
            Patient.open(folder),
            ActivationSettings.model_validate(own.activation_of(who)),
            SimulationSettings.of_params(plan.section("ecg"), leadfield, *sections),
            plan.scenarios,
            PatientParameters.load(sheet).sex,
        )

    def diseased(self, section: SubstrateSettings, artery: str, level: str = "proximal") -> Patient:
        """The patient with the territory of an artery diseased."""
        region = TerritorySettings.model_validate({"artery": artery, "level": level})
        settings = section.model_copy(update={"regions": [region]})
        return self.patient.with_stages(make_substrate(self.patient, settings))

    def sinus(self, patient: Patient) -> Activation:
        """Activation of the patient in sinus rhythm."""
        return activate(patient, "sinus", self.activation)

    def beat(self, patient: Patient) -> Beat:
        """A sinus beat; a beat that cannot be delineated has no features."""
        ecg = simulate_ecg(patient, patient.lead_fields, self.sinus(patient), self.simulation)
        age = self.simulation.traits.get("age_years")
        found = delineate(ecg.ecg[0].astype(float), ecg.time)
        values = beat_features(found)
        return Beat(values, infarct_criteria(values, self.sex, age))

    def cost_ratio(self) -> float:
        """Processor time of the stage over that of the activation of all scenarios."""
        start = time.process_time()
        self.diseased(OLD, "LAD")
        middle = time.process_time()
        for scenario in self.scenarios:
            activate(self.patient, scenario, self.activation)
        return (middle - start) / (time.process_time() - middle)

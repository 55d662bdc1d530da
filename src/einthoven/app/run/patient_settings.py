"""Settings of one patient, after the random draw of its variation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from einthoven.base.config.drawn import drawn_anatomy, drawn_conductivities, drawn_mesh
from einthoven.base.config.load import section_of
from einthoven.base.config.models import Config, LeadFieldSettings
from einthoven.base.config.people import people_conductivities
from einthoven.base.config.physiology import Physiology
from einthoven.base.config.section import builtins_of
from einthoven.base.config.traits import person_of, sex_of, traits_of
from einthoven.base.core.errors import BadInput
from einthoven.body.imported.sheet import Row

UNFELT = {"cohort": {"n_patients"}, "leadfield": {"electrodes_per_job", "gradient"}}
"""Keys without effect on the results of a section's rule: a patient does not depend on the size of
the cohort, nor a potential on the batch of its electrode or on the kind of gradient."""


def check_measured(rows: Mapping[str, Row], scenarios: Sequence[str]) -> None:
    """Refuse the measured activation of an imported heart if no scenario of the run uses it.

    Raises:
        BadInput: such a row of the sheet.
    """
    for name, row in rows.items():
        scenario = row.measured.get("scenario", "sinus")
        if "time" in row.measured and scenario not in scenarios:
            raise BadInput(
                f"imported.sheet: {name}: tags: its activation is of scenario {scenario}, which "
                f"ecg.scenarios ({', '.join(scenarios)}) lacks: add it there, or name another one "
                "by scenario="
            )


@dataclass(frozen=True)
class PatientSettings:
    """Settings of every patient of a run, as builtins with sorted keys (see `run.plan.Plan`)."""

    config: Config
    """Ranges and seeds of the draws."""
    patients: Sequence[str]
    """Virtual and imported ones."""
    imported: Mapping[str, Row]
    """Imported patient -> its row of the sheet."""

    @property
    def physiology_columns(self) -> dict[str, dict[str, float]]:
        """Patient -> speeds and durations by column, after the draw."""
        atria = self.config.named_atria
        return {
            name: self.physiology(name).columns
            | traits_of(self.config, name)
            | (atria.of_patient(name).columns if atria.enabled else {})
            for name in self.patients
        }

    def physiology(self, patient: str) -> Physiology:
        """Purkinje trees, activation and repolarisation as a patient has them."""
        row = self.imported.get(patient)
        return Physiology.of(self.config, patient, row.physiology if row else {})

    @property
    def shape_augmentation(self) -> dict[str, Any]:
        """Settings of section augmentation that decide shapes."""
        return dict(sorted(self.config.augmentation.of_shapes.items()))

    # Settings of one job, which rules request by their wildcards.

    def anatomy_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a virtual patient's surfaces."""
        config = self.config
        return builtins_of(drawn_anatomy(config.anatomy, config.augmentation, wildcards.patient))

    def mesh_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a patient's mesh; imported patients have those of the section."""
        section, ranges = self.config.mesh, self.config.augmentation
        if wildcards.patient not in self.imported:
            section = drawn_mesh(section, ranges, wildcards.patient)
        return builtins_of(section)

    def purkinje_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a patient's Purkinje trees."""
        return builtins_of(self.physiology(wildcards.patient).purkinje)

    def activation_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a patient's activation."""
        return builtins_of(self.physiology(wildcards.patient).activation)

    def sheet_of(self, wildcards: Any) -> dict[str, dict[str, float]]:
        """Physiology of all patients for the cohort's sheet."""
        return self.physiology_columns

    def leadfield_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a patient's lead fields; imported patients have those of the section."""
        section, ranges = self.config.leadfield, self.config.augmentation
        if wildcards.patient not in self.imported:
            lungs = self.anatomy_of(wildcards)["lungs"]
            section = drawn_conductivities(section, ranges, wildcards.patient, lungs)
            section = self._conductivities_of_people(section, wildcards.patient)
        unfelt = UNFELT["leadfield"]
        return {k: v for k, v in builtins_of(section).items() if k not in unfelt}

    def _conductivities_of_people(
        self, section: LeadFieldSettings, patient: str
    ) -> LeadFieldSettings:
        """The section with a person's intracellular conductivities, if people are drawn."""
        drawn = person_of(self.config, patient)
        if not drawn:
            return section
        changes = people_conductivities(drawn)
        return section_of(LeadFieldSettings, dict(section) | changes, f"{patient}: people")

    def conductivities_of(self, wildcards: Any) -> dict[str, Any]:
        """A patient's conductivities."""
        section = self.leadfield_of(wildcards)
        return {k: v for k, v in section.items() if k.startswith("sigma_")}

    def atria_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a patient's atria; empty without P waves, whatever the other keys are."""
        atria = self.config.named_atria
        return builtins_of(atria.of_patient(wildcards.patient)) if atria.enabled else {}

    def traits_of(self, wildcards: Any) -> dict[str, float]:
        """Cycle length and age of a patient; empty where people are not drawn."""
        return traits_of(self.config, wildcards.patient)

    def beat_person_of(self, wildcards: Any) -> dict[str, Any]:
        """Seed of the draws, and what is known of a patient who gets a beat of people.

        Virtual patients get that of a drawn person of their cycle length, age and sex; imported
        ones, who are people already, the usual one of their sex.
        """
        config, patient = self.config, wildcards.patient
        if (row := self.imported.get(patient)) is not None:
            known = {"sex": row.sex} if row.sex else {}
            return {"seed": config.variation.seed, "usual": True, **known}
        traits: dict[str, Any] = dict(traits_of(config, patient))
        sex = sex_of(patient, config.cohort)
        return traits | {"seed": config.variation.seed} | ({"sex": sex} if sex else {})

    def substrate_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a patient's scar or ischaemia."""
        return builtins_of(self.config.substrate.of_patient(wildcards.patient))

    def repolarisation_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a patient's repolarisation."""
        return builtins_of(self.physiology(wildcards.patient).repolarisation)

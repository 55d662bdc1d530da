"""Plan of a run: patients, stages per patient, and the settings that each stage depends on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Self

from einthoven.app.run.inverse_plan import InversePlan
from einthoven.app.run.methods import ENSEMBLED, WITHOUT_CODE, SurrogateMethod
from einthoven.app.run.patient_settings import UNFELT, PatientSettings, check_measured
from einthoven.base.config.calibrated import is_left_out
from einthoven.base.config.load import as_params
from einthoven.base.config.models import Config
from einthoven.base.config.physiology import check_beats, check_ranges
from einthoven.base.config.section import builtins_of
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import (
    SHAPES_PER_CHUNK,
    STANDARD_ELECTRODES,
    chunk_name,
    patient_name,
)
from einthoven.body.anatomy.population.cohort import block_splits
from einthoven.body.imported.sheet import VIRTUAL, ImportSheet, Row

SPLITS = ("train", "val", "test")
PLACED = ("heart_edge_mm", "torso_resolution", "heart_atlas", "torso_atlas")
"""Keys that surfaces without electrodes depend on."""
REBUILT = ("heart_edge_mm", "torso_resolution", "sites")
"""Keys that an imported patient's surfaces and electrodes depend on."""
PHYSICS = ("cohort", "anatomy", "electrodes", "mesh", "fibers", "purkinje", "activation",
           "scenarios", "repolarisation", "variation", "ecg", "sdf_samples",
           "field_samples")  # fmt: skip
"""Sections that the data set stores beside the lead field's."""
N_SHOWN = 7


@dataclass(frozen=True)
class Plan:
    """A checked config as names, counts and parameters; `Plan.of` makes it.

    Parameters are builtins with sorted keys, because Snakemake compares them by their text.
    """

    config: Config
    """All settings."""
    splits: Mapping[str, str]
    """Virtual patient -> train, val or test, without the excluded ones and those left out."""
    imported: Mapping[str, Row]
    """Imported patient -> its row of the sheet, without the excluded ones."""

    @classmethod
    def of(cls, config: Config) -> Self:
        """The plan of a config.

        Raises:
            BadInput: a bad line of the sheet whose patient is not excluded, an unknown excluded
                patient, an empty split, a measured activation without a scenario, a variation
                out of the range of its section, drawn beats in diseased hearts, or a file of draws
                that does not name a patient.
        """
        check_ranges(config)
        check_beats(config)
        excluded, cohort = config.dataset.exclude, config.cohort
        sheet, known = dict[str, Row](), set[str]()
        if config.imported.sheet:
            found = ImportSheet.read(config.imported.sheet)
            found.refuse_faults(but=excluded)
            sheet, known = dict(found.rows), {*found.rows, *found.faults}
        if nobody := [n for n in excluded if n not in known and not VIRTUAL.fullmatch(n)]:
            raise BadInput(
                f"config: dataset.exclude: {', '.join(nobody)}: neither p0000 to p9999 nor a "
                "patient of imported.sheet"
            )
        block = block_splits(cohort)
        drawn = {patient_name(k): block[k % len(block)] for k in range(cohort.n_patients)}
        draws = config.variation.people_draws
        splits = {
            name: split for name, split in drawn.items()
            if name not in excluded and not (draws and is_left_out(draws, name))
        }  # fmt: skip
        if lost := set(SPLITS) - set(splits.values()):
            raise BadInput(
                f"config: cohort.n_patients: no patient of split {', '.join(sorted(lost))} is "
                "left; more patients, or smaller blocks?"
            )
        imported = {n: row for n, row in sheet.items() if n not in excluded}
        check_measured(imported, config.ecg.scenarios)
        return cls(config, splits, imported)

    @property
    def patients(self) -> list[str]:
        """Names of the virtual patients."""
        return list(self.splits)

    @property
    def everybody(self) -> list[str]:
        """Virtual and imported patients."""
        return [*self.splits, *self.imported]

    @cached_property
    def settings(self) -> PatientSettings:
        """Settings of one patient's jobs."""
        return PatientSettings(self.config, self.everybody, self.imported)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of virtual patients of each split."""
        return dict(Counter(self.splits.values()))

    @property
    def atlases(self) -> dict[str, str]:
        """Keys of the section anatomy that name an atlas file -> the file."""
        keys = ("heart_atlas", "torso_atlas")
        return {key: path for key in keys if (path := getattr(self.config.anatomy, key))}

    def of_split(self, *splits: str) -> list[str]:
        """Virtual patients of some splits, one split after the other."""
        return [name for split in splits for name, of in self.splits.items() if of == split]

    @property
    def example(self) -> str:
        """The test patient whose fields the report draws."""
        return min(self.of_split("test"))

    @property
    def shown(self) -> list[str]:
        """Patients whose surfaces the report draws."""
        return sorted({*self.patients[:N_SHOWN], self.example})

    @property
    def beside_people(self) -> list[str]:
        """Patients whose ECGs the report compares with recordings; none without recordings."""
        return self.patients if self.config.audit.recordings else []

    @property
    def patient_pattern(self) -> str:
        """Regular expression of all patients."""
        return "|".join(["p[0-9]{4}", *self.imported])

    @property
    def imported_pattern(self) -> str:
        """Regular expression of imported patients; without any it matches nothing."""
        return "|".join(self.imported) or "(?!)"

    @property
    def n_electrodes(self) -> int:
        """The electrodes of the 12-lead ECG and those of the grid."""
        return len(STANDARD_ELECTRODES) + self.config.electrodes.n_grid

    @property
    def n_refined(self) -> int:
        """Electrodes at which meshes are refined."""
        return len(STANDARD_ELECTRODES) + self.config.electrodes.n_refined

    @cached_property
    def batches(self) -> dict[str, list[int]]:
        """Batch -> first and one past the last electrode of the job; 0 per job: all in one."""
        n, size = self.n_electrodes, self.config.leadfield.electrodes_per_job
        starts = range(0, n, size or n)
        return {str(k): [start, min(start + (size or n), n)] for k, start in enumerate(starts)}

    @property
    def scenarios(self) -> list[str]:
        """Activation scenarios."""
        return list(self.config.ecg.scenarios)

    @property
    def recorded(self) -> list[str]:
        """Scenarios that are recorded as by an electrocardiograph; none if that is off."""
        section = self.config.named_recording
        return list(section.scenarios or []) if section.enabled else []

    @property
    def recordings(self) -> list[str]:
        """Headers of all recordings."""
        return [
            f"results/recordings/{scenario}/{patient}.hea"
            for scenario in self.recorded
            for patient in self.everybody
        ]

    @property
    def recording(self) -> dict[str, Any]:
        """Settings of the recordings, with the names of their scenarios."""
        return builtins_of(self.config.named_recording)

    @property
    def noise_levels(self) -> dict[str, Any]:
        """Levels of the noise on simulated beats of imaging; none where they are without."""
        return self.section("recording") if self.config.imaging.recorder_noise else {}

    @property
    def scars(self) -> dict[str, Any]:
        """Scars of which every pair of beats of the target infarcts draws its own."""
        return self.section("substrate")

    def pairs_of(self, _: Any) -> list[str]:
        """Files of the target infarcts.

        Raises:
            BadInput: the section substrate gives no scars to its beats.
        """
        self.config.substrate.needs_scar_of_each_beat()
        return [f"results/imaging/infarcts/{patient}.npz" for patient in self.patients]

    @cached_property
    def definitions(self) -> dict[str, Any]:
        """Scenario -> its settings, built in or of section scenarios."""
        known = self.config.known_scenarios
        return {name: builtins_of(known[name]) for name in sorted(self.scenarios)}

    @property
    def encoders(self) -> list[str]:
        """Encoders that are trained."""
        return list(self.config.learning.encoders)

    @property
    def coded(self) -> list[str]:
        """Encoders with a code for any shape, from which surfaces are decoded."""
        return [name for name in self.encoders if name not in WITHOUT_CODE]

    @cached_property
    def methods(self) -> list[SurrogateMethod]:
        """Methods that are trained and compared, with their names in rules and files."""
        return SurrogateMethod.of(self.config.learning)

    @property
    def methods_of_imported(self) -> list[SurrogateMethod]:
        """Methods that predict imported patients."""
        return [method for method in self.methods if method.takes_imported]

    def predicted(self, method: SurrogateMethod) -> list[str]:
        """The patients that a method predicts."""
        return [*self.of_split("test"), *(self.imported if method.takes_imported else [])]

    def chunks(self, encoder: str) -> list[str]:
        """Chunks of shapes from which an encoder learns beside the patients."""
        if encoder != "deepsdf":
            return []
        return [chunk_name(k) for k in range(self.config.deepsdf.n_shapes // SHAPES_PER_CHUNK)]

    def n_members(self, model: str) -> int:
        """Networks of a surrogate: one, or those of an ensemble."""
        return self.config.learning.ensemble if model in ENSEMBLED else 1

    def members(self, model: str) -> list[str]:
        """Folders of a surrogate's networks, inside its own."""
        return ["", *(f"member{k}/" for k in range(1, self.n_members(model)))]

    def networks(self, method: SurrogateMethod) -> list[str]:
        """Files of a method's networks."""
        return [f"{method.folder}/{name}model.safetensors" for name in self.members(method.model)]

    def uncertainty(self, method: SurrogateMethod) -> list[str]:
        """Calibration of an ensemble's standard deviation; a single network has none."""
        ensemble = self.n_members(method.model) > 1
        return [f"{method.folder}/uncertainty.json"] if ensemble else []

    @cached_property
    def _params(self) -> dict[str, dict[str, Any]]:
        return as_params(self.config)

    def section(self, name: str) -> dict[str, Any]:
        """A section without the keys that do not affect its rule's result."""
        return {k: v for k, v in self._params[name].items() if k not in UNFELT.get(name, ())}

    def part(self, name: str, keys: Sequence[str]) -> dict[str, Any]:
        """Some keys of a section."""
        return {key: self._params[name][key] for key in sorted(keys)}

    @property
    def conductivities(self) -> dict[str, Any]:
        """The lead field's conductivities."""
        return {k: v for k, v in self._params["leadfield"].items() if k.startswith("sigma_")}

    @property
    def shape_samples(self) -> dict[str, Any]:
        """Signed distances around the shapes that only the encoder learns from."""
        return self.section("sdf_samples") | {"n_points": self.config.deepsdf.shape_points}

    @property
    def example_repolarisation(self) -> dict[str, Any]:
        """Settings of the repolarisation of the patient that the report draws."""
        return builtins_of(self.settings.physiology(self.example).repolarisation)

    @property
    def example_leadfield(self) -> dict[str, Any]:
        """Settings of the example's lead fields; the problems of target inverse are in its body."""
        return self.settings.leadfield_of(SimpleNamespace(patient=self.example))

    @property
    def physics(self) -> dict[str, Any]:
        """Physics sections stored in the data set."""
        lead_field = self.section("leadfield") | {"gradient": self.config.leadfield.gradient}
        sections = {name: self._params[name] for name in PHYSICS}
        if not self.config.augmentation.changes_nothing:
            sections["augmentation"] = self._params["augmentation"]
        for name in ("atria", "substrate"):
            if getattr(self.config, name).enabled:
                sections[name] = self._params[name]
        return sections | {"leadfield": lead_field}

    @cached_property
    def inverse(self) -> InversePlan:
        """Plan of the target inverse."""
        return InversePlan(self.config, self.splits)

    def training(self, name: str) -> dict[str, Any]:
        """Settings of an encoder or a model; the PCA has none."""
        return self._params.get(name, {})

    # Files and settings of one job, which rules request by their wildcards.

    def files_of(self, wildcards: Any) -> list[str]:
        """The user's files of an imported patient."""
        return self.imported[wildcards.imported].files

    def row_of(self, wildcards: Any) -> dict[str, str]:
        """The sheet's row of an imported patient, which its surfaces depend on."""
        row = self.imported[wildcards.imported]._asdict()
        return {key: value for key, value in row.items() if key != "physiology"}

    def measured_of(self, wildcards: Any) -> str | list[str]:
        """File with an imported patient's own fibres and activation, if its row names any."""
        row = self.imported.get(wildcards.patient)
        if row is None or not row.measured:
            return []
        return f"results/patients/{wildcards.patient}/anatomy.npz"

    def diseased_of(self, wildcards: Any) -> str | list[str]:
        """File with a patient's scar or ischaemia, in runs that have any."""
        if not self.config.substrate.enabled:
            return []
        return f"results/patients/{wildcards.patient}/substrate.npz"

    def beat_of(self, wildcards: Any) -> str | list[str]:
        """File with a patient's beat of people; none for imported ones with their own wave."""
        row = self.imported.get(wildcards.patient)
        if not self.config.variation.beats or (row and "time" in row.measured):
            return []
        return f"results/patients/{wildcards.patient}/beat.npz"

    @property
    def beats(self) -> list[str]:
        """File of the distribution of beats; none where it is einthoven's own, or none is drawn."""
        given = self.config.variation.beats
        return [] if given in ("", "people") else [given]

    def scar_of(self, wildcards: Any) -> str | list[str]:
        """The same, where lead fields know of it."""
        section = self.config.substrate
        known = section.kind == "scar" and section.in_lead_field
        return self.diseased_of(wildcards) if known else []

    def electrodes_of(self, wildcards: Any) -> list[int]:
        """First and one past the last electrode of a batch."""
        return self.batches[wildcards.batch]

    def shapes_of(self, wildcards: Any) -> list[str]:
        """Files of the shapes from which an encoder learns beside the patients."""
        return [f"results/shapes/{chunk}.npz" for chunk in self.chunks(wildcards.encoder)]

    def codes_of(self, wildcards: Any) -> list[str]:
        """File with the code of a patient outside the cohort."""
        if wildcards.patient not in self.imported:
            return []
        return [f"results/encoders/{wildcards.encoder}/codes/{wildcards.patient}.npz"]

    def networks_of(self, wildcards: Any) -> list[str]:
        """Files of a surrogate's networks."""
        return self.networks(SurrogateMethod(wildcards.model, wildcards.encoder))

    def uncertainty_of(self, wildcards: Any) -> list[str]:
        """The calibration of a surrogate's standard deviation."""
        return self.uncertainty(SurrogateMethod(wildcards.model, wildcards.encoder))

    def encoder_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of an encoder."""
        return self.training(wildcards.encoder)

    def model_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of a surrogate."""
        return self.training(wildcards.model)

    def member_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of one network of a surrogate."""
        return self._member(wildcards.model, wildcards.member)

    def operator_of(self, wildcards: Any) -> dict[str, Any]:
        """Settings of one operator."""
        return self._member("operator", wildcards.member)

    def _member(self, model: str, folder: str) -> dict[str, Any]:
        """Settings of an ensemble's member; further members have the next seeds."""
        section = self.training(model)
        number = int(folder.removeprefix("member").rstrip("/") or 0)
        return section | {"seed": section["seed"] + number}

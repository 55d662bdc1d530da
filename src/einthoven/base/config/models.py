"""One model per config section; a rule's `params` is one such section as a plain dict.

Keys carry unit suffixes. Ranges are physical. If a value is off by a power of ten, the message
names the likely unit error.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from einthoven.base.config.atria import OFF, RHYTHM, AtriaSettings
from einthoven.base.config.augmentation import NO_AUGMENTATION, AugmentationSettings
from einthoven.base.config.electrophysiology import (
    BY_DEFAULT,
    ActivationSettings,
    PurkinjeSettings,
    RepolarisationSettings,
    VariationSettings,
)
from einthoven.base.config.imaging import ImagingSettings, ImagingTrainingSettings
from einthoven.base.config.inverse import InverseSettings
from einthoven.base.config.learning import (
    DeepSdfSettings,
    LearningSettings,
    MlpSettings,
    OperatorSettings,
    RefractionSettings,
)
from einthoven.base.config.recording import UNRECORDED, RecordingSettings
from einthoven.base.config.reproduction import ReproductionSettings
from einthoven.base.config.scenarios import (
    BUILT_IN,
    CHOICES,
    AnyScenario,
    ScenarioName,
    ScenariosSettings,
)
from einthoven.base.config.section import Count, Positive, Section, Seed, once, rising
from einthoven.base.config.substrate import HEALTHY, SubstrateSettings

Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
MAX_MODES = 10
"""Number of modes of the embedded heart and torso atlases."""
LEAST_PEOPLE = 10
"""Fewest people of a group that classifiers distinguish from another: two in each of five folds."""
MAX_GRID = 1000
"""Number of electrode sites of a grid."""
HEART_EDGE_MM = (0.5, 8.0)

SiteCount = Annotated[int, Field(ge=0, le=MAX_GRID)]
HeightRange = Annotated[
    list[Annotated[float, Field(ge=135, le=205)]],
    Field(min_length=2, max_length=2),
    AfterValidator(rising),
]
BmiRange = Annotated[
    list[Annotated[float, Field(ge=12, le=42)]],
    Field(min_length=2, max_length=2),
    AfterValidator(rising),
]
HeartEdge = Annotated[float, Field(ge=HEART_EDGE_MM[0], le=HEART_EDGE_MM[1])]
AtlasPath = Annotated[str, Field(description="path of an atlas file, or empty")]
PatientName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
SheetPath = Annotated[str, Field(description="path of a sheet of imported patients, or empty")]
RecordingsPath = Annotated[str, Field(description="path of a folder of recordings, or empty")]
SolverName = Literal["auto", "mumps", "pardiso", "cholmod", "amg"]


class PublicationSettings(Section):
    """The published folder of the data set (target publish); docs/how-to/publish-a-data-set.md."""

    title: Annotated[str, Field(min_length=3)] = "Virtual patients, their ECG lead fields and ECGs"
    version: Version = "0.1.0"
    """Version of the data: the first number changes for a layout that old readers cannot read, the
    second for more data, the third for a correction."""
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = "2026-11-23"
    """Date of this version of the data, not of the run, so that the bytes are reproducible."""
    changes: dict[Version, str] = {"0.1.0": "first version"}
    """Changes of each version of the data, newest last; `version` must be among them."""
    creators: Annotated[list[str], Field(min_length=1)] = ["The einthoven developers"]
    url: Annotated[str, Field(pattern=r"^$|^https?://")] = ""
    """Address of the folder, such as a DOI; empty: not known yet."""
    sample_patients: Annotated[int, Field(ge=1)] = 3
    """Patients in the sample, of the test split first; it must stay below 100 MB."""

    @model_validator(mode="after")
    def _version_has_changes(self) -> Self:
        if self.version not in self.changes:
            raise ValueError(
                f"changes has no entry for version {self.version}, only for "
                f"{', '.join(self.changes) or 'none'}"
            )
        return self


class CohortSettings(Section):
    """Latin hypercube in +-1 SD, drawn in blocks so that growing it keeps its patients."""

    seed: Seed = 1
    n_patients: Annotated[int, Field(ge=3)] = 32
    block_size: Annotated[int, Field(ge=3)] = 32
    val_per_block: Count = 4
    test_per_block: Count = 4
    n_heart_modes: Annotated[int, Field(ge=1, le=MAX_MODES)] = MAX_MODES
    n_torso_modes: Annotated[int, Field(ge=1, le=MAX_MODES)] = MAX_MODES
    range_sd: Annotated[float, Field(gt=0, le=3)] = 1.0
    sex: Literal["any", "female", "male", "both"] = "any"
    """any: one population of both sexes, without covariates; the others shift hearts and torsos."""
    height_cm: Annotated[HeightRange | None, Field(description="[low, high], with a sex")] = None
    """Heights; null: from range_sd, around the mean of the sex."""
    bmi: Annotated[BmiRange | None, Field(description="[low, high], with a sex")] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("height_cm", "bmi"):
            if getattr(self, name) and self.sex == "any":
                raise ValueError(f"{name} needs cohort.sex: female, male or both")
        if self.val_per_block + self.test_per_block >= self.block_size:
            raise ValueError(
                "val_per_block + test_per_block must leave training patients in block_size"
            )
        return self


class ImportSettings(Section):
    """Imported patients, for external validation; docs/how-to/import-a-patient.md."""

    sheet: SheetPath = ""


class AnatomySettings(Section):
    """Surfaces of a patient."""

    heart_edge_mm: HeartEdge = 4.0
    torso_resolution: Literal["coarse", "fine"] = "coarse"
    pose: Literal["imaged", "engblom", "apex"] = "imaged"
    """Position and orientation of the mean heart (`anatomy.pose.MEAN_POSES`)."""
    lungs: bool = False
    """Whether the torso has lungs, with their own conductivity."""
    heart_atlas: AtlasPath = ""
    """Path of an atlas file made by `einthoven fetch`; "" is the embedded atlas."""
    torso_atlas: AtlasPath = ""
    sites: Literal["front", "around"] = "front"
    """Sites of the grid electrodes: the front, or front, sides and back."""


class ElectrodeSettings(Section):
    """A grid on the torso beside the nine electrodes of the 12-lead ECG."""

    n_grid: SiteCount = 24
    n_refined: SiteCount = 24
    """Number of sites at which meshes are refined; more of them change all meshes."""


class MeshSettings(Section):
    """Tetrahedra; sizes are mean edge lengths."""

    heart_edge_mm: HeartEdge = 4.0
    torso_edge_mm: Annotated[float, Field(ge=4, le=40)] = 22.0
    electrode_edge_mm: Annotated[float, Field(ge=1, le=40)] = 8.0
    grading: Annotated[float, Field(gt=0, le=1)] = 0.35
    min_quality: Annotated[float, Field(gt=0, lt=0.5)] = 0.08
    algorithm: Literal["hxt", "delaunay"] = "hxt"
    timeout_s: Positive = 300.0
    inner_nodes: Annotated[bool, Field(description="halve edges across a thin wall")] = True


class FiberSettings(Section):
    """Rule-based fibre and sheet angles (Bayer 2012)."""

    alpha_endo_deg: Annotated[float, Field(ge=-90, le=90)] = 40.0
    alpha_epi_deg: Annotated[float, Field(ge=-90, le=90)] = -50.0
    beta_endo_deg: Annotated[float, Field(ge=-90, le=90)] = -65.0
    beta_epi_deg: Annotated[float, Field(ge=-90, le=90)] = 25.0


CONDUCTIVITY_RANGES = {
    "sigma_il_s_per_m": (0.05, 1.0),
    "sigma_it_s_per_m": (0.005, 0.2),
    "sigma_el_s_per_m": (0.05, 1.0),
    "sigma_et_s_per_m": (0.02, 1.0),
    "sigma_torso_s_per_m": (0.01, 0.5),
    "sigma_blood_s_per_m": (0.01, 1.5),
    "sigma_lung_s_per_m": (0.01, 0.3),
}
"""Wide around the measured values, but narrow enough to detect a factor of ten."""
CONDUCTIVITY_SLIPS = ((0.1, "mS/cm (1 mS/cm = 0.1 S/m)"), (0.001, "mS/m"), (100.0, "S/cm"),
                      (10.0, "dS/m"))  # fmt: skip
"""Factors to S/m from units in which a value may have been given by mistake."""


class LeadFieldSettings(Section):
    """Conductivities in S/m: muscle of Dokuchaev 2026 (its mS/cm divided by 10), torso 0.2.

    Its torso and blood, 0.06, give S waves in V1 that are twice too deep; 0.2 is usual for a
    homogeneous torso (docs/explanation/activation.md). Blood has the torso's value, as in the
    paper, not the 0.6 that are measured. Lungs: inflated, 10 Hz, by the four Cole-Cole terms of
    Gabriel 1996, doi:10.1088/0031-9155/41/11/003.
    """

    sigma_il_s_per_m: float = 0.3
    sigma_it_s_per_m: float = 0.03
    sigma_el_s_per_m: float = 0.3
    sigma_et_s_per_m: float = 0.12
    sigma_torso_s_per_m: float = 0.2
    sigma_blood_s_per_m: float = 0.2
    sigma_lung_s_per_m: float = 0.0389
    solver: SolverName = "auto"
    """Linear solver; auto takes mumps or amg by size; pardiso and cholmod are optional extras."""
    solver_tolerance: Annotated[float, Field(ge=1e-13, le=1e-6)] = 1e-10
    """Largest relative residual of a lead field."""
    gradient: Literal["recovered", "raw"] = "recovered"
    """Gradients for samples, ECGs and references: quadratic fits within a tissue, or element-wise.
    """
    electrodes_per_job: Annotated[int, Field(ge=0)] = 0
    """Electrodes per job; 0: all in one job (one factorisation)."""

    @property
    def conductivities(self) -> dict[str, float]:
        """Name -> S/m."""
        return {name: getattr(self, name) for name in CONDUCTIVITY_RANGES}

    @field_validator(*CONDUCTIVITY_RANGES)
    @classmethod
    def _conductivity(cls, value: float, info: ValidationInfo) -> float:
        low, high = CONDUCTIVITY_RANGES[str(info.field_name)]
        if not low <= value <= high:
            slips = [f"; off by {1 / factor:g}, as in {unit}?" for factor, unit
                     in CONDUCTIVITY_SLIPS if low <= value * factor <= high]  # fmt: skip
            hint = slips[0] if slips else ""
            raise ValueError(f"{value:g} is outside {low:g} to {high:g} S/m (= mS/mm){hint}")
        return value


class EcgSettings(Section):
    """Time axis and action potential of the forward ECG."""

    start_ms: Annotated[float, Field(ge=-200, le=0)] = -20.0
    duration_ms: Annotated[float, Field(ge=50, le=2000)] = 600.0
    dt_ms: Annotated[float, Field(gt=0, le=5)] = 1.0
    scenarios: Annotated[
        list[ScenarioName], Field(min_length=1, description=CHOICES), AfterValidator(once)
    ] = ["sinus", "lbbb", "crt"]


class AuditSettings(Section):
    """People's ECGs beside those of all patients, in the report; docs/how-to/judge-realism.md."""

    recordings: RecordingsPath = ""
    """Folder of recordings of people, with a sheet; needs scenario sinus, and ten patients."""
    healthy: bool = True
    """Whether healthy adults alone are compared, as the sheet says."""


class SdfSampleSettings(Section):
    """Points around all surfaces with four signed distances."""

    seed: Seed = 1
    backend: Literal["einthoven", "vtk", "mesh-to-sdf"] = "einthoven"
    n_points: Annotated[int, Field(ge=100)] = 16384
    near_fraction: Annotated[float, Field(ge=0, le=1)] = 0.8
    near_mm: Positive = 10.0


class FieldSampleSettings(Section):
    """Points in the body at which grad Z is stored; most near the skin and the heart surface."""

    seed: Seed = 1
    n_points: Annotated[int, Field(ge=100)] = 8192
    near_fraction: Annotated[float, Field(ge=0, le=1)] = 0.8
    near_mm: Positive = 10.0
    heart_share: Annotated[float, Field(ge=0, le=1)] = 0.75


class DatasetSettings(Section):
    """The consolidated data set."""

    exclude: list[PatientName] = []
    """Patients that could not be made; the data set and the metrics list them as missing."""
    lead_field: Literal["heart", "body"] = "heart"
    """Nodes in a patient's store: the heart, 10 mm around it and the skin, or all nodes."""


class Config(Section):
    """All settings: a section of config.yaml is an attribute, and names of keys end in their unit.

    `Config()` has the defaults, `Config(mesh={"heart_edge_mm": 3.0})` changes one. A key that is
    unknown or out of its range is a `pydantic.ValidationError`. config/README.md lists all keys.
    """

    cohort: CohortSettings = CohortSettings()
    augmentation: AugmentationSettings = NO_AUGMENTATION
    imported: ImportSettings = ImportSettings()
    anatomy: AnatomySettings = AnatomySettings()
    electrodes: ElectrodeSettings = ElectrodeSettings()
    mesh: MeshSettings = MeshSettings()
    fibers: FiberSettings = FiberSettings()
    purkinje: PurkinjeSettings = PurkinjeSettings()
    activation: ActivationSettings = ActivationSettings()
    scenarios: ScenariosSettings = ScenariosSettings()
    leadfield: LeadFieldSettings = LeadFieldSettings()
    repolarisation: RepolarisationSettings = RepolarisationSettings()
    variation: VariationSettings = BY_DEFAULT
    atria: AtriaSettings = OFF
    substrate: SubstrateSettings = HEALTHY
    ecg: EcgSettings = EcgSettings()
    recording: RecordingSettings = UNRECORDED
    audit: AuditSettings = AuditSettings()
    sdf_samples: SdfSampleSettings = SdfSampleSettings()
    field_samples: FieldSampleSettings = FieldSampleSettings()
    dataset: DatasetSettings = DatasetSettings()
    publication: PublicationSettings = PublicationSettings()
    learning: LearningSettings = LearningSettings()
    deepsdf: DeepSdfSettings = DeepSdfSettings()
    mlp: MlpSettings = MlpSettings()
    refraction: RefractionSettings = RefractionSettings()
    operator: OperatorSettings = OperatorSettings()
    inverse: InverseSettings = InverseSettings()
    imaging: ImagingSettings = ImagingSettings()
    imaging_training: ImagingTrainingSettings = ImagingTrainingSettings()
    reproduction: ReproductionSettings = ReproductionSettings()

    @model_validator(mode="after")
    def _covariates_know_the_atlas(self) -> Self:
        for name in ("heart_atlas", "torso_atlas"):
            if getattr(self.anatomy, name) and self.cohort.sex != "any":
                raise ValueError(
                    f"cohort.sex moves the embedded atlases only; sex: any with anatomy.{name}"
                )
        return self

    @model_validator(mode="after")
    def _conductivities_are_in_range(self) -> Self:
        for name, (low, high) in self.augmentation.conductivities.items():
            least, most = CONDUCTIVITY_RANGES[name]
            if not least <= low <= high <= most:
                raise ValueError(
                    f"augmentation.{name}: {low:g} to {high:g} is not within {least:g} to "
                    f"{most:g} S/m (= mS/mm)"
                )
        return self

    @model_validator(mode="after")
    def _people_are_as_fitted(self) -> Self:
        if self.variation.people and self.purkinje.backend != "sites":
            raise ValueError(
                "variation.people: the distribution was fitted without trees; set "
                "purkinje.backend: sites"
            )
        if self.variation.people and self.repolarisation.field != "gradients":
            raise ValueError("variation.people needs repolarisation.field: gradients")
        return self

    @property
    def known_scenarios(self) -> dict[str, AnyScenario]:
        """All scenarios by name: the built-in ones and those of section scenarios."""
        return BUILT_IN | self.scenarios.defined

    @property
    def named_atria(self) -> AtriaSettings:
        """The section atria with the names of all scenarios that have a P wave."""
        known, given = self.known_scenarios, self.atria.scenarios
        names = [name for name in known if known[name].kind == RHYTHM] if given is None else given
        return self.atria.model_copy(update={"scenarios": names})

    @property
    def named_recording(self) -> RecordingSettings:
        """The section recording with the names of the scenarios that it is about."""
        known, given, scenarios = self.known_scenarios, self.recording, self.ecg.scenarios
        regular = [name for name in scenarios if known[name].kind != RHYTHM]
        return given.model_copy(update={
            "scenarios": list(scenarios) if given.scenarios is None else given.scenarios,
            "regular": regular if given.regular is None else given.regular,
        })  # fmt: skip

    @model_validator(mode="after")
    def _recordings_have_something_beside_them(self) -> Self:
        if self.audit.recordings and "sinus" not in self.ecg.scenarios:
            raise ValueError("audit.recordings needs sinus in ecg.scenarios")
        if self.audit.recordings and self.cohort.n_patients < LEAST_PEOPLE:
            raise ValueError(f"audit.recordings needs cohort.n_patients >= {LEAST_PEOPLE}")
        return self

    @model_validator(mode="after")
    def _scenarios_are_known(self) -> Self:
        if unknown := sorted(set(self.ecg.scenarios) - self.known_scenarios.keys()):
            raise ValueError(
                f"ecg.scenarios: unknown {', '.join(unknown)}; known are "
                f"{', '.join(self.known_scenarios)}; section scenarios defines others"
            )
        if unknown := sorted(set(self.atria.scenarios or []) - self.known_scenarios.keys()):
            raise ValueError(f"atria.scenarios: unknown {', '.join(unknown)}")
        if missing := sorted(self.recording.named - set(self.ecg.scenarios)):
            raise ValueError(f"recording: add {', '.join(missing)} to ecg.scenarios, its beats")
        if missing := sorted(set(self.inverse.scenarios or []) - set(self.ecg.scenarios)):
            raise ValueError(
                f"inverse.scenarios: {', '.join(missing)} must also be in ecg.scenarios, "
                "which makes their activation"
            )
        return self

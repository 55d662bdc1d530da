"""Settings of the heart as an electrical source: Purkinje trees, activation, repolarisation.

`VariationSettings` says how they vary between patients.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from einthoven.base.config.section import Section, Seed
from einthoven.base.core.errors import BadInput

APD_MS = (200.0, 400.0)
"""Range of the family of action potentials (electrophysiology.cells.family)."""
TEMPLATE_APD_MS = 300.889
"""APD90 of the template, the only one of a homogeneous heart."""
GradientMs = Annotated[float, Field(ge=-150, le=150)]
LayerSpeed = Annotated[float, Field(ge=0, le=5)]
JunctionDelay = Annotated[float, Field(ge=0, le=20)]
Fascicle = Literal["anterior", "septal", "posterior", "right", "right-septal"]
"""Three fascicles of the left bundle, and the right bundle on the free wall and on the septum."""
RIGHT = frozenset({"right", "right-septal"})
"""Fascicles that reach the endocardium of the RV."""
SpeedShare = Annotated[float, Field(ge=0, le=0.5, description="share of the speed, >= 0, <= 0.5")]
WidthMs = Annotated[float, Field(ge=0, le=100)]
PlateauGradient = Annotated[float, Field(ge=-3, le=3)]


class RepolarisationSettings(Section):
    """APD90 over the heart; docs/how-to/set-action-potential-durations.md."""

    field: Literal["homogeneous", "gradients"] = "gradients"
    """homogeneous: the template everywhere, as in Dokuchaev 2026; gradients: the settings below."""
    mean_ms: Annotated[float, Field(ge=APD_MS[0], le=APD_MS[1])] = 308.0
    """Mean over the volume of the muscle."""
    apex_to_base_ms: GradientMs = 64.0
    """APD90 at the base minus that at the apex; the other gradients likewise."""
    anterior_to_posterior_ms: GradientMs = -13.0
    rv_to_lv_ms: GradientMs = 3.0
    endo_to_epi_ms: GradientMs = -26.0
    smoothing_mm: Annotated[float, Field(ge=0, le=20)] = 3.0
    """Length over which electrotonic coupling smooths durations and plateaus; 0: none."""
    plateau_mean: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the low plateau, mean over the muscle: 0 the template's plateau, 1 the low one."""
    plateau_apex_to_base: PlateauGradient = 0.0
    """Share at the base minus that at the apex; the others likewise. Shares stay within 0 to 1."""
    plateau_rv_to_lv: PlateauGradient = 0.0
    plateau_endo_to_epi: PlateauGradient = 0.0

    @property
    def plateaus_differ(self) -> bool:
        """Whether any cell has another plateau than the template's."""
        return any(value for key, value in self if key.startswith("plateau_"))

    def with_one_plateau(self, what: str) -> Self:
        """The section itself, for a simulator that knows the template's plateau alone.

        Raises:
            BadInput: they differ; `what` is for the message.
        """
        if self.plateaus_differ:
            raise BadInput(
                f"{what}: repolarisation.plateau_ keys are not 0, but the simulator of imaging and "
                "twins knows one plateau; set them to 0"
            )
        return self

    @model_validator(mode="after")
    def _plateaus_need_a_field(self) -> Self:
        if self.field == "homogeneous" and self.plateaus_differ:
            raise ValueError("plateau_ keys need field: gradients")
        return self


class ActivationSettings(Section):
    """Anisotropic eikonal equation (9), (10) of Dokuchaev 2026."""

    backend: Literal["einthoven", "fim-python"] = "einthoven"
    cv_fiber_mm_per_ms: float = 0.45
    cv_transverse_mm_per_ms: float = 0.3
    cv_lv_endocardium_mm_per_ms: LayerSpeed = 0.87
    """Speed in a thin, faster layer along the endocardium; 0: no such layer."""
    cv_rv_endocardium_mm_per_ms: LayerSpeed = 0.88
    endocardium_top_z: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Upper end of that layer; 0 apex, 1 base."""
    crt_vv_delay_ms: Annotated[float, Field(ge=-100, le=100)] = 0.0
    capture: bool = True
    """Whether a wave in the muscle enters the Purkinje trees at junctions and leaves them
    elsewhere."""
    pmj_antegrade_ms: JunctionDelay = 5.0
    """Delay of a wave that leaves a tree at a junction."""
    pmj_retrograde_ms: JunctionDelay = 2.0
    """Delay of a wave that enters a tree at a junction, with capture."""

    @field_validator("cv_fiber_mm_per_ms", "cv_transverse_mm_per_ms")
    @classmethod
    def _speed(cls, value: float) -> float:
        if not 0.05 <= value <= 3:
            raise ValueError(f"{value:g} is outside 0.05 to 3; is this m/s (= mm/ms) or cm/s?")
        return value


class EarlySiteSettings(Section):
    """Site where a fascicle reaches the endocardium: in the LV, or on a wall of the RV."""

    fascicle: Fascicle
    z: Annotated[float, Field(ge=0, le=1)]
    """Apicobasal coordinate: 0 apex, 1 base."""
    phi_deg: Annotated[float, Field(ge=-180, le=180)]
    """Angle: 0 mid-septum, 90 anterior, +-180 lateral, -90 inferior."""
    time_ms: Annotated[float, Field(ge=0, le=60)]
    """Time after the His bundle, up to a constant that all sites share."""


class PurkinjeSettings(Section):
    """Early sites (Durrer 1970) and the fractal trees that grow from them (Sahli Costabal 2016)."""

    backend: Literal["einthoven", "fractal-tree", "sites"] = "einthoven"
    """Program that grows the trees; fractal-tree grows the same trees, slower. sites: no trees, the
    wave leaves from the early sites alone, over the fast layers of section activation."""
    seed: Seed = 1
    early_sites: list[EarlySiteSettings] = [
        EarlySiteSettings(fascicle="anterior", z=0.63, phi_deg=41.0, time_ms=2.6),
        EarlySiteSettings(fascicle="septal", z=0.5, phi_deg=18.0, time_ms=0.0),
        EarlySiteSettings(fascicle="posterior", z=0.36, phi_deg=-49.0, time_ms=2.8),
        EarlySiteSettings(fascicle="right", z=0.35, phi_deg=29.0, time_ms=12.4),
    ]
    lv_top_z: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Upper end of the trees; 0 apex, 1 base."""
    rv_top_z: Annotated[float, Field(gt=0, le=1)] = 1.0
    branch_length_mm: Annotated[float, Field(ge=0.5, le=30)] = 4.0
    segment_mm: Annotated[float, Field(ge=0.1, le=5)] = 1.0
    branch_angle_rad: Annotated[float, Field(ge=0.01, le=1.2)] = 0.25
    n_generations: Annotated[int, Field(ge=1, le=40)] = 32
    speed_mm_per_ms: Annotated[float, Field(ge=0.5, le=6)] = 1.45
    max_coverage_gap_mm: Annotated[float, Field(ge=1, le=60)] = 30.0
    max_draws: Annotated[int, Field(ge=1, le=50)] = 30

    @field_validator("early_sites")
    @classmethod
    def _both_sides(cls, value: list[EarlySiteSettings]) -> list[EarlySiteSettings]:
        fascicles = {site.fascicle for site in value}
        if "right" not in fascicles or not fascicles - RIGHT:
            raise ValueError("at least one site of the right bundle and one of the left are needed")
        return value

    @model_validator(mode="after")
    def _sites_below_the_tops(self) -> Self:
        for site in self.early_sites:
            side = "rv" if site.fascicle in RIGHT else "lv"
            if site.z > (top := getattr(self, f"{side}_top_z")):
                raise ValueError(
                    f"the early site {site.fascicle} at z = {site.z:g} is above {side}_top_z = "
                    f"{top:g}, where no tree grows"
                )
        return self


class VariationSettings(Section):
    """Half-widths of uniform ranges about purkinje, activation, repolarisation, by patient.

    Draws depend only on the seed, the patient's name and the key (`config.physiology`). With 0 all
    patients have the value of the section. Sources: docs/explanation/variation-between-patients.md.
    """

    seed: Seed = 1
    people: bool = False
    """Whether each patient's early sites, speeds, durations and intracellular conductivities are
    drawn from the joint distribution fitted to people's ECGs (docs/explanation/population.md)
    instead; the half-widths are then 0 and purkinje.backend is sites."""
    people_draws: Annotated[str, Field(description="path of a file of draws, or empty")] = ""
    """CSV file of `einthoven calibrate` that names a draw for each patient; empty: the first."""
    beats: Annotated[str, Field(description="people, path of a distribution, or empty")] = ""
    """Distribution from which each virtual patient's sinus beat is drawn, to which wave and cells
    are then fitted: that of einthoven, or a file of tools/fit_people_beats.py; empty: none."""
    cv_fiber: SpeedShare = 0.0
    """Relative half-width of activation.cv_fiber_mm_per_ms."""
    cv_transverse: SpeedShare = 0.0
    """Relative half-width of activation.cv_transverse_mm_per_ms."""
    cv_lv_endocardium: SpeedShare = 0.0
    """Relative half-width of activation.cv_lv_endocardium_mm_per_ms, and likewise of the RV's."""
    cv_rv_endocardium: SpeedShare = 0.0
    purkinje_speed: SpeedShare = 0.0
    """Relative half-width of purkinje.speed_mm_per_ms."""
    apd_mean_ms: WidthMs = 0.0
    """Half-width of repolarisation.mean_ms; this and the gradients need field: gradients."""
    apd_apex_to_base_ms: WidthMs = 0.0
    apd_anterior_to_posterior_ms: WidthMs = 0.0
    apd_rv_to_lv_ms: WidthMs = 0.0
    apd_endo_to_epi_ms: WidthMs = 0.0
    site_z: Annotated[float, Field(ge=0, le=0.3)] = 0.0
    """Half-width of z of each of purkinje.early_sites, drawn independently."""
    site_phi_deg: Annotated[float, Field(ge=0, le=60)] = 0.0
    site_time_ms: Annotated[float, Field(ge=0, le=20)] = 0.0

    @model_validator(mode="after")
    def _people_have_no_widths(self) -> Self:
        others = ("seed", "people", "people_draws", "beats")
        widths = [key for key, value in self if key not in others and value > 0]
        if self.people_draws and not self.people:
            raise ValueError("people_draws: only with people: true")
        if self.beats and not self.people:
            raise ValueError("beats: only with people: true")
        if self.people and widths:
            raise ValueError(f"people: true takes no half-width; set {', '.join(widths)} to 0")
        return self


BY_DEFAULT = VariationSettings(
    cv_fiber=0.08, cv_transverse=0.08, cv_lv_endocardium=0.08, cv_rv_endocardium=0.08,
    purkinje_speed=0.08, apd_mean_ms=12.0, apd_apex_to_base_ms=5.0,
    apd_anterior_to_posterior_ms=3.0, apd_rv_to_lv_ms=4.0, apd_endo_to_epi_ms=4.0, site_z=0.02,
    site_phi_deg=6.0, site_time_ms=1.0,
)  # fmt: skip
"""Values for a config without the section; a config with it varies only what it names."""

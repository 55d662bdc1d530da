"""Settings of scenarios (where a beat starts and how it is conducted), and the built-in ones.

A scenario is data; `electrophysiology.scenarios` has a class for each kind.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, field_validator

from einthoven.base.config.section import Section, once

ScenarioName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
"""Part of file names (activation_{scenario}.npz) and of keys of the metrics."""
Block = Literal["left-bundle", "right-bundle", "left-anterior-fascicle", "left-posterior-fascicle"]
SurfaceName = Literal["lv_endo", "rv_endo", "epi"]
Factor = Annotated[float, Field(ge=0.2, le=3)]
Delay = Annotated[float, Field(ge=-100, le=100)]
I_KR_FACTORS = (0.0, 0.5, 1.0)
"""Values for which there are action potentials (electrophysiology.cells.condition)."""


class SiteSettings(Section):
    """A node of a heart surface that is stimulated `time_ms` after the first one."""

    surface: SurfaceName
    time_ms: Annotated[float, Field(ge=0, le=300)] = 0.0


class ApexSiteSettings(SiteSettings):
    """The lowest node of a surface along the heart's long axis."""

    at: Literal["apex"] = "apex"


class CoordinateSiteSettings(SiteSettings):
    """The node nearest to a height and an angle of the ventricular coordinates."""

    at: Literal["coordinates"] = "coordinates"
    z: Annotated[float, Field(ge=0, le=1)]
    """Apicobasal coordinate: 0 apex, 1 base."""
    phi_deg: Annotated[float, Field(ge=-180, le=180)]
    """Angle: 0 mid-septum, 90 anterior, +-180 lateral, -90 inferior."""
    nu: Literal[-1, 1] | None = None
    """Only nodes of the LV with the septum (-1), or of the RV's free wall (1)."""


class SegmentSiteSettings(SiteSettings):
    """The node of a surface nearest to the middle of a segment on it."""

    at: Literal["segment"] = "segment"
    segment: str
    """AHA segment, or segment of the RV's free wall (`patient.segments`), such as "basal anterior".
    """


class PointSiteSettings(SiteSettings):
    """The node nearest to a point in the patient's frame."""

    at: Literal["point"] = "point"
    point_mm: Annotated[list[float], Field(min_length=3, max_length=3)]


AnySite = Annotated[
    ApexSiteSettings | CoordinateSiteSettings | SegmentSiteSettings | PointSiteSettings,
    Field(discriminator="at"),
]


class ScenarioSettings(Section):
    """Settings of all kinds: blocks of conduction, speeds, and the state of the cells."""

    blocks: Annotated[list[Block], AfterValidator(once)] = []
    """Blocks of the conduction system, in both directions."""
    distal: bool = True
    """Whether everything distal to a block stops conducting, so that its muscle is activated from
    cell to cell; false: only the bundle or fascicle is cut, and the muscle may capture the tree
    behind it."""
    muscle_speed_factor: Factor = 1.0
    """Factor on the muscle's speeds of section activation."""
    tree_speed_factor: Factor = 1.0
    """Factor on the speed in the bundles and the Purkinje trees."""
    cycle_length_ms: Literal[600, 1000] = 1000
    """Cycle length of the pacing train whose last beat is simulated; it sets the repolarisation."""
    i_kr_factor: Annotated[float, Field(json_schema_extra={"enum": list(I_KR_FACTORS)})] = 1.0
    """Factor on the conductance of I_Kr in all cells: normal, halved, blocked."""

    @field_validator("i_kr_factor")
    @classmethod
    def _computed(cls, value: float) -> float:
        if value not in I_KR_FACTORS:
            raise ValueError("must be 1.0 (normal), 0.5 (halved) or 0.0 (blocked)")
        return value


class RhythmSettings(ScenarioSettings):
    """A supraventricular beat: the wave starts at the His bundle."""

    kind: Literal["rhythm"] = "rhythm"


class PacedSettings(ScenarioSettings):
    """Stimuli or an ectopic beat: the wave starts at sites on the heart's surface."""

    kind: Literal["paced"] = "paced"
    sites: Annotated[list[AnySite], Field(min_length=1)]


class CrtSettings(ScenarioSettings):
    """Resynchronisation: one pacing lead in each ventricle."""

    kind: Literal["crt"] = "crt"
    rv_site: AnySite = ApexSiteSettings(surface="rv_endo")
    lv_site: AnySite = CoordinateSiteSettings(surface="epi", z=0.5, phi_deg=180.0)
    vv_delay_ms: Delay | None = None
    """Delay of the LV after the RV (negative: LV first); null: as in section activation."""


AnyScenario = Annotated[RhythmSettings | PacedSettings | CrtSettings, Field(discriminator="kind")]

BUILT_IN: dict[str, RhythmSettings | PacedSettings | CrtSettings] = {
    "sinus": RhythmSettings(),
    "lbbb": RhythmSettings(blocks=["left-bundle"]),
    "rbbb": RhythmSettings(blocks=["right-bundle"]),
    "lafb": RhythmSettings(blocks=["left-anterior-fascicle"]),
    "lpfb": RhythmSettings(blocks=["left-posterior-fascicle"]),
    "crt": CrtSettings(blocks=["left-bundle"], muscle_speed_factor=0.68),
    "rv-pacing": PacedSettings(sites=[ApexSiteSettings(surface="rv_endo")]),
    "pvc-rvot": PacedSettings(
        sites=[CoordinateSiteSettings(surface="rv_endo", z=0.9, phi_deg=40.0, nu=1)]
    ),
    "pvc-lv": PacedSettings(
        sites=[CoordinateSiteSettings(surface="lv_endo", z=0.3, phi_deg=-120.0, nu=-1)]
    ),
    "sinus-600": RhythmSettings(cycle_length_ms=600),
    "sinus-ikr-half": RhythmSettings(i_kr_factor=0.5),
    "sinus-ikr-blocked": RhythmSettings(i_kr_factor=0.0),
}
"""Built-in scenarios by name."""
CHOICES = f"{', '.join(BUILT_IN)}, or of section scenarios"


class ScenariosSettings(Section):
    """Further scenarios by name, for ecg.scenarios; docs/how-to/define-a-scenario.md."""

    defined: Annotated[
        dict[ScenarioName, AnyScenario],
        Field(description="name -> kind (rhythm, paced or crt) and its settings"),
    ] = {}

    @field_validator("defined")
    @classmethod
    def _new_names(cls, value: dict[str, ScenarioSettings]) -> dict[str, ScenarioSettings]:
        if taken := sorted(value.keys() & BUILT_IN.keys()):
            raise ValueError(f"{', '.join(taken)}: these names are built in; choose others")
        return value


def read_scenario(data: dict[str, Any]) -> AnyScenario:
    """Settings of a scenario from the parameters of a rule.

    Raises:
        ValidationError: they are from another version of einthoven.
    """
    return TypeAdapter(AnyScenario).validate_python(data)

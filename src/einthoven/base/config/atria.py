"""Settings of the atria, which make the P wave, and their spread from patient to patient."""

from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from einthoven.base.config.scenarios import BUILT_IN, ScenarioName
from einthoven.base.config.section import Section, Seed, once
from einthoven.base.core.seeds import generator

RHYTHM = "rhythm"
"""Kind of the scenarios in which the sinus node leads."""
AtrialSpeed = Annotated[float, Field(ge=0.1, le=4)]
Turn = Annotated[float, Field(ge=-90, le=90)]
TurnSpread = Annotated[float, Field(ge=0, le=90)]
Share = Annotated[float, Field(ge=0, le=0.5, description="share of the value, >= 0, <= 0.5")]


class AtriaSettings(Section):
    """Atria and P wave of beats from the sinus node; docs/explanation/p-wave.md."""

    enabled: bool = False
    """Whether ECGs have a P wave; without it they start 20 ms before the QRS, as before."""
    scenarios: Annotated[
        list[ScenarioName] | None,
        Field(description="with a P wave; null: all of kind rhythm"),
        AfterValidator(lambda names: names and once(names)),
    ] = None
    lead_in_ms: Annotated[float, Field(ge=50, le=600)] = 260.0
    """Part of the record before the first activation of the ventricles."""
    av_delay_ms: Annotated[float, Field(ge=20, le=400)] = 95.0
    """From the atrial end of the AV node to the first activation of the ventricles."""
    speed_mm_per_ms: AtrialSpeed = 0.85
    """Speed in the atrial wall."""
    bundle_speed_mm_per_ms: AtrialSpeed = 1.5
    """Speed in Bachmann's bundle."""
    sinus_node: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Place on the terminal crest: 0 at the superior, 1 at the inferior vena cava."""
    turn_x_deg: Turn = 0.0
    """Turn of both atria about their middle, along the ventricles' axes (`atria.shells`): x from
    the left to the right base, y to the head, z from apex to base; x first."""
    turn_y_deg: Turn = 0.0
    turn_z_deg: Turn = 0.0
    size: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    """Factor on sizes in proportion to the ventricles."""
    wall_mm: Annotated[float, Field(ge=0.5, le=6)] = 2.0
    """Thickness of the right atrium's wall."""
    left_wall: Annotated[float, Field(ge=0.5, le=3)] = 1.3
    """Thickness of the left atrium's wall, relative to the right one's."""
    sigma_i_s_per_m: Annotated[float, Field(ge=0.005, le=0.5)] = 0.057
    """Effective intracellular conductivity along the wall, with the effect of the blood in it."""
    apd_ms: Annotated[float, Field(ge=80, le=500)] = 230.0
    """APD90 of the atria."""
    seed: Seed = 1
    size_spread: Share = 0.06
    """Half-width of a uniform range about size, relative to it; speed_spread is of both speeds."""
    speed_spread: Share = 0.08
    conductivity_spread: Share = 0.2
    av_delay_spread_ms: Annotated[float, Field(ge=0, le=100)] = 20.0
    sinus_node_spread: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    turn_x_spread_deg: TurnSpread = 0.0
    turn_y_spread_deg: TurnSpread = 0.0
    turn_z_spread_deg: TurnSpread = 0.0

    @model_validator(mode="after")
    def _spreads_stay_in_range(self) -> Self:
        for name in VALUES:
            low, high = (_changed(self, name, unit) for unit in (-1.0, 1.0))
            least, most = _limits(name)
            if not least - 1e-12 <= low <= high <= most + 1e-12:
                raise ValueError(
                    f"{name}: {low:g} to {high:g} with its spread is not within {least:g} to "
                    f"{most:g}; a smaller {VALUES[name].spread}?"
                )
        return self

    def of_patient(self, patient: str) -> Self:
        """The settings of a patient: values drawn within their spreads, which are then zero.

        A draw depends only on the seed, the name of the patient and that of the value.
        """
        if not self.enabled:
            return self
        values: dict[str, Any] = {
            name: _changed(self, name, _unit(self.seed, patient, spread.draw))
            for name, spread in VALUES.items()
        }
        return self.model_copy(update=values | {spread.spread: 0.0 for spread in VALUES.values()})

    def have_p_wave(self, scenario: str) -> bool:
        """Whether beats of a scenario start in the sinus node."""
        if not self.enabled:
            return False
        if self.scenarios is not None:
            return scenario in self.scenarios
        return scenario in BUILT_IN and BUILT_IN[scenario].kind == RHYTHM

    @property
    def walls_mm(self) -> dict[str, float]:
        """Atrium -> thickness of its wall."""
        return {"right": self.wall_mm, "left": self.left_wall * self.wall_mm}

    @property
    def turns_deg(self) -> tuple[float, float, float]:
        """Angles about the ventricles' axes."""
        return self.turn_x_deg, self.turn_y_deg, self.turn_z_deg

    @property
    def columns(self) -> dict[str, float]:
        """Values that differ between patients, by their names in sheets and stores."""
        return {f"atria_{name}": float(getattr(self, name)) for name in VALUES}


class AtrialSpread(NamedTuple):
    """Difference of a value of the section between patients."""

    spread: str
    """Key of the half-width."""
    relative: bool
    """Whether it is a share of the value."""
    draw: str
    """Name of the draw; both speeds share one."""


VALUES = {
    "av_delay_ms": AtrialSpread("av_delay_spread_ms", False, "av_delay"),
    "speed_mm_per_ms": AtrialSpread("speed_spread", True, "speed"),
    "bundle_speed_mm_per_ms": AtrialSpread("speed_spread", True, "speed"),
    "sinus_node": AtrialSpread("sinus_node_spread", False, "sinus_node"),
    "size": AtrialSpread("size_spread", True, "size"),
    "turn_x_deg": AtrialSpread("turn_x_spread_deg", False, "turn_x"),
    "turn_y_deg": AtrialSpread("turn_y_spread_deg", False, "turn_y"),
    "turn_z_deg": AtrialSpread("turn_z_spread_deg", False, "turn_z"),
    "sigma_i_s_per_m": AtrialSpread("conductivity_spread", True, "conductivity"),
}
"""Key of a value -> its spread."""


def _changed(settings: AtriaSettings, name: str, unit: float) -> float:
    """A value at `unit` in -1 to 1 of its range."""
    usual, width = getattr(settings, name), getattr(settings, VALUES[name].spread)
    return usual * (1.0 + width * unit) if VALUES[name].relative else usual + width * unit


def _limits(name: str) -> tuple[float, float]:
    """Least and largest value of a key."""
    bounds = AtriaSettings.model_json_schema()["properties"][name]
    return bounds["minimum"], bounds["maximum"]


def _unit(seed: int, patient: str, name: str) -> float:
    """A uniform draw in -1 to 1."""
    return generator(seed, patient, "atria", name).uniform(-1.0, 1.0)


OFF = AtriaSettings()
"""ECGs without a P wave."""

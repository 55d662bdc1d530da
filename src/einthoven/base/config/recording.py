"""Settings of recorded ECGs: rhythm, noise at the electrodes, electrocardiograph.

Levels of the noise were measured in 89 healthy adults of PTB-XL by
`tools/measure_recording_noise.py` (docs/explanation/recorded-ecgs.md).
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from einthoven.base.config.atria import RHYTHM
from einthoven.base.config.scenarios import BUILT_IN, ScenarioName
from einthoven.base.config.section import Section, Seed, once

Level = Annotated[float, Field(ge=0, le=5000)]
LogSd = Annotated[float, Field(ge=0, le=2, description="SD of the natural logarithm, >= 0, <= 2")]
Fraction = Annotated[float, Field(ge=0, le=1)]
LONGEST_S = 60.0


class RecordingSettings(Section):
    """Ten seconds of twelve leads as an electrocardiograph stores them; docs/how-to/record-ecgs.md.

    Noise is that of the electrodes, so that Einthoven's law holds. Levels are those of the median
    patient.
    """

    enabled: bool = False
    """Whether each patient and scenario is recorded; without it no file changes."""
    seed: Seed = 1
    scenarios: Annotated[
        list[ScenarioName] | None,
        Field(description="scenarios to record; null: all of ecg.scenarios"),
        AfterValidator(lambda names: names and once(names)),
    ] = None
    duration_s: Annotated[float, Field(ge=5, le=LONGEST_S)] = 10.0
    heart_rate_per_min: Annotated[
        float | None, Field(ge=20, le=240, description="null: that of the cycle length")
    ] = None
    """Heart rate; the beat and its QT interval stay those of the cycle length."""
    sdnn_ms: Annotated[float, Field(ge=0, le=300)] = 29.0
    """SD of the intervals between normal beats."""
    sdnn_spread: LogSd = 0.7
    regular: Annotated[
        list[ScenarioName] | None,
        Field(description="scenarios of constant intervals; null: all that are not of kind rhythm"),
        AfterValidator(lambda names: names and once(names)),
    ] = None
    sinus_arrhythmia: Fraction = 0.5
    """Share of their variance that follows respiration; the rest is slow."""
    respiration_per_min: Annotated[float, Field(ge=4, le=60)] = 15.0
    respiration_spread: Annotated[float, Field(ge=0, le=0.5)] = 0.3
    """Half-width of a uniform range about the respiratory rate, relative to it."""
    ectopic: ScenarioName | None = None
    """Scenario whose beat comes as a ventricular premature beat, such as pvc-rvot; null: none."""
    n_ectopic: Annotated[int, Field(ge=1, le=20)] = 1
    coupling: Annotated[float, Field(ge=0.3, le=0.95)] = 0.6
    """From the beat before to the premature one, as a share of the cycle; a compensatory pause
    follows."""
    wander_uv: Level = 31.0
    """SD of baseline wander at an electrode, 0.1 to 1 Hz."""
    respiration_share: Fraction = 0.65
    """Share of its variance that follows respiration; the rest is drift of electrodes."""
    wander_spread: LogSd = 0.7
    muscle_uv: Level = 7.5
    """SD at an electrode of muscle, skin and amplifier, which share a spectrum."""
    muscle_spread: LogSd = 0.4
    muscle_corner_hz: Annotated[float, Field(ge=1, le=100)] = 7.0
    """Corner frequency of that spectrum, above which its amplitude falls as 1/f."""
    mains_uv: Level = 0.3
    """Amplitude at an electrode."""
    mains_spread: LogSd = 1.0
    mains_hz: Literal[50, 60] = 50
    motion_per_min: Annotated[float, Field(ge=0, le=120)] = 0.0
    """Electrode motions per minute, at any electrode."""
    motion_uv: Level = 200.0
    """Size of a motion."""
    electrode_spread: LogSd = 0.4
    """Spread between the electrodes of a patient; the others are between patients."""
    high_pass_hz: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Corner of the high-pass filter; 0: none."""
    low_pass_hz: Annotated[float, Field(ge=0, le=500)] = 150.0
    """Corner of the low-pass filter; 0: none."""
    notch: bool = False
    """Whether the mains frequency is filtered out."""
    zero_phase: bool = False
    """Whether filters run forwards and backwards, as over a stored record; else as on line."""
    rate_hz: Literal[250, 500, 1000] = 500
    lsb_uv: Annotated[float, Field(ge=0.5, le=100)] = 5.0
    """Resolution of the stored samples."""

    @property
    def n_samples(self) -> int:
        """Number of samples of a recording."""
        return round(self.duration_s * self.rate_hz)

    @property
    def named(self) -> set[str]:
        """Scenarios that are named; none where there are no recordings."""
        names = [*(self.scenarios or []), *([self.ectopic] if self.ectopic else [])]
        return set(names) if self.enabled else set()

    def is_regular(self, scenario: str) -> bool:
        """Whether the beats of a scenario come at constant intervals, as a pacemaker's do."""
        if self.regular is not None:
            return scenario in self.regular
        return scenario in BUILT_IN and BUILT_IN[scenario].kind != RHYTHM

    @model_validator(mode="after")
    def _filters_fit_the_rate(self) -> Self:
        if self.low_pass_hz >= 0.5 * self.rate_hz:
            raise ValueError(
                f"low_pass_hz: {self.low_pass_hz:g} is not below half of rate_hz "
                f"({self.rate_hz}); lower it, or raise rate_hz"
            )
        return self


UNRECORDED = RecordingSettings()
"""No recordings."""

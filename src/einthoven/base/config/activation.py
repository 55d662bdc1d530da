"""Settings of the excitation wave."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from einthoven.base.config.section import Section

LayerSpeed = Annotated[float, Field(ge=0, le=5)]
JunctionDelay = Annotated[float, Field(ge=0, le=20)]


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

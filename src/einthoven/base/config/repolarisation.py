"""Settings of repolarisation."""

from typing import Annotated, Literal

from pydantic import Field

from einthoven.base.config.section import Section

APD_MS = (200.0, 400.0)
"""Range of the family of action potentials (electrophysiology.cells.family)."""
TEMPLATE_APD_MS = 300.889
"""APD90 of the template, the only one of a homogeneous heart."""
GradientMs = Annotated[float, Field(ge=-150, le=150)]


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
    """Length over which electrotonic coupling smooths durations; 0: none."""

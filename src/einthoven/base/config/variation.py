"""Variation of the electrophysiology between patients."""

from typing import Annotated

from pydantic import Field

from einthoven.base.config.section import Section, Seed

Share = Annotated[float, Field(ge=0, le=0.5, description="share of the speed, >= 0, <= 0.5")]
WidthMs = Annotated[float, Field(ge=0, le=100)]


class VariationSettings(Section):
    """Half-widths of uniform ranges about purkinje, activation, repolarisation, by patient.

    Draws depend only on the seed, the patient's name and the key (`config.physiology`). With 0 all
    patients have the value of the section. Sources: docs/explanation/variation-between-patients.md.
    """

    seed: Seed = 1
    cv_fiber: Share = 0.0
    """Relative half-width of activation.cv_fiber_mm_per_ms."""
    cv_transverse: Share = 0.0
    """Relative half-width of activation.cv_transverse_mm_per_ms."""
    cv_lv_endocardium: Share = 0.0
    """Relative half-width of activation.cv_lv_endocardium_mm_per_ms, and likewise of the RV's."""
    cv_rv_endocardium: Share = 0.0
    purkinje_speed: Share = 0.0
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


BY_DEFAULT = VariationSettings(
    cv_fiber=0.08, cv_transverse=0.08, cv_lv_endocardium=0.08, cv_rv_endocardium=0.08,
    purkinje_speed=0.08, apd_mean_ms=12.0, apd_apex_to_base_ms=5.0,
    apd_anterior_to_posterior_ms=3.0, apd_rv_to_lv_ms=4.0, apd_endo_to_epi_ms=4.0, site_z=0.02,
    site_phi_deg=6.0, site_time_ms=1.0,
)  # fmt: skip
"""Values for a config without the section; a config with it varies only what it names."""

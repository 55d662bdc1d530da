"""Settings of the Purkinje trees and of the sites of earliest ventricular activation."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from einthoven.base.config.section import Section, Seed

Fascicle = Literal["anterior", "septal", "posterior", "right"]
"""Three fascicles of the left bundle, and the right bundle."""


class EarlySiteSettings(Section):
    """Site where a fascicle reaches the endocardium: on the RV's free wall, or in the LV."""

    fascicle: Fascicle
    z: Annotated[float, Field(ge=0, le=1)]
    """Apicobasal coordinate: 0 apex, 1 base."""
    phi_deg: Annotated[float, Field(ge=-180, le=180)]
    """Angle: 0 mid-septum, 90 anterior, +-180 lateral, -90 inferior."""
    time_ms: Annotated[float, Field(ge=0, le=60)]
    """Time after the His bundle, up to a constant that all sites share."""


class PurkinjeSettings(Section):
    """Early sites (Durrer 1970) and the fractal trees that grow from them (Sahli Costabal 2016)."""

    backend: Literal["einthoven", "fractal-tree"] = "einthoven"
    """Program that grows the trees; fractal-tree grows the same trees, slower."""
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
        if "right" not in fascicles or len(fascicles) < 2:
            raise ValueError("at least one site of the right bundle and one of the left are needed")
        return value

    @model_validator(mode="after")
    def _sites_below_the_tops(self) -> Self:
        for site in self.early_sites:
            side = "rv" if site.fascicle == "right" else "lv"
            if site.z > (top := getattr(self, f"{side}_top_z")):
                raise ValueError(
                    f"the early site {site.fascicle} at z = {site.z:g} is above {side}_top_z = "
                    f"{top:g}, where no tree grows"
                )
        return self

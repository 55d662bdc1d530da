"""Settings of scar and ischaemia: which region, what is wrong there, and the draw per patient."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from einthoven.base.config.section import Section, Seed, once, rising
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator

Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Shares = Annotated[
    list[PositiveShare],
    Field(min_length=2, max_length=2, description="[low, high], shares, > 0, <= 1"),
    AfterValidator(rising),
]
Artery = Literal["LAD", "LCX", "RCA"]
Severity = Literal["mild", "moderate", "severe"]
N_AHA = 17
TERRITORIES: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("LAD", "proximal"): (1, 2, 7, 8, 13, 14, 17),
    ("LAD", "distal"): (7, 13, 14, 17),
    ("LCX", "proximal"): (5, 6, 11, 12, 16),
    ("LCX", "distal"): (5, 11),
    ("RCA", "proximal"): (3, 4, 9, 10, 15),
    ("RCA", "distal"): (4, 10, 15),
}
"""Artery and level of its occlusion -> AHA segments."""


class TerritorySettings(Section):
    """Territory of a coronary artery, occluded near its origin or further down."""

    by: Literal["territory"] = "territory"
    artery: Artery
    level: Literal["proximal", "distal"] = "proximal"


class SegmentsSettings(Section):
    """AHA segments by number, 1 to 17."""

    by: Literal["segments"] = "segments"
    segments: Annotated[list[int], Field(min_length=1), AfterValidator(once)]

    @model_validator(mode="after")
    def _are_of_the_aha(self) -> Self:
        if unknown := [number for number in self.segments if not 1 <= number <= N_AHA]:
            listed = ", ".join(map(str, unknown))
            raise ValueError(f"segments: {listed}: the AHA segments are numbered 1 to {N_AHA}")
        return self


class SphereSettings(Section):
    """Part of the LV's wall within a distance of a place on its endocardium."""

    by: Literal["coordinates"] = "coordinates"
    z: Share
    """Apicobasal coordinate: 0 apex, 1 base."""
    phi_deg: Annotated[float, Field(ge=-180, le=180)]
    """Angle: 0 mid-septum, 90 anterior, +-180 lateral, -90 inferior."""
    radius_mm: Annotated[float, Field(ge=3, le=60)]


class FieldRegionSettings(Section):
    """A field of the user: 0 healthy, 1 core, between them border zone."""

    by: Literal["field"] = "field"
    path: str
    """An .npz file with `points` [point, 3] mm in the patient's frame, such as the nodes of a mesh
    or the voxels of a label image, and `level` [point]; {patient} in it is the patient's name."""

    @model_validator(mode="after")
    def _is_an_npz(self) -> Self:
        if PurePath(self.path).suffix != ".npz":
            raise ValueError(f"path: {self.path!r}: an .npz file with points and level is wanted")
        return self


AnyRegion = Annotated[
    TerritorySettings | SegmentsSettings | SphereSettings | FieldRegionSettings,
    Field(discriminator="by"),
]


def _territories() -> list[AnyRegion]:
    arteries: tuple[Artery, ...] = ("LAD", "LCX", "RCA")
    return [TerritorySettings(artery=artery) for artery in arteries]


class SubstrateSettings(Section):
    """Scar or ischaemia of the ventricles; docs/how-to/give-hearts-a-scar.md."""

    kind: Literal["none", "scar", "ischaemia"] = "none"
    """scar: an old infarct; ischaemia: the first minutes after an occlusion."""
    seed: Seed = 1
    share: Share = 1.0
    """Share of the patients who have it."""
    regions: Annotated[list[AnyRegion], Field(min_length=1)] = _territories()
    """Each patient has one of them, drawn; by: territory, segments, coordinates or field."""
    transmurality: Shares = [1.0, 1.0]
    """Part of the wall, from the endocardium on; drawn between the two."""
    size: Shares = [1.0, 1.0]
    """Part of the region's volume, its middle first; drawn between the two."""
    border_mm: Annotated[float, Field(ge=0, le=30)] = 4.0
    """Width of the border zone, outside the core."""
    roughness_mm: Annotated[float, Field(ge=0, le=20)] = 0.0
    """SD of the random field that moves the edge; 0: smooth. Large values make islands of scar and
    channels of muscle."""
    grain_mm: Annotated[float, Field(ge=1, le=40)] = 6.0
    """Correlation length of that field across the fibres; along them it is twice that."""
    core_speed_share: Share = 0.0
    """Speed in the core of a scar relative to healthy muscle; 0: it does not conduct."""
    core_source_share: Share = 0.0
    """Intracellular conductivity of the core relative to healthy muscle, and so its source."""
    border_speed_share: Annotated[float, Field(ge=0.1, le=1)] = 0.5
    """Speed in the border zone of a scar relative to healthy muscle."""
    border_apd_ms: Annotated[float, Field(ge=0, le=100)] = 20.0
    """Added to APD90 at the edge of the core, and less further out."""
    purkinje_survives: bool = True
    """Whether Purkinje trees and fast endocardium conduct over the core of a scar."""
    in_lead_field: bool = False
    """Whether the lead field knows the conductivities of a scar."""
    core_sigma_e_s_per_m: Annotated[float, Field(ge=0.05, le=1.5)] | None = 0.5
    """Extracellular conductivity of a scar's core in the lead field, the same in all directions;
    the border zone lies between it and muscle. null: that of muscle. Dense scar conducts 1.8 times
    as well as muscle (Amoros-Figueras 2016, doi:10.3389/fphys.2016.00389)."""
    severity: Severity = "moderate"
    """Severity of ischaemia; docs/explanation/scar-and-ischaemia.md has the cells."""

    @model_validator(mode="after")
    def _what_does_not_conduct_has_no_source(self) -> Self:
        if self.core_speed_share == 0 and self.core_source_share > 0:
            raise ValueError("core_source_share needs core_speed_share > 0: no wave, no source")
        return self

    @property
    def enabled(self) -> bool:
        """Whether any patient has a scar or ischaemia."""
        return self.kind != "none" and self.share > 0

    def needs_scar_of_each_beat(self) -> None:
        """Refuse what pairs of beats without and with a scar cannot be made of.

        Raises:
            BadInput: not every beat would have a scar, or lead fields would have one of their own.
        """
        if self.kind != "scar" or self.share < 1:
            raise BadInput(
                f"substrate: kind {self.kind}, share {self.share:g}: pairs of beats need kind: "
                "scar and share: 1.0, as in config/infarcts.yaml"
            )
        if self.in_lead_field:
            raise BadInput(
                "substrate.in_lead_field: lead fields have one scar for each patient, but every "
                "pair of beats has its own; set it to false"
            )

    def of_patient(self, patient: str) -> Self:
        """The settings of one patient: one region, one transmurality, one size, or kind none.

        Draws depend only on the seed, the patient's name and the key.
        """
        if self.kind == "none":
            return self

        def unit(key: str) -> float:
            return generator(self.seed, patient, "substrate", key).random()

        if unit("share") >= self.share:
            return self.model_copy(update={"kind": "none"})
        number = int(unit("region") * len(self.regions))
        drawn = {"share": 1.0, "regions": [self.regions[number]]}
        for key in ("transmurality", "size"):
            low, high = getattr(self, key)
            drawn[key] = [low + (high - low) * unit(key)] * 2
        return self.model_copy(update=drawn)


HEALTHY = SubstrateSettings()
"""No scar and no ischaemia."""

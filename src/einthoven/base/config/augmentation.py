"""Bodies beyond the shape models: deformations on top of their modes, and cuts of the torso."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from einthoven.base.config.section import Positive, Section, Seed

NO_CHANGE = [1.0, 1.0]
FactorRange = Annotated[
    list[Annotated[float, Field(ge=0.3, le=3)]],
    Field(min_length=2, max_length=2, description="[low, high], factors"),
]
SigmaRange = Annotated[
    Annotated[list[Positive], Field(min_length=2, max_length=2)] | None,
    Field(description="[low, high] S/m, or null: as in leadfield"),
]
WarpMm = Annotated[float, Field(ge=0, le=60)]
Share = Annotated[float, Field(ge=0, le=1)]
OF_SECTIONS = {"fine_share", "fine_edge_mm", "lung_share"}
"""Keys that change a patient's sections anatomy and mesh (`config.drawn`)."""


class AugmentationSettings(Section):
    """What is drawn for each patient on top of coefficients and pose; by default nothing.

    Factors and conductivities are log-uniform in their ranges. Draws depend on the seed, the
    patient's name and the number of the attempt alone. A body that is not valid (surfaces that
    intersect, a wall that is too thin, a volume outside the human range, a heart that does not fit)
    is drawn again, its coefficients nearer to the mean by a fifth each time; `anatomy.npz` tells
    what was built.
    """

    seed: Seed = 1
    max_redraws: Annotated[int, Field(ge=0, le=50)] = 0
    heart_scale: FactorRange = NO_CHANGE
    heart_axis_scale: FactorRange = NO_CHANGE
    """Of each axis of the heart on its own, the volume kept."""
    lv_wall: FactorRange = NO_CHANGE
    """Thickness of the LV's wall and the septum, the epicardium kept: thin to hypertrophied."""
    rv_wall: FactorRange = NO_CHANGE
    rv_breadth: FactorRange = NO_CHANGE
    """Of all that lies beyond the septum, along the axis from LV to RV."""
    heart_warp_mm: WarpMm = 0.0
    """Largest quadratic mean of a smooth random displacement; uniform from 0."""
    base_curve_mm: Annotated[float, Field(ge=0, le=40)] = 0.0
    """Largest rise of the RV's outflow tract above a flat base; uniform from 0, with a random bow
    of the base of up to a half of that."""
    base_breadth: FactorRange = NO_CHANGE
    """Below 1 the heart is widest some way beneath its base, as real ones are."""
    torso_scale: FactorRange = NO_CHANGE
    torso_axis_scale: FactorRange = NO_CHANGE
    """Of breadth, depth and height, each on its own, on top of torso_scale."""
    torso_warp_mm: WarpMm = 0.0
    cut_share: Share = 0.0
    """Share of torsos that end below the neck, and of those that end above the hips: anywhere
    between there and the heart."""
    lung_share: Share = 0.0
    """Share of torsos with lungs, where `anatomy.lungs` gives them to none."""
    fine_share: Share = 0.0
    """Share of hearts with triangles and tetrahedra of `fine_edge_mm`."""
    fine_edge_mm: Annotated[float, Field(ge=0.5, le=8)] = 2.2
    sigma_il_s_per_m: SigmaRange = None
    """Lead fields and their samples keep conductivities that were drawn as an attribute."""
    sigma_it_s_per_m: SigmaRange = None
    sigma_el_s_per_m: SigmaRange = None
    sigma_et_s_per_m: SigmaRange = None
    sigma_torso_s_per_m: SigmaRange = None
    sigma_blood_s_per_m: SigmaRange = None
    sigma_lung_s_per_m: SigmaRange = None
    """Of patients with lungs."""

    @field_validator("*")
    @classmethod
    def _ordered[T](cls, value: T) -> T:
        if isinstance(value, list) and value[0] > value[1]:
            raise ValueError(f"{value[0]:g} is more than {value[1]:g}; [low, high]")
        return value

    @property
    def conductivities(self) -> dict[str, list[float]]:
        """Name of section leadfield -> [low, high] of those that are drawn."""
        named = {name: value for name, value in self if name.startswith("sigma_")}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def of_shapes(self) -> dict[str, Any]:
        """The keys that decide shapes, of which an anatomy is made beside its own section."""
        conductivities = {name for name, _ in self if name.startswith("sigma_")}
        return self.model_dump(exclude=conductivities | OF_SECTIONS)

    @property
    def changes_shapes(self) -> bool:
        """Whether any body is other than that of the shape models."""
        kept = {"seed", "max_redraws"}
        usual = NO_AUGMENTATION.of_shapes
        return any(value != usual[key] for key, value in self.of_shapes.items() if key not in kept)

    @property
    def changes_nothing(self) -> bool:
        """Whether the section has no say at all."""
        return self.model_dump(exclude={"seed"}) == NO_AUGMENTATION.model_dump(exclude={"seed"})


NO_AUGMENTATION = AugmentationSettings()

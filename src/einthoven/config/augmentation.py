"""Bodies beyond the shape models: deformations on top of their modes, and cuts of the torso."""

from typing import Annotated

from pydantic import Field, field_validator

from einthoven.config.section import Positive, Section, Seed

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


class Augmentation(Section):
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
    torso_scale: FactorRange = NO_CHANGE
    torso_axis_scale: FactorRange = NO_CHANGE
    """Of breadth, depth and height, each on its own, on top of torso_scale."""
    torso_warp_mm: WarpMm = 0.0
    cut_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of torsos that end below the neck, and of those that end above the hips: anywhere
    between there and the heart."""
    sigma_il_s_per_m: SigmaRange = None
    """Lead fields and their samples keep conductivities that were drawn as an attribute."""
    sigma_it_s_per_m: SigmaRange = None
    sigma_el_s_per_m: SigmaRange = None
    sigma_et_s_per_m: SigmaRange = None
    sigma_torso_s_per_m: SigmaRange = None
    sigma_blood_s_per_m: SigmaRange = None
    sigma_lung_s_per_m: SigmaRange = None

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
    def changes_shapes(self) -> bool:
        """Whether any body is other than that of the shape models."""
        others = {"seed", "max_redraws", *self.conductivities}
        return self.model_dump(exclude=others) != NO_AUGMENTATION.model_dump(exclude=others)

    @property
    def changes_nothing(self) -> bool:
        """Whether the section has no say at all."""
        return not (self.changes_shapes or self.conductivities or self.max_redraws)


NO_AUGMENTATION = Augmentation()

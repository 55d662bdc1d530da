"""Bodies beyond the shape models: deformations on top of their modes, and truncated torsos."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from einthoven.base.config.section import Positive, Section, Seed, rising

NO_CHANGE = [1.0, 1.0]
FactorRange = Annotated[
    list[Annotated[float, Field(ge=0.3, le=3)]],
    Field(min_length=2, max_length=2, description="[low, high], factors"),
    AfterValidator(rising),
]
SigmaRange = Annotated[
    Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(rising)] | None,
    Field(description="[low, high] S/m, or null: as in leadfield"),
]
WarpMm = Annotated[float, Field(ge=0, le=60)]
Share = Annotated[float, Field(ge=0, le=1)]
OF_SECTIONS = {"fine_share", "fine_edge_mm", "lung_share"}
"""Keys that change a patient's sections anatomy and mesh (`config.drawn`)."""


class AugmentationSettings(Section):
    """Random changes of each patient on top of shape coefficients and pose; by default none.

    Factors and conductivities are log-uniform in their ranges. A draw depends only on the seed, the
    patient's name and the number of the attempt. An invalid body (surfaces that intersect, a wall
    that is too thin, a volume outside the human range, a heart that does not fit) is drawn again,
    with its coefficients a fifth nearer to the mean each time. `anatomy.npz` records what was
    built.
    """

    seed: Seed = 1
    max_redraws: Annotated[int, Field(ge=0, le=50)] = 0
    heart_scale: FactorRange = NO_CHANGE
    heart_axis_scale: FactorRange = NO_CHANGE
    """Scale of each axis of the heart, drawn independently, at constant volume."""
    lv_wall: FactorRange = NO_CHANGE
    """Thickness of the LV's wall and the septum at constant epicardium: thin to hypertrophied."""
    rv_wall: FactorRange = NO_CHANGE
    rv_breadth: FactorRange = NO_CHANGE
    """Breadth of the RV, i.e. of all that lies beyond the septum, along the axis from LV to RV."""
    heart_warp_mm: WarpMm = 0.0
    """Largest RMS of a smooth random displacement; uniform from 0."""
    base_curve_mm: Annotated[float, Field(ge=0, le=40)] = 0.0
    """Largest rise of the RV's outflow tract above a flat base, uniform from 0; the base is also
    bowed at random by up to half of it."""
    base_breadth: FactorRange = NO_CHANGE
    """Breadth of the base; below 1 the heart is widest beneath its base, as real hearts are."""
    torso_scale: FactorRange = NO_CHANGE
    torso_axis_scale: FactorRange = NO_CHANGE
    """Breadth, depth and height of the torso, drawn independently, on top of torso_scale."""
    torso_warp_mm: WarpMm = 0.0
    cut_share: Share = 0.0
    """Share of torsos that end below the neck, and of those that end above the hips; the cut is
    anywhere between there and the heart."""
    lung_share: Share = 0.0
    """Share of torsos with lungs, if `anatomy.lungs` is false."""
    fine_share: Share = 0.0
    """Share of hearts whose triangles and tetrahedra have edges of `fine_edge_mm`."""
    fine_edge_mm: Annotated[float, Field(ge=0.5, le=8)] = 2.2
    sigma_il_s_per_m: SigmaRange = None
    """Drawn conductivities; lead fields and their samples store them as an attribute."""
    sigma_it_s_per_m: SigmaRange = None
    sigma_el_s_per_m: SigmaRange = None
    sigma_et_s_per_m: SigmaRange = None
    sigma_torso_s_per_m: SigmaRange = None
    sigma_blood_s_per_m: SigmaRange = None
    sigma_lung_s_per_m: SigmaRange = None
    """Conductivity of lungs, for patients who have them."""

    @property
    def conductivities(self) -> dict[str, list[float]]:
        """Name in section leadfield -> [low, high] of the conductivities that are drawn."""
        named = {name: value for name, value in self if name.startswith("sigma_")}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def of_shapes(self) -> dict[str, Any]:
        """Keys that change shapes, which an anatomy depends on beside its own section."""
        conductivities = {name for name, _ in self if name.startswith("sigma_")}
        return self.model_dump(exclude=conductivities | OF_SECTIONS)

    @property
    def changes_shapes(self) -> bool:
        """Whether any body differs from that of the shape models."""
        kept = {"seed", "max_redraws"}
        usual = NO_AUGMENTATION.of_shapes
        return any(value != usual[key] for key, value in self.of_shapes.items() if key not in kept)

    @property
    def changes_nothing(self) -> bool:
        """Whether the section has no effect."""
        return self.model_dump(exclude={"seed"}) == NO_AUGMENTATION.model_dump(exclude={"seed"})


NO_AUGMENTATION = AugmentationSettings()

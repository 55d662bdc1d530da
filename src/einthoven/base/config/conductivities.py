"""The conductivities of one patient: from section leadfield, or drawn by augmentation."""

import math

from einthoven.base.config.augmentation import AugmentationSettings
from einthoven.base.config.load import section_of
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.seeds import generator


def drawn_conductivities(
    leadfield: LeadFieldSettings, ranges: AugmentationSettings, patient: str, lungs: bool = True
) -> LeadFieldSettings:
    """The section leadfield for one patient; without `lungs`, the lungs' value is not drawn.

    A draw depends only on the seed, the patient's name and the conductivity's name.

    Raises:
        BadInput: a value is outside the range of section leadfield.
    """
    values = {}
    for name, (low, high) in ranges.conductivities.items():
        if name == "sigma_lung_s_per_m" and not lungs:
            continue
        rng = generator(ranges.seed, patient, "augmentation", name)
        values[name] = math.exp(rng.uniform(math.log(low), math.log(high)))
    return section_of(LeadFieldSettings, dict(leadfield) | values, f"{patient}: augmentation")

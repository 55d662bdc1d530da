"""Sections anatomy, mesh and leadfield of one virtual patient, as drawn by augmentation."""

import math

from einthoven.base.config.augmentation import AugmentationSettings
from einthoven.base.config.load import section_of
from einthoven.base.config.models import AnatomySettings, LeadFieldSettings, MeshSettings
from einthoven.base.core.seeds import generator


def drawn_anatomy(
    section: AnatomySettings, ranges: AugmentationSettings, patient: str
) -> AnatomySettings:
    """The section anatomy for one patient: lungs, and edge lengths of the heart's surfaces.

    The patients of a smaller share are a subset of those of a larger one.
    """
    lungs = section.lungs or _is_of(ranges.lung_share, "lung_share", ranges, patient)
    edge_mm = _heart_edge_mm(section.heart_edge_mm, ranges, patient)
    return section.model_copy(update={"lungs": lungs, "heart_edge_mm": edge_mm})


def drawn_mesh(section: MeshSettings, ranges: AugmentationSettings, patient: str) -> MeshSettings:
    """The section mesh for one patient: its heart's tetrahedra are as fine as its surfaces."""
    edge_mm = _heart_edge_mm(section.heart_edge_mm, ranges, patient)
    return section.model_copy(update={"heart_edge_mm": edge_mm})


def _heart_edge_mm(usual: float, ranges: AugmentationSettings, patient: str) -> float:
    fine = _is_of(ranges.fine_share, "fine_share", ranges, patient)
    return ranges.fine_edge_mm if fine else usual


def _is_of(share: float, name: str, ranges: AugmentationSettings, patient: str) -> bool:
    """Whether a patient belongs to a share; depends only on the seed and both names."""
    return generator(ranges.seed, patient, "augmentation", name).random() < share


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

"""The sections anatomy and mesh of one virtual patient: as they are, or finer, or with lungs."""

from einthoven.base.config.augmentation import AugmentationSettings
from einthoven.base.config.models import AnatomySettings, MeshSettings
from einthoven.base.core.seeds import generator


def drawn_anatomy(
    section: AnatomySettings, ranges: AugmentationSettings, patient: str
) -> AnatomySettings:
    """The section as a patient has it: lungs, and edges of the heart's surfaces.

    Of a larger share are all of a smaller one.
    """
    lungs = section.lungs or _is_of(ranges.lung_share, "lung_share", ranges, patient)
    edge_mm = _heart_edge_mm(section.heart_edge_mm, ranges, patient)
    return section.model_copy(update={"lungs": lungs, "heart_edge_mm": edge_mm})


def drawn_mesh(section: MeshSettings, ranges: AugmentationSettings, patient: str) -> MeshSettings:
    """The section as a patient has it: edges of the heart's tetrahedra, as fine as its surfaces."""
    edge_mm = _heart_edge_mm(section.heart_edge_mm, ranges, patient)
    return section.model_copy(update={"heart_edge_mm": edge_mm})


def _heart_edge_mm(usual: float, ranges: AugmentationSettings, patient: str) -> float:
    fine = _is_of(ranges.fine_share, "fine_share", ranges, patient)
    return ranges.fine_edge_mm if fine else usual


def _is_of(share: float, name: str, ranges: AugmentationSettings, patient: str) -> bool:
    """Whether a patient is of a share; depends on the seed and both names alone."""
    return generator(ranges.seed, patient, "augmentation", name).random() < share

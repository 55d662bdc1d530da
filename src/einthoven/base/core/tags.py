"""The enum of tissues (cells) and the enum of surfaces (facets)."""

from enum import IntEnum


class Tissue(IntEnum):
    """Tag of a tetrahedron (`cell_tags`)."""

    MYOCARDIUM = 1
    LV_BLOOD = 2
    RV_BLOOD = 3
    TORSO = 4
    LUNG = 5


class Surface(IntEnum):
    """Tag of a surface triangle (`face_tags`, `facet_tags`).

    Orientation: SKIN outward; EPI, BASE and the valve caps outward from the heart; LV_ENDO and
    RV_ENDO out of the cavity (into the myocardium); lungs out of the lung.
    """

    SKIN = 1
    EPI = 2
    LV_ENDO = 3
    RV_ENDO = 4
    BASE = 5
    LV_CAP = 6
    RV_CAP = 7
    LUNG_L = 8
    LUNG_R = 9


SDF_SURFACES = ("torso", "lv", "rv", "epi")
"""Order of the four signed distances (negative inside), as in Dokuchaev 2026, section 2.5."""

CLOSED_SURFACES: dict[str, tuple[Surface, ...]] = {
    "torso": (Surface.SKIN,),
    "lv": (Surface.LV_ENDO, Surface.LV_CAP),
    "rv": (Surface.RV_ENDO, Surface.RV_CAP),
    "epi": (Surface.EPI, Surface.BASE, Surface.LV_CAP, Surface.RV_CAP),
}
"""Tagged surfaces whose closed union defines each signed distance."""

LUNGS = (Surface.LUNG_L, Surface.LUNG_R)
"""Lung surfaces, each closed, inside the torso and outside the heart; a body may have none."""

BOUNDARY: dict[Tissue, dict[Surface, int]] = {
    Tissue.MYOCARDIUM: {
        Surface.EPI: 1, Surface.BASE: 1, Surface.LV_ENDO: -1, Surface.RV_ENDO: -1
    },
    Tissue.LV_BLOOD: {Surface.LV_ENDO: 1, Surface.LV_CAP: 1},
    Tissue.RV_BLOOD: {Surface.RV_ENDO: 1, Surface.RV_CAP: 1},
    Tissue.TORSO: {
        Surface.SKIN: 1, Surface.EPI: -1, Surface.BASE: -1, Surface.LV_CAP: -1, Surface.RV_CAP: -1,
        Surface.LUNG_L: -1, Surface.LUNG_R: -1,
    },
    Tissue.LUNG: {Surface.LUNG_L: 1, Surface.LUNG_R: 1},
}  # fmt: skip
"""Surfaces around each tissue, and whether their triangles point out of it (+1) or into it (-1)."""

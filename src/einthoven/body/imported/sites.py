"""Electrode sites on a user's torso: given, by rules from landmarks, or spread out."""

import numpy as np

from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES, grid_electrode_name
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.barycentric import attach
from einthoven.base.geometry.sampling import farthest_points
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.body.anatomy.electrodes import (
    GROUND,
    MAX_GRID,
    RULE_LANDMARKS,
    Sites,
    sites_by_rules,
    skin_candidates,
)
from einthoven.body.imported.defect import Defect, near

MAX_OFF_SKIN_MM = 15.0
LANDMARKS = (*RULE_LANDMARKS, "NIPPLE_R", "STERNAL_NOTCH", "XIPHOID", "NAVEL")
MARGIN_MM = 40.0
"""Largest distance of body-surface electrodes outside the limb electrodes."""


def imported_sites(
    points: np.ndarray, faces: np.ndarray, given: dict[str, np.ndarray], sites: str = "front"
) -> tuple[Sites, list[str]]:
    """All electrode sites on a torso, and a list of what was moved or generated.

    Args:
        points: [vertex, 3] mm, skin in the patient frame.
        faces: [face, 3].
        given: name -> [3] mm: electrodes, and landmarks (`LANDMARKS`) for those that are missing.
        sites: region of the grid, "front" or "around".

    Raises:
        Defect: a given place is far from the skin.
        BadInput: electrodes are missing, and so are landmarks to place them.
    """
    given, notes = on_skin(points, faces, given)
    site = {name: place for name, place in given.items() if name not in LANDMARKS}
    if missing := [name for name in STANDARD_ELECTRODES if name not in site]:
        if lacking := [name for name in RULE_LANDMARKS if name not in given]:
            raise BadInput(
                f"electrodes: {' '.join(missing)} missing; give them, or the landmarks "
                f"{' '.join(lacking)} to place them by rules"
            )
        found = sites_by_rules(points, faces, given, float(given["ICS4"][0]))
        site = _project(points, faces, found) | site
        notes.append(f"electrodes: {' '.join(missing)} placed by rules from landmarks")
    if GROUND not in site:
        middle = 0.5 * (site["LA"][0] + site["RA"][0])
        mirrored = site["LL"] * [-1, 1, 1] + [2 * middle, 0, 0]
        site[GROUND] = _project(points, faces, {GROUND: mirrored})[GROUND]
        notes.append(f"electrodes: {GROUND} placed as LL's mirror image")
    places = _spread(points, faces, site, sites)
    more = [name for name in site if name not in (*STANDARD_ELECTRODES, GROUND)]
    names = [*STANDARD_ELECTRODES, *(grid_electrode_name(k, sites) for k in range(MAX_GRID)), *more]
    first = np.array([site[name] for name in STANDARD_ELECTRODES])
    last = np.array([site[name] for name in more]).reshape(-1, 3)
    return Sites(names, np.concatenate([first, places, last]), site[GROUND]), notes


def _project(
    points: np.ndarray, faces: np.ndarray, places: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Nearest points on the skin."""
    nearest = attach(points, faces, np.array(list(places.values()))).on(points)
    return dict(zip(places, nearest))


def on_skin(
    points: np.ndarray, faces: np.ndarray, given: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Given places moved onto the skin, if they are near it."""
    if not given:
        return {}, []
    placed = _project(points, faces, given)
    gap = {name: float(np.linalg.norm(placed[name] - given[name])) for name in given}
    if off := [name for name in gap if gap[name] > MAX_OFF_SKIN_MM]:
        places = np.array([given[name] for name in off])
        skin = Surfaces(points, faces, np.full(len(faces), Surface.SKIN, np.int8))
        raise Defect(
            f"electrodes: {' '.join(off[:6])} lie up to {max(gap.values()):.0f} mm off the torso, "
            f"{off[0]} {near(places)}; another unit, frame or file?",
            places,
            skin,
        )
    moved = max(gap.values())
    note = f"electrodes: moved up to {moved:.1f} mm onto the torso"
    return placed, [note] if moved > 1.0 else []


def _spread(
    points: np.ndarray, faces: np.ndarray, site: dict[str, np.ndarray], sites: str
) -> np.ndarray:
    """`MAX_GRID` places [site, 3] mm between the limb electrodes: farthest points from V2."""
    limbs = np.array([site[name] for name in ("RA", "LA", "LL", GROUND)])
    low, high = limbs.min(axis=0), limbs.max(axis=0) + MARGIN_MM
    centre = points[faces].mean(axis=1)
    allowed = (
        (centre[:, 0] > low[0] - MARGIN_MM) & (centre[:, 0] < high[0])
        & (centre[:, 2] > low[2]) & (centre[:, 2] < high[2])
    )  # fmt: skip
    return farthest_points(skin_candidates(points, faces, allowed, sites), site["V2"], MAX_GRID)

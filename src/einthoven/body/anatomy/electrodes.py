"""Electrodes on the torso, placed once on the mean torso and attached to its skin.

Each electrode keeps its triangle and weights, so it moves with the skin under it. Sites: precordial
as in the AHA/ACC/HRS recommendations (Kligfield 2007, 10.1161/CIRCULATIONAHA.106.180200), limb
electrodes on the trunk as in Mason and Likar 1966, 10.1016/0002-8703(66)90264-7. Grid electrodes:
uniform on the front, as in Dokuchaev 2026, section 2.2, or all around the body.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from einthoven.base.config.models import MAX_GRID
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import POSTERIOR_ELECTRODES, STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.barycentric import SkinPoints, cast_ray
from einthoven.base.geometry.sampling import farthest_points
from einthoven.base.geometry.simplex import triangle_area_vectors
from einthoven.body.anatomy.shape.torso import TorsoSurface, load_atlas, torso_surface
from einthoven.data.patient.anatomy import Anatomy, Electrodes

GROUND = "RL"
RULE_LANDMARKS = ("ICS4", "NIPPLE_L", "CLAVICLE_L", "CLAVICLE_R", "SHOULDER_L", "SHOULDER_R",
                  "ILIAC_L", "ILIAC_R")  # fmt: skip
"""Landmarks that `sites_by_rules` needs; docs/reference/electrodes.md describes their positions."""

PARASTERNAL_MM = 25.0
"""V1 and V2 beside the sternum: half its width and the radius of an electrode."""
PARASPINAL_MM = 30.0
"""V9 beside the spine: half the muscle along it."""
RIB_SPACE_MM = 12.0
"""On the midclavicular line the fifth intercostal space lies this far below the nipple."""
LEANS = {"front": 0.25, "around": -np.inf}
"""Least forward component of the outward normal, by the region of a grid."""
N_CANDIDATES = 12000
GRID_SEED = 1


class Sites(NamedTuple):
    """Electrode sites on a torso: the nine of the 12-lead ECG, then those of a grid."""

    names: list[str]
    points: np.ndarray
    """[site, 3] mm, on the skin."""
    ground: np.ndarray
    """[3] mm, RL."""


def standard_electrodes(torso: TorsoSurface) -> Sites:
    """The nine electrodes of the 12-lead ECG (core.names.STANDARD_ELECTRODES), and the ground."""
    points = _standard_places(torso.resolution, torso.atlas).on(torso.points)
    return Sites(list(STANDARD_ELECTRODES), points[:-1], points[-1])


def standard_ties(resolution: str) -> dict[str, SkinPoints]:
    """Positions of the nine electrodes and the ground on the skin of the shipped atlas, by name."""
    ties = _standard_places(resolution, "")
    names = (*STANDARD_ELECTRODES, GROUND)
    return {name: ties.only([k]) for k, name in enumerate(names)}


def grid_electrodes(torso: TorsoSurface, sites: str = "front") -> np.ndarray:
    """Near-uniform electrodes on the front of the torso, or around it: [MAX_GRID, 3] mm.

    They are chosen by farthest-point sampling, so that every first part of them is near-uniform,
    too.
    """
    return _grid_places(torso.resolution, torso.atlas, sites).on(torso.points)


def sites_by_rules(
    points: np.ndarray, faces: np.ndarray, mark: Mapping[str, np.ndarray], middle: float
) -> dict[str, np.ndarray]:
    """The electrodes of the 12-lead ECG, with the ground, by the clinical rules: name -> [3] mm.

    Skin points [vertex, 3] mm, patient frame; faces [face, 3]; `RULE_LANDMARKS`, each [3] mm; x of
    the midline, mm.

    Raises:
        BadInput: a ray misses the skin: the landmarks are not on it.
    """

    def front(x: float, z: float) -> np.ndarray:
        return cast_ray(points, faces, [x, -1000.0, z], [0.0, 1.0, 0.0])

    site = {}
    for name, sign in (("V1", -1.0), ("V2", 1.0)):
        site[name] = front(middle + sign * PARASTERNAL_MM, mark["ICS4"][2])
    # V4: fifth space, midclavicular line; V5 and V6 lie at its height, not along the ribs.
    height = mark["NIPPLE_L"][2] - RIB_SPACE_MM
    site["V4"] = front(mark["CLAVICLE_L"][0], height)
    between = 0.5 * (site["V2"] + site["V4"])
    site["V3"] = front(between[0], between[2])
    back = cast_ray(points, faces, [middle, 1000.0, height], [0.0, -1.0, 0.0])
    centre = np.array([middle, 0.5 * (front(middle, height)[1] + back[1]), height])
    to_v4 = site["V4"] - centre
    to_v4 /= np.linalg.norm(to_v4)
    to_v6 = np.array([1.0, 0.0, 0.0])  # the midaxillary line: straight to the left
    site["V5"] = cast_ray(points, faces, centre, to_v4 + to_v6)
    site["V6"] = cast_ray(points, faces, centre, to_v6)
    for name, side in (("RA", "R"), ("LA", "L")):
        # the fossa below the clavicle's lateral third, inside the deltoid
        x = 0.45 * mark[f"CLAVICLE_{side}"][0] + 0.55 * mark[f"SHOULDER_{side}"][0]
        site[name] = front(x, mark[f"CLAVICLE_{side}"][2] - 35.0)
    site["LL"], site[GROUND] = mark["ILIAC_L"], mark["ILIAC_R"]
    return site


def posterior_electrodes(anatomy: Anatomy) -> Electrodes:
    """V7, V8 and V9 of any patient, in the horizontal plane of V6 (Kligfield 2007).

    V9 is left of the spine, V8 below the tip of the scapula, which is taken to be behind the
    midclavicular line and so behind V4, V7 on the posterior axillary line, half way in angle
    between V6 and V8.

    Raises:
        BadInput: V1, V2, V4 or V6 is missing, or a ray misses the skin.
    """
    at = dict(zip(anatomy.site_names.tolist(), anatomy.site_points))
    if missing := [name for name in ("V1", "V2", "V4", "V6") if name not in at]:
        raise BadInput(
            f"{anatomy.patient}: no electrode {', '.join(missing)}; V7 to V9 are placed by them"
        )
    middle, height = 0.5 * (at["V1"][0] + at["V2"][0]), at["V6"][2]
    skin = anatomy.points, anatomy.skin

    def back(x: float) -> np.ndarray:
        return cast_ray(*skin, [x, 1000.0, height], [0.0, -1.0, 0.0])

    front = cast_ray(*skin, [middle, -1000.0, height], [0.0, 1.0, 0.0])
    centre = 0.5 * (front + back(middle))
    v8 = back(at["V4"][0])
    towards = [(point - centre) * [1.0, 1.0, 0.0] for point in (at["V6"], v8)]
    v7 = cast_ray(*skin, centre, sum(way / np.linalg.norm(way) for way in towards))
    places = np.stack([v7, v8, back(middle + PARASPINAL_MM)])
    return Electrodes(np.array(POSTERIOR_ELECTRODES), places)


@lru_cache(maxsize=4)
def _standard_places(resolution: str, atlas: str) -> SkinPoints:
    """Triangles and weights of the nine electrodes and the ground, found on the fine mean torso."""
    mean = torso_surface(np.zeros(0), "fine", atlas)
    middle = float(load_atlas(atlas).landmarks["ICS4"][0])
    site = sites_by_rules(mean.points, mean.faces, mean.landmarks, middle)
    sites = np.array([site[name] for name in (*STANDARD_ELECTRODES, GROUND)])
    return load_atlas(atlas).attach(sites, resolution)


@lru_cache(maxsize=4)
def _grid_places(resolution: str, atlas: str, sites: str) -> SkinPoints:
    """Triangles and weights of the grid, chosen on the fine mean torso.

    It lies between the hips' electrodes and the sternal notch, and between the shoulders.
    """
    mean = torso_surface(np.zeros(0), "fine", atlas)
    start = load_atlas(atlas).landmarks["ICS4"]
    centre = mean.points[mean.faces].mean(axis=1)
    allowed = (
        ~mean.cap[mean.faces].any(axis=1)
        & (np.abs(centre[:, 0] - start[0]) < mean.landmarks["SHOULDER_L"][0] - start[0])
        & (centre[:, 2] > mean.landmarks["ILIAC_L"][2])
        & (centre[:, 2] < mean.landmarks["STERNAL_NOTCH"][2] + 15.0)
    )
    candidates = skin_candidates(mean.points, mean.faces, allowed, sites)
    return load_atlas(atlas).attach(farthest_points(candidates, start, MAX_GRID), resolution)


def skin_candidates(
    points: np.ndarray, faces: np.ndarray, allowed: np.ndarray, sites: str
) -> np.ndarray:
    """Points [candidate, 3] mm, uniform by area on the `allowed` [face] triangles, front or all.

    Raises:
        BadInput: there is none.
    """
    area = triangle_area_vectors(points, faces)
    size = np.linalg.norm(area, axis=1)
    weight = np.where(allowed & (-area[:, 1] > LEANS[sites] * size), size, 0.0)
    if not weight.any():
        raise BadInput(f"torso: no skin between the limb electrodes ({sites}); wrong axes?")
    rng = generator(GRID_SEED, "anterior electrodes")
    face = rng.choice(len(size), N_CANDIDATES, p=weight / weight.sum())
    root, along = np.sqrt(rng.random(N_CANDIDATES)), rng.random(N_CANDIDATES)
    weights = np.stack([1 - root, root * (1 - along), root * along], axis=1)
    return SkinPoints(faces[face], weights).on(points)

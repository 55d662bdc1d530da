"""Clinical measures of a heart, and comparison of the shape models with measured populations.

Volumes, mass, walls and diameters follow the sources in `reference`: papillary muscles and
trabeculae count as blood (there are none here), the septum belongs to the LV. Lengths are read in
the plane through the LV's long axis and the centre of the RV's base (y = 0 in the heart frame),
which is close to the parasternal long axis and the four-chamber view.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from einthoven.base.config.models import CohortSettings
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.tags import Surface
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.population.girths import torso_measures
from einthoven.body.anatomy.population.reference import BMI, HEART, SEXES, STATURE, TORSO, AdultNorm
from einthoven.body.anatomy.shape.atlas_heart import heart_surfaces
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces
from einthoven.body.anatomy.shape.torso import torso_surface
from einthoven.data.patient.parameters import PatientParameters

MYOCARDIUM_G_PER_ML = 1.05
BELOW_BASE = (0.20, 0.225, 0.25, 0.275, 0.30)
"""Levels of the echocardiographic LV diameter, just below the mitral leaflets, as shares of its
length; the mean of five lines smooths out the facets (0.1 mm at 4 mm edges)."""
BASAL_SHARES = (0.1, 0.2, 0.3)
"""The RV's basal diameter is the largest in the upper third of its length."""
GRID_MM = 4.0
WALLS = (Surface.LV_ENDO, Surface.RV_ENDO, Surface.EPI)
QUANTITIES: dict[str, AdultNorm] = {"stature": STATURE, "bmi": BMI} | TORSO | HEART
EDGE_MM = 4.0


def heart_measures(heart: HeartSurfaces) -> dict[str, float]:
    """Measures of one heart, by the names and in the units of `reference.HEART`.

    Raises:
        StepFailed: a line across the heart does not cross the walls it should.
    """
    length = float(np.linalg.norm(heart.landmarks["LV_BASE"] - heart.landmarks["LV_APEX"]))
    lines = [walls_at(heart, -share * length) for share in BELOW_BASE]
    at = {name: float(np.mean([line[name] for line in lines])) for name in lines[0]}
    lv_diameter = at["lv_right"] - at["lv_left"]
    posterior = at["lv_left"] - at["epi_left"]
    volume = heart.volumes_ml
    return {
        "lv_volume": volume["lv"],
        "rv_volume": volume["rv"],
        "lv_mass": MYOCARDIUM_G_PER_ML * lv_share(heart) * volume["myocardium"],
        "lv_diameter": lv_diameter,
        "septum": at["rv_left"] - at["lv_right"],
        "posterior_wall": posterior,
        "rv_basal_diameter": max(_rv_width(heart, share) for share in BASAL_SHARES),
        "rv_mid_diameter": _rv_width(heart, 0.5),
        "rv_wall": at["epi_right"] - at["rv_right"],
        "sphericity": 100 * volume["lv"] / (np.pi / 6 * length**3 / 1000),
        "relative_wall": 100 * 2 * posterior / lv_diameter,
    }


def walls_at(heart: HeartSurfaces, z: float) -> dict[str, float]:
    """Crossings of a line along x at height z mm (y = 0) with epicardium and cavities.

    Returns:
        epi_left, lv_left, lv_right, rv_left, rv_right, epi_right: x in mm, heart frame, ascending.

    Raises:
        StepFailed: the line does not cross them in this order.
    """
    crossings: dict[str, float] = {}
    for name, tag in (("epi", Surface.EPI), ("lv", Surface.LV_ENDO), ("rv", Surface.RV_ENDO)):
        x = line_crossings(heart.points, heart.tagged(tag), z)
        if len(x) < 2:
            raise StepFailed(f"no {name} wall at {z:.1f} mm below the base's centre")
        crossings |= {f"{name}_left": float(x[0]), f"{name}_right": float(x[-1])}
    names = ("epi_left", "lv_left", "lv_right", "rv_left", "rv_right", "epi_right")
    if not np.all(np.diff([crossings[name] for name in names]) > 0):
        raise StepFailed(f"walls out of order at z = {z:.1f} mm: {crossings}")
    return {name: crossings[name] for name in names}


def line_crossings(points: np.ndarray, faces: np.ndarray, z: float) -> np.ndarray:
    """Sorted x [crossing] mm at which the line y = 0 at height z crosses triangles."""
    a, b, c = (points[faces[:, i]][:, 1:] - [0.0, z] for i in range(3))  # [face, (y, z)]

    def cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]

    parts = np.stack([cross(b, c), cross(c, a), cross(a, b)], axis=1)
    total = parts.sum(axis=1)
    hit = (np.all(parts >= 0, axis=1) | np.all(parts <= 0, axis=1)) & (total != 0)
    weights = parts[hit] / total[hit, None]
    x = np.sort(np.einsum("fk,fk->f", weights, points[faces[hit], 0]))
    return x[np.insert(np.diff(x) > 1e-9, 0, True)] if len(x) else x  # an edge is hit twice


def _rv_width(heart: HeartSurfaces, share: float) -> float:
    """Septum to free wall of the RV in mm, at a `share` of its length from the base."""
    base, apex = heart.landmarks["RV_BASE"][2], heart.landmarks["RV_APEX"][2]
    faces = heart.tagged(Surface.RV_ENDO)
    x = line_crossings(heart.points, faces, float(base + share * (apex - base)))
    if len(x) < 2:
        raise StepFailed(f"no RV at {share:g} of the way from its base to its apex")
    return float(x[-1] - x[0])


def lv_share(heart: HeartSurfaces) -> float:
    """Share of the myocardium that is LV: free wall and septum.

    A point belongs to the RV's free wall if the LV's endocardium is farther away than both the RV's
    and the epicardium; in septum and LV free wall another surface is the farthest. Points are
    counted on a grid of 4 mm.
    """
    import pyvista as pv
    from scipy.spatial import cKDTree

    low, high = heart.points.min(axis=0), heart.points.max(axis=0)
    n = np.ceil((high - low) / GRID_MM).astype(int) + 1
    grid = pv.ImageData(dimensions=n, spacing=(GRID_MM,) * 3, origin=low)
    inside = {}
    for shell in ("lv", "rv", "epi"):
        surface = pv.PolyData.from_regular_faces(heart.points, heart.union(shell))
        mask = surface.voxelize_binary_mask(reference_volume=grid)
        inside[shell] = np.asarray(mask["mask"]).astype(bool)
    places = np.asarray(grid.points)[inside["epi"] & ~inside["lv"] & ~inside["rv"]]
    distances = np.empty((len(places), len(WALLS)))
    for column, tag in zip(distances.T, WALLS):
        corners = heart.points[heart.tagged(tag)]  # [face, corner, 3]
        # Corners, middles of edges and of faces: as dense as the grid.
        edges = 0.5 * (corners + np.roll(corners, 1, axis=1))
        dots = np.concatenate([corners, edges, corners.mean(axis=1, keepdims=True)], axis=1)
        column[:] = cKDTree(dots.reshape(-1, 3)).query(places)[0]
    return float((distances.argmax(axis=1) != WALLS.index(Surface.LV_ENDO)).mean())


def measures_of(parameters: PatientParameters) -> dict[str, float]:
    """All measures of one patient; stature and BMI only where they are known."""
    measures = torso_measures(torso_surface(parameters.torso_coeffs, "fine"))
    measures |= heart_measures(heart_surfaces(np.array(parameters.heart_coeffs), EDGE_MM))
    if parameters.height_cm is not None and parameters.bmi is not None:
        measures |= {"stature": parameters.height_cm, "bmi": parameters.bmi}
    return measures


def compare(measured: Mapping[str, list[dict]]) -> dict[str, Any]:
    """Means and SDs of the shape models, of measures of people by sex, beside the population's.

    quantity -> title, unit, source, note, comparable, and by sex: population [mean, SD], ours
    [mean, SD], difference_sd (of the means, in population SD).
    """
    rows = {}
    keys = ("title", "unit", "source", "note", "comparable")
    for name, reference in QUANTITIES.items():
        row: dict[str, Any] = {key: getattr(reference, key) for key in keys}
        for sex, people in measured.items():
            values = np.array([person[name] for person in people])
            mean, sd = reference.of(sex)
            row[sex] = {
                "population": [mean, sd],
                "ours": [float(values.mean()), float(values.std(ddof=1))],
                "difference_sd": float((values.mean() - mean) / sd),
            }
        rows[name] = row
    return rows


def compare_with_population(n_draws: int) -> dict[str, Any]:
    """The comparison of `compare` for `n_draws` people of each sex, drawn as the cohort is."""
    block = {"block_size": n_draws, "val_per_block": 1, "test_per_block": 1}
    measured = {}
    for sex in SEXES:
        config = CohortSettings.model_validate(block | {"sex": sex})
        measured[sex] = [measures_of(draw_patient(index, config)) for index in range(n_draws)]
    return {"n_draws": n_draws, "seed": CohortSettings().seed, "quantities": compare(measured)}

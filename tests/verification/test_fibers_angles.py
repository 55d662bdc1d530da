"""The helix angle of rule-based fibres on an ellipsoidal left ventricle, against its rule.

The surfaces are known ellipsoids, so that the circumferential and longitudinal directions are
closed-form; cells near a surface must show the angle that was asked for there.
"""

import numpy as np
import pytest
from helpers.heart import LV_INNER, LV_OUTER, heart_patient

from einthoven.base.config.models import FiberSettings
from einthoven.base.core.tags import Surface
from einthoven.body.fibers.ldrb import (
    assign_fibers,
    directions,
    frames_from_fields,
    solve_wall_fields,
)


def helix_angle(centre, fiber, radii):
    """Degrees from circumferential towards the base, on the ellipsoid through each point."""
    outward = centre / np.square(radii)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    around = np.cross([0.0, 0, 1], outward)
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    upward = np.cross(outward, around)
    f_around, f_up = (np.einsum("ci,ci->c", fiber, e) for e in (around, upward))
    return (np.degrees(np.arctan2(f_up, f_around)) + 90) % 180 - 90


def depth_and_angle(**angles):
    """Depth 0 endo to 1 epi and helix angle of the cells away from apex and base."""
    patient = heart_patient(4.0, with_rv=False)
    heart, centre = patient.heart, patient.heart.centroids
    fields = solve_wall_fields(heart)
    fibers = assign_fibers(patient, FiberSettings(**angles), fields)
    depth = fields.epi[heart.cells].mean(axis=1)
    radii = np.add(LV_INNER, depth[:, None] * np.subtract(LV_OUTER, LV_INNER))
    middle = (centre[:, 2] > -40) & (centre[:, 2] < 8)
    return depth[middle], helix_angle(centre, fibers.f0, radii)[middle]


@pytest.mark.parametrize(("endo", "epi"), [(40.0, -45.0), (30.0, -50.0)])
def test_helix_angle_follows_the_rule_through_the_wall(endo, epi):
    depth, angle = depth_and_angle(
        alpha_endo_deg=endo, alpha_epi_deg=epi, beta_endo_deg=0.0, beta_epi_deg=0.0
    )
    # Without sheet angles all turns are about one axis: from endo by bislerp to alpha_w(depth).
    alpha_w = endo * (1 - depth) + epi * depth
    error = angle - (endo * (1 - depth) + alpha_w * depth)
    assert np.abs(error).mean() < 2
    assert abs(error.mean()) < 0.5


@pytest.mark.parametrize(
    ("tag", "values", "radii", "expected"),
    [(Surface.LV_ENDO, (1, 0, 0), LV_INNER, 40.0), (Surface.EPI, (0, 0, 1), LV_OUTER, -50.0)],
    ids=["endo", "epi"],
)
def test_surfaces_show_the_angle_asked_for_with_bayer_s_sheets(tag, values, radii, expected):
    heart = heart_patient(4.0, with_rv=False).heart
    on_surface = np.isin(heart.cells, heart.surface_nodes(tag)).sum(axis=1) == 3
    centre = heart.points[heart.cells[on_surface]].mean(axis=1)
    grads = directions(heart, solve_wall_fields(heart))[:, on_surface]
    on = np.repeat(np.array(values, dtype=float)[:, None], len(centre), axis=1)
    frames = frames_from_fields(on, grads, FiberSettings())
    angle = helix_angle(centre, frames[:, :, 0], radii)
    middle = (centre[:, 2] > -40) & (centre[:, 2] < 8)
    assert middle.sum() > 100
    assert np.abs(angle[middle] - expected).mean() < 2
    assert angle[middle].mean() == pytest.approx(expected, abs=0.7)


def test_fibres_lie_in_the_wall():
    patient = heart_patient(4.0, with_rv=False)
    heart, centre = patient.heart, patient.heart.centroids
    fields = solve_wall_fields(heart)
    fibers = assign_fibers(patient, FiberSettings(beta_endo_deg=0, beta_epi_deg=0), fields)
    depth = fields.epi[heart.cells].mean(axis=1)
    outward = centre / np.add(LV_INNER, depth[:, None] * np.subtract(LV_OUTER, LV_INNER)) ** 2
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    middle = (centre[:, 2] > -40) & (centre[:, 2] < 8)
    across = np.degrees(np.arcsin(np.abs(np.einsum("ci,ci->c", fibers.f0, outward))))
    assert across[middle].mean() < 4

"""The frame of an imported body does not depend on where its torso was cut."""

import numpy as np
import pytest
import pyvista as pv

from einthoven.base.config.models import AnatomySettings, CohortSettings
from einthoven.base.core.errors import BadInput
from einthoven.body.anatomy.body import placed_body
from einthoven.body.anatomy.population.cohort import draw_patient
from einthoven.body.anatomy.shape.pieces import area_centroid
from einthoven.body.imported.frame import body_origin


@pytest.fixture(scope="module")
def bodies():
    """Skin and heart's centre of virtual patients, whose frame is what is to be found again."""
    found = []
    for index in range(8):
        body = placed_body(draw_patient(index, CohortSettings()), AnatomySettings())
        centre = body.rotation @ body.heart.centre + body.origin
        found.append((body.torso.points, body.torso.faces, centre))
    return found


def test_the_frame_of_virtual_bodies_is_found_again(bodies):
    off = np.array([body_origin(*body, "imaged") for body in bodies])
    assert np.abs(off.mean(axis=0)).max() < 6.0
    assert (off.std(axis=0) < [1.0, 6.0, 9.0]).all()
    lower = body_origin(*bodies[0], "engblom") - body_origin(*bodies[0], "imaged")
    np.testing.assert_allclose(lower, [0, 0, -25.0], atol=4.0)  # hearts lie higher there


@pytest.mark.parametrize("cut, side", [(60, "below"), (100, "below"), (60, "above")])
def test_a_torso_cut_elsewhere_has_the_same_frame(bodies, cut, side):
    points, faces, centre = bodies[0]
    skin = pv.PolyData.from_regular_faces(points, faces)
    below = side == "below"
    height = points[:, 2].min() + cut if below else points[:, 2].max() - cut
    shorter = skin.clip_closed_surface(normal=(0, 0, 1 if below else -1), origin=(0, 0, height))
    shorter = shorter.triangulate()
    part = np.asarray(shorter.points, float), shorter.regular_faces
    moved = body_origin(*part, centre, "imaged") - body_origin(points, faces, centre, "imaged")
    assert np.linalg.norm(moved) < 1.0
    assert np.linalg.norm(area_centroid(*part) - area_centroid(points, faces)) > 6.0


def test_any_place_of_the_files_gives_the_same_frame(bodies):
    points, faces, centre = bodies[1]
    shift = np.array([300.0, -80.0, 1200.0])
    moved = body_origin(points + shift, faces, centre + shift, "imaged")
    np.testing.assert_allclose(
        moved - shift, body_origin(points, faces, centre, "imaged"), atol=1e-6
    )
    with pytest.raises(BadInput, match="no skin within 80 mm"):
        body_origin(points, faces, centre + [0, 0, 900.0], "imaged")

"""An inverse problem refuses what does not fit, with the cause."""

import numpy as np
import pytest
from helpers.inverse import two_spheres

from einthoven.base.core.errors import BadInput
from einthoven.inverse.problem.registry import reconstruct

SPHERES = two_spheres()
GIVEN = SPHERES.given()
N_TIMES = len(GIVEN.time)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": np.arange(N_TIMES) ** 2.0}, "the steps must be positive and even; resample"),
        ({"time": np.arange(N_TIMES)[::-1]}, "the steps must be positive and even"),
        ({"body_potentials": np.ones_like(GIVEN.body_potentials)}, "all values are equal"),
        ({"body_potentials": GIVEN.body_potentials[1:]}, "body_potentials"),
        ({"body_potentials": np.full_like(GIVEN.body_potentials, np.nan)}, "NaN or infinite"),
        ({"transfer": GIVEN.transfer[:, 1:]}, "transfer"),
        ({"ms_per_unit": 0.0}, "ms_per_unit = 0 must be positive"),
        ({"electrode_points": np.zeros((1, 3))}, "electrode_points"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        SPHERES.given(**changes)


def test_two_electrodes_at_one_node_are_refused():
    twice = SPHERES.torso.points[[0] * len(GIVEN.transfer)]
    with pytest.raises(BadInput, match="share nodes; take more nodes or fewer electrodes"):
        _ = SPHERES.given(electrode_points=twice, torso=SPHERES.torso).electrode_nodes


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(BadInput, match="tikhonov-1"):
        reconstruct(GIVEN, "tikonov")

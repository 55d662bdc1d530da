"""Gradients outside of the ventricles by boundary elements: the closed form of a ball."""

from types import SimpleNamespace

import numpy as np
from helpers.closed_forms import ball_lead_field_grad
from helpers.mesh import icosphere

from einthoven.learning.prediction.torso_fields import TorsoWithoutHeart

RADIUS, SIGMA = 100.0, 0.2


def test_gradients_are_those_of_a_ball():
    points, faces = icosphere(RADIUS, 3)
    surfaces = SimpleNamespace(closed=lambda name: {"torso": (points, faces)}[name])
    electrodes = points[[0, 40, 200]]
    torso = TorsoWithoutHeart(SimpleNamespace(surfaces=surfaces), electrodes, SIGMA)
    rng = np.random.default_rng(1)
    places = rng.uniform(-35.0, 35.0, (60, 3))
    exact = np.stack([ball_lead_field_grad(places, e, RADIUS, SIGMA) for e in electrodes])
    found = torso(None, places)
    assert np.linalg.norm(found - exact) < 0.03 * np.linalg.norm(exact)

"""Our eikonal solver and fim-python solve the same discrete problem."""

import numpy as np
from helpers.eikonal import solve_eikonal
from helpers.heart import ball

from einthoven.base.core.seeds import generator
from einthoven.physics.electrophysiology.eikonal import speed_tensor_sq


def test_eikonal_backends_agree_for_turning_fibres_and_staggered_sources():
    points, cells = ball(25.0, 4.5)
    centre = points[cells].mean(axis=1)
    turn = np.radians(90 - 4 * centre[:, 2])
    f0 = np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], axis=1)
    speeds = speed_tensor_sq(f0, 0.6, 0.25)
    rng = generator(1, "backends")
    nodes, times = rng.choice(len(points), 30, replace=False), rng.uniform(0, 40, 30)
    for rings in (0, 2):
        ours, theirs = (
            solve_eikonal(points, cells, speeds, nodes, times, backend, rings)
            for backend in ("einthoven", "fim-python")
        )
        assert np.abs(ours.activation_time - theirs.activation_time).max() < 1e-4

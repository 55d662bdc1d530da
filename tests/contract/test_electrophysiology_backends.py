"""Our eikonal solver and fim-python solve the same discrete problem; so do our tree and theirs."""

import contextlib
import io

import numpy as np
from helpers.eikonal import solve_eikonal
from helpers.heart import ball, heart_patient

from einthoven.base.config.purkinje import PurkinjeSettings
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface
from einthoven.physics.electrophysiology.eikonal import speed_tensor_sq
from einthoven.physics.electrophysiology.purkinje.growth import Root, grow


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


def test_tree_is_the_package_s_own_for_the_same_seed():
    from fractal_tree import FractalTreeParameters, Mesh, generate_fractal_tree

    heart = heart_patient().heart
    used, faces = np.unique(heart.surface(Surface.LV_ENDO), return_inverse=True)
    points, faces = heart.points[used], faces.reshape(-1, 3)
    root = points[np.argmin(np.linalg.norm(points - [23, 0, 0], axis=1))]
    towards = points[np.argmin(np.linalg.norm(points - [20, 0, -30], axis=1))]
    trunk = [Root(root, towards)]
    ours, edges, _ = grow(points, faces, trunk, PurkinjeSettings(n_generations=4), seed=7)
    parameters = FractalTreeParameters(
        second_node=towards, init_length=8.0, N_it=4, length=4.0, branch_angle=0.25,
        repulsitivity=0.1, l_segment=1.0, fascicles_angles=(-0.6, 0.5),
        fascicles_length=(25.0, 25.0), save=False,
    )  # fmt: skip
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    with contextlib.redirect_stderr(io.StringIO()):
        theirs = generate_fractal_tree(Mesh(points, faces, root), parameters)
    np.random.set_state(state)  # noqa: NPY002
    np.testing.assert_allclose(ours, theirs.nodes, atol=1e-9)
    np.testing.assert_array_equal(edges, theirs.lines)

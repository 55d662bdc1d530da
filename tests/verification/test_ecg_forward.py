"""The forward ECG: the exact sweep of a front, its limits, and the physiologic sign."""

import time as clock
from dataclasses import replace

import numpy as np
import pytest
from helpers.fem import ball_in_ball, bare_heart, box_mesh, muscle_of, random_rotation, unit

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.geometry.simplex import cell_gradient, p1_gradients, tet_volumes
from einthoven.physics.ecg.forward import forward_potential, transfer_matrix
from einthoven.physics.ecg.intervals import qrs_window
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.sweep import sweep_matrix, swept_fraction
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

TIME = np.arange(-20.0, 400.0, 1.0)


def template(width, dt=0.25):
    """A sigmoid upstroke of a given width and a slow repolarisation, mV."""
    t = np.arange(-60.0, 420.0, dt)
    return t, -85 + 120 / (1 + np.exp(-t / width)) / (1 + np.exp((t - 250) / 25))


@pytest.fixture(scope="module")
def heart():
    muscle = muscle_of(ball_in_ball())
    f0 = np.tile([0.6, 0.8, 0.0], (len(muscle.cells), 1))
    electrodes = 100.0 * np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
    grad = pseudo_lead_field_grad(muscle.centroids, electrodes, 0.06)
    tau = 40 + np.linalg.norm(muscle.points - [0, 40.0, 0], axis=1)
    return {
        "heart": muscle,
        "sigma_i": intracellular(f0, LeadFieldSettings()),
        "tau": tau,
        "grad": grad,
    }


def test_swept_fraction_against_counting():
    """Monte Carlo in the reference tetrahedron, for distinct and for equal nodal times."""
    generator = np.random.default_rng(0)
    barycentric = generator.dirichlet(np.ones(4), size=40_000)
    cases = [[0, 1, 2.5, 4], [0, 0, 1, 3], [0, 2, 2, 3], [0, 1, 3, 3], [0, 0, 0, 1], [0, 0, 1, 1]]
    levels = np.linspace(-0.5, 4.5, 41)
    for times in np.array(cases, dtype=float):
        counted = (barycentric @ times <= levels[:, None]).mean(axis=1)
        exact = swept_fraction(np.broadcast_to(times, (41, 4)), levels)
        assert np.abs(exact - counted).max() < 0.012  # five standard errors
        assert (np.diff(exact) >= 0).all()


def test_swept_fraction_is_a_quadratic_spline_density():
    """Third differences of the distribution vanish between knots, and it is C1 across them."""
    times = np.array([0.0, 1.0, 2.5, 4.0])
    for low, high in ((0.0, 1.0), (1.0, 2.5), (2.5, 4.0)):
        s = np.linspace(low, high, 9)[1:-1]
        fourth = np.diff(swept_fraction(np.broadcast_to(times, (7, 4)), s), n=4)
        assert np.abs(fourth).max() < 1e-13
    h = 1e-4
    for knot in times[1:3]:
        f = swept_fraction(np.broadcast_to(times, (3, 4)), knot + h * np.array([-1.0, 0.0, 1.0]))
        assert abs(f[2] - 2 * f[1] + f[0]) < 10 * h**2


def test_one_time_in_a_cell_fills_one_bin():
    shares = sweep_matrix(np.array([[3.2] * 4, [1.0, 1.0, 2.0, 2.0]]), 0.0, 1.0, 6).toarray()
    np.testing.assert_allclose(shares[:, 0], [0, 0, 0, 1, 0, 0])
    np.testing.assert_allclose(shares.sum(axis=0), 1.0)
    np.testing.assert_allclose(shares[1, 1], 1.0)


def test_against_fine_quadrature(heart):
    """A 1 ms front through coarse cells: eq. (3) by brute force over sub-tetrahedra points."""
    u_time, u = template(0.3)
    points, cells = heart["heart"].points, heart["heart"].cells[:6]
    phi = forward_potential(
        bare_heart(points, cells),
        heart["sigma_i"][:6],
        heart["tau"],
        heart["grad"][:, :6],
        TIME,
        (u_time, u),
    )
    n = 60
    grid = np.array([(i, j, k) for i in range(n) for j in range(n - i) for k in range(n - i - j)])
    barycentric = np.column_stack([grid, n - 1 - grid.sum(axis=1)]) / (n - 1) * (1 - 4 / n) + 1 / n
    tau = heart["tau"]
    grad_tau = cell_gradient(p1_gradients(points, cells), cells, tau)
    strength = np.einsum("ecd,cdk,ck->ec", heart["grad"][:, :6], heart["sigma_i"][:6], grad_tau)
    strength *= np.abs(tet_volumes(points, cells))
    reference = np.zeros_like(phi)
    edges = u_time[:-1] + 0.125
    slope = np.diff(u) / 0.25
    for c, nodal in enumerate(tau[cells]):
        values = barycentric @ nodal
        mean_slope = np.array([np.interp(t - values, edges, slope).mean() for t in TIME])
        reference += strength[:, c, None] * mean_slope
    assert np.abs(phi - reference).max() < 0.03 * np.abs(reference).max()


def test_agrees_with_nodal_v_m_for_a_slow_front(heart):
    """Both integrals of eq. (3) agree as U becomes linear over a cell.

    Interpolating V_m at the nodes errs by U'' times the sweep time of a cell, relative to U': the
    difference falls like (sweep time / width of the front).
    """
    differences = []
    for width in (20.0, 40.0, 80.0):
        t = np.arange(-1000.0, 1400.0, 1.0)
        u = 120 / (1 + np.exp(-t / width))
        fast = forward_potential(*heart.values(), TIME, (t, u))
        v_m = np.interp(TIME[:, None] - heart["tau"], t, u)
        nodal = transfer_matrix(heart["heart"], heart["sigma_i"], heart["grad"]) @ v_m.T
        differences.append(np.abs(fast - nodal).max() / np.abs(nodal).max())
    assert differences[0] < 0.01
    order = np.polyfit(np.log([1, 2, 4]), np.log(differences), 1)[0]
    assert -1.3 < order < -0.7, differences


def test_exact_for_one_ramp(heart):
    """U linear in time while the front is inside: phi = - slope sum |c| G_i grad tau . grad Z."""
    ramp = (np.array([-400.0, 0.0, 400.0]), np.array([-2.0, 0.0, 2.0]) * 400)
    time = np.array([50.0, 60.0])
    phi = forward_potential(*heart.values(), time, ramp)
    args = [heart[key] for key in ("heart", "sigma_i", "grad")]
    expected = -2.0 * transfer_matrix(*args) @ heart["tau"]
    np.testing.assert_allclose(phi, np.stack([expected, expected], axis=1), rtol=1e-10)


def test_steps_and_time_axes_do_not_matter(heart):
    """Coarser output, finer template, shifted axis: the same potentials where they meet."""
    u = template(0.5, 0.5)
    reference = forward_potential(*heart.values(), TIME, u)
    scale = np.abs(reference).max()
    coarse = forward_potential(*heart.values(), TIME[::2], u)
    np.testing.assert_allclose(coarse, reference[:, ::2], atol=1e-10 * scale)
    finer = (np.arange(-60.0, 419.55, 0.1), None)
    finer = (finer[0], np.interp(finer[0], *u))
    np.testing.assert_allclose(
        forward_potential(*heart.values(), TIME, finer), reference, atol=1e-10 * scale
    )
    later = dict(heart, tau=heart["tau"] + 7.3)
    np.testing.assert_allclose(
        forward_potential(*later.values(), TIME + 7.3, u), reference, atol=1e-9 * scale
    )


def test_wave_towards_the_electrode_deflects_upwards(heart):
    """Depolarisation runs from +y to -y, so the electrode at -y sees a positive QRS."""
    phi = forward_potential(*heart.values(), TIME, template(0.3))
    qrs = (TIME > 40) & (TIME < 130)
    assert phi[0, qrs].max() > 5 * -min(phi[0, qrs].min(), 0)
    assert phi[2, qrs].min() < -2 * max(phi[2, qrs].max(), 0)
    # repolarisation in the same order has the opposite sign
    assert phi[0, ~qrs & (TIME > 200)].min() < 0
    before = TIME < 30  # rest: nothing
    assert np.abs(phi[:, before]).max() < 1e-9 * np.abs(phi).max()


def test_uniform_v_m_and_rotation(heart):
    args = [heart[key] for key in ("heart", "sigma_i", "grad")]
    assert np.abs(transfer_matrix(*args).sum(axis=1)).max() < 1e-10
    r = random_rotation(np.random.default_rng(1))
    turned = dict(
        heart,
        heart=replace(heart["heart"], points=heart["heart"].points @ r.T),
        sigma_i=r @ heart["sigma_i"] @ r.T,
        grad=heart["grad"] @ r.T,
    )
    phi = forward_potential(*heart.values(), TIME, template(0.5))
    np.testing.assert_allclose(
        forward_potential(*turned.values(), TIME, template(0.5)),
        phi,
        atol=1e-10 * np.abs(phi).max(),
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tau", lambda v: v[:-1], "activation_time"),
        ("tau", lambda v: v * np.nan, "NaN"),
        ("grad", lambda v: v[:, :-1], "grad"),
        ("sigma_i", lambda v: v[:, 0], "sigma_i"),
    ],
)
def test_bad_input(heart, key, value, message):
    broken = dict(heart, **{key: value(heart[key])})
    with pytest.raises(BadInput, match=message):
        forward_potential(*broken.values(), TIME, template(0.5))


def test_bad_time_axes(heart):
    with pytest.raises(BadInput, match="time: must increase"):
        forward_potential(*heart.values(), TIME**2, template(0.5))
    with pytest.raises(BadInput, match="template time"):
        forward_potential(*heart.values(), TIME, (np.array([0.0, 1.0, 5.0]), np.zeros(3)))


def test_qrs_duration_of_a_simulated_ecg_is_the_activation_span():
    """Two fronts from the surface of a ball; the faint ends (a speck of tissue) may be lost.

    From inside the ball nothing would be seen at first: a closed front in an isotropic medium has
    no field outside.
    """
    mesh = ball_in_ball(outer=130.0, inner=45.0, h_inner=9.0, centre=(15.0, -40.0, 0.0))
    muscle = muscle_of(mesh)
    points = muscle.points
    directions = np.array(
        [[-7, -5, 6], [7, -5, 6], [5, -3, -8], [-2, -10, 1], [2, -10, 1]]
        + [[4, -10, 0], [6, -8, -1], [8, -6, -1], [9, -3, -1]]
    )
    electrodes = 130.0 * unit(directions)
    grad = pseudo_lead_field_grad(muscle.centroids, electrodes, 0.06)
    sigma_i = np.broadcast_to(0.1 * np.eye(3), (len(muscle.cells), 3, 3))
    for speed in (1.0, 0.6):
        seeds = [15.0, -40.0, 0.0] + 45.0 * unit(np.array([[0.0, -1.0, 1.0], [1.0, 0.0, 0.3]]))
        tau = np.linalg.norm(points[:, None] - seeds, axis=2).min(axis=1) / speed
        tau -= tau.min()
        phi = forward_potential(muscle, sigma_i, tau, grad, TIME, template(0.3))
        onset, offset = qrs_window(twelve_lead(STANDARD_ELECTRODES, phi), TIME)
        # the window of the slope and the foot that readers see widen the QRS by some ms
        assert -8 < onset < 2
        assert tau.max() - 2 < offset < tau.max() + 9


def test_hundred_electrodes_are_cheap():
    """100 electrodes, 500 steps, 10 k cells: generous bound in CPU seconds (about 0.3 measured)."""
    points, cells = box_mesh(12, size=60.0)
    grad = np.random.default_rng(0).normal(size=(100, len(cells), 3))
    sigma_i = np.broadcast_to(0.1 * np.eye(3), (len(cells), 3, 3))
    tau = np.linalg.norm(points, axis=1) / 0.6
    start = clock.process_time()
    heart = bare_heart(points, cells)
    phi = forward_potential(heart, sigma_i, tau, grad, TIME, template(0.3, 0.1))
    assert clock.process_time() - start < 6.0
    assert phi.shape == (100, len(TIME))

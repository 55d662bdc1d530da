"""The second sweep: eq. (3) for V_m = sum of w_k(x) D_k(t - tau), exact for P1 tau and w."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.fem import ball_in_ball, bare_heart, box_mesh, muscle_of
from helpers.heart import HOMOGENEOUS, activated_patient, durations

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.geometry.simplex import cell_gradient, p1_gradients
from einthoven.physics.ecg.forward import (
    forward_potential,
    source_energy,
    transfer_matrix,
)
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.mixture import mixture_energy, mixture_potential
from einthoven.physics.ecg.moments import moment_matrices, swept_integrals
from einthoven.physics.ecg.sweep import sweep_matrix, swept_fraction
from einthoven.physics.electrophysiology.cells.family import PotentialMixture, family
from einthoven.physics.electrophysiology.cells.template import potential as cell_potential
from einthoven.physics.electrophysiology.cells.template import template
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

sys.path.insert(0, str(Path(__file__).parents[2] / "studies"))
from subdivision import subdivide  # noqa: E402

TIME = np.arange(-20.0, 600.0, 2.0)
CASES = [[0, 1, 2.5, 4], [0, 0, 1, 3], [0, 2, 2, 3], [0, 1, 3, 3], [0, 0, 0, 1], [0, 0, 1, 1]]


def wave(width, end=250.0):
    """A hump that rises in `width` ms and ends near `end`: a smooth difference of members, mV."""
    t = np.arange(-200.0, 800.0, 1.0)
    return t, 60.0 / (1 + np.exp(-(t - 50) / width)) / (1 + np.exp((t - end) / width))


@pytest.fixture(scope="module")
def heart():
    mesh = ball_in_ball()
    muscle = muscle_of(mesh)
    f0 = np.tile([0.6, 0.8, 0.0], (len(muscle.cells), 1))
    electrodes = 100.0 * np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
    return {
        "heart": muscle,
        "sigma_i": intracellular(f0, LeadFieldSettings()),
        "tau": 40 + np.linalg.norm(muscle.points - [0, 40.0, 0], axis=1),
        "grad": pseudo_lead_field_grad(muscle.centroids, electrodes, 0.06),
    }


def shares(heart, k=3):
    """Random weights that sum to one: [node, k]."""
    weights = np.random.default_rng(3).uniform(size=(len(heart["heart"].points), k))
    return weights / weights.sum(axis=1, keepdims=True)


def potential(heart, mixture, time=TIME):
    return mixture_potential(*heart.values(), time, mixture)


@pytest.mark.parametrize("times", CASES)
def test_swept_integrals_against_counting(times):
    """Monte Carlo in the reference tetrahedron, for distinct and for equal nodal times."""
    barycentric = np.random.default_rng(0).dirichlet(np.ones(4), size=40_000)
    times, values = np.array(times, dtype=float), np.array([2.0, -1.0, 0.5, 3.0])
    levels = np.linspace(-0.5, 4.5, 41)
    swept, active = np.transpose([swept_integrals(times, values, s) for s in levels])
    tau = barycentric @ times
    counted = np.array([(barycentric @ values * (tau <= s)).mean() for s in levels])
    assert np.abs(swept - counted).max() < 0.03  # five standard errors
    waited = np.maximum(levels[:, None] - tau, 0.0).mean(axis=1)
    assert np.abs(active - waited).max() < 0.03


def test_swept_integrals_hold_the_swept_fraction():
    """w = 1 gives the share itself; d/ds of the mean of (s - tau)+ too; w = tau a third way."""

    def each(times, values, s):
        return np.transpose([swept_integrals(*row) for row in zip(times, values, s)])

    generator = np.random.default_rng(1)
    times = np.sort(generator.uniform(0, 5, (500, 4)), axis=1)
    s = generator.uniform(-0.2, 5.2, 500)
    ones = np.ones((500, 4))
    share, active = each(times, ones, s)
    np.testing.assert_allclose(share, swept_fraction(times, s), atol=1e-14)
    h = 1e-5
    ahead, back = (each(times, times, s + d)[1] for d in (h, -h))
    np.testing.assert_allclose((ahead - back) / (2 * h), share, atol=1e-5)
    of_tau, _ = each(times, times, s)
    np.testing.assert_allclose(s * share - of_tau, active, atol=1e-13)


def test_moment_matrices_have_the_sums_of_the_whole():
    times, values = np.random.default_rng(2).uniform(0, 9, (2, 50, 4))
    swept, active = moment_matrices(times, values, -0.5, 1.0, 12)
    np.testing.assert_allclose(swept.sum(axis=0), values.mean(axis=1))
    np.testing.assert_allclose(active.sum(axis=0), 1.0)
    ones, _ = moment_matrices(times, np.ones((50, 4)), -0.5, 1.0, 12)
    expected = sweep_matrix(times, -0.5, 1.0, 12).toarray()
    np.testing.assert_allclose(ones.toarray(), expected, atol=1e-14)
    # the mean over a bin of the active share lies between the shares at its ends
    within, ends = active.toarray().cumsum(axis=0), expected.cumsum(axis=0)
    before = np.vstack([np.zeros(50), ends[:-1]])
    assert (within <= ends + 1e-12).all() and (within >= before - 1e-12).all()


def test_weight_one_is_the_forward_potential(heart):
    t, u = template(0.5)
    alone = PotentialMixture(np.ones((len(heart["tau"]), 1)), t, u[None])
    expected = forward_potential(*heart.values(), TIME, (t, u))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(potential(heart, alone), expected, atol=1e-11 * scale)
    # the same action potential in three members, whose shares sum to one
    three = PotentialMixture(shares(heart), t, np.stack([u, u, u]))
    np.testing.assert_allclose(potential(heart, three), expected, atol=1e-11 * scale)


def test_members_and_weights_add(heart):
    (t, a), (_, b) = wave(20.0), wave(30.0, 300.0)
    w = shares(heart, 2)
    both = potential(heart, PotentialMixture(w, t, np.stack([a, b])))
    one, other = (potential(heart, PotentialMixture(w[:, [k]], t, [a, b][k][None])) for k in (0, 1))
    np.testing.assert_allclose(both, one + other, atol=1e-12 * np.abs(both).max())
    twice = potential(heart, PotentialMixture(2 * w[:, :1], t, a[None]))
    np.testing.assert_allclose(twice, 2 * one, atol=1e-12 * np.abs(one).max())
    assert not potential(heart, PotentialMixture(w[:, :0], t, np.empty((0, len(t))))).any()


def test_all_at_once_is_the_transfer_matrix(heart):
    """tau the same everywhere: only durations differ, phi = sum of (A w_k) D_k(t - tau)."""
    t, u = wave(20.0)
    still = heart | {"tau": np.full_like(heart["tau"], 33.3)}
    w = shares(heart, 2)[:, :1]
    matrix = transfer_matrix(heart["heart"], heart["sigma_i"], heart["grad"])
    expected = matrix @ w * (np.interp(TIME - 33.3, t, u) - u[0])
    found = potential(still, PotentialMixture(w, t, u[None]))
    np.testing.assert_allclose(found, expected, atol=1e-10 * np.abs(expected).max())


def test_exact_for_one_ramp(heart):
    """D = c t while the wave is inside: V_m = w c (t - tau), a product of two P1 functions."""
    t = np.array([-400.0, 0.0, 400.0])
    w, time = shares(heart, 2)[:, :1], np.array([50.0, 60.0])
    phi = potential(heart, PotentialMixture(w, t, 2.0 * t[None]), time)
    muscle, tau = heart["heart"], heart["tau"]
    hats = p1_gradients(muscle.points, muscle.cells)
    slope_w, slope_tau = (cell_gradient(hats, muscle.cells, v) for v in (w[:, 0], tau))
    mean_w, mean_tau = (v[muscle.cells].mean(axis=1) for v in (w[:, 0], tau))
    for column, now in zip(phi.T, time):
        # the resting value D(-inf) = -800 mV is left out
        slope = (2.0 * (now - mean_tau) + 800.0)[:, None] * slope_w
        slope -= 2.0 * mean_w[:, None] * slope_tau
        flux = np.einsum("cdk,ck,c->cd", heart["sigma_i"], slope, muscle.volumes)
        expected = -np.einsum("ecd,cd->e", heart["grad"], flux)
        np.testing.assert_allclose(column, expected, rtol=1e-10)


def test_against_fine_quadrature(heart):
    """A quick wave through six coarse cells: eq. (3) by brute force over points of each."""
    t = np.arange(-60.0, 420.0, 0.25)
    u = 120 / (1 + np.exp(-t / 0.5)) / (1 + np.exp((t - 250) / 25))
    muscle = bare_heart(heart["heart"].points, heart["heart"].cells[:6])
    few = {"heart": muscle, "sigma_i": heart["sigma_i"][:6], "tau": heart["tau"],
           "grad": heart["grad"][:, :6]}  # fmt: skip
    w = shares(heart, 2)[:, 0]
    phi = potential(few, PotentialMixture(w[:, None], t, u[None]))
    n = 60
    grid = np.array([(i, j, k) for i in range(n) for j in range(n - i) for k in range(n - i - j)])
    barycentric = np.column_stack([grid, n - 1 - grid.sum(axis=1)]) / (n - 1) * (1 - 4 / n) + 1 / n
    hats = p1_gradients(muscle.points, muscle.cells)
    slope_w, slope_tau = (cell_gradient(hats, muscle.cells, v) for v in (w, few["tau"]))
    reference = np.zeros_like(phi)
    for c, nodes in enumerate(muscle.cells):
        tau_here, w_here = barycentric @ few["tau"][nodes], barycentric @ w[nodes]
        rate = np.array(
            [(w_here * np.interp(now - tau_here, t[1:] - 0.125, np.diff(u) / 0.25)).mean()
             for now in TIME]
        )  # fmt: skip
        value = np.array([np.interp(now - tau_here, t, u).mean() for now in TIME])
        slope = np.outer(value, slope_w[c]) - np.outer(rate, slope_tau[c])
        flux = slope @ few["sigma_i"][c].T * muscle.volumes[c]
        reference -= few["grad"][:, c] @ flux.T
    assert np.abs(phi - reference).max() < 0.03 * np.abs(reference).max()


def test_nodal_v_m_on_finer_meshes_comes_to_it_with_order_two(heart):
    """Halving all cells, P1 tau and w stay what they are; nodal V_m then errs by h^2."""
    (t, a), (_, b) = wave(20.0), wave(15.0, 300.0)
    w, mesh = shares(heart, 2), ball_in_ball()
    exact = potential(heart, PotentialMixture(w, t, np.stack([a, b])))
    tau, errors = heart["tau"], []
    sigma_i, grad = heart["sigma_i"], heart["grad"]
    for level in range(3):
        fine = muscle_of(mesh)
        age = TIME[:, None] - tau
        v_m = w[:, 0] * np.interp(age, t, a) + w[:, 1] * np.interp(age, t, b)
        nodal = transfer_matrix(fine, sigma_i, grad) @ np.asarray(v_m, float).T
        errors.append(np.abs(nodal - exact).max() / np.abs(exact).max())
        if level < 2:
            finer = subdivide(mesh)
            n = finer.mesh.n_heart_nodes
            up = finer.prolongation[:n, : len(tau)]
            tau, w, mesh = up @ tau, up @ w, finer.mesh
            sigma_i, grad = np.repeat(sigma_i, 8, axis=0), np.repeat(grad, 8, axis=1)
    order = -np.polyfit([0, 1, 2], np.log2(errors), 1)[0]
    assert 1.7 < order < 2.4, errors
    assert errors[-1] < 0.01


def test_the_beat_ends_and_a_later_wave_gives_the_same(heart):
    t, u = wave(15.0)
    mixture = PotentialMixture(shares(heart, 2), t, np.stack([u, 0.5 * u]))
    time = np.arange(-250.0, 1200.0, 2.0)
    phi = potential(heart, mixture, time)
    scale = np.abs(phi).max()
    assert np.abs(phi[:, time < heart["tau"].min() - 200]).max(initial=0.0) < 1e-12 * scale
    assert np.abs(phi[:, time > heart["tau"].max() + 800]).max() < 1e-6 * scale
    later = potential(heart | {"tau": heart["tau"] + 7.3}, mixture, time + 7.3)
    np.testing.assert_allclose(later, phi, atol=1e-9 * scale)
    coarse = potential(heart, mixture, time[::2])
    np.testing.assert_allclose(coarse, phi[:, ::2], atol=1e-10 * scale)


def test_area_under_the_ecg_is_that_of_the_durations(heart):
    """Over a beat, int V_m dt does not know when: int phi dt = sum of (A w_k) int D_k dt.

    With one member everywhere it is zero: the theorem of the ventricular gradient (Wilson 1934).
    """
    t, u = wave(15.0)
    w, time = shares(heart, 2)[:, :1], np.arange(-300.0, 1300.0, 1.0)
    area = potential(heart, PotentialMixture(w, t, u[None]), time).sum(axis=1)
    matrix = transfer_matrix(heart["heart"], heart["sigma_i"], heart["grad"])
    expected = matrix @ w[:, 0] * u.sum()
    np.testing.assert_allclose(area, expected, atol=1e-5 * np.abs(expected).max())
    even = potential(heart, PotentialMixture(np.ones_like(w), t, u[None]), time)
    assert np.abs(even.sum(axis=1)).max() < 1e-6 * np.abs(even).sum(axis=1).max()


def test_longer_cells_where_the_wave_starts_turn_the_t_wave_upright(heart):
    """Repolarisation that ends where activation began: T has the sign of the QRS."""
    members = family()
    own = members.apd90[members.template]
    t, u = template(0.1)
    early = (heart["tau"].max() - heart["tau"]) / np.ptp(heart["tau"])
    mixture = members.mixture(members.weights(own - 90.0 + 100.0 * early))
    time = np.arange(-20.0, 500.0, 1.0)
    before = forward_potential(*heart.values(), time, (t, u))
    after = before + potential(heart, mixture, time)
    qrs, t_wave = (time > 40) & (time < 125), time > 200
    lead = np.abs(before[:, qrs]).max(axis=1).argmax()
    up = np.sign(before[lead, qrs][np.abs(before[lead, qrs]).argmax()])
    peak = lambda phi: up * phi[lead, t_wave][np.abs(phi[lead, t_wave]).argmax()]  # noqa: E731
    assert peak(before) < 0 < peak(after)


def test_equal_durations_give_the_bytes_of_one_cell():
    """Gradients of zero at the template's duration: no member is used, and nothing is added."""
    patient, leadfield = activated_patient(), LeadFieldSettings()
    members = family()
    own = durations(mean_ms=members.apd90[members.template])
    places = np.array([[0.0, -120.0, 0.0], [150.0, 0.0, 0.0]])
    grad = pseudo_lead_field_grad(patient.heart.centroids, places, 0.06)
    tau = np.linalg.norm(patient.heart.points, axis=1).astype(np.float32)
    one, many = (Membrane.of(patient, leadfield, r) for r in (HOMOGENEOUS, own))
    assert one.mixture is None and many.mixture is None
    assert one.potential(tau, grad, TIME).tobytes() == many.potential(tau, grad, TIME).tobytes()
    assert one.energy(tau) == many.energy(tau)
    other = Membrane.of(patient, leadfield, own.model_copy(update={"mean_ms": 250.0}))
    # another duration everywhere: the sum of template and difference is that action potential
    alone = one.template[0], potential_of_duration(one.template[0], 250.0)
    expected = forward_potential(patient.heart, one.sigma_i, tau, grad, TIME, alone)
    error = np.abs(other.potential(tau, grad, TIME) - expected).max()
    assert error < 2e-3 * np.abs(expected).max()


def potential_of_duration(time, duration):
    """Potential of the family for one duration, mV."""
    members = family()
    shares = members.weights(np.array([duration]))[0]
    return sum(share * cell_potential(time, v_m) for share, v_m in zip(shares, members.v_m))


def test_energy_is_that_of_the_gradient():
    """C_Vm against a sum over time and points, and against the closed form of one member."""
    points, cells = box_mesh(2, size=6.0)
    box = bare_heart(points, cells)
    sigma_i = np.broadcast_to(0.1 * np.eye(3), (len(cells), 3, 3))
    tau = 10 + points @ [1.0, 0.3, -0.2]
    t = np.arange(-100.0, 700.0, 0.5)
    u = -80 + np.interp(t, *wave(15.0))
    d = np.interp(t, *wave(10.0, 300.0)) - 2.0
    w = np.random.default_rng(5).uniform(size=(len(points), 1))
    mixture = PotentialMixture(w, t, d[None])
    corners = 0.13819660112501052  # the quadrature of degree two: four points
    barycentric = np.full((4, 4), corners) + (1 - 4 * corners) * np.eye(4)
    hats = p1_gradients(points, cells)
    slope_w, slope_tau = (cell_gradient(hats, cells, v) for v in (w[:, 0], tau))
    middle, dt = (t[1:] + t[:-1]) / 2, 0.5
    total = 0.0
    for c, nodes in enumerate(cells):
        for weights in barycentric:
            value = np.interp(middle, t, d) - d[0]
            rate = (np.diff(u) + (weights @ w[nodes, 0]) * np.diff(d)) / dt
            slope = 0.1 * (np.outer(value, slope_w[c]) - np.outer(rate, slope_tau[c]))
            total += box.volumes[c] / 4 * (slope**2).sum() * dt
    found = mixture_energy(box, sigma_i, tau, (t, u), mixture)
    assert found == pytest.approx(total, rel=1e-9)
    none = PotentialMixture(w[:, :0], t, np.empty((0, len(t))))
    alone = mixture_energy(box, sigma_i, tau, (t, u), none)
    assert alone == pytest.approx(source_energy(box, sigma_i, tau, (t, u)), rel=1e-12)


def test_bad_input(heart):
    t, u = wave(20.0)
    mixture = PotentialMixture(shares(heart, 2)[:, :1], t, u[None])
    with pytest.raises(BadInput, match="weights"):
        potential(heart, replace(mixture, weights=mixture.weights[:-1]))
    with pytest.raises(BadInput, match="NaN"):
        potential(heart, replace(mixture, weights=np.nan * mixture.weights))
    with pytest.raises(BadInput, match="time: must increase"):
        potential(heart, mixture, TIME**2)
    with pytest.raises(BadInput, match="grad"):
        potential(heart | {"grad": heart["grad"][:, :-1]}, mixture)

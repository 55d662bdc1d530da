"""Total variation and L1 norms: closed forms, a second implementation, its own stopping."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from helpers.inverse import two_spheres
from scipy.optimize import minimize

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.inverse.methods.regularisation.l1 import GroupL1Method, L1Normal, TotalVariation
from einthoven.inverse.methods.regularisation.penalties import DensePenalty, Penalty
from einthoven.inverse.methods.regularisation.splitting import GroupL1, Splitting
from einthoven.inverse.methods.regularisation.standard_form import StandardForm
from einthoven.numerics.bem.transfer import BemTransfer

PROBLEM = cache(two_spheres)


@dataclass(frozen=True)
class Identity(Penalty):
    """L = 1."""

    n: int
    free_constant = False

    @property
    def operator(self) -> np.ndarray:
        return np.eye(self.n)

    def whiten(self, matrix: np.ndarray) -> np.ndarray:
        return matrix

    def unwhiten(self, values: np.ndarray) -> np.ndarray:
        return values


def test_soft_threshold_for_an_orthogonal_transfer() -> None:
    """A'A = 1, L = 1: u = sign(A'y) max(|A'y| - lambda, 0)."""
    rng = np.random.default_rng(0)
    transfer = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    body = rng.normal(size=(12, 3))
    plain = transfer.T @ body
    form = StandardForm.of(transfer, Identity(12), np.ones(12))
    splitting = Splitting(transfer, form, GroupL1(Identity(12), np.ones(12)), 1e-10, 2000)
    u, _ = splitting.solve(body, plain, 0.4, 1.0)
    np.testing.assert_allclose(u, np.sign(plain) * np.maximum(np.abs(plain) - 0.4, 0), atol=1e-8)


def test_shrinkage_of_groups_is_the_proximal_map() -> None:
    """min 1/2 |x - v|^2 + step size |x| over one group: v (1 - step size / |v|), or 0."""
    group = GroupL1(Identity(4), np.array([1.0, 2.0]))
    values = np.array([[3.0], [4.0], [0.3], [0.4]])
    np.testing.assert_allclose(group.shrunk(values, 0.5)[:, 0], [2.7, 3.6, 0.0, 0.0])
    assert group.value(values) == pytest.approx(5.0 + 2.0 * 0.5)


def smoothed_minimum(method: GroupL1Method, weight: float, eps: float) -> np.ndarray:
    """The same problem at one instant with |x| -> (|x|^2 + eps^2)^(1/2), by L-BFGS."""
    p = PROBLEM()
    group = method.group_l1(p.given())
    operator, y = group.penalty.operator, p.body_potentials[:, 12]

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        mapped = (operator @ u).reshape(len(group.sizes), -1)
        length = np.sqrt((mapped**2).sum(axis=1) + eps**2)
        residual = p.transfer @ u - y
        slope = (group.sizes / length)[:, None] * mapped
        gradient = p.transfer.T @ residual + weight * (operator.T @ slope.ravel())
        return 0.5 * residual @ residual + weight * group.sizes @ length, gradient

    start = method.fit(p.given()).potentials[:, 12]
    options = {"maxiter": 1500, "maxfun": 3000, "ftol": 1e-14, "gtol": 1e-9}
    found = minimize(objective, 0.9 * start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x)


def methods() -> list[GroupL1Method]:
    return [TotalVariation(), L1Normal()]


@pytest.mark.parametrize("k", [0, 1], ids=["total-variation", "l1-normal"])
def test_agrees_with_a_smoothed_problem_by_another_algorithm(k: int) -> None:
    p, weight = PROBLEM(), 2e-4
    method = replace(methods()[k], weight=weight, tolerance=1e-4, max_iterations=5000)
    given = p.given(body_potentials=p.body_potentials[:, [12, 13]], time=p.time[:2])
    u = method.fit(given).potentials
    other = smoothed_minimum(replace(method, tolerance=1e-3), weight, 1e-3)
    assert np.linalg.norm(u[:, 0] - other) < 0.01 * np.linalg.norm(other)


@pytest.mark.parametrize("k", [0, 1], ids=["total-variation", "l1-normal"])
def test_a_large_weight_leaves_the_constant(k: int) -> None:
    p = PROBLEM()
    u = (
        replace(methods()[k], weight=1e4, tolerance=1e-7, max_iterations=5000)
        .fit(p.given())
        .potentials
    )
    response = p.transfer.sum(axis=1)
    best = response @ p.body_potentials / (response @ response)
    np.testing.assert_allclose(u, np.broadcast_to(best, u.shape), atol=1e-5)


def test_an_iteration_that_is_cut_short_says_so() -> None:
    p = PROBLEM()
    with pytest.raises(NotConverged, match="after 3 iterations"):
        TotalVariation(max_iterations=3).fit(p.given())


def test_a_matrix_that_is_no_normal_derivative_is_refused() -> None:
    p = PROBLEM()
    for matrix, message in (
        (np.eye(len(p.surface.points)), "rows sum"),
        (p.normal_derivative[1:], "normal_derivative: shape"),
    ):
        with pytest.raises(BadInput, match=message):
            L1Normal().fit(p.given(forward=BemTransfer(np.empty((0, 0)), matrix)))


def test_dense_penalty_inverts_its_matrix_up_to_constants() -> None:
    p = PROBLEM()
    matrix = L1Normal().group_l1(p.given()).penalty.operator
    penalty = DensePenalty(np.asarray(matrix))
    u = p.potentials
    back = penalty.unwhiten(matrix @ u)
    np.testing.assert_allclose(back - back[0], u - u[0], atol=1e-6)

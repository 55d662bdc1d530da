"""Damped Gauss-Newton steps and line searches against closed forms."""

from collections.abc import Callable

import numpy as np
import pytest

from einthoven.numerics.optimisation.levenberg_marquardt import Damping, minimise
from einthoven.numerics.optimisation.line_search import SUFFICIENT, backtrack


class SumOfSquares:
    """Half the sum of squares of residuals, with their Jacobian."""

    def __init__(self, residuals: Callable, jacobian: Callable):
        self.residuals, self.jacobian = residuals, jacobian

    def cost(self, x: np.ndarray) -> float:
        return 0.5 * float(np.sum(self.residuals(x) ** 2))

    def quadratic(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        jacobian = self.jacobian(x)
        return jacobian.T @ self.residuals(x), jacobian.T @ jacobian

    def moved(self, x: np.ndarray, step: np.ndarray) -> np.ndarray:
        return x + step


def damping(value: float = 1e-3, **changes: float) -> Damping:
    return Damping(value, 0.1, 10.0, max_trials=12, **changes)


def linear() -> tuple[SumOfSquares, np.ndarray, np.ndarray]:
    """A x = b, overdetermined, with A and b."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((20, 4)), rng.standard_normal(20)
    return SumOfSquares(lambda x: a @ x - b, lambda x: a), a, b


ROSENBROCK = SumOfSquares(
    lambda x: np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]),
    lambda x: np.array([[-20 * x[0], 10.0], [-1.0, 0.0]]),
)


def test_a_linear_problem_takes_one_step() -> None:
    function, a, b = linear()
    found, n_steps = minimise(function, np.zeros(4), damping(0.0), 1, (0.0, 0.0))
    assert n_steps == 1
    np.testing.assert_allclose(found, np.linalg.lstsq(a, b)[0], rtol=1e-12)


def test_the_step_is_that_of_levenberg_and_marquardt() -> None:
    """Of a diagonal H every entry is its own equation: (1 + mu) h d + floor max(h) d = -g."""
    h, g = np.array([4.0, 1.0, 0.01]), np.array([2.0, -3.0, 5.0])
    step = damping(0.5, floor=0.1).step(g, np.diag(h))
    np.testing.assert_allclose(step, -g / (1.5 * h + 0.4), rtol=1e-14)


def test_the_step_does_not_depend_on_the_units_of_a_parameter() -> None:
    function, _, _ = linear()
    gradient, hessian = function.quadratic(np.ones(4))
    units = np.array([1.0, 1e3, 1e-3, 1.0])
    step = damping(2.0).step(gradient, hessian)
    other = damping(2.0).step(units * gradient, units[:, None] * hessian * units)
    np.testing.assert_allclose(units * other, step, rtol=1e-9)


def test_a_parameter_without_influence_does_not_move() -> None:
    hessian = np.diag([2.0, 0.0, 4.0])
    np.testing.assert_array_equal(
        damping(0.0).step(np.array([2.0, 0.0, 2.0]), hessian), [-1.0, 0.0, -0.5]
    )


def test_rosenbrocks_valley_is_followed_to_its_end() -> None:
    found, n_steps = minimise(ROSENBROCK, np.array([-1.2, 1.0]), damping(), 100, (0.0, 1e-20))
    np.testing.assert_allclose(found, [1.0, 1.0], atol=1e-9)
    assert 5 < n_steps < 50


def test_a_refused_step_raises_the_damping_and_an_accepted_one_lowers_it() -> None:
    rule, costs = damping(1e-3, least=5e-3), iter([3.0, np.nan, np.inf, 1.0])
    assert rule.first_lower(2.0, lambda: ("point", next(costs))) == ("point", 1.0)
    assert rule.value == pytest.approx(1.0)
    rule.lower()
    assert rule.value == pytest.approx(0.1)
    for _ in range(9):
        rule.lower()
    assert rule.value == 5e-3


def test_the_search_ends_where_no_step_lowers_the_cost() -> None:
    rule = damping(1e-3)
    assert rule.first_lower(2.0, lambda: ("point", 2.0)) is None
    assert rule.value == pytest.approx(1e9)
    start = np.ones(2)  # the minimum of Rosenbrock's function
    found, n_steps = minimise(ROSENBROCK, start, damping(), 100, (1e-3, 0.0))
    assert found is start and n_steps == 1


def test_the_search_ends_after_a_small_gain() -> None:
    start = np.array([-1.2, 1.0])
    _, whole = minimise(ROSENBROCK, start, damping(), 100, (0.0, 1e-20))
    for tolerance in ((0.0, 1e3), (1e6, 0.0)):
        assert minimise(ROSENBROCK, start, damping(), 100, tolerance)[1] == 1 < whole


def test_a_step_out_of_the_domain_is_shortened_by_damping() -> None:
    """x - log x, which is infinite below 0: the full step from 5 leads there."""

    class Barrier:
        def cost(self, x: float) -> float:
            return x - np.log(x) if x > 0 else np.inf

        def quadratic(self, x: float) -> tuple[np.ndarray, np.ndarray]:
            return np.array([1 - 1 / x]), np.array([[1 / x**2]])

        def moved(self, x: float, step: np.ndarray) -> float:
            return x + float(step[0])

    found, _ = minimise(Barrier(), 5.0, damping(), 100, (0.0, 1e-14))
    assert found == pytest.approx(1.0, abs=1e-6)


def test_a_line_search_takes_the_first_length_that_is_good_enough() -> None:
    """x^2 from 1 along -4: lengths 1 and 1/2 end at -3 and -1, 1/4 at the minimum."""

    def trial(length: float) -> tuple[float, float]:
        return length, (1 - 4 * length) ** 2

    assert backtrack(1.0, trial, 12, slope=8.0) == (0.25, 0.0)
    assert backtrack(1.0, trial, 12) == (0.5, 1.0), "with slope 0 an equal cost is enough"
    assert backtrack(1.0, trial, 12, longest=0.4, slope=8.0)[0] == 0.4
    assert backtrack(1.0, trial, 2, slope=8.0) is None
    assert 0 < SUFFICIENT < 0.5

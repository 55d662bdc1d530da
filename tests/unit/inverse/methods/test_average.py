"""The average of methods: what it is made of, what it leaves out, how certain it says to be."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from helpers.inverse import two_spheres

from einthoven.base.core.errors import BadInput, NotConverged
from einthoven.inverse.methods import average
from einthoven.inverse.methods.average import Average
from einthoven.inverse.methods.regularisation.tikhonov import Tikhonov1, Tikhonov2
from einthoven.inverse.methods.waves.wave_method import Waves
from einthoven.inverse.problem.method import Diagnostics, Estimate, Method
from einthoven.inverse.problem.registry import reconstruct

PROBLEM = two_spheres()
GIVEN = PROBLEM.given()
TRUTH = PROBLEM.potentials


@dataclass(frozen=True)
class Stated(Method):
    """A method whose estimate is the truth times a factor, or plus a constant error."""

    name: ClassVar[str] = "stated"
    factor: ClassVar[float] = 1.0
    error: ClassVar[np.ndarray | float] = 0.0

    def solve(self, problem):
        return Estimate(self.factor * TRUTH + self.error, Diagnostics())


def stated(label, factor=1.0, error=0.0):
    members = {"name": label, "factor": factor, "error": error}
    return dataclass(frozen=True)(type(label, (Stated,), members))


@dataclass(frozen=True)
class Failing(Method):
    name: ClassVar[str] = "failing"

    def solve(self, problem):
        raise NotConverged("no corner")


def fitted(monkeypatch, members):
    monkeypatch.setattr(average, "MEMBERS", members)
    return Average().fit(GIVEN)


def test_the_error_of_the_average_is_the_mean_error_less_the_spread(monkeypatch):
    """Krogh and Vedelsby 1994, eq. (6)."""
    rng = np.random.default_rng(0)
    errors = [rng.normal(size=TRUTH.shape) for _ in range(3)]
    weights = np.array([2.0, 1.0, 1.0])
    members = {stated(f"m{k}", error=e): w for k, (e, w) in enumerate(zip(errors, weights))}
    found = fitted(monkeypatch, members)
    shares = weights / weights.sum()
    np.testing.assert_allclose(found.diagnostics.member_weights, shares)
    spread = shares @ [((m - found.potentials) ** 2).sum() for m in found.diagnostics.members]
    mean_error = shares @ [(e**2).sum() for e in errors]
    np.testing.assert_allclose(((found.potentials - TRUTH) ** 2).sum(), mean_error - spread)


@pytest.mark.parametrize("factor, kept", [(2.4, 3), (2.6, 2), (40.0, 2)])
def test_a_member_that_explodes_is_left_out_and_named(monkeypatch, factor, kept):
    members = {stated("a"): 1.0, stated("b"): 1.0, stated("wild", factor=factor): 4.0}
    found = fitted(monkeypatch, members)
    assert len(found.diagnostics.members) == kept
    assert any("wild left out" in note for note in found.diagnostics.notes) == (kept == 2)
    if kept == 2:
        np.testing.assert_allclose(found.potentials, TRUTH)


def test_a_member_that_fails_is_left_out_and_named(monkeypatch):
    found = fitted(monkeypatch, {stated("a"): 1.0, Failing: 1.0, stated("b"): 1.0})
    assert "failing left out: no corner" in found.diagnostics.notes
    with pytest.raises(NotConverged, match="1 methods left of 2.*no corner"):
        fitted(monkeypatch, {stated("a"): 1.0, Failing: 1.0})


def test_the_sd_has_two_parts(monkeypatch):
    """Members that agree leave 0.4 of the RMS over the heart; members apart add to it."""
    areas = PROBLEM.surface.areas
    less = TRUTH - (areas / areas.sum()) @ TRUTH
    level = (areas / areas.sum()) @ less**2
    found = fitted(monkeypatch, {stated("a"): 4.0, stated("b"): 1.0})
    expected = 0.4 * np.sqrt(level) * np.ones(TRUTH.shape)
    np.testing.assert_allclose(found.diagnostics.sd, expected, rtol=1e-10)
    # a constant difference d of members of shares 0.8 and 0.2 has the SD 0.4 d
    apart = fitted(monkeypatch, {stated("a"): 4.0, stated("b", error=1.0): 1.0})
    np.testing.assert_allclose(apart.diagnostics.sd**2 - expected**2, (2 * 0.4) ** 2, rtol=1e-9)


def test_it_is_near_the_best_where_the_matrix_is_right():
    """Two spheres, matrix in closed form: the best of its members, and intervals that hold."""
    found = Average().fit(GIVEN)
    errors = [np.linalg.norm(m - TRUTH) for m in found.diagnostics.members]
    assert np.linalg.norm(found.potentials - TRUTH) <= 1.02 * min(errors)
    inside = np.abs(found.potentials - TRUTH) <= 1.645 * found.diagnostics.sd
    assert 0.85 <= inside.mean()


def test_microvolts_give_the_same_in_microvolts():
    in_mv, in_uv = (Average().fit(PROBLEM.given(body_potentials=f * PROBLEM.body_potentials))
                    for f in (1.0, 1000.0))  # fmt: skip
    size = np.linalg.norm(in_mv.potentials)
    assert np.linalg.norm(in_uv.potentials / 1000.0 - in_mv.potentials) < 0.01 * size
    np.testing.assert_allclose(in_uv.diagnostics.sd / 1000.0, in_mv.diagnostics.sd, rtol=0.1)


def test_members_by_default_and_by_name():
    assert set(average.MEMBERS) >= {Waves, Tikhonov1, Tikhonov2}
    found = reconstruct(GIVEN, "average")
    np.testing.assert_array_equal(found.potentials, Average().fit(GIVEN).potentials)
    assert found.diagnostics.notes[0].startswith("average of waves 0.57, tikhonov-1 0.14")


def test_a_problem_that_no_member_can_solve_is_refused():
    with pytest.raises(BadInput, match="all values are equal"):
        Average().fit(PROBLEM.given(body_potentials=np.zeros_like(PROBLEM.body_potentials)))

"""Every method of the registry can be made for a problem, and the plans name methods that are."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from helpers.inverse import two_spheres

from einthoven.app.run.inverse_plan import SLOW
from einthoven.base.config import load
from einthoven.base.config.inverse import CriterionName, InverseSettings
from einthoven.base.core.errors import BadInput
from einthoven.inverse.baselines.bayes.map_method import Map
from einthoven.inverse.methods.regularisation.criteria import Creso, Gcv
from einthoven.inverse.methods.regularisation.tikhonov import Tikhonov1
from einthoven.inverse.problem.method import Diagnostics, Estimate, MethodChoices
from einthoven.inverse.problem.registry import METHODS, method_class, reconstruct
from einthoven.inverse.synthetic.comparison import method_for, trials
from einthoven.inverse.synthetic.known_problem import KnownProblem
from einthoven.inverse.synthetic.scores import scores
from einthoven.inverse.synthetic.trials import summary
from einthoven.physics.electrophysiology.aliev_panfilov import MS_PER_UNIT

CONFIG = Path(__file__).resolve().parents[4] / "config"


def known():
    problem = two_spheres(noise=0.0)
    return KnownProblem(
        name="spheres", heart_points=problem.surface.points, heart_faces=problem.surface.faces,
        torso_points=problem.torso.points, torso_faces=problem.torso.faces,
        electrode_points=1.001 * problem.torso.points[problem.electrodes],
        transfer=problem.transfer, time=problem.time, body_potentials=problem.body_potentials,
        potentials=problem.potentials, transmembrane=True, sites=np.empty((0, 3)),
        activation_time=40.0 + problem.surface.points[:, 2],
    )  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_every_method_can_be_made(name):
    method = method_for(name, known(), InverseSettings(criterion="creso", network_steps=7), seed=3)
    assert method.name == name
    if name.startswith("tikhonov"):
        assert isinstance(method.criterion, Creso)
    if name == "eand-arn":
        assert (method.recipe.steps, method.seed) == (7, 3)


@pytest.mark.parametrize("name", get_args(CriterionName))
def test_every_criterion_of_the_config_can_be_made(name):
    made = method_for("tikhonov-0", known(), InverseSettings(criterion=name))
    assert made.criterion.name == name
    own = method_for("tikhonov-0", known(), InverseSettings())
    assert own == method_class("tikhonov-0")()


def test_a_problem_says_what_is_sought_and_holds_no_answer():
    inside, outside = known(), replace(known(), transmembrane=False, time_unit="1")
    given = inside.problem(inside.body_potentials)
    assert given.potential_of_source is None and given.ms_per_unit == MS_PER_UNIT
    other = outside.problem(outside.body_potentials, noise_sd=0.1)
    assert other.potential_of_source.shape == (162, 162)
    assert (other.ms_per_unit, other.noise_sd, other.transmembrane) == (1.0, 0.1, False)
    assert not {"potentials", "activation_time", "sites"} & set(vars(given))


def test_map_draws_beats_of_the_kind_that_is_sought():
    for transmembrane, kind in ((True, "action potentials"), (False, "electrograms")):
        problem = replace(known(), transmembrane=transmembrane)
        diagnostics = Map().fit(problem.problem(problem.body_potentials)).diagnostics
        assert kind in diagnostics.criterion


def test_electrodes_are_nodes_of_the_torso_that_methods_see():
    problem = known()
    given = problem.problem(problem.body_potentials)
    points = given.torso_with_electrodes.points[given.electrode_nodes]
    np.testing.assert_array_equal(points, problem.electrode_points)
    few = replace(problem, torso_points=problem.torso_points[:60])
    with pytest.raises(BadInput, match="81 electrodes on a torso of 60 nodes share nodes"):
        method_for("mfs", few, InverseSettings()).fit(few.problem(few.body_potentials))


def test_an_unknown_method_is_refused():
    with pytest.raises(BadInput, match=r"inverse\.methods: unknown tikhonov; known are tikhonov-0"):
        method_for("tikhonov", known(), InverseSettings())


def test_all_methods_see_the_same_noise():
    problem = known()
    found = []
    for name in ("tikhonov-0", "tikhonov-2"):
        method = method_for(name, problem, InverseSettings(criterion="gcv"))
        found += trials(problem, method, [(0.01, 0), (0.01, 1)], seed=1)
    rows = summary(found)["spheres"]
    assert {row["0.01"]["repeats"] for row in rows.values()} == {2}
    again = next(trials(problem, method, [(0.01, 1)], seed=1))
    assert again.numbers["re"] == found[-1].numbers["re"] != found[-2].numbers["re"]


def test_a_node_without_a_time_is_not_covered():
    """4D-Var states none where its wave does not come."""
    problem = known()
    times = np.where(np.arange(162) < 81, np.nan, problem.activation_time)
    stated = Diagnostics(activation_time=times, activation_sd=np.ones(162))
    row = scores(problem, Estimate(problem.potentials, stated))
    assert row["at_coverage_90"] == pytest.approx(0.5) and row["at_error_ms"] == 0.0


@pytest.mark.parametrize("name", ["config", "paper", "fine", "ci", "study"])
def test_configs_name_methods_that_are_known(name):
    assert set(load(CONFIG / f"{name}.yaml").inverse.methods) <= set(METHODS)
    assert set(METHODS) >= SLOW


def test_reconstruct_is_the_method_of_that_name():
    problem = known().problem(known().noisy(0.01, seed=1))
    found = reconstruct(problem, "tikhonov-1", MethodChoices(Gcv()))
    np.testing.assert_array_equal(found.potentials, Tikhonov1(Gcv()).fit(problem).potentials)
    with pytest.raises(BadInput, match="unknown guess"):
        reconstruct(problem, "guess")

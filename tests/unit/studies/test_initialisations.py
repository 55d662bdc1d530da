"""Losses of networks that are not trained."""

import numpy as np
import pytest
from helpers.recordings import ellipsoid
from initialisations import Initialisation, initialisations

from einthoven.inverse.baselines.networks.collocation import SpaceTime
from einthoven.inverse.baselines.networks.fit import evaluate, losses
from einthoven.inverse.baselines.networks.network_methods import EandArn
from einthoven.inverse.problem.inverse_problem import InverseProblem, SourceSurface


def test_initialisation_is_bad_where_one_loss_dominates() -> None:
    domain = SpaceTime(SourceSurface(*ellipsoid(1, (30.0, 30.0, 30.0))), 0.1 * np.arange(30))
    n = len(domain.surface.points)
    transfer = np.full((3, n), 1 / n) + np.eye(3, n)
    body = transfer @ np.sin(domain.time + np.arange(n)[:, None])
    method = EandArn(ep_weight=1.0)
    problem = InverseProblem(transfer, body, domain.surface, domain.time, ms_per_unit=1.0)
    found = initialisations(method, problem, n_seeds=3)
    assert len({start.data for start in found}) == 3
    objective = method.objective(transfer, body, domain)
    data, ep = losses(objective, method.generator("check"))
    assert found[0] == Initialisation(data, ep)
    u = evaluate(objective.network, domain)[0]
    assert data == pytest.approx(((body - transfer @ u) ** 2).mean(), rel=1e-4)
    assert Initialisation(1.0, 11.0).is_bad and Initialisation(11.0, 1.0).is_bad
    assert not Initialisation(1.0, 9.0).is_bad

"""Distances and limits of the out-of-distribution check."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from einthoven.base.metrics.out_of_distribution import (
    FeatureDistribution,
    hotelling_limit,
    prediction_limit,
)
from einthoven.learning.encoders.deepsdf.infer import CodePrior
from einthoven.learning.encoders.deepsdf.out_of_distribution import check_code

COVARIANCE = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 2.0]])
MEAN = np.array([1.0, -2.0, 3.0])


def test_distance_is_that_of_mahalanobis_per_feature() -> None:
    distribution = FeatureDistribution.of_covariance(MEAN, COVARIANCE)
    x = np.array([2.0, 2.0, 2.0])
    square = (x - MEAN) @ np.linalg.solve(COVARIANCE, x - MEAN)
    assert distribution.distance(x) == pytest.approx(np.sqrt(square / 3))
    assert distribution.distance(MEAN) == 0
    rows = np.random.default_rng(0).multivariate_normal(MEAN, COVARIANCE, 20_000)
    np.testing.assert_allclose(np.cov(distribution.scores(rows).T), np.eye(3), atol=0.03)
    assert distribution.distance(rows) == pytest.approx(1, abs=0.02)


def test_tensors_have_the_distance_of_arrays() -> None:
    distribution = FeatureDistribution.of_covariance(MEAN, COVARIANCE)
    tensors = FeatureDistribution(
        torch.tensor(distribution.mean), torch.tensor(distribution.whitening)
    )
    rows = np.random.default_rng(0).standard_normal((5, 3))
    assert tensors.distance(torch.tensor(rows)) == pytest.approx(distribution.distance(rows))


def test_one_in_a_hundred_further_numbers_is_beyond_the_prediction_limit() -> None:
    rng = np.random.default_rng(0)
    beyond = [
        rng.normal() > np.log(prediction_limit(np.exp(rng.normal(size=12)))) for _ in range(4000)
    ]
    assert np.mean(beyond) == pytest.approx(0.01, abs=0.005)
    assert np.isnan(prediction_limit(np.ones(1)))


def test_limits_are_twice_the_usual_misfit_and_hotellings_distance() -> None:
    prior = CodePrior(np.array([1.0, 2.0]), np.diag([4.0, 9.0]), n_codes=40)
    usual = {"near_surface_mm": {"torso": 0.3, "lv": 0.05}}
    encoder = SimpleNamespace(prior=prior, n_latent=2, validation=usual)
    latent = prior.mean + [2.0, 6.0]  # one and two standard deviations
    check = check_code(encoder, latent, {"torso": 0.59, "lv": 0.11})
    assert check.values == pytest.approx(
        {"code_sd": 5**0.5, "misfit_torso_mm": 0.59, "misfit_lv_mm": 0.11}
    )
    assert check.limits == pytest.approx(
        {"code_sd": hotelling_limit(2, 40), "misfit_torso_mm": 0.6, "misfit_lv_mm": 0.1}
    )
    assert not check.in_distribution and check.reasons == ["misfit_lv_mm 0.1 (limit 0.1)"]
    assert check.with_sd(3.0, 2.0).limits["sd_deg"] == 4.0
    encoder.validation = {"near_surface_mm": {}}  # of a run without validation patients
    assert check_code(encoder, latent, {"lv": 0.01}).reasons == ["misfit_lv_mm 0.0 (limit nan)"]

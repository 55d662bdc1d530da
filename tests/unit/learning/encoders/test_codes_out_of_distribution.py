"""The limits of the out-of-distribution check."""

from types import SimpleNamespace

import numpy as np
import pytest

from einthoven.learning.encoders.deepsdf.infer import CodePrior
from einthoven.learning.encoders.deepsdf.out_of_distribution import check_code, distance_limit


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
        {"code_sd": distance_limit(2, 40), "misfit_torso_mm": 0.6, "misfit_lv_mm": 0.1}
    )
    assert not check.in_distribution and check.reasons == ["misfit_lv_mm 0.1 (limit 0.1)"]
    assert check.with_sd(3.0, 2.0).limits["sd_deg"] == 4.0
    encoder.validation = {"near_surface_mm": {}}  # of a run without validation patients
    assert check_code(encoder, latent, {"lv": 0.01}).reasons == ["misfit_lv_mm 0.0 (limit nan)"]

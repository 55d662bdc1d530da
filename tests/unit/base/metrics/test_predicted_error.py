"""The error to expect: a power law with known scatter is found, and its interval holds."""

import json

import numpy as np
import pytest

from einthoven.base.core.errors import BadInput
from einthoven.base.metrics.out_of_distribution import OutOfDistributionCheck
from einthoven.base.metrics.predicted_error import ECG_SD, LEVEL, ErrorModel, PredictedError

SCATTER = 0.2


def bodies(n=4000, shift=0.0, seed=1):
    """Bodies of four classes with error = 1.5 sd^0.8; those of class d are off by `shift`."""
    rng = np.random.default_rng(seed)
    sds, classes = (
        np.exp(rng.uniform(0.0, 1.5, n)),
        np.array(["a", "b", "c", "d"])[np.arange(n) % 4],
    )
    errors = 1.5 * sds**0.8 * np.exp(SCATTER * rng.standard_normal(n) + shift * (classes == "d"))
    return {"sd_deg": sds, "points_sd": rng.uniform(0.5, 1.5, n)}, errors, classes


def test_a_power_law_is_found_with_its_scatter():
    found = ErrorModel.fit(*bodies())
    assert found.slope == pytest.approx(0.8, abs=0.03)
    assert found.intercept == pytest.approx(np.log(1.5), abs=0.03)
    np.testing.assert_allclose([found.low, found.high], [-1.645 * SCATTER, 1.645 * SCATTER],
                               rtol=0.06)  # fmt: skip
    assert all(abs(share - LEVEL) < 0.03 for share in found.about["coverage_left_out"].values())
    expected = found.at(2.0)
    assert expected.expected == pytest.approx(1.5 * 2**0.8, rel=0.03) and expected.is_known
    assert expected.low < expected.expected < expected.high
    assert not found.at(50.0).is_known


def test_the_interval_holds_on_further_bodies():
    found = ErrorModel.fit(*bodies(60, seed=2))
    measures, errors, _ = bodies(4000, seed=3)
    limits = [found.at(sd) for sd in measures["sd_deg"]]
    inside = np.mean([one.low <= error <= one.high for one, error in zip(limits, errors)])
    assert inside > LEVEL - 0.05


def test_a_class_that_is_off_widens_the_interval_and_is_told():
    usual, off = ErrorModel.fit(*bodies()), ErrorModel.fit(*bodies(shift=0.8))
    assert off.high > usual.high + 0.4
    assert off.about["coverage_left_out"]["d"] < 0.3 < off.about["coverage_left_out"]["a"]


def test_it_goes_through_json_and_gives_the_limits_of_a_check():
    found = ErrorModel.fit(*bodies())
    again = ErrorModel.from_json(json.loads(json.dumps(found.to_json())), "file")
    assert again == found
    body = OutOfDistributionCheck({"points_sd": 1.4}, {"points_sd": 1.0})
    assert not body.in_distribution
    told = body.with_error(2.0, found)
    assert told.in_distribution and told.expected == found.at(2.0)
    assert OutOfDistributionCheck.from_json(told.to_json()) == told
    assert not body.with_error(10.0, found).in_distribution
    assert "expected" not in body.with_sd(2.0, 3.0).to_json()


def test_the_error_of_an_ecg_goes_by_its_own_sd():
    measures, errors, classes = bodies()
    of_ecg = {ECG_SD: measures["sd_deg"] / 50}
    found = ErrorModel.fit(of_ecg, errors / 100, classes, ECG_SD)
    again = ErrorModel.from_json(json.loads(json.dumps(found.to_json())), "file", ECG_SD)
    assert again == found and again.limits.keys() == {ECG_SD}
    usual = ErrorModel.fit(measures, errors, classes)
    percent = again.at(2.0 / 50).times(100)
    np.testing.assert_allclose(percent[:3], usual.at(2.0)[:3], rtol=1e-9)
    assert not again.at(1.0).is_known
    with pytest.raises(BadInput, match="ecg_sd_share is missing"):
        ErrorModel.from_json(found.to_json() | {"limits": usual.limits}, "file", ECG_SD)


def test_the_errors_by_another_sd_are_refused():
    measures, errors, classes = bodies(40)
    of_ecg = ErrorModel.fit({ECG_SD: measures["sd_deg"]}, errors, classes, ECG_SD)
    with pytest.raises(BadInput, match="file: errors by 'ecg_sd_share', where those by 'sd_deg'"):
        ErrorModel.from_json(of_ecg.to_json(), "file")
    with pytest.raises(BadInput, match="file: errors by 'sd_deg', where those by 'ecg_sd_share'"):
        ErrorModel.from_json(ErrorModel.fit(*bodies(40)).to_json(), "file", ECG_SD)


def test_words_say_what_is_expected():
    assert PredictedError(3.84, 3.0, 6.06, True).words("degrees") == (
        "expect 3.8 degrees, 3.0 to 6.1"
    )
    assert "at least" in PredictedError(3.84, 3.0, 6.06, False).words("degrees")


def test_bodies_that_cannot_tell_are_refused():
    measures, errors, classes = bodies(40)
    with pytest.raises(BadInput, match="19 bodies of 4 classes; at least 20 of 2 are needed"):
        ErrorModel.fit({"sd_deg": measures["sd_deg"][:19]}, errors[:19], classes[:19])
    with pytest.raises(BadInput, match="40 bodies of 1 classes"):
        ErrorModel.fit(measures, errors, np.full(40, "a"))
    with pytest.raises(BadInput, match="errors: values that are not positive"):
        ErrorModel.fit(measures, 0 * errors, classes)
    with pytest.raises(BadInput, match="errors do not rise with the SD"):
        ErrorModel.fit(measures, 1 / errors, classes)


WRONG = {
    "limits": {"points_sd": 1.0},
    "slope": -1.0,
    "high": "wide",
}


@pytest.mark.parametrize("key", WRONG)
def test_damaged_files_are_refused(key):
    found = ErrorModel.fit(*bodies(40)).to_json() | {key: WRONG[key]}
    with pytest.raises(BadInput, match=r"uncertainty.json: error: "):
        ErrorModel.from_json(found, "uncertainty.json: error")

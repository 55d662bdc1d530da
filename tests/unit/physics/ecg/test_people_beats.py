"""The distribution of people's beats: what it is fitted to comes back, and draws are of people."""

import numpy as np
import pytest

from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import save_arrays
from einthoven.base.core.names import INDEPENDENT_ROWS
from einthoven.physics.ecg.leads import all_leads
from einthoven.physics.ecg.people_beats import (
    AFTER_T_MS,
    NUMBERS,
    PeopleBeats,
    VentricularBeat,
    _root_weights,
    _scaled,
    shipped_beats,
)

ABOUT = {"recordings": "none"}


def bump(time, centre, width):
    return np.exp(-0.5 * ((time - centre) / width) ** 2)


def beat(rng, size=1.0):
    """A made-up beat: one wave for the QRS and one for the T wave in each lead."""
    qrs, qt = rng.uniform(80, 110), rng.uniform(360, 440)
    time = np.arange(int(qt + AFTER_T_MS) + 1.0)
    r, t = rng.normal(1.0, 0.3, (2, 8, 1))
    rows = size * (r * bump(time, 0.5 * qrs, 12) + 0.3 * t * bump(time, qt - 80, 30))
    rows *= np.clip(time / 5, 0, 1) * np.clip((qt + AFTER_T_MS - time) / AFTER_T_MS, 0, 1)
    return VentricularBeat(all_leads(rows), qrs, qt)


def people(n=60):
    rng = np.random.default_rng(3)
    traits = np.column_stack(
        [rng.uniform(700, 1100, n), rng.integers(0, 2, n), rng.uniform(20, 70, n)]
    )
    # women's beats are half as large
    beats = [beat(rng, 0.5 if row[1] else 1.0) for row in traits]
    return beats, traits


def variables_of(fitted, of):
    """Scores and numbers of a beat, by least squares."""
    shape, sizes = _scaled(of)
    away = (shape - fitted.shape) * _root_weights()
    scores = np.einsum("ls,kls->k", away, fitted.components * _root_weights())
    return np.r_[scores, np.log([of.qrs_ms, of.qt_ms - of.qrs_ms, 900.0, *sizes]), 0.0, 40.0]


def test_a_beat_comes_back_from_its_scores():
    beats, traits = people()
    fitted = PeopleBeats.fitted(beats, traits, 40, 0.0, ABOUT)
    for one in beats[:5]:
        again = fitted.beat(variables_of(fitted, one))
        assert (again.qrs_ms, again.qt_ms) == pytest.approx((one.qrs_ms, one.qt_ms))
        assert np.abs(again.ecg - one.ecg).max() < 0.04 * np.abs(one.ecg).max()
        assert not again.ecg[:, 0].any() and np.abs(again.ecg[:, -1]).max() < 0.01


def test_draws_have_the_moments_of_the_people():
    beats, traits = people()
    fitted = PeopleBeats.fitted(beats, traits, 16, 0.0, ABOUT)
    drawn = fitted.draw(800, {}, np.random.default_rng(1))
    for value in (lambda b: b.qrs_ms, lambda b: b.qt_ms, lambda b: b.ecg[7].max(),
                  lambda b: np.sqrt(np.mean(b.ecg[:, 200:] ** 2))):  # fmt: skip
        own, theirs = (np.array([value(b) for b in group]) for group in (beats, drawn))
        assert theirs.mean() == pytest.approx(own.mean(), abs=0.25 * own.std())
        assert theirs.std() == pytest.approx(own.std(), rel=0.3)
    limbs = np.array([b.ecg[:, 50] for b in drawn[:20]])
    np.testing.assert_allclose(limbs[:, 2], limbs[:, 1] - limbs[:, 0], atol=1e-12)


def test_who_is_known_has_the_beats_of_such_people():
    beats, traits = people()
    fitted = PeopleBeats.fitted(beats, traits, 12, 0.0, ABOUT)
    size = {}
    for female in (0.0, 1.0):
        drawn = fitted.draw(200, {"female": female}, np.random.default_rng(2))
        size[female] = np.mean([np.sqrt(np.mean(b.ecg**2)) for b in drawn])
    assert size[1.0] / size[0.0] == pytest.approx(0.5, abs=0.06)
    mean, covariance = fitted.given({"female": 1.0})
    at = len(fitted.components) + NUMBERS.index("female")
    assert mean[at] == pytest.approx(1.0) and abs(covariance[at]).max() < 1e-9


def test_a_file_keeps_it_and_another_is_refused(tmp_path):
    fitted = PeopleBeats.fitted(*people(), 8, 0.1, ABOUT)
    fitted.save(tmp_path / "beats.npz")
    again = PeopleBeats.load(tmp_path / "beats.npz")
    np.testing.assert_allclose(again.covariance, fitted.covariance, rtol=1e-5, atol=1e-6)
    assert again.about["recordings"] == "none"
    save_arrays(tmp_path / "other.npz", {"shape": np.zeros((8, 10)), "components": np.zeros(3),
                                         "mean": np.zeros(3), "covariance": np.eye(3)})  # fmt: skip
    with pytest.raises(BadInput, match=r"other.npz: shape and components"):
        PeopleBeats.load(tmp_path / "other.npz")
    with pytest.raises(BadInput, match="60 people for 60 components"):
        PeopleBeats.fitted(*people(), 60, 0.1, ABOUT)


def test_shipped_draws_are_beats_of_healthy_adults():
    drawn = shipped_beats().draw(200, {"log_cycle_ms": np.log(900.0)}, np.random.default_rng(4))
    qrs, qt = (np.array([getattr(b, name) for b in drawn]) for name in ("qrs_ms", "qt_ms"))
    assert 80 < np.median(qrs) < 105 and np.mean((qrs > 65) & (qrs < 125)) > 0.97
    assert 360 < np.median(qt) < 420
    at_t = np.array([b.ecg[:, int(b.qt_ms - 90)] for b in drawn])
    assert np.mean(at_t[:, [0, 1, 9, 10, 11]] > 0, axis=0).min() > 0.9  # I, II, V4 to V6
    assert np.mean(at_t[:, 3] < 0) > 0.95  # aVR
    r_v1, r_v5 = (np.median([b.ecg[lead].max() for b in drawn]) for lead in (6, 10))
    assert r_v1 < 0.4 < 0.8 < r_v5
    assert len(INDEPENDENT_ROWS) == 8


def test_shorter_cycles_have_shorter_qt():
    at = [np.median([b.qt_ms for b in shipped_beats().draw(
        200, {"log_cycle_ms": np.log(cycle)}, np.random.default_rng(5))])
        for cycle in (700.0, 1100.0)]  # fmt: skip
    assert at[1] - at[0] > 30

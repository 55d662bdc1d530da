"""A calibrated population: Gaussians in closed form, and candidates of a small heart."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.heart import activated_patient

from einthoven.app.evaluation.realism import calibrated_population
from einthoven.app.evaluation.realism import candidates as of_hearts
from einthoven.app.evaluation.realism.calibrated_population import (
    LEAST_LEFT,
    ORDINARY,
    Kept,
    calibrated,
    inclusion,
    median_difference,
    ordinary,
)
from einthoven.app.evaluation.realism.candidates import Candidates, candidates_of
from einthoven.app.evaluation.realism.people import PeopleEcgs
from einthoven.base.config import validate
from einthoven.base.config.calibrated import write_draws
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.data.patient.stages import Ecg
from einthoven.physics.ecg.features import FEATURES, TRACE_MS, FeatureRow
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

NAMES = ("qrs_ms", "r_mv_v5", "p_ms")


@pytest.fixture(autouse=True)
def _three_tries(monkeypatch):
    monkeypatch.setattr(calibrated_population, "TRIES", 3)


def people(values):
    trace = np.zeros((12, len(TRACE_MS)))
    rows = [FeatureRow(f"{k}", "recording", dict(zip(NAMES, row)), None, trace, None)
            for k, row in enumerate(values)]  # fmt: skip
    return PeopleEcgs.of_rows("people", rows)


def wide_candidates(n_patients=60, n_draws=150, seed=1):
    """Features of each patient about a mean of its own, wider than people and elsewhere."""
    rng = np.random.default_rng(seed)
    found = []
    for k in range(n_patients):
        features = rng.normal([0.8, -0.5, k], [1.8, 1.6, 0.0], (n_draws, 3))
        features[:, :2] += rng.normal(0.0, 0.3, 2)
        found.append(Candidates(f"p{k:04d}", 0, features))
    return found


def test_chosen_candidates_are_distributed_like_people():
    """People are N(0, 1), correlated by 0.6; candidates lie elsewhere and wider."""
    rng = np.random.default_rng(3)
    real = people(np.c_[rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 300), np.zeros(300)])
    found = calibrated(wide_candidates(), real, 1)
    assert np.abs(found.before[:, :2].mean(axis=0) - [0.8, -0.5]).max() < 0.5
    np.testing.assert_allclose(found.after[:, :2].mean(axis=0), 0.0, atol=0.35)
    assert median_difference(found.after[:, :2], _of_two(real)) < 0.2
    assert median_difference(found.before[:, :2], _of_two(real)) > 0.4
    assert (found.effective > 3).all()


def _of_two(real):
    return PeopleEcgs("people", real.names, NAMES[:2], real.features[:, :2], real.traces,
                      real.sexes, real.rates, real.ages)  # fmt: skip


def test_ordinary_candidates_are_those_within_the_range_of_people():
    """Of 50 features of people 1 in 50 lies outside of 98 %; a candidate of SD 3 has 44 % there."""
    rng = np.random.default_rng(3)
    real = rng.normal(size=(200, 50))
    features = np.concatenate([rng.normal(size=(40, 50)), rng.normal(0.0, 3.0, (40, 50))])
    kept = ordinary(features, np.repeat([0, 1, 0, 1], 20), real)
    assert kept[:40].mean() > 0.7 and not kept[40:].any()
    kept = ordinary(features, np.repeat([0, 1], 40), real)
    assert kept[40:].sum() == LEAST_LEFT  # the most ordinary ones of a patient without others
    assert ordinary(real, np.zeros(200, int), real).mean() >= ORDINARY


def test_the_choice_is_that_of_the_seed_and_sees_no_p_wave():
    rng = np.random.default_rng(3)
    real = people(rng.normal(size=(100, 3)))
    some = wide_candidates(12, 20)
    found = calibrated(some, real, 1)
    assert calibrated(some, real, 1).draws == found.draws
    assert calibrated(some, real, 2).draws != found.draws
    shifted = [Candidates(one.patient, 0, one.features + [0, 0, 50.0]) for one in some]
    assert calibrated(shifted, real, 1).draws == found.draws


def test_candidates_without_a_beat_are_never_chosen():
    some = wide_candidates(12, 6)
    for one in some:
        one.features[[0, 2, 3, 4, 5]] = np.nan
    real = people(np.random.default_rng(3).normal(size=(50, 3)))
    assert set(calibrated(some, real, 1).draws.values()) == {1}
    some[3].features[:] = np.nan
    with pytest.raises(BadInput, match="p0003: no beat of its candidates could be measured"):
        calibrated(some, real, 1)


def test_bodies_are_kept_by_what_their_candidates_have_of_people():
    """Every third patient has candidates like people, the others are far from them."""
    rng = np.random.default_rng(3)
    real = people(rng.normal(size=(200, 3)))
    some = [Candidates(f"p{k:04d}", 0, rng.normal(0.0 if k % 3 == 0 else 15.0, 1.0, (30, 3)))
            for k in range(30)]  # fmt: skip
    splits = ["test" if k < 6 else "train" for k in range(30)]
    kept = Kept.share(splits, 10)
    found = calibrated(some, real, 1, kept)
    left = [name for name, draw in found.draws.items() if draw is not None]
    assert left == [f"p{k:04d}" for k in range(0, 30, 3)]
    assert found.draws.keys() == {one.patient for one in some}
    assert len(found.after) == len(found.effective) == 10 and len(found.before) == 30
    assert calibrated(some, real, 1, kept).draws == found.draws


def test_the_best_of_several_draws_is_taken(monkeypatch):
    """Areas of draws are given: the one nearest to chance is chosen."""
    areas = iter([0.9, 0.2, 0.55])

    def area(*_, **__):
        return SimpleNamespace(auc=next(areas))

    real = people(np.random.default_rng(3).normal(size=(50, 3)))
    some = wide_candidates(12, 20)
    monkeypatch.setattr(calibrated_population, "cross_validated_area", area)
    third = calibrated(some, real, 1).draws
    monkeypatch.setattr(calibrated_population, "TRIES", 1)
    areas = iter([0.9])
    assert third != calibrated(some, real, 1).draws


def test_everybody_kept_is_the_choice_without_bodies():
    real = people(np.random.default_rng(3).normal(size=(100, 3)))
    some = wide_candidates(12, 20)
    everybody = Kept.share(["train"] * 12, 12)
    assert calibrated(some, real, 1, everybody).draws == calibrated(some, real, 1).draws


def test_probabilities_to_be_kept_are_proportional_and_at_most_one():
    np.testing.assert_allclose(inclusion(np.array([1.0, 2.0, 5.0]), 1), [0.125, 0.25, 0.625])
    np.testing.assert_allclose(inclusion(np.array([1.0, 2.0, 9.0]), 2), [1 / 3, 2 / 3, 1.0])
    with pytest.raises(BadInput, match="2 patients to keep, but people's ECGs speak for fewer"):
        inclusion(np.array([0.0, 0.0, 1.0]), 2)


def test_patients_are_drawn_as_often_as_their_probabilities_say():
    probability = np.array([0.2, 0.8, 0.5, 0.5, 1.0])
    kept = Kept(np.zeros(5, int), np.array([3]))
    drawn = [kept.drawn(probability, (seed,)) for seed in range(2000)]
    assert {len(each) for each in drawn} == {3}
    share = np.bincount(np.concatenate(drawn), minlength=5) / 2000
    np.testing.assert_allclose(share, probability, atol=0.04)


def test_each_split_keeps_its_share_and_at_least_one_patient():
    splits = ["train"] * 12 + ["val"] * 2 + ["test"] * 2
    assert Kept.share(splits, 8).n.tolist() == [1, 6, 1]
    assert Kept.share(splits, 3).n.tolist() == [1, 1, 1]
    assert Kept.share(splits, 16).n.tolist() == [2, 12, 2]
    for n in (2, 17):
        with pytest.raises(BadInput, match=f"{n} of 16 patients cannot be kept; from 3"):
            Kept.share(splits, n)


def test_patients_that_are_not_of_the_config_cannot_be_kept():
    splits = {"p0000": "train", "p0001": "val", "p0002": "test"}
    assert Kept.of_run(splits, list(splits), 3).n.tolist() == [1, 1, 1]
    with pytest.raises(BadInput, match="p0007: no virtual patient of this config"):
        Kept.of_run(splits, ["p0000", "p0007"], 1)


TIME = np.arange(-100.0, 500.0)


@cache
def patient():
    return activated_patient()


@pytest.fixture
def fields(monkeypatch):
    """Pseudo lead fields of electrodes all around."""
    heart = patient().heart
    away = np.random.default_rng(1).normal(size=(9, 3))
    away *= 120.0 / np.linalg.norm(away, axis=1, keepdims=True)
    grad = pseudo_lead_field_grad(heart.centroids, heart.points.mean(axis=0) + away, 0.2)
    monkeypatch.setattr(of_hearts, "lead_fields_of", lambda *_: {"fem": grad})


def config_with(draw, folder):
    file = folder / f"{draw}.csv"
    write_draws(file, {patient().name: draw})
    return validate({"variation": {"people": True, "people_draws": str(file)},
                     "purkinje": {"backend": "sites"}})  # fmt: skip


def finished(config):
    """The patient with the ECG of a config: the beat of its draw, and a P wave."""
    drawn = of_hearts.person_of(config, patient().name)
    ecg = of_hearts.ventricles_of(of_hearts.simulator_of(patient(), config), drawn, TIME)
    ecg = ecg + 0.1 * np.exp(-(((TIME + 60) / 15) ** 2)) * np.linspace(0.5, 1, 12)[:, None]
    return patient().with_stages(Ecg(
        patient=patient().name, time=TIME, scenario=np.array(["sinus"]), lead=np.array(LEADS),
        electrode_names=np.array(STANDARD_ELECTRODES), electrode_potential=np.zeros((1, 9, 600)),
        ecg=ecg[None], cycle_length_ms=[900.0],
    ))  # fmt: skip


def test_candidates_do_not_depend_on_the_draw_that_the_run_had(tmp_path, fields):
    one, other = (config_with(draw, tmp_path) for draw in (0, 2))
    found = candidates_of(finished(one), one, 2)
    again = candidates_of(finished(other), other, 2)
    assert (found.own, again.own) == (0, 2) and found.features.shape == (3, len(FEATURES))
    np.testing.assert_allclose(found.features, again.features, atol=1e-6)
    p_ms = list(FEATURES).index("p_ms")
    assert np.isfinite(found.features[:, p_ms]).all()
    assert np.ptp(found.features[:, list(FEATURES).index("r_mv_v5")]) > 0.01


def test_an_ecg_of_another_config_is_refused(tmp_path, fields):
    one, other = (config_with(draw, tmp_path) for draw in (0, 2))
    with pytest.raises(BadInput, match="differs by .* from that of its physiology in this config"):
        candidates_of(finished(one), other, 2)
    with pytest.raises(BadInput, match="its draw, 2, is not among 1 candidates"):
        candidates_of(finished(other), other, 1)
    with pytest.raises(BadInput, match=r"variation.people: false"):
        candidates_of(finished(one), validate({}), 1)


def test_fitted_beats_have_no_candidates(tmp_path, fields):
    config = config_with(0, tmp_path)
    beats = config.model_copy(
        update={"variation": config.variation.model_copy(update={"beats": "people"})}
    )
    with pytest.raises(BadInput, match=r"variation.beats: people: .* have no candidates"):
        candidates_of(finished(config), beats, 1)

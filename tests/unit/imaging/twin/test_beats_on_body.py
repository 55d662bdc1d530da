"""Beats of drawn people among simulated ones: mixtures, what is unknown of them, refusals."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.heart import activated_patient, pseudo_fields
from pydantic import ValidationError

from einthoven.base.config import Config
from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.config.models import EcgSettings
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.fitted_beat import FittedBeat
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.imaging.corpus.beat_mixtures import BodyBeats, MixedBeat
from einthoven.imaging.corpus.beat_parameters import PARAMETERS, BeatParameters, draw_beats
from einthoven.imaging.corpus.mixed_cases import beats_to_simulate, with_mixtures
from einthoven.imaging.corpus.simulations import Simulations
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.twin import beats_on_body
from einthoven.imaging.twin.drawn_beat import BeatBody
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.scenarios import activate

SECTION = ImagingSettings(simulations_per_patient=60, people=True, forward_models=["fem"],
                          drawn_beats=2, paced_share=0.3)  # fmt: skip
N_TIMES = 500


@cache
def simulator():
    return Simulator.of(activated_patient(), {"fem": pseudo_fields()})


def fitted(mean_ms=290.0, gain=1.3, later=0.0):
    """A beat with cells and a wave of their own, without a fit."""
    heart = activated_patient().heart
    tau = activate(activated_patient(), "sinus", Config().activation).activation_time
    height = (heart.points[:, 2] - heart.points[:, 2].min()) / np.ptp(heart.points[:, 2])
    times = tau + later * height
    return FittedBeat(
        patient=activated_patient().name,
        fitted_time=(times - times.min()).astype(np.float32),
        apd90=(mean_ms + 20 * height).astype(np.float32),
        low_plateau=(0.2 + 0.3 * height).astype(np.float32),
        sigma_il_s_per_m=0.2,
        sigma_it_s_per_m=0.05,
        gain=gain,
        qrs_correlation=0.99,
        onsets_sd=0.5,
        st_rms_mv=0.01,
        t_rms_mv=0.01,
    )


def of_one_beat(beat):
    mixed = MixedBeat.draw([beat], np.random.default_rng(0))
    case = BeatParameters("sinus", sigma_il=mixed.sigma_il, sigma_it=mixed.sigma_it, mixed=mixed)
    return simulator().simulate(case)


def test_a_mixture_of_one_beat_is_the_ecg_of_the_stage():
    beat = fitted()
    whole = activated_patient().with_stages(beat)
    fields = LeadFieldGradients(np.array(STANDARD_ELECTRODES), np.zeros((9, 3)), pseudo_fields())
    axis = EcgSettings(start_ms=0.0, duration_ms=float(N_TIMES))
    known = activate(whole, "sinus", Config().activation)
    stored = simulate_ecg(whole, fields, known, SimulationSettings(axis, Config().leadfield))
    leads = twelve_lead(STANDARD_ELECTRODES, of_one_beat(beat).potentials["fem"])
    np.testing.assert_allclose(leads, stored.ecg[0, :, :N_TIMES], atol=0.005 * np.abs(leads).max())


def test_a_mixture_lies_between_its_beats():
    first, second = fitted(270.0, 1.0), fitted(310.0, 2.0, later=25.0)
    drawn = [MixedBeat.draw([first, second], np.random.default_rng(k)) for k in range(200)]
    shares = [(mixed.durations[0] - first.apd90[0]) / 40.0 for mixed in drawn]
    assert 0 <= min(shares) + 1e-6 < 0.05 and 0.95 < max(shares) < 1.0 + 1e-6
    assert abs(np.mean(shares) - 0.5) < 0.1
    for share, mixed in zip(shares[:20], drawn):
        assert mixed.tau.min() == 0 and np.isclose(mixed.sigma_il, 0.2 * 2.0**share)
        between = (1 - share) * first.fitted_time + share * second.fitted_time
        np.testing.assert_allclose(mixed.tau, between - between.min(), atol=1e-3)


def test_half_of_the_beats_are_mixed_and_say_nothing_that_is_unknown():
    cases = draw_beats(SECTION, "p0000", 60)
    beats = BodyBeats("p0000", (fitted(), fitted(310.0)))
    found = with_mixtures(cases, beats, 1)
    mixed = [case for case in found if case.mixed is not None]
    assert 18 <= len(mixed) <= 42
    assert [case.pattern for case in found] == [case.pattern for case in cases]
    waves = [case for case in mixed if case.mixed.tau is not None]
    assert {case.pattern for case in waves} == {"sinus"}
    assert all(case.mixed.tau is None for case in mixed if case.pattern != "sinus")
    row = dict(zip(PARAMETERS, waves[0].row))
    assert np.isnan([row[name] for name in ("cv_fiber", "cv_tree", "apd_mean_ms")]).all()
    assert np.isfinite([row[name] for name in ("sigma_il", "cycle_length_ms")]).all()
    again = with_mixtures(cases[:20], beats, 1)
    assert [case.mixed is None for case in again] == [case.mixed is None for case in found[:20]]


def test_cells_of_a_mixture_last_longer_in_blocks_as_well():
    mixed = MixedBeat.draw([fitted(250.0), fitted(330.0)], np.random.default_rng(3))
    case = BeatParameters("lbbb", mixed=replace(mixed, tau=None))
    usual = simulator().simulate(BeatParameters("lbbb"))
    beat = simulator().simulate(case)
    np.testing.assert_array_equal(beat.tau, usual.tau)
    at = simulator().points.weights
    np.testing.assert_allclose(beat.apd90, at @ mixed.durations, atol=0.1)


def test_beats_are_fitted_in_number_and_a_poor_one_is_refused(monkeypatch):
    asked, poor = [], [0.99, 0.99]

    def instead(body, beat, cells, seed, turns):
        asked.append((beat, cells))
        return replace(fitted(), qrs_correlation=poor[len(asked) - 1])

    monkeypatch.setattr(BeatBody, "fitted", instead)
    monkeypatch.setattr(beats_on_body, "suitable", lambda body, beats: beats[0])
    found = beats_on_body.beats_on_body(simulator(), pseudo_fields(), Config(), 2, 1)
    assert len(asked) == len(found.beats) == 2 and found.patient == activated_patient().name
    assert asked[0][0].qrs_ms != asked[1][0].qrs_ms
    assert np.abs(asked[0][1].durations - asked[1][1].durations).max() > 1
    asked.clear()
    poor[1] = 0.5
    with pytest.raises(StepFailed, match=r"drawn beat 2 of imaging: .* by 0.50, below 0.9"):
        beats_on_body.beats_on_body(simulator(), pseudo_fields(), Config(), 2, 1)


def test_simulations_with_mixtures_are_whole():
    cases = with_mixtures(draw_beats(SECTION, "p0000", 8), BodyBeats("p0000", (fitted(),)), 1)
    beats = Simulations.of(simulator(), cases, "train", {"heart_ml": 1.0})
    assert any(case.mixed is not None for case in cases)
    assert np.isfinite(beats.ecg).all() and np.isfinite(beats.apd90).all()


def test_beats_of_a_body_come_back_and_those_of_another_mesh_are_refused(tmp_path):
    saved = BodyBeats("p0000", (fitted(), fitted(310.0, 2.0)))
    saved.save(tmp_path / "p0000.npz")
    n = len(activated_patient().heart.points)
    found = BodyBeats.load(tmp_path / "p0000.npz", n)
    cases = beats_to_simulate(SECTION, activated_patient(), tmp_path / "p0000.npz")
    plain = beats_to_simulate(SECTION, activated_patient(), None)
    assert any(case.mixed for case in cases) and not any(case.mixed for case in plain)
    assert [case.pattern for case in cases] == [case.pattern for case in plain]
    assert found.patient == "p0000" and [beat.gain for beat in found.beats] == [1.3, 2.0]
    for one, other in zip(saved.beats, found.beats):
        np.testing.assert_array_equal(one.fitted_time, other.fitted_time)
    with pytest.raises(BadInput, match=rf"shape \(2, {n}\), the heart has {n + 1} nodes"):
        BodyBeats.load(tmp_path / "p0000.npz", n + 1)
    bad = BodyBeats("p0000", (replace(fitted(), apd90=np.full(n, np.nan)),))
    bad.save(tmp_path / "bad.npz")
    with pytest.raises(BadInput, match=r"bad.npz: apd90"):
        BodyBeats.load(tmp_path / "bad.npz", n)


@pytest.mark.parametrize(
    ("change", "why"),
    [({"people": False}, "only with imaging.people"),
     ({"forward_models": ["pseudo"]}, "not with the pseudo-ECG alone")],
)  # fmt: skip
def test_drawn_beats_need_people_and_a_torso(change, why):
    with pytest.raises(ValidationError, match=why):
        ImagingSettings(**(SECTION.model_dump() | change))

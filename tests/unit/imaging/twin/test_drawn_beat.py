"""Wave and cells that are fitted to a beat: derivatives, known cells, what a run makes of it."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.heart import HOMOGENEOUS, activated_patient, pseudo_fields

from einthoven.base.config import Config
from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.models import EcgSettings
from einthoven.base.config.substrate import SubstrateSettings, TerritorySettings
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.seeds import generator
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.measured import MeasuredTissue
from einthoven.data.patient.patient import Patient
from einthoven.imaging.twin.cell_fit import (
    CellBasis,
    CellFields,
    CellProblem,
    FitLevel,
    KnownWave,
)
from einthoven.imaging.twin.drawn_beat import BeatBody, BeatSettings, fitted_beat, suitable
from einthoven.imaging.twin.usual_beat import with_usual_beat
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.people_beats import VentricularBeat, shipped_beats
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.cells.condition import BASELINE
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.cells.plateaus import both_plateaus, shares_of
from einthoven.physics.electrophysiology.cells.template import potential
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.substrate.make import make_substrate

COARSE = FitLevel(60.0, 6, 15.0, 1.0, 0.02, 0.03, 0.1)
FINE = FitLevel(35.0, 20, 20.0, 1.2, 0.005, 0.005, 0.03)
N_TIMES = 600


@cache
def usual_cells():
    n = len(activated_patient().heart.points)
    return CellFields.of(np.full(n, 290.0), np.full(n, 0.4))


@cache
def body():
    nothing = np.zeros((12, N_TIMES))
    return BeatBody.of(activated_patient(), pseudo_fields(), Config(), nothing, 1)


def known_wave(beat):
    tau = activate(activated_patient(), "sinus", ActivationSettings()).activation_time
    nothing = np.zeros((12, N_TIMES))
    of_body = body().transfer, body().gradients, tau.astype(float)
    return KnownWave(
        activated_patient(), pseudo_fields(), *of_body, (0.2, 0.05), 1.0, 0.0, beat, nothing
    )


EMPTY = VentricularBeat(np.zeros((12, 1)), 90.0, 380.0)


@cache
def made():
    """A beat of this heart with cells that differ smoothly, and the cells."""
    heart, level = activated_patient().heart, FitLevel(50.0, 8, 15.0, 0.8, 0.01, 0.01, 0.1)
    basis = CellBasis.of(heart.points, body().gradients.smoothed, level)
    x = 0.7 * np.random.default_rng(2).normal(size=sum(part.shape[1] for part in basis))
    wave, cells = known_wave(EMPTY), basis.added(usual_cells(), x)
    return VentricularBeat(wave.front + wave.beyond(cells), 90.0, 380.0), cells


def test_durations_approach_the_ends_of_the_family_smoothly():
    first, last = family().apd90[[0, -1]]
    wanted = np.linspace(first - 60, last + 60, 400)
    fields = CellFields(wanted, np.zeros(400))
    inside, slope = fields.apd90, fields.apd90_slope
    assert first < inside.min() and inside.max() < last and (np.diff(inside) >= 0).all()
    middle = (wanted > first + 50) & (wanted < last - 50)
    np.testing.assert_allclose(inside[middle], wanted[middle], atol=0.3)
    np.testing.assert_allclose(np.gradient(inside, wanted), slope, atol=0.02)


def test_derivatives_are_those_of_the_potential_at_the_nodes():
    wave = known_wave(made()[0])
    basis = CellBasis.of(activated_patient().heart.points, wave.gradients.smoothed, COARSE)
    problem = CellProblem(wave, usual_cells(), basis, wave.errors(COARSE))
    x = 0.3 * np.random.default_rng(3).normal(size=sum(part.shape[1] for part in basis))
    jacobian = problem.jacobian(x)
    for k in (0, 2, 6, len(x) - 7, len(x) - 1):
        step = 0.01 * np.eye(len(x))[k]
        nodal = [of_nodes(wave, basis.added(usual_cells(), end)) for end in (x + step, x - step)]
        rate = (nodal[0] - nodal[1]) / 0.02 / problem.errors
        # tables of 1 ms smooth the notch of cells that were activated just before
        later = wave.samples > wave.tau.max() + 10
        apart = (rate - jacobian[:, :, k])[:, later]
        assert np.linalg.norm(apart) < 0.02 * np.linalg.norm(rate), k


def of_nodes(wave, fields):
    """ECG [12, sample] mV of V_m at the nodes, linear within the cells."""
    shares = shares_of(fields.apd90, fields.low)
    times = wave.samples[None] - wave.tau[:, None]
    v_m = sum(share[:, None] * potential(times, member)
              for share, member in zip(shares.T, both_plateaus(BASELINE).v_m))  # fmt: skip
    return wave.nodal.T @ v_m


def test_cells_that_give_a_beat_are_found():
    beat, cells = made()
    wave = known_wave(beat)
    found = wave.fit(usual_cells(), levels=(COARSE, FINE))
    off = (wave.beyond(found)[:, wave.samples] - wave.wanted)[:, ~wave.is_st]
    wanted = beat.ecg[:, wave.samples][:, ~wave.is_st]
    assert np.sqrt(np.mean(off**2)) < 0.03 * np.sqrt(np.mean(wanted**2))
    before = np.corrcoef(usual_cells().durations + np.arange(len(found.durations)) * 1e-9,
                         cells.durations)[0, 1]  # fmt: skip
    assert np.corrcoef(found.apd90, cells.apd90)[0, 1] > max(0.5, before)


@cache
def found():
    return body().fitted(made()[0], usual_cells(), seed=1)


def test_the_same_seed_gives_the_same_fit():
    turns = ((1, (COARSE,)), (1, (COARSE,)))
    one, two = (body().fitted(made()[0], usual_cells(), 1, turns) for _ in range(2))
    for name, values in one.arrays().items():
        np.testing.assert_array_equal(values, two.arrays()[name])
    assert one.attrs() == two.attrs()


def test_a_fitted_beat_is_the_sinus_beat_of_the_patient():
    patient, (beat, _), fitted = activated_patient(), made(), found()
    assert fitted.qrs_correlation > 0.99 and fitted.t_rms_mv < 0.1 * np.abs(beat.ecg).max()
    whole = patient.with_stages(fitted)
    beats = [activate(whole, name, ActivationSettings()) for name in ("sinus", "lbbb")]
    np.testing.assert_array_equal(beats[0].activation_time, fitted.fitted_time)
    assert beats[0].backend == "fitted" and beats[1].backend != "fitted"
    fields = LeadFieldGradients(np.array(STANDARD_ELECTRODES), np.zeros((9, 3)), pseudo_fields())
    axis = EcgSettings(start_ms=0.0, duration_ms=float(N_TIMES))
    settings = SimulationSettings(axis, Config().leadfield)
    ecg = simulate_ecg(whole, fields, beats[0], settings).ecg[0]
    times = np.arange(20, 440)
    onset = np.abs(np.arange(-20, 21)[:, None] + times)  # the onset is fitted, too
    apart = [np.linalg.norm(ecg[:, at] - beat.ecg[:, times]) for at in onset]
    assert min(apart) < 0.12 * np.linalg.norm(beat.ecg[:, times])
    usual = activate(patient, "sinus", ActivationSettings())
    plain = simulate_ecg(patient, fields, usual, settings)
    assert np.linalg.norm(plain.ecg[0] - ecg) > 0.2 * np.linalg.norm(ecg)


def test_sources_are_conductivities_times_the_gain():
    patient, fitted = activated_patient(), replace(found(), gain=1.5)
    sigmas = {"sigma_il_s_per_m": 0.2, "sigma_it_s_per_m": 0.05}
    whole = patient.with_stages(replace(fitted, **sigmas))
    membrane = Membrane.of(whole, Config().leadfield, Config().repolarisation)
    own = Membrane.of(patient, Config().leadfield.model_copy(update=sigmas), HOMOGENEOUS)
    np.testing.assert_allclose(membrane.sigma_i, 1.5 * own.sigma_i, rtol=1e-9)
    along = np.einsum("ci,cij,cj->c", patient.fibers.f0, membrane.sigma_i, patient.fibers.f0)
    np.testing.assert_allclose(along, 0.3, rtol=1e-5)


def test_a_healthy_beat_is_refused_in_a_diseased_heart():
    region = TerritorySettings(artery="LAD", level="proximal")
    section = SubstrateSettings(kind="scar", regions=[region])
    sick = activated_patient().with_stages(found())
    sick = sick.with_stages(make_substrate(activated_patient(), section))
    for use in (lambda: activate(sick, "sinus", ActivationSettings()),
                lambda: Membrane.of(sick, Config().leadfield, HOMOGENEOUS)):  # fmt: skip
        with pytest.raises(BadInput, match=r"beat: .* healthy beat, .* variation.beats"):
            use()


def test_of_some_beats_the_body_gets_its_own():
    beat, _ = made()
    turned = VentricularBeat(-beat.ecg, beat.qrs_ms, beat.qt_ms)
    assert suitable(body(), [turned, beat, turned]) is beat
    assert body().nearest(beat).correlation > 0.8 > body().nearest(turned).correlation


def test_a_beat_of_another_mesh_is_refused():
    fitted = found()
    shorter = replace(fitted, fitted_time=fitted.fitted_time[1:], apd90=fitted.apd90[1:],
                      low_plateau=fitted.low_plateau[1:])  # fmt: skip
    with pytest.raises(BadInput, match=r"beat: \d+ values of apd90 .* re-run the rule beat"):
        _ = activated_patient().with_stages(shorter).fitted
    assert activated_patient().fitted is None


def test_a_patient_gets_a_beat_given_its_rate_and_a_poor_fit_is_refused(monkeypatch):
    patient, names = activated_patient(), np.array(STANDARD_ELECTRODES)
    fields = LeadFieldGradients(names, np.zeros((9, 3)), pseudo_fields())
    person = {"cycle_length_ms": 820.0, "age_years": 44.0, "seed": 3, "sex": "female"}
    config = Config()
    settings = BeatSettings.of_params(config.activation.model_dump(),
                                      config.leadfield.model_dump(),
                                      config.repolarisation.model_dump(), {}, person)  # fmt: skip
    assert settings.known == {"log_cycle_ms": np.log(820.0), "age_years": 44.0, "female": 1.0}
    poor, asked = replace(found(), qrs_correlation=0.7), []
    monkeypatch.setattr(
        BeatBody, "fitted", lambda body, beat, cells, seed: asked.append(beat) or poor
    )
    with pytest.raises(StepFailed, match=r"correlates with the wanted one by 0.70, below 0.9"):
        fitted_beat(patient, fields, shipped_beats(), settings)
    drawn = shipped_beats().draw(6, settings.known, generator(3, patient.name, "beat"))
    costs = [body().nearest(beat).cost for beat in drawn]
    assert len(asked) == 1 and min(np.abs(beat.qrs_ms - asked[0].qrs_ms) for beat in drawn) == 0
    assert np.ptp(costs) > 0


def test_the_usual_beat_is_that_of_sinus_and_no_other_activation_changes(monkeypatch):
    fields = LeadFieldGradients(np.array(STANDARD_ELECTRODES), np.zeros((9, 3)), pseudo_fields())
    beat = found()
    monkeypatch.setattr(BeatBody, "fitted", lambda *_: beat)
    config = Config()
    own = [activate(activated_patient(), name, config.activation) for name in ("sinus", "lbbb")]
    patient = activated_patient().with_stages(*own)
    whole = with_usual_beat(patient, fields, config)
    np.testing.assert_array_equal(whole.activation("sinus").activation_time, found().fitted_time)
    assert whole.activation("lbbb") is own[1] and whole.fitted is not None
    heart = patient.heart
    measured = MeasuredTissue(heart.points, heart.cells, time=np.zeros(1), scenario="sinus")
    monkeypatch.setattr(Patient, "anatomy", SimpleNamespace(measured=measured),
                        raising=False)  # fmt: skip
    monkeypatch.setattr(Patient, "has", lambda patient, stage: True)
    with pytest.raises(BadInput, match="has activation times of its own, scenario sinus"):
        with_usual_beat(patient, fields, config)


def test_an_imported_patient_gets_the_usual_beat_of_its_sex(monkeypatch):
    fields = LeadFieldGradients(np.array(STANDARD_ELECTRODES), np.zeros((9, 3)), pseudo_fields())
    config, asked = Config(), []
    sections = [getattr(config, name).model_dump()
                for name in ("activation", "leadfield", "repolarisation")]  # fmt: skip
    beat = found()
    monkeypatch.setattr(BeatBody, "fitted", lambda _, wanted, *__: asked.append(wanted) or beat)
    for sex in ("female", "male", None):
        person = {"seed": 3, "usual": True} | ({"sex": sex} if sex else {})
        settings = BeatSettings.of_params(*sections, {}, person)
        assert settings.known == ({"female": float(sex == "female")} if sex else {})
        fitted_beat(activated_patient(), fields, shipped_beats(), settings)
    women, men, all_ = (beat.qrs_ms for beat in asked)
    assert women < all_ < men
    np.testing.assert_array_equal(asked[2].ecg, shipped_beats().usual({}).ecg)

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers_heart import activated_patient, heart_mesh, heart_patient

from einthoven.config.models import Activation
from einthoven.core.errors import BadInput
from einthoven.core.tags import Surface
from einthoven.electrophysiology.scenarios import activate, pacing_nodes, sources
from einthoven.patient.fibers import Fibers
from einthoven.patient.patient import Patient


@cache
def beat(scenario, **section):
    return activate(activated_patient(), scenario, Activation(**section))


@pytest.fixture(scope="module")
def heart():
    return activated_patient().heart


def test_durations_are_physiological():
    assert 65 < beat("sinus").total_ms < 110
    assert 120 < beat("lbbb").total_ms < 200
    assert beat("lbbb").total_ms > beat("sinus").total_ms + 30


@pytest.mark.parametrize("scenario", ["sinus", "lbbb", "crt"])
def test_every_node_is_activated_and_the_first_at_zero(heart, scenario):
    its = beat(scenario)
    assert its.activation_time.shape == (len(heart.points),)
    assert its.activation_time.min() == 0
    assert np.isfinite(its.activation_time).all()
    assert its.residual_ms < 1e-6
    assert its.total_ms == pytest.approx(its.activation_time.max(), abs=1e-4)
    assert its.patient == "ideal" and its.scenario == scenario and its.backend == "einthoven"


def test_the_wave_is_fast_along_the_fibres_and_slow_across_them(heart):
    """All fibres along x: near a lead the wave takes the straight line, nowhere a faster way."""
    f0 = np.tile(np.eye(3, dtype=np.float32)[0], (len(heart.cells), 1))
    straight = Fibers(patient="ideal", f0=f0, s0=np.roll(f0, 1, 1), n0=np.roll(f0, 2, 1))
    shared = activated_patient()
    patient = Patient.of(shared.mesh, straight, shared.coordinates)
    config = Activation(cv_fiber_mm_per_ms=0.8, cv_transverse_mm_per_ms=0.2)
    time = activate(patient, "crt", config).activation_time
    leads = heart.points[pacing_nodes(heart, shared.coordinates)]
    slowness = 1 / np.array([0.8, 0.2, 0.2])
    exact = np.linalg.norm((heart.points[:, None] - leads) * slowness, axis=2).min(axis=1)
    assert np.all(time >= exact - 1e-3)
    near = exact < 40
    assert near.sum() > 20
    assert time[near].mean() < 1.1 * exact[near].mean()


def test_sinus_starts_at_an_endocardium_and_lbbb_at_the_right_one(heart):
    left, right = (heart.surface_nodes(tag) for tag in (Surface.LV_ENDO, Surface.RV_ENDO))
    for scenario, nodes in (("sinus", np.union1d(left, right)), ("lbbb", right)):
        assert beat(scenario).activation_time.argmin() in nodes
        assert np.all(np.isin(beat(scenario).source_nodes, nodes))
    early = {name: beat(name).activation_time[left].mean() for name in ("sinus", "lbbb")}
    assert early["lbbb"] > early["sinus"] + 20


def test_without_the_left_tree_the_lateral_wall_is_last():
    time, place = beat("lbbb").activation_time, activated_patient().coordinates
    latest = time > np.percentile(time, 98)
    assert np.abs(place.uvc_phi[latest]).mean() > np.pi / 2
    assert np.all(place.uvc_nu[latest] == -1)


def test_crt_paces_the_rv_apex_and_the_lateral_lv_epicardium(heart):
    rv, lv = beat("crt").source_nodes
    assert rv in heart.surface_nodes(Surface.RV_ENDO) and heart.points[rv, 2] < -45
    assert lv in heart.surface_nodes(Surface.EPI)
    assert heart.points[lv, 0] < -25 and abs(heart.points[lv, 1]) < 10
    assert activated_patient().coordinates.uvc_nu[lv] == -1


@pytest.mark.parametrize("delay", [20.0, -20.0])
def test_delay_between_leads_shifts_the_second_one(delay):
    its = beat("crt", crt_vv_delay_ms=delay)
    rv, lv = its.activation_time[its.source_nodes]
    assert lv - rv == pytest.approx(delay, abs=1e-3)


def test_bad_input_is_refused_by_name():
    patient = activated_patient()
    with pytest.raises(BadInput, match="sinus, lbbb, crt"):
        activate(patient, "rbbb", Activation())
    f0 = patient.fibers.f0[:-1]
    short = replace(patient.fibers, f0=f0, s0=f0, n0=f0)
    with pytest.raises(BadInput, match="fibres for"):
        activate(Patient.of(patient.mesh, short, patient.purkinje), "sinus", Activation())
    right = patient.purkinje.pmj_side == 1
    lone = replace(
        patient.purkinje,
        pmj_nodes=patient.purkinje.pmj_nodes[right],
        pmj_times=patient.purkinje.pmj_times[right],
        pmj_side=patient.purkinje.pmj_side[right],
    )
    with pytest.raises(BadInput, match="no junction on side -1"):
        sources(Patient.of(patient.mesh, lone), "sinus")
    with pytest.raises(BadInput, match="has no coordinates"):
        sources(Patient.of(heart_mesh()), "crt")
    with pytest.raises(BadInput, match="RV_ENDO"):
        pacing_nodes(heart_patient(with_rv=False).heart, patient.coordinates)

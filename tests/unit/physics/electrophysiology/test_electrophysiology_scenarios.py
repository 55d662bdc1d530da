from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.heart import activated_patient, heart_mesh, heart_patient

from einthoven.base.config.models import ActivationSettings
from einthoven.base.config.scenarios import (
    ApexSiteSettings,
    CoordinateSiteSettings,
    CrtSettings,
    PacedSettings,
    PointSiteSettings,
    RhythmSettings,
    SegmentSiteSettings,
)
from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.core.tags import Surface
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Fibers
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.scenarios.kinds import built_in, scenario_of
from einthoven.physics.electrophysiology.scenarios.sites import site_node


def sources(patient, scenario, **section):
    return built_in(scenario).sources(patient, ActivationSettings(**section))


WALL = {
    "cv_fiber_mm_per_ms": 0.6,
    "cv_transverse_mm_per_ms": 0.25,
    "cv_lv_endocardium_mm_per_ms": 0.0,
    "cv_rv_endocardium_mm_per_ms": 0.0,
    "capture": False,
}
"""No wave but that in the wall; trees are sources."""
NO_DELAY = {"pmj_antegrade_ms": 0.0, "pmj_retrograde_ms": 0.0}


@cache
def beat(scenario, **section):
    return activate(activated_patient(), scenario, ActivationSettings(**WALL | section))


@pytest.fixture(scope="module")
def heart():
    return activated_patient().heart


def test_durations_are_physiological():
    total = {
        name: activate(activated_patient(), name, ActivationSettings()).total_ms
        for name in ("sinus", "lbbb", "rbbb", "crt")
    }
    assert 65 < total["sinus"] < 110
    assert 120 < total["lbbb"] < 200 and 110 < total["rbbb"] < 180 and 110 < total["crt"] < 200


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
    config = ActivationSettings(
        **WALL | {"cv_fiber_mm_per_ms": 0.8, "cv_transverse_mm_per_ms": 0.2}
    )
    time = activate(patient, scenario_of("crt", CrtSettings()), config).activation_time
    leads = heart.points[sources(shared, "crt").nodes]
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
    with pytest.raises(BadInput, match="sinus, lbbb, rbbb"):
        activate(patient, "bundle", ActivationSettings())
    f0 = patient.fibers.f0[:-1]
    short = replace(patient.fibers, f0=f0, s0=f0, n0=f0)
    whole = (patient.mesh, patient.coordinates, patient.purkinje)
    with pytest.raises(BadInput, match="fibres for"):
        activate(Patient.of(*whole, short), "sinus", ActivationSettings())
    right = patient.purkinje.root_fascicle == "right"
    lone = replace(patient.purkinje, root_fascicle=np.where(right, "right", "septal"))
    with pytest.raises(StepFailed, match="left-anterior-fascicle: no tree has fascicle ante"):
        activate(patient.with_stages(lone), "lafb", ActivationSettings())
    with pytest.raises(BadInput, match="has no coordinates"):
        sources(Patient.of(heart_mesh()), "crt")
    with pytest.raises(BadInput, match="RV_ENDO"):
        sources(heart_patient(with_rv=False), "crt")
    with pytest.raises(BadInput, match="nothing is excited"):
        everything = RhythmSettings(blocks=["left-bundle", "right-bundle"])
        activate(patient, scenario_of("none", everything), ActivationSettings())


def test_right_bundle_branch_block_is_the_mirror_of_the_left_one(heart):
    left = heart.surface_nodes(Surface.LV_ENDO)
    assert beat("rbbb").activation_time.argmin() in left
    assert np.all(np.isin(beat("rbbb").source_nodes, left))
    both = {*beat("lbbb").source_nodes.tolist(), *beat("rbbb").source_nodes.tolist()}
    assert both >= set(beat("sinus").source_nodes.tolist())
    last = beat("rbbb").activation_time > np.percentile(beat("rbbb").activation_time, 98)
    assert np.all(activated_patient().coordinates.uvc_nu[last] == 1)


def test_a_fascicular_block_silences_its_part_of_the_left_tree(heart):
    """Muscle of a blocked fascicle is reached from the others, later."""
    phi = activated_patient().coordinates.uvc_phi
    junctions = {name: set(beat(name).source_nodes.tolist()) for name in ("sinus", "lafb", "lpfb")}
    anterior, posterior = (list(junctions["sinus"] - junctions[n]) for n in ("lafb", "lpfb"))
    assert len(anterior) > 20 and len(posterior) > 20
    assert np.sin(phi[anterior]).mean() > np.sin(phi[posterior]).mean() + 0.3
    time = beat("lafb").activation_time - beat("sinus").activation_time
    assert np.all(time > -1e-3) and time[anterior].mean() > 5
    assert time[np.sin(phi) > 0.7].mean() > time[np.sin(phi) < -0.7].mean() + 3


def test_all_ways_to_name_a_site_find_it(heart):
    patient, epi = activated_patient(), heart.surface_nodes(Surface.EPI)
    place = patient.coordinates
    node = int(epi[np.abs(place.uvc_z[epi] - 0.6).argmin()])
    z, phi = float(place.uvc_z[node]), float(np.degrees(place.uvc_phi[node]))
    nu = int(place.uvc_nu[node])
    at = CoordinateSiteSettings(surface="epi", z=z, phi_deg=phi, nu=nu)
    point = PointSiteSettings(surface="epi", point_mm=(heart.points[node] + [0.1, 0, 0]).tolist())
    assert site_node(at, patient) == site_node(point, patient) == node
    apex = site_node(ApexSiteSettings(surface="lv_endo"), patient)
    assert apex in heart.surface_nodes(Surface.LV_ENDO) and heart.height[apex] < -70


def test_a_segment_names_the_node_nearest_to_its_middle(heart):
    from einthoven.data.patient.segments import AHA_SEGMENTS, ventricular_segments

    patient, regions = activated_patient(), ventricular_segments(activated_patient())
    epi = heart.surface_nodes(Surface.EPI)
    for segment in ("basal anterior", "mid inferolateral", "apex"):
        assert segment in AHA_SEGMENTS
        node = site_node(SegmentSiteSettings(surface="epi", segment=segment), patient)
        inside = np.intersect1d(epi, regions.nodes(segment))
        middle = heart.points[inside].mean(axis=0)
        assert node == inside[np.linalg.norm(heart.points[inside] - middle, axis=1).argmin()]


@pytest.mark.parametrize(
    ("site", "message"),
    [
        (SegmentSiteSettings(surface="epi", segment="basal nowhere"), "basal nowhere"),
        (SegmentSiteSettings(surface="rv_endo", segment="mid anterolateral"), "no node on RV_ENDO"),
        (
            PointSiteSettings(surface="epi", point_mm=[0.0, 0.0, 900.0]),
            "is it in the patient's frame",
        ),
        (
            CoordinateSiteSettings(surface="lv_endo", z=0.5, phi_deg=0.0, nu=1),
            "no node with nu = 1",
        ),
    ],
)
def test_a_site_that_is_not_there_is_refused(site, message):
    with pytest.raises(BadInput, match=message):
        site_node(site, activated_patient())


def test_a_paced_beat_starts_at_its_sites_in_their_order():
    sites = [
        ApexSiteSettings(surface="rv_endo", time_ms=12.0),
        CoordinateSiteSettings(surface="epi", z=0.5, phi_deg=180.0, time_ms=5.0),
    ]
    its = activate(
        activated_patient(),
        scenario_of("two", PacedSettings(sites=sites)),
        ActivationSettings(**WALL),
    )
    np.testing.assert_allclose(its.source_times, [7.0, 0.0])
    same = scenario_of("crt", CrtSettings(vv_delay_ms=-7.0))
    twin = activate(
        activated_patient(), same, ActivationSettings(**WALL | {"crt_vv_delay_ms": 50.0})
    )
    np.testing.assert_array_equal(its.activation_time, twin.activation_time)


def test_slow_conduction_scales_all_times():
    """Half the speed of muscle and trees: the same map in twice the time."""
    slow = scenario_of("slow", RhythmSettings(muscle_speed_factor=0.5, tree_speed_factor=0.5))
    for capture in (False, True):
        config = ActivationSettings(**WALL | {"capture": capture, **NO_DELAY})
        usual, late = (activate(activated_patient(), s, config) for s in ("sinus", slow))
        np.testing.assert_allclose(late.activation_time, 2 * usual.activation_time, atol=2e-4)
    muscle = scenario_of("muscle", RhythmSettings(muscle_speed_factor=0.5))
    late = activate(activated_patient(), muscle, ActivationSettings(**WALL))
    times = dict(zip(late.source_nodes.tolist(), late.source_times))
    for node, time in zip(beat("sinus").source_nodes.tolist(), beat("sinus").source_times):
        assert times[node] == pytest.approx(time, abs=1e-6)

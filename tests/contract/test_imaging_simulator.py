"""Many beats of one heart agree with `activate` and `simulate_ecg`, beat by beat."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.heart import activated_patient

from einthoven.base.config.electrophysiology import (
    ActivationSettings,
    PurkinjeSettings,
    RepolarisationSettings,
)
from einthoven.base.config.imaging import ImagingSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.config.recording import RecordingSettings
from einthoven.base.config.scenarios import BUILT_IN, PacedSettings, PointSiteSettings
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.imaging.corpus.beat_parameters import (
    MAX_SITES,
    PARAMETERS,
    PLATEAUS,
    BeatParameters,
    draw_beats,
)
from einthoven.imaging.corpus.recorder_noise import with_recorder_noise
from einthoven.imaging.corpus.simulations import Simulations, joined, read_corpus
from einthoven.imaging.corpus.simulator import Simulator
from einthoven.imaging.inputs.points import N_POINTS, NAMES, recording_points
from einthoven.imaging.inputs.traces import activation_index, apd90_of
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.cells.condition import Condition
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.cells.plateaus import shares_of
from einthoven.physics.electrophysiology.purkinje.tree import grow_tree
from einthoven.physics.electrophysiology.repolarisation import apd90_field, plateau_field
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.scenarios.kinds import scenario_of
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

SECTION = ImagingSettings(simulations_per_patient=4)


@cache
def patient():
    return activated_patient()


@cache
def fields():
    """Two forward models: pseudo lead fields of nine electrodes, near and far."""
    heart = patient().heart
    directions = np.random.default_rng(1).normal(size=(9, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centre = heart.points.mean(axis=0)
    return {
        name: pseudo_lead_field_grad(heart.centroids, centre + mm * directions, 0.2)
        for name, mm in (("near", 110.0), ("far", 180.0))
    }


@cache
def simulator():
    return Simulator.of(patient(), fields())


def reference(case, beat, of=None):
    """By the functions for one beat: tau, and potentials of the far electrodes."""
    of = of or patient()
    activation = ActivationSettings(
        cv_fiber_mm_per_ms=case.cv_fiber,
        cv_transverse_mm_per_ms=case.cv_transverse,
        cv_lv_endocardium_mm_per_ms=case.cv_lv_endocardium,
        cv_rv_endocardium_mm_per_ms=case.cv_rv_endocardium,
    )
    common = {
        "tree_speed_factor": case.cv_tree / patient().purkinje.speed_mm_per_ms,
        "cycle_length_ms": int(case.cycle_length_ms),
        "i_kr_factor": case.i_kr_factor,
    }
    settings = BUILT_IN.get(
        case.pattern, PacedSettings(sites=[PointSiteSettings(surface="epi", point_mm=[0] * 3)])
    )
    settings = settings.model_copy(update=common)
    if case.sites:
        heart, sites = patient().heart, []
        for site in beat.case.sites:
            node = simulator().node(site)
            on = next(tag for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO)
                      if node in heart.surface_nodes(tag))  # fmt: skip
            sites.append(PointSiteSettings(surface=on.name.lower(), time_ms=site.time_ms,
                                   point_mm=heart.points[node].tolist()))  # fmt: skip
        settings = settings.model_copy(update={"sites": sites})
    known = activate(of, scenario_of(case.pattern, settings), activation)
    exact = replace(known, activation_time=beat.tau)
    repolarisation = RepolarisationSettings(
        mean_ms=case.apd_mean_ms,
        apex_to_base_ms=case.apex_to_base_ms,
        anterior_to_posterior_ms=case.anterior_to_posterior_ms,
        rv_to_lv_ms=case.rv_to_lv_ms,
        endo_to_epi_ms=case.endo_to_epi_ms,
    )
    names = np.array(STANDARD_ELECTRODES)
    gradients = LeadFieldGradients(names, np.zeros((9, 3)), fields()["far"])
    sigma = LeadFieldSettings(sigma_il_s_per_m=case.sigma_il, sigma_it_s_per_m=case.sigma_it)
    axis = EcgSettings(start_ms=0.0, duration_ms=900.0)
    settings = SimulationSettings(axis, sigma, repolarisation)
    ecg = simulate_ecg(of, gradients, exact, settings)
    return known.activation_time, ecg.electrode_potential[0, :, :500]


@pytest.mark.parametrize("number, pattern", [(0, "sinus"), (1, "lbbb"), (2, "paced-3")])
def test_a_beat_is_that_of_activate_and_simulate_ecg(number, pattern):
    only = SECTION.model_copy(
        update={"patterns": [pattern], "paced_share": 1.0 if "paced" in pattern else 0.0}
    )
    case = draw_beats(only, "p0000", number + 1)[number]
    sites = tuple(replace(site, rho=float(round(site.rho))) for site in case.sites)
    case = replace(case, sites=sites)
    beat = simulator().simulate(case)
    tau, potential = reference(case, beat)
    np.testing.assert_allclose(beat.tau, tau, atol=2e-4)
    error = beat.potentials["far"] - potential
    assert np.linalg.norm(error) < 2e-3 * np.linalg.norm(potential)
    assert np.abs(error).max() < 1e-2 * np.abs(potential).max()


@pytest.mark.parametrize("survives", [True, False])
def test_a_beat_of_a_heart_with_a_scar_is_that_of_activate_and_simulate_ecg(survives):
    section = SubstrateSettings(
        kind="scar", regions=[{"by": "territory", "artery": "LAD"}], purkinje_survives=survives,
        transmurality=[0.7, 0.7], border_mm=6.0,
    )  # fmt: skip
    heart, scar = simulator().with_scar(section)
    case = BeatParameters("sinus")
    beat, healthy = heart.simulate(case), simulator().simulate(case)
    tau, potential = reference(case, beat, patient().with_stages(scar))
    np.testing.assert_allclose(beat.tau, tau, atol=2e-4)
    error = beat.potentials["far"] - potential
    assert np.linalg.norm(error) < 2e-3 * np.linalg.norm(potential)
    changed = np.linalg.norm(healthy.potentials["far"] - potential) / np.linalg.norm(potential)
    assert scar.lv_percent > 5 and changed > 0.1


def test_no_scar_is_the_heart_itself_and_ischaemia_is_refused():
    heart, scar = simulator().with_scar(SubstrateSettings())
    assert heart is simulator() and scar.lv_percent == 0
    with pytest.raises(BadInput, match="ischaemia"):
        simulator().with_scar(SubstrateSettings(kind="ischaemia"))


@pytest.mark.parametrize("mean_ms, is_cut", [(300.0, False), (240.0, True)])
def test_durations_are_those_of_section_repolarisation(mean_ms, is_cut):
    """Also where the family's limits cut them, before and after they are smoothed."""
    case = BeatParameters("sinus", apd_mean_ms=mean_ms, apex_to_base_ms=140.0)
    section = RepolarisationSettings(mean_ms=mean_ms, apex_to_base_ms=140.0)
    field = apd90_field(patient(), section)
    np.testing.assert_allclose(simulator().durations(case), field, atol=1e-4)
    assert (field.min() < family().apd90[0] + 1.0) == is_cut


@pytest.mark.parametrize("cycle_length, i_kr", [(1000.0, 1.0), (600.0, 0.5)])
def test_traces_rise_and_repolarise_when_the_beat_says(cycle_length, i_kr):
    case = BeatParameters("sinus", cycle_length_ms=cycle_length, i_kr_factor=i_kr)
    beats = Simulations.of(simulator(), [case], "train", {})
    v_m = beats.v_m(np.array([0]))
    assert v_m.shape == (1, N_POINTS, 500) and v_m.min() > -90 and v_m.max() < 45
    late = activation_index(v_m) - beats.activation_time
    assert np.all((late > -0.2) & (late < 1.2))  # the first whole millisecond above 0 mV
    lasting = apd90_of(v_m)[0]
    known = family(Condition(cycle_length, i_kr)).apd90
    assert known[0] < beats.apd90.min() and beats.apd90.max() < known[-1]
    assert np.nanmax(np.abs(lasting - beats.apd90[0])) < 4.0


def test_the_points_lie_where_their_names_say():
    found, heart = recording_points(patient()), patient().heart
    assert len(found.points) == len(set(NAMES)) == N_POINTS
    np.testing.assert_allclose(found.weights @ heart.points, found.points, atol=0.6)
    np.testing.assert_allclose(found.weights.sum(axis=1), 1.0)
    at = {name: point for name, point in zip(NAMES, found.points)}
    for name in NAMES:
        if name.startswith("MID_"):
            one, two = at[name[4:]], at[f"EPI_{name[4:]}"]
            np.testing.assert_allclose(at[name], (one + two) / 2)
    place = patient().coordinates
    height = found.weights @ place.uvc_z.astype(float)
    rings = [height[:6].mean(), height[6:12].mean(), height[12:16].mean(), height[16]]
    assert np.all(np.diff(rings) < -0.1)


def test_more_cases_leave_the_first_as_they_are():
    few, many = (draw_beats(SECTION, "p0001", n) for n in (3, 20))
    assert many[:3] == few and len({case.pattern for case in many}) > 3
    assert draw_beats(SECTION, "p0002", 3) != few
    for case in many:
        again = BeatParameters.of_row(case.pattern, case.row)
        np.testing.assert_allclose(again.row, case.row, atol=1e-12)
        assert len(case.sites) == np.isfinite(case.row[-6 * MAX_SITES :]).sum() // 6
    assert len(PARAMETERS) == len(many[0].row)


PEOPLE = ImagingSettings(people=True, paced_share=0.15, sinus_share=0.7)


def test_beats_of_people_are_of_other_people_each_and_as_frequent_as_asked():
    cases = draw_beats(PEOPLE, "p0001", 400)
    paced = np.array([case.pattern.startswith("paced") for case in cases])
    sinus = np.array([case.pattern == "sinus" for case in cases])
    assert paced.mean() == pytest.approx(0.15, abs=0.06)
    assert sinus[~paced].mean() == pytest.approx(0.7, abs=0.08)
    for case in cases:
        assert len({site.fascicle for site in case.early}) == 5 == len(case.early)
        assert min(site.time_ms for site in case.early) == 0.0
        assert case.condition == Condition(1000.0, 1.0) and case.cv_transverse <= case.cv_fiber
    assert len({case.sigma_il for case in cases}) == len(cases)
    assert len({case.plateaus for case in cases}) == len(cases)
    assert not any(case.early or case.plateaus for case in draw_beats(SECTION, "p0001", 4))


def test_a_person_s_plateaus_are_those_of_the_stored_ecg():
    """`Membrane`, which the stage ecg uses, with the same durations and shares node by node.

    The notch begins with the upstroke, and the simulator sweeps all differences in bins of 2 ms.
    """
    case = next(case for case in draw_beats(PEOPLE, "p0001", 9) if case.pattern == "sinus")
    beat, known = simulator().simulate(case), dict(zip(PLATEAUS, case.plateaus))
    durations, low = simulator().durations(case), simulator().low_plateau(case)
    sigma = LeadFieldSettings(sigma_il_s_per_m=case.sigma_il, sigma_it_s_per_m=case.sigma_it)
    membrane = Membrane(patient().heart, intracellular(patient().fibers.f0, sigma),
                        shares_of(durations, low))  # fmt: skip
    expected = membrane.potential(beat.tau, fields()["far"], np.arange(500.0))
    error = np.linalg.norm(beat.potentials["far"] - expected) / np.linalg.norm(expected)
    without = simulator().beat(replace(case, plateaus=()), beat.tau).potentials["far"]
    changed = np.linalg.norm(without - expected) / np.linalg.norm(expected)
    assert error < 0.006 and changed > 10 * error
    field = plateau_field(patient(), RepolarisationSettings(field="gradients", **known))
    np.testing.assert_allclose(low, field, atol=1e-6)


FIXED = ImagingSettings(
    patterns=["sinus", "lbbb"], paced_share=0.5,
    fixed_sites={
        "apex": [{"z": 0.1, "phi_deg": 90.0, "rho": 1.0}],
        "both": [{"z": 0.2, "phi_deg": 0.0, "nu": 1}, {"z": 0.6, "phi_deg": -180, "time_ms": 30}],
    },
)  # fmt: skip


def test_fixed_sites_are_the_same_on_all_hearts_and_as_frequent_as_asked():
    cases = [*draw_beats(FIXED, "p0001", 200), *draw_beats(FIXED, "p0002", 200)]
    names, count = np.unique([case.pattern for case in cases], return_counts=True)
    assert names.tolist() == ["apex", "both", "lbbb", "sinus"]
    np.testing.assert_allclose(count / len(cases), 0.25, atol=0.07)  # SD 0.022
    sites = {case.pattern: set() for case in cases}
    for case in cases:
        sites[case.pattern].add(case.sites)
    assert {name: len(found) for name, found in sites.items()} == dict.fromkeys(names, 1)
    (apex,), (both,) = sites["apex"], sites["both"]
    np.testing.assert_allclose(
        [apex[0].z, apex[0].phi, apex[0].rho, apex[0].nu], [0.1, np.pi / 2, 1.0, -1.0]
    )
    assert [site.time_ms for site in both] == [0.0, 30.0] and both[0].nu == 1
    assert len({case.sigma_il for case in cases}) == len(cases)
    found = Simulations.of(simulator(), draw_beats(FIXED, "p0001", 40), "train", {})
    nodes = found.parameters[found.pattern == "apex"][:, -6 * MAX_SITES :]
    assert len(nodes) > 1
    np.testing.assert_array_equal(nodes, np.repeat(nodes[:1], len(nodes), axis=0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"patterns": ["sinus", "paced-1"]}, "patterns has paced ones"),
        ({"patterns": ["sinus"], "people": True}, "not with imaging.people"),
        ({"patterns": ["sinus"], "fixed_sites": {"sinus": [{"z": 0, "phi_deg": 0}]}}, "same name"),
    ],
)
def test_fixed_sites_that_contradict_the_rest_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        ImagingSettings(**{"fixed_sites": {"apex": [{"z": 0, "phi_deg": 0}]}} | wrong)


USUAL_NOISE = RecordingSettings().model_dump()


def test_recorder_noise_is_that_of_a_mean_beat_and_obeys_einthoven_s_law():
    cases = draw_beats(SECTION, "p0000", 6)
    beats = Simulations.of(simulator(), cases, "train", {})
    noisy = with_recorder_noise(beats, USUAL_NOISE, 1)
    noise = noisy.ecg - beats.ecg
    np.testing.assert_allclose(noise[:, 0], noise[:, 1], atol=1e-5)  # of the recorder, not model
    i, ii, iii = noise[:, 0, 0], noise[:, 0, 1], noise[:, 0, 2]
    np.testing.assert_allclose(iii, ii - i, atol=1e-5)
    assert 0.001 < noise.std() < 0.05 and np.ptp(noise.std(axis=(1, 2, 3))) > 1e-4
    few = Simulations.of(simulator(), cases[:2], "train", {})
    again = with_recorder_noise(few, USUAL_NOISE, 1)
    np.testing.assert_array_equal(again.ecg, noisy.ecg[:2])
    other = with_recorder_noise(few, USUAL_NOISE, 2)
    assert np.abs(other.ecg - again.ecg).max() > 0.001
    silent = USUAL_NOISE | {"wander_uv": 0, "muscle_uv": 0, "mains_uv": 0}
    np.testing.assert_array_equal(with_recorder_noise(few, silent, 1).ecg, few.ecg)
    assert with_recorder_noise(few, {}, 1) is few


NO_SUCH_BEATS = (
    {"patterns": ["sinus"], "paced_share": 0.0, "sinus_share": 0.5},
    {"patterns": ["lbbb", "paced-1"], "sinus_share": 0.5},
)


@pytest.mark.parametrize("wrong", NO_SUCH_BEATS)
def test_a_share_of_sinus_needs_such_beats(wrong):
    with pytest.raises(ValueError, match="sinus_share"):
        ImagingSettings(**wrong)


@pytest.mark.parametrize("pattern", ["sinus", "lbbb", "paced-1"])
def test_a_person_s_beat_is_that_of_a_heart_with_its_sites(pattern):
    """As `snakemake` makes it: purkinje.backend sites first, then the beat."""
    case = next(case for case in draw_beats(PEOPLE, "p0001", 200) if case.pattern == pattern)
    section = PurkinjeSettings(backend="sites", early_sites=list(case.early))
    grown = patient().with_stages(grow_tree(patient(), section))
    expected = Simulator.of(grown, fields()).simulate(replace(case, early=()))
    found = simulator().simulate(case)
    np.testing.assert_array_equal(found.tau, expected.tau)
    np.testing.assert_array_equal(found.potentials["near"], expected.potentials["near"])
    assert found.case.early == case.early
    again = simulator().simulate(replace(case, early=()))  # on the heart's own trees, as before
    assert np.abs(again.tau - found.tau).max() > 1.0


def test_the_same_seed_gives_the_same_bytes_and_they_are_read_back(tmp_path):
    cases = draw_beats(SECTION, "p0000", 4)
    for name in ("one", "two"):
        made = Simulations.of(simulator(), cases, "val", {"torso_girth": 900.0})
        made.save(tmp_path / name / "p0000.npz")
    assert (tmp_path / "one/p0000.npz").read_bytes() == (tmp_path / "two/p0000.npz").read_bytes()
    back = Simulations.load(tmp_path / "one/p0000.npz")
    np.testing.assert_array_equal(back.ecg, made.ecg)
    corpus = read_corpus(tmp_path / "one")
    assert set(corpus.ecgs) == {"near", "far"} and corpus.split.tolist() == ["val"] * 4
    two = joined([made, back])
    np.testing.assert_array_equal(two.v_m(np.array([5, 1]))[0], two.v_m(np.array([1]))[0])

"""Scar and ischaemia on an idealised heart: regions, labels, effects, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.heart import HOMOGENEOUS, activated_patient
from pydantic import ValidationError

from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.config.substrate import SubstrateSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.files import save_arrays
from einthoven.data.patient.segments import AHA_SEGMENTS, ventricular_segments
from einthoven.data.patient.substrate import BORDER, CORE, Substrate
from einthoven.physics.ecg.forward import transfer_matrix
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.electrophysiology.cells.condition import Condition
from einthoven.physics.electrophysiology.cells.family import apd90
from einthoven.physics.electrophysiology.cells.ischaemia import ischaemic_cell
from einthoven.physics.electrophysiology.cells.template import ECG_STEP_MS, potential, table
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.electrophysiology.substrate.effects import dead_nodes
from einthoven.physics.electrophysiology.substrate.make import make_substrate, random_field
from einthoven.physics.leadfield.conductivity import intracellular, of_body

LEVELS = [("LAD", "proximal", 7), ("LAD", "distal", 4), ("LCX", "proximal", 5),
          ("LCX", "distal", 2), ("RCA", "proximal", 5), ("RCA", "distal", 3)]  # fmt: skip
CELLS = LeadFieldSettings()
QUIET = ActivationSettings(capture=False)


def settings(kind="scar", region=None, **others):
    region = region or {"by": "territory", "artery": "LAD", "level": "distal"}
    return SubstrateSettings.model_validate({"kind": kind, "regions": [region], **others})


@pytest.fixture(scope="module")
def patient():
    return activated_patient()


@pytest.fixture(scope="module")
def grad(patient):
    """Uniform gradients of three lead fields: [electrode, cell, 3]."""
    return np.tile(np.eye(3)[:, None], (1, len(patient.heart.cells), 1))


def membrane(patient):
    return Membrane.of(patient, CELLS, HOMOGENEOUS)


@pytest.mark.parametrize("artery, level, n", LEVELS)
def test_territories_are_their_segments(patient, artery, level, n):
    region = {"by": "territory", "artery": artery, "level": level}
    found = make_substrate(patient, settings(region=region, border_mm=0.0))
    assert np.sum(np.array(found.segment_share) > 0.5) == n and found.region == f"{artery} {level}"
    assert not np.any(found.tissue == BORDER)
    volumes = patient.heart.volumes
    assert found.core_ml == pytest.approx(volumes[found.tissue == CORE].sum() / 1e3)
    in_lv = ventricular_segments(patient).cell_region < len(AHA_SEGMENTS)
    of_lv = volumes[(found.tissue == CORE) & in_lv].sum() / volumes[in_lv].sum()
    assert found.lv_percent == pytest.approx(100 * of_lv)


def test_segments_by_number_are_those_of_the_territory(patient):
    region = {"by": "segments", "segments": [7, 13, 14, 17]}
    ours, known = (make_substrate(patient, settings(region=r)) for r in (region, None))
    np.testing.assert_array_equal(ours.tissue, known.tissue)


def test_a_sphere_has_its_radius_and_grows_with_size(patient):
    region = {"by": "coordinates", "z": 0.5, "phi_deg": 180.0, "radius_mm": 22.0}
    whole = make_substrate(patient, settings(region=region, border_mm=0.0))
    half = make_substrate(patient, settings(region=region, border_mm=0.0, size=[0.5, 0.5]))
    middles = patient.heart.centroids[whole.tissue == CORE]
    assert np.linalg.norm(middles - middles.mean(axis=0), axis=1).max() < 2 * 22.0
    assert half.core_ml / whole.core_ml == pytest.approx(0.5, abs=0.15)
    assert np.all(whole.tissue[half.tissue == CORE] == CORE)


def test_transmurality_is_reached_from_the_endocardium(patient):
    whole, inner = (make_substrate(patient, settings(transmurality=[part, part]))
                    for part in (1.0, 0.5))  # fmt: skip
    rho = patient.coordinates.uvc_rho[patient.heart.cells].mean(axis=1)
    assert rho[inner.tissue == CORE].max() < 0.65
    assert inner.transmurality < 0.65 * whole.transmurality and inner.core_ml < 0.7 * whole.core_ml


def test_border_zone_lies_around_the_core_and_is_as_wide_as_asked(patient):
    wide, narrow = (make_substrate(patient, settings(border_mm=mm)) for mm in (12.0, 6.0))
    np.testing.assert_array_equal(wide.tissue == CORE, narrow.tissue == CORE)
    assert wide.border_ml > 1.5 * narrow.border_ml
    assert np.all(wide.level[np.unique(patient.heart.cells[wide.tissue == CORE])] > 0)
    far = np.setdiff1d(np.arange(len(wide.level)), np.unique(
        patient.heart.cells[wide.tissue > 0]))  # fmt: skip
    assert wide.level[far].max() < 0.6


def test_the_random_field_is_seeded_rough_and_longer_along_fibres(patient):
    one, again = (random_field(patient, settings(seed=4)) for _ in range(2))
    other = random_field(patient, settings(seed=5))
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.5
    heart, f0 = patient.heart, patient.fibers.f0
    slope = np.einsum("cvd,cv->cd", heart.hat_gradients, one[heart.cells])
    along = np.einsum("cd,cd->c", slope, f0)
    across = (slope**2).sum(axis=1) - along**2
    assert (along**2).mean() < 0.8 * across.mean() / 2


def test_rough_edges_make_channels_but_no_living_island(patient):
    found = make_substrate(patient, settings(roughness_mm=15.0, grain_mm=6.0))
    smooth = make_substrate(patient, settings())
    lost = np.mean(found.tissue[smooth.tissue == CORE] != CORE)
    assert 0.05 < lost < 0.6
    beat = activate(patient.with_stages(found), "sinus", ActivationSettings())
    assert np.isfinite(beat.activation_time).all() and beat.total_ms < 300


def test_a_wave_goes_round_a_scar_and_does_not_enter_it(patient):
    found = make_substrate(patient, settings())
    sick = patient.with_stages(found)
    before = activate(patient, "sinus", QUIET).activation_time
    after = activate(sick, "sinus", QUIET).activation_time
    dead = dead_nodes(found, patient.heart)
    assert dead.any() and np.isin(after[dead], after[~dead]).all()
    assert np.all(after[~dead] > before[~dead] - 0.02)
    far = found.level == 0
    assert np.median(after[far] - before[far]) < 1.0


def test_a_scar_that_conducts_as_muscle_does_changes_no_time(patient):
    section = settings(core_speed_share=1.0, border_speed_share=1.0)
    sick = patient.with_stages(make_substrate(patient, section))
    for scenario in ("sinus", "lbbb"):
        ours, known = (activate(p, scenario, QUIET).activation_time for p in (sick, patient))
        np.testing.assert_allclose(ours, known, atol=1e-3)


def test_trees_over_a_scar_may_die(patient):
    times = []
    for survives in (True, False):
        found = make_substrate(patient, settings(purkinje_survives=survives))
        times.append(activate(patient.with_stages(found), "sinus", QUIET).activation_time)
    assert times[1].mean() > times[0].mean() + 0.1


def test_the_core_of_a_scar_is_no_source(patient, grad):
    found = make_substrate(patient, settings(border_apd_ms=0.0))
    sick = membrane(patient.with_stages(found))
    matrix = transfer_matrix(patient.heart, sick.sigma_i, grad)
    assert np.all(matrix[:, dead_nodes(found, patient.heart)] == 0)
    alive = found.tissue != CORE
    np.testing.assert_array_equal(sick.sigma_i[alive], membrane(patient).sigma_i[alive])


def conductivities(patient, **others):
    """Tensors of the body with a scar that lead fields know of, the scar, and healthy tensors."""
    found = make_substrate(patient, settings(in_lead_field=True, **others))
    healthy = of_body(patient, CELLS)
    return of_body(patient.with_stages(found), CELLS), found, healthy


def test_a_scar_is_not_in_the_lead_field_unless_asked(patient):
    sick = patient.with_stages(make_substrate(patient, settings()))
    np.testing.assert_array_equal(of_body(sick, CELLS), of_body(patient, CELLS))


def test_a_core_has_its_own_conductivity_and_a_border_lies_between(patient):
    tensors, found, healthy = conductivities(patient, core_sigma_e_s_per_m=0.4, border_mm=8.0)
    core = np.flatnonzero(found.tissue == CORE)
    np.testing.assert_allclose(
        tensors[core], np.tile(0.4 * np.eye(3), (len(core), 1, 1)), atol=1e-12
    )
    border = np.flatnonzero(found.tissue == BORDER)
    share = found.scar_share(patient.heart.cells)[border]
    assert np.all(share < 1) and np.ptp(share) > 0.5
    cells = intracellular(patient.fibers.f0, CELLS)[border]
    expected = cells + (1 - share)[:, None, None] * (healthy[border] - cells) + (
        share[:, None, None] * 0.4 * np.eye(3))  # fmt: skip
    np.testing.assert_allclose(tensors[border], expected, atol=1e-12)
    rest = np.ones(len(tensors), bool)
    rest[: len(found.tissue)] = found.tissue == 0
    np.testing.assert_array_equal(tensors[rest], healthy[rest])


def test_a_core_of_muscle_without_cells_lacks_only_their_inside(patient):
    tensors, found, healthy = conductivities(patient, core_sigma_e_s_per_m=None)
    lost = (healthy - tensors)[: len(found.tissue)]
    core = found.tissue == CORE
    inside = intracellular(patient.fibers.f0, CELLS)[core]
    np.testing.assert_allclose(lost[core], inside, atol=1e-12)
    assert not lost[~core].any()


@pytest.mark.parametrize("severity", ["mild", "moderate", "severe"])
def test_ischaemic_cells_differ_in_all_that_ischaemia_changes(severity):
    cell, time = ischaemic_cell(severity), table()["time"]
    assert 4 < cell.rest_change_mv < 25 and 0.1 < cell.speed_share < 0.95
    assert cell.v_m.max() < table()["v_m"].max() - 5
    assert apd90(time, cell.v_m) < apd90(time, table()["v_m"]) - 20


def test_severities_are_in_their_order():
    cells = [ischaemic_cell(name) for name in ("mild", "moderate", "severe")]
    for values in ([c.rest_change_mv for c in cells], [-c.speed_share for c in cells],
                   [-apd90(table()["time"], c.v_m) for c in cells]):  # fmt: skip
        assert values == sorted(values)


def test_potential_of_an_ischaemic_heart_is_that_of_its_nodal_potentials(patient, grad):
    """Eq. (3) of V_m = (1 - s) U + s U_ischaemic at late times, when no front is left, by A V_m."""
    sick = patient.with_stages(make_substrate(patient, settings("ischaemia", border_mm=10.0)))
    cells, tau = membrane(sick), activate(sick, "sinus", QUIET).activation_time.astype(float)
    time = np.array([20.0, 40.0, 900.0]) + tau.max()
    fine = np.arange(-5.0, time[-1] + 1.0, 1.0)
    found = cells.potential(tau, grad, fine)
    share, cell = cells.ischaemia.share, ischaemic_cell("moderate")
    matrix = transfer_matrix(patient.heart, cells.sigma_i, grad)
    for at in time:
        v_m = (1 - share) * potential(at - tau) + share * potential(at - tau, cell.v_m)
        direct = matrix @ (v_m - cells.ischaemia.rest)
        ours = np.array([np.interp(at, fine, row) for row in found])
        assert np.abs(ours - direct).max() < 0.03 * np.abs(found).max()
    assert np.abs(found[:, -1]).max() < 1e-3 * np.abs(found).max()  # TQ is the zero
    np.testing.assert_allclose(cells.resting_potential(grad), matrix @ cells.ischaemia.rest)
    assert np.ptp(np.diff(cells.template[0])) < 1e-9 and ECG_STEP_MS == 0.1


def test_ischaemia_has_an_energy_and_no_other_condition(patient):
    sick = patient.with_stages(make_substrate(patient, settings("ischaemia")))
    beat = activate(sick, "sinus", QUIET)
    cells, healthy = membrane(sick), membrane(patient)
    assert cells.energy(beat.activation_time) != healthy.energy(beat.activation_time)
    fast = replace(beat, cycle_length_ms=Condition(600.0).cycle_length_ms)
    with pytest.raises(BadInput, match="ischaemic cells for .* only"):
        cells.during(fast)


def test_healthy_patients_of_a_sick_cohort_are_computed_as_ever(patient, grad):
    well = patient.with_stages(make_substrate(patient, settings(share=0.0).of_patient("p0000")))
    assert make_substrate(patient, SubstrateSettings()).is_healthy and well.diseased is None
    ours, known = (activate(p, "sinus", QUIET).activation_time for p in (well, patient))
    np.testing.assert_array_equal(ours, known)


def test_draws_depend_on_seed_patient_and_key_alone():
    section = SubstrateSettings(kind="scar", share=0.5, transmurality=[0.3, 1.0], size=[0.4, 1.0])
    drawn = [section.of_patient(f"p{k:04d}") for k in range(300)]
    sick = [one for one in drawn if one.kind == "scar"]
    assert 0.4 < len(sick) / 300 < 0.6 and section.of_patient("p0007") == drawn[7]
    assert {one.regions[0].artery for one in sick} == {"LAD", "LCX", "RCA"}
    parts = np.array([one.transmurality[0] for one in sick])
    assert 0.3 <= parts.min() < 0.4 and 0.9 < parts.max() <= 1.0
    assert all(one.of_patient("p0001").transmurality == one.transmurality for one in sick)


def test_a_field_of_the_user_is_read(patient, tmp_path):
    known = make_substrate(patient, settings())
    path = tmp_path / f"{patient.name}.npz"
    save_arrays(path, {"points": patient.heart.points, "level": known.level.astype(float)})
    region = {"by": "field", "path": str(tmp_path / "{patient}.npz")}
    found = make_substrate(patient, settings(region=region))
    np.testing.assert_allclose(found.level, known.level, atol=1e-5)
    save_arrays(path, {"points": patient.heart.points + 500.0, "level": known.level})
    with pytest.raises(BadInput, match="of another mesh"):
        make_substrate(patient, settings(region=region))
    save_arrays(path, {"points": patient.heart.points, "level": 2.0 * known.level})
    with pytest.raises(BadInput, match="level"):
        make_substrate(patient, settings(region=region))


@pytest.mark.parametrize("others, message", [
    ({"region": {"by": "segments", "segments": [3, 18]}}, "18: the AHA segments are numbered 1 to"),
    ({"transmurality": [0.5, 1.2]}, "less than or equal to 1"),
    ({"region": {"by": "coordinates", "z": 1.4, "phi_deg": 0.0, "radius_mm": 9.0}}, "z"),
    ({"region": {"by": "field", "path": "scar.nii"}}, "npz file with points and level"),
    ({"core_source_share": 0.2}, "no wave, no source"),
    ({"core_sigma_e_s_per_m": 6.0}, "less than or equal to 1.5"),
])  # fmt: skip
def test_impossible_settings_are_refused_before_any_solve(others, message):
    with pytest.raises(ValidationError, match=message):
        settings(**others)


def test_impossible_regions_are_refused(patient):
    most = {"by": "segments", "segments": [*range(1, 17)]}
    with pytest.raises(BadInput, match="left ventricle, more than 60%"):
        make_substrate(patient, settings(region=most))
    tiny = {"by": "coordinates", "z": 0.5, "phi_deg": 0.0, "radius_mm": 3.0}
    with pytest.raises(BadInput, match="no tetrahedron .* is in the core"):
        make_substrate(patient, settings(region=tiny, size=[0.02, 0.02]))


def test_a_substrate_of_another_mesh_is_refused(patient):
    found = make_substrate(patient, settings())
    other = replace(found, tissue=found.tissue[:-5])
    with pytest.raises(BadInput, match="of another mesh"):
        activate(patient.with_stages(other), "sinus", QUIET)


def test_the_stage_is_kept_in_a_file(patient, tmp_path):
    found = make_substrate(patient, settings())
    found.save(tmp_path / "substrate.npz")
    read = Substrate.load(tmp_path / "substrate.npz")
    np.testing.assert_array_equal(read.tissue, found.tissue)
    assert read.columns == found.columns and read.section == found.section
    assert len(read.columns) == 4 + 17

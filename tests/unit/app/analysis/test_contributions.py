"""Contributions of regions add up to the ECG, whatever the partition; `einthoven explain`."""

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.fem import random_rotation
from helpers.heart import activated_patient, durations

from einthoven.app.analysis.contributions import (
    ATRIA,
    REGIONS_PER_SWEEP,
    WHOLE,
    activation_by_region,
    contributions,
    settings_of_run,
)
from einthoven.app.cli import main
from einthoven.base.config.atria import AtriaSettings
from einthoven.base.config.load import load
from einthoven.base.config.models import ActivationSettings as ActivationConfig
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.config.physiology import Physiology
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.base.core.tags import Surface
from einthoven.base.plots.contributions import contributions_figure
from einthoven.body.fibers.coordinates import ventricular_coordinates
from einthoven.data.patient.leadfields import LeadFieldGradients, LeadFields
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.segments import DIVISIONS, Regions
from einthoven.physics.ecg.forward import forward_potential
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.simulate import (
    HOMOGENEOUS,
    SimulationSettings,
    reference_ecg,
    simulate_ecg,
    time_axis,
)
from einthoven.physics.electrophysiology.cells.template import ECG_STEP_MS, template
from einthoven.physics.electrophysiology.scenarios.activation import activate
from einthoven.physics.leadfield.conductivity import intracellular
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

CONFIG, LEADFIELD = EcgSettings(duration_ms=150.0), LeadFieldSettings()
SETTINGS = SimulationSettings(CONFIG, LEADFIELD)
DURATIONS = durations(mean_ms=280, apex_to_base_ms=40, rv_to_lv_ms=10, endo_to_epi_ms=-30)
PLACES = 110.0 * np.array(
    [[0.8, 0.3, 0.6], [-0.8, 0.3, 0.6], [-0.3, 0.2, -1.0], [0.9, 0.5, 0.1], [0.6, 0.8, 0.0],
     [0.3, 1.0, -0.1], [0.0, 1.0, -0.2], [-0.5, 0.9, -0.2], [-0.9, 0.5, -0.2]]
)  # fmt: skip
"""RA, LA, LL and V1 to V6 in the frame of the idealised heart, mm."""


def pseudo_fields(patient, places=PLACES):
    grad = pseudo_lead_field_grad(patient.heart.centroids, places, LEADFIELD.sigma_torso_s_per_m)
    return LeadFieldGradients(np.array(STANDARD_ELECTRODES), places, grad)


@cache
def beat(scenario="sinus"):
    return activate(activated_patient(), scenario, ActivationConfig())


def divided(regions, scenario="sinus"):
    patient = activated_patient()
    fields = pseudo_fields(patient)
    return contributions(patient, fields, beat(scenario), regions, SETTINGS)


@cache
def walls():
    return divided(DIVISIONS["coarse"](activated_patient()))


def random_regions(n_regions):
    """Cells strewn over regions, the last of which stays empty."""
    heart, draw = activated_patient().heart, np.random.default_rng(4)
    numbers = [draw.integers(0, n_regions - 1, len(a)) for a in (heart.points, heart.cells)]
    return Regions(tuple(f"r{k}" for k in range(n_regions)), *numbers)


@pytest.mark.parametrize(
    ("division", "scenario"),
    [("segments", "sinus"), ("coarse", "lbbb"), ("coarse", "crt"), ("strewn", "sinus"),
     ("one", "sinus")],
)  # fmt: skip
def test_regions_add_up_to_the_ecg(division, scenario):
    patient = activated_patient()
    made = {"strewn": lambda _: random_regions(REGIONS_PER_SWEEP + 3),
            "one": lambda _: random_regions(2)}  # fmt: skip
    found = divided((made | DIVISIONS)[division](patient), scenario)
    ecg = simulate_ecg(patient, pseudo_fields(patient), beat(scenario), SETTINGS)
    scale = np.abs(ecg.ecg).max()
    assert scale > 0.1
    np.testing.assert_allclose(found.values.sum(axis=0), ecg.ecg[0], atol=2e-6 * scale)
    np.testing.assert_array_equal(found.ecg, ecg.ecg[0])
    np.testing.assert_array_equal(found.time, ecg.time)
    if division in ("strewn", "one"):
        assert not found.values[-1].any()  # an empty region
    else:
        assert (np.abs(found.values).max(axis=(1, 2)) > 1e-3 * scale).sum() >= 9


def test_regions_add_up_to_the_t_wave_of_durations_that_differ():
    patient, fields = activated_patient(), pseudo_fields(activated_patient())
    settings = SimulationSettings(EcgSettings(duration_ms=500.0, dt_ms=5.0), LEADFIELD, DURATIONS)
    regions = random_regions(3)
    found = contributions(patient, fields, beat(), regions, settings)
    ecg = simulate_ecg(patient, fields, beat(), settings)
    alike = simulate_ecg(patient, fields, beat(), replace(settings, repolarisation=HOMOGENEOUS))
    scale = np.abs(ecg.ecg).max()
    t_wave = found.time > beat().activation_time.max() + 100
    assert np.abs(ecg.ecg - alike.ecg)[0][:, t_wave].max() > 0.1 * scale
    np.testing.assert_array_equal(found.ecg, ecg.ecg[0])
    np.testing.assert_allclose(found.values.sum(axis=0), ecg.ecg[0], atol=2e-6 * scale)
    assert np.abs(found.values[:, :, t_wave]).max() > 0.05 * scale


def test_atria_are_a_region_where_the_beat_has_a_p_wave():
    patient = activated_patient()
    grad = pseudo_fields(patient).grad
    torso = lambda _, places: pseudo_lead_field_grad(places, PLACES, 0.2)  # noqa: E731
    fields = LeadFieldGradients(np.array(STANDARD_ELECTRODES), PLACES, grad, torso)
    settings = replace(SETTINGS, atria=AtriaSettings(enabled=True))
    regions = DIVISIONS["coarse"](patient)
    found = contributions(patient, fields, beat(), regions, settings)
    ecg = simulate_ecg(patient, fields, beat(), settings)
    scale = np.abs(ecg.ecg).max()
    assert found.regions == (*regions.names, ATRIA)
    np.testing.assert_array_equal(found.ecg, ecg.ecg[0])
    np.testing.assert_allclose(found.values.sum(axis=0), ecg.ecg[0], atol=2e-6 * scale)
    p_wave = found.time < -1.0
    assert np.abs(found.values[-1][:, p_wave]).max() > 0.01
    assert np.abs(found.values[:-1][:, :, p_wave]).max() < 1e-9
    paced = contributions(patient, fields, beat("crt"), regions, settings)
    assert paced.regions == regions.names


def test_a_region_is_what_the_ecg_loses_without_its_conductivity():
    patient = activated_patient()
    sigma_i = intracellular(patient.fibers.f0, LEADFIELD)
    regions, fields = DIVISIONS["coarse"](patient), pseudo_fields(patient)
    scale = np.abs(walls().ecg).max()
    for k in range(len(regions.names)):
        without = np.where((regions.cell_region == k)[:, None, None], 0.0, sigma_i)
        potential = forward_potential(
            patient.heart, without, beat().activation_time, fields.grad,
            time_axis(CONFIG), template(ECG_STEP_MS),
        )  # fmt: skip
        lost = walls().ecg - twelve_lead(STANDARD_ELECTRODES, potential)
        np.testing.assert_allclose(lost, walls().values[k], atol=2e-6 * scale)


def test_a_patient_elsewhere_and_turned_has_the_same_contributions():
    patient = activated_patient()
    rotation, shift = random_rotation(np.random.default_rng(2)), np.array([20.0, -300.0, 45.0])

    def moved(places):
        return places @ rotation.T + shift

    mesh = replace(patient.mesh, points=moved(patient.mesh.points))
    fibers = patient.fibers
    axes = {name: axis @ rotation.T for name, axis in fibers.arrays().items()}
    other = Patient.of(mesh, replace(fibers, **axes))
    other = other.with_stages(ventricular_coordinates(other))
    regions = DIVISIONS["coarse"](other)
    fields = pseudo_fields(other, moved(PLACES))
    found = contributions(other, fields, beat(), regions, SETTINGS)
    scale = np.abs(found.ecg).max()
    np.testing.assert_allclose(found.values, walls().values, atol=1e-5 * scale)


def test_a_lead_at_some_times():
    moments = np.array([20.0, 33.0, 40.5])
    parts, whole = walls().at("V2", moments)
    rows = np.searchsorted(walls().time, moments[:2])
    np.testing.assert_array_equal(parts[:, :2], walls().values[:, LEADS.index("V2")][:, rows])
    np.testing.assert_allclose(parts.sum(axis=0), whole, atol=1e-6 * np.abs(walls().ecg).max())
    with pytest.raises(BadInput, match="no lead 'V7'"):
        walls().at("V7", moments)
    with pytest.raises(BadInput, match="time .ms. = 900 is outside -20 to 129"):
        walls().at("V1", np.array([900.0]))


def test_activation_of_walls_and_of_the_sides_of_the_septum():
    patient, tau = activated_patient(), beat("lbbb").activation_time
    regions = DIVISIONS["coarse"](patient)
    rows = {
        (r.region, r.part): r for r in activation_by_region(patient.heart, beat("lbbb"), regions)
    }
    whole = [row for (_, part), row in rows.items() if part == WHOLE]
    assert sum(row.n_nodes for row in whole) == len(tau)
    assert min(row.first for row in whole) == 0 and max(row.last for row in whole) == tau.max()
    assert all(row.first <= row.median <= row.last for row in rows.values())
    left, right = (rows["mid septum", f"{side} endocardium"] for side in ("LV", "RV"))
    assert left.median > right.median + 10  # the left tree is silent
    nodes = np.intersect1d(
        regions.nodes("mid septum"), patient.heart.surface_nodes(Surface.RV_ENDO)
    )
    assert (right.n_nodes, right.first) == (len(nodes), tau[nodes].min())


def test_misfits_are_refused():
    patient, fields = activated_patient(), pseudo_fields(activated_patient())
    regions = random_regions(3)
    few = LeadFieldGradients(fields.electrode_names[1:], PLACES[1:], fields.grad[1:])
    with pytest.raises(BadInput, match="lead fields of RA are missing"):
        contributions(patient, few, beat(), regions, SETTINGS)
    short = Regions(regions.names, regions.node_region, regions.cell_region[1:])
    with pytest.raises(BadInput, match="cell_region: shape"):
        contributions(patient, fields, beat(), short, SETTINGS)
    short = Regions(regions.names, regions.node_region[1:], regions.cell_region)
    with pytest.raises(BadInput, match="node_region: shape"):
        activation_by_region(patient.heart, beat(), short)


def test_the_figure_shows_each_region_and_the_lead_on_one_scale():
    spans = np.array([[5.0, 10.0, 20.0]] * 9)
    shown = {lead: walls().values[:, LEADS.index(lead)] for lead in ("V1", "V6")}
    figure = contributions_figure(walls().time, shown, walls().regions, spans, "ideal")
    assert [axes.get_title() for axes in figure.axes[:2]] == ["V1", "V6"]
    for strips, lead, parts in zip(figure.axes[:2], figure.axes[2:], shown.values()):
        assert lead.get_xlabel().endswith("(ms)")
        np.testing.assert_array_equal(lead.lines[0].get_ydata(), parts.sum(axis=0))
        curves = [line.get_ydata() for line in strips.lines]
        curves = [curve for curve in curves if len(curve) == len(walls().time)]
        assert len(curves) == len(parts)
        for curve, values in zip(curves, parts):  # the same scale for all
            np.testing.assert_allclose(curve - curve[0], values - values[0], atol=1e-12)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == list(walls().regions)
    assert all("mV" in axes.get_ylabel() for axes in (figure.axes[0], figure.axes[2]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stage files of the idealised patient, with pseudo lead fields."""
    to, patient = tmp_path_factory.mktemp("ideal"), activated_patient()
    distance = np.linalg.norm(patient.mesh.points - PLACES[:, None], axis=2)
    patient.mesh.save(to / "mesh.npz")
    patient.fibers.save(to / "fibers.npz", patient.coordinates)
    beat().save(to / "activation_sinus.npz")
    LeadFields(
        patient="ideal", electrode_names=np.array(STANDARD_ELECTRODES), electrode_points=PLACES,
        lead_field=(1 / (4 * np.pi * LEADFIELD.sigma_torso_s_per_m * distance)).astype(np.float32),
        residual=np.zeros(9),
    ).save(to / "leadfield_b0.npz")  # fmt: skip
    return to


CONFIG_FILE = ["--config", str(Path(__file__).resolve().parents[4] / "config/config.yaml")]


def explain(folder, out, *more):
    return main(["explain", str(folder), "--out", str(out), *CONFIG_FILE, *more])


def test_the_command_prints_rows_that_add_up_and_draws(folder, tmp_path, capsys):
    assert explain(folder, tmp_path, "--leads", "V1", "--at", "20", "40") == 0
    out = capsys.readouterr().out
    lines = [line.rsplit(maxsplit=2) for line in out.split("\n\n")[0].splitlines()[3:]]
    rows = {name.strip(): np.array([float(a), float(b)]) for name, a, b in lines}
    assert list(rows)[-2:] == ["sum", "lead V1"] and len(rows) == 11
    np.testing.assert_allclose(rows["sum"], rows["lead V1"], atol=0.0015)  # printed to 0.001
    np.testing.assert_allclose(sum([*rows.values()][:9]), rows["sum"], atol=0.006)
    assert "mid septum" in out.split("\n\n")[1] and "RV endocardium" in out
    assert [path.name for path in tmp_path.iterdir()] == ["ideal_sinus_coarse.png"]
    assert (tmp_path / "ideal_sinus_coarse.png").read_bytes()[:4] == b"\x89PNG"


def test_the_command_explains_the_repolarisation_of_the_stored_ecg(folder, tmp_path, capsys):
    """Durations of the patient's own, whatever the config has."""
    patient, config = Patient.open(folder), load(CONFIG_FILE[1])
    own = folder_with(tmp_path / "own", folder)
    settings = SimulationSettings(config.ecg, config.leadfield, DURATIONS)
    ecg = reference_ecg(patient, patient.lead_fields, [beat()], settings)
    ecg.save(own / "ecg.npz")
    assert explain(own, tmp_path / "out", "--leads", "V1", "--at", "20", "300") == 0
    out = capsys.readouterr().out
    assert "difference from the stored ECG" in out and "another config" not in out
    replace(ecg, settings=None).save(own / "ecg.npz")  # of an earlier version
    settings = settings_of_run(config, Patient.open(own))
    drawn = Physiology.of(config, patient.name).repolarisation
    assert settings.repolarisation == drawn != DURATIONS


def folder_with(to, folder):
    """A copy of stage files."""
    return Path(shutil.copytree(folder, to))


def test_the_command_names_what_is_missing_or_wrong(folder, tmp_path, capsys):
    assert explain(folder, tmp_path, "--scenario", "crt") == 2
    assert "no scenario 'crt'" in capsys.readouterr().err
    assert explain(folder, tmp_path, "--at", "9000") == 2
    assert "is outside -20 to 579" in capsys.readouterr().err
    few = tmp_path / "few"
    few.mkdir()
    for name in ("mesh.npz", "fibers.npz", "activation_sinus.npz"):
        (few / name).write_bytes((folder / name).read_bytes())
    assert explain(few, tmp_path) == 2
    assert "has no lead_fields" in capsys.readouterr().err

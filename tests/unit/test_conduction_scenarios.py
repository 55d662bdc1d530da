import numpy as np
import pytest
from helpers_heart import heart_mesh

from einthoven.core.errors import BadInput
from einthoven.core.tags import Surface
from einthoven.electrophysiology.purkinje.tree import grow_tree
from einthoven.fibers.coordinates import ventricular_coordinates
from einthoven.fibers.ldrb import assign_fibers
from einthoven.patient.heart import Heart


@pytest.fixture(scope="module")
def patient():
    mesh = heart_mesh()
    coordinates = ventricular_coordinates(mesh)
    fibers = {**assign_fibers(mesh)._asdict(), **coordinates._asdict()}
    tree = grow_tree(mesh, coordinates, seed=1)
    return mesh, fibers, vars(tree)


def total(patient, scenario, **section):
    return activation(scenario, *patient, **section)[1]["total_ms"]


def test_durations_are_physiological(patient):
    assert 65 < total(patient, "sinus") < 110
    assert 120 < total(patient, "lbbb") < 200
    assert total(patient, "lbbb") > total(patient, "sinus") + 30


@pytest.mark.parametrize("scenario", ["sinus", "lbbb", "crt"])
def test_every_node_is_activated_and_the_first_at_zero(patient, scenario):
    arrays, attrs = activation(scenario, *patient)
    heart = Heart.from_mesh(patient[0])
    assert arrays["activation_time"].shape == (len(heart.points),)
    assert arrays["activation_time"].min() == 0
    assert np.isfinite(arrays["activation_time"]).all()
    assert attrs["residual_ms"] < 1e-6


def test_sinus_starts_at_an_endocardium_and_lbbb_at_the_right_one(patient):
    heart = Heart.from_mesh(patient[0])
    left, right = (heart.surface_nodes(tag) for tag in (Surface.LV_ENDO, Surface.RV_ENDO))
    for scenario, nodes in (("sinus", np.union1d(left, right)), ("lbbb", right)):
        arrays, _ = activation(scenario, *patient)
        assert arrays["activation_time"].argmin() in nodes
        assert np.all(np.isin(arrays["source_nodes"], nodes))
    early = {
        scenario: activation(scenario, *patient)[0]["activation_time"][left].mean()
        for scenario in ("sinus", "lbbb")
    }
    assert early["lbbb"] > early["sinus"] + 20


def test_without_the_left_tree_the_lateral_wall_is_last(patient):
    time = activation("lbbb", *patient)[0]["activation_time"]
    latest = time > np.percentile(time, 98)
    assert np.abs(patient[1]["uvc_phi"][latest]).mean() > np.pi / 2
    assert np.all(patient[1]["uvc_nu"][latest] == -1)


def test_crt_paces_the_rv_apex_and_the_lateral_lv_epicardium(patient):
    mesh, fibers, _ = patient
    heart = Heart.from_mesh(mesh)
    rv, lv = activation("crt", *patient)[0]["source_nodes"]
    assert rv in heart.surface_nodes(Surface.RV_ENDO) and heart.points[rv, 2] < -45
    assert lv in heart.surface_nodes(Surface.EPI)
    assert heart.points[lv, 0] < -25 and abs(heart.points[lv, 1]) < 10
    assert fibers["uvc_nu"][lv] == -1


def test_delay_between_leads_shifts_the_second_one(patient):
    for delay in (20.0, -20.0):
        arrays, _ = activation("crt", *patient, crt_vv_delay_ms=delay)
        rv, lv = arrays["activation_time"][arrays["source_nodes"]]
        assert lv - rv == pytest.approx(delay, abs=1e-3)


def test_unknown_scenario_and_foreign_fibres_are_refused(patient):
    mesh, fibers, tree = patient
    with pytest.raises(BadInput, match="sinus, lbbb, crt"):
        activation("rbbb", mesh, fibers, tree)
    with pytest.raises(BadInput, match="f0"):
        activation("sinus", mesh, {**fibers, "f0": fibers["f0"][:-1]}, tree)

"""Potentials of a torso tank and of a sock in it, recorded together (EDGAR, University of Utah)."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.imported_hearts import data_file

from einthoven.base.core.errors import BadInput
from einthoven.inverse.measured.case import prepare
from einthoven.inverse.measured.electrodes import read_channel_nodes, read_electrodes
from einthoven.inverse.measured.reconstruction import Choice, forward_model, reconstruct_case
from einthoven.inverse.measured.surface_files import read_closed_surface
from einthoven.inverse.measured.tables import Stated, read_recording
from einthoven.inverse.problem.mean_reference import less_area_mean


@pytest.fixture(scope="module")
def parts():
    """Heart, torso, electrodes, recording."""
    heart = read_closed_surface(data_file("utah-tank/25feb97_sock_closed.pts"), "heart")
    torso = read_closed_surface(data_file("utah-tank/tank_full_771.pts"), "torso")
    electrodes = read_electrodes(data_file("utah-tank/tank_leads_192.pts"), torso)
    stated = Stated(rate_hz=1000.0)  # the file does not say it
    recording = read_recording(data_file("utah-tank/cool1-atdr-run1.mat"), stated)
    return heart, torso, electrodes, recording


def test_one_beat_of_the_tank(parts):
    channels = read_channel_nodes(data_file("utah-tank/sock128.channels"), 128)
    case = prepare(*parts, on_heart=channels)
    assert parts[3].unit == "uV" and parts[3].potentials.shape == (512, 608)
    assert case.measured.potentials.shape == (128, len(case.time))
    assert case.potentials.shape == (192, len(case.time)) and not case.bad_leads
    np.testing.assert_allclose(case.electrodes.sites.weights.max(axis=1), 1.0)  # they are nodes
    assert case.beat.n_beats == 2  # paced at the atria every 398 ms
    assert 110 <= case.beat.start_ms <= 150 and 380 <= case.beat.end_ms <= 448
    order = next(note for note in case.notes if note.startswith("order"))
    assert float(order.split()[1]) < 0.05


@pytest.mark.parametrize("order, message", [("shifted", "row after its own"),
                                            ("transposed", "order of the electrodes")])  # fmt: skip
def test_rows_in_another_order_are_refused(parts, order, message):
    rows = np.arange(512)
    tank = {"shifted": np.roll(rows[:192], 1), "transposed": rows[:192].reshape(12, 16).T.ravel()}
    rows[:192] = tank[order]
    recording = replace(parts[3], potentials=parts[3].potentials[rows])
    with pytest.raises(BadInput, match=message):
        prepare(*parts[:3], recording)


@pytest.fixture(scope="module")
def judged(parts):
    """The case with the sock's potentials, and its forward model."""
    channels = read_channel_nodes(data_file("utah-tank/sock128.channels"), 128)
    case = prepare(*parts, on_heart=channels)
    return case, forward_model(case)


def test_the_sock_foretells_the_tank(judged):
    """RE 0.41, CC 0.92 against the mean of the leads: most of it is the sock's filed place."""
    case, forward = judged
    problem = case.problem(forward)
    transfer, measured = problem.transfer, problem.body_potentials
    predicted = transfer @ less_area_mean(case.measured.potentials, case.heart.areas)
    predicted -= predicted.mean(axis=0)
    assert np.linalg.norm(predicted - measured) < 0.43 * np.linalg.norm(measured)
    assert np.corrcoef(predicted.ravel(), measured.ravel())[0, 1] > 0.91


def test_a_blind_reconstruction_is_judged_by_the_sock(judged):
    found = reconstruct_case(judged[0], Choice("tikhonov-2", "l-curve"), judged[1], n_groups=4)
    relative_error = float(found.comparison.split("RE ")[1].split(",")[0])
    assert 0.5 < relative_error < 0.9, found.comparison
    assert found.activation_sd.shape == (128,) and found.activation_sd.max() > 0


def test_the_default_is_as_good_as_the_best_of_its_members_and_knows_how_certain_it_is(judged):
    """`waves` has RE 0.834, Tikhonov 1 0.851 (docs/studies/2026-11-25-default-inverse.md)."""
    found = reconstruct_case(judged[0], Choice("average"), judged[1])
    assert found.errors[0].re < 1.02 * 0.834
    assert all(0.85 < share < 0.97 for share in found.coverage), found.coverage
    qrs = (found.case.time > 25) & (found.case.time < 75)
    areas = found.case.heart.areas[found.case.measured.nodes]
    truth = less_area_mean(found.case.measured.potentials, areas)
    off = np.abs(found.estimate.potentials[found.case.measured.nodes] - truth)
    sd = found.estimate.diagnostics.sd[found.case.measured.nodes]
    assert 0.8 < (off < 1.645 * sd)[:, qrs].mean() < 0.97

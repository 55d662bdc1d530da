"""A person's rate and age go with the ECG and change none of its potentials."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.heart import HOMOGENEOUS, activated_patient

from einthoven.base.config.electrophysiology import ActivationSettings
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.base.plots.ecg_paper import ecg_print_figure
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.data.patient.stages import Ecg
from einthoven.physics.ecg.features import EcgSample, feature_table, measured
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

PLACES = 110.0 * np.array(
    [[0.8, 0.3, 0.6], [-0.8, 0.3, 0.6], [-0.3, 0.2, -1.0], [0.9, 0.5, 0.1], [0.6, 0.8, 0.0],
     [0.3, 1.0, -0.1], [0.0, 1.0, -0.2], [-0.5, 0.9, -0.2], [-0.9, 0.5, -0.2]]
)  # fmt: skip
LONG, LEADFIELD = EcgSettings(duration_ms=700.0), LeadFieldSettings()


@cache
def fields():
    grad = pseudo_lead_field_grad(activated_patient().heart.centroids, PLACES, 0.06)
    return LeadFieldGradients(np.array(STANDARD_ELECTRODES), PLACES, grad)


@cache
def beat():
    return activate(activated_patient(), "sinus", ActivationSettings())


TRAITS = {"cycle_length_ms": 812.5, "age_years": 41.0}


def simulated(traits, beats=None):
    settings = SimulationSettings(LONG, LEADFIELD, HOMOGENEOUS, traits=traits)
    return simulate_ecg(activated_patient(), fields(), beats or [beat()], settings)


def test_the_rate_goes_with_the_ecg_and_changes_no_potential(tmp_path):
    own, none = simulated(TRAITS), simulated({})
    assert own.ecg.tobytes() == none.ecg.tobytes()
    assert own.cycle_length_ms == [812.5] and own.age_years == 41.0
    own.save(tmp_path / "ecg.npz")
    read = Ecg.load(tmp_path / "ecg.npz")
    assert read.traits == TRAITS and list(read.cycle_length_ms) == [812.5]
    (row,), _ = feature_table([EcgSample.of_ecg(read, "female")])
    assert (row.rr_ms, row.age_years, row.sex) == (812.5, 41.0, "female")


def test_without_people_files_are_as_before(tmp_path):
    none = simulated({})
    assert not {"traits", "cycle_length_ms"} & none.attrs().keys()
    (row,), _ = feature_table([EcgSample.of_ecg(none)])
    assert row.rr_ms is None and row.age_years is None


def test_a_scenario_with_a_rate_of_its_own_keeps_it():
    found = simulated(
        TRAITS, [beat(), replace(beat(), scenario="sinus-600", cycle_length_ms=600.0)]
    )
    assert found.cycle_length_ms == [812.5, 600.0]


def test_stored_features_are_those_of_the_rate():
    ecg = simulated(TRAITS)
    by_rate = measured(ecg.ecg, ecg.time, ecg.cycle_length_ms)
    (row,), _ = feature_table([EcgSample.of_ecg(ecg)])
    assert by_rate[0] == pytest.approx(np.array(list(row.values.values())), nan_ok=True)


def test_a_print_adds_beats_that_overlap():
    time = np.arange(0.0, 900.0)
    ecg = np.zeros((12, len(time)))
    ecg[:, 100:200], ecg[:, 700:800] = 1.0, 0.25
    axes = ecg_print_figure(time, ecg, rr_ms=600.0).axes[0]
    highest = max(line.get_ydata().max() - line.get_ydata().min() for line in axes.lines
                  if len(line.get_ydata()) > 1000)  # fmt: skip
    assert highest == pytest.approx(12.5)  # both waves at once, at 10 mm/mV

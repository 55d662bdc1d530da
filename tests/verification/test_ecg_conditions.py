"""The ECG at other rates and with less I_Kr: the same sweeps, other potentials of the cells."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.heart import HOMOGENEOUS, activated_patient, durations

from einthoven.base.config.electrophysiology import ActivationSettings as ActivationConfig
from einthoven.base.config.models import EcgSettings, LeadFieldSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import STANDARD_ELECTRODES
from einthoven.data.patient.leadfields import LeadFieldGradients
from einthoven.physics.ecg.delineation.delineate import delineate
from einthoven.physics.ecg.forward import forward_potential, source_energy
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.ecg.simulate import SimulationSettings, simulate_ecg
from einthoven.physics.electrophysiology.cells.condition import CONDITIONS, Condition
from einthoven.physics.electrophysiology.cells.family import family
from einthoven.physics.electrophysiology.cells.template import potential, template
from einthoven.physics.electrophysiology.repolarisation import apd90_field
from einthoven.physics.electrophysiology.scenarios import activate
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad

LEADFIELD = LeadFieldSettings()
PLACES = 110.0 * np.array(
    [[0.8, 0.3, 0.6], [-0.8, 0.3, 0.6], [-0.3, 0.2, -1.0], [0.9, 0.5, 0.1], [0.6, 0.8, 0.0],
     [0.3, 1.0, -0.1], [0.0, 1.0, -0.2], [-0.5, 0.9, -0.2], [-0.9, 0.5, -0.2]]
)  # fmt: skip
"""RA, LA, LL and V1 to V6 in the frame of the idealised heart, mm."""
LONG = EcgSettings(duration_ms=700.0)
GRADIENTS = durations(mean_ms=290.0, apex_to_base_ms=30.0,
                           endo_to_epi_ms=-20.0)  # fmt: skip


def axis(**times):
    return SimulationSettings(EcgSettings(**times), LEADFIELD)


@cache
def fields():
    grad = pseudo_lead_field_grad(activated_patient().heart.centroids, PLACES, 0.06)
    return LeadFieldGradients(np.array(STANDARD_ELECTRODES), PLACES, grad)


@cache
def beat(scenario="sinus"):
    return activate(activated_patient(), scenario, ActivationConfig())


def under(condition):
    return replace(beat(), scenario=condition.name, cycle_length_ms=condition.cycle_length_ms,
                   i_kr_factor=condition.i_kr_factor)  # fmt: skip


def ecgs(repolarisation, config=LONG):
    beats = [under(c) for c in CONDITIONS]
    return simulate_ecg(
        activated_patient(), fields(), beats, SimulationSettings(config, LEADFIELD, repolarisation)
    )


def test_the_baseline_keeps_its_bytes_beside_other_conditions():
    patient, time = activated_patient(), LONG.start_ms + np.arange(0, LONG.duration_ms)
    found = ecgs(HOMOGENEOUS)
    sigma_i = Membrane.of(patient, LEADFIELD, HOMOGENEOUS).sigma_i
    tau, grad = beat().activation_time, fields().grad
    alone = forward_potential(patient.heart, sigma_i, tau, grad, time, template(0.1))
    assert found.electrode_potential[0].tobytes() == alone.astype(np.float32).tobytes()


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: c.name)
def test_a_heart_of_one_duration_is_a_heart_of_one_cell(condition):
    """Members' shares come from the baseline; their potentials are those of the condition."""
    patient, members = activated_patient(), family(condition)
    duration = family().apd90[[7, 8]] @ [0.25, 0.75]
    even = durations(mean_ms=duration)
    membrane = Membrane.of(patient, LEADFIELD, even).during(under(condition))
    tau, grad, time = beat().activation_time, fields().grad, np.arange(-20.0, 600.0, 2.0)
    t, _ = template(0.1)
    u = 0.25 * potential(t, members.v_m[7]) + 0.75 * potential(t, members.v_m[8])
    expected = forward_potential(patient.heart, membrane.sigma_i, tau, grad, time, (t, u))
    error = np.abs(membrane.potential(tau, grad, time) - expected).max()
    assert error < 2e-3 * np.abs(expected).max()
    known = source_energy(patient.heart, membrane.sigma_i, tau, (t, u))
    assert membrane.energy(tau) == pytest.approx(known, rel=5e-3)
    last = tau.max() + members.apd90[[7, 8]] @ [0.25, 0.75]
    assert membrane.last_repolarisation(tau) == pytest.approx(last, abs=1e-3)
    field = apd90_field(patient, even, condition)
    np.testing.assert_allclose(field, members.apd90[[7, 8]] @ [0.25, 0.75], rtol=1e-12)


@pytest.mark.parametrize("repolarisation", [HOMOGENEOUS, GRADIENTS], ids=lambda r: r.field)
def test_qt_follows_the_cells_and_qrs_does_not(repolarisation):
    found = ecgs(repolarisation)
    beats = [delineate(ecg, found.time) for ecg in found.ecg]
    qt = {c: b.qt_ms for c, b in zip(CONDITIONS, beats)}
    assert len({round(b.qrs_ms) for b in beats}) == 1
    durations = {c: apd90_field(activated_patient(), repolarisation, c).mean() for c in CONDITIONS}
    for condition in CONDITIONS[1:]:
        longer = qt[condition] - qt[CONDITIONS[0]]
        assert longer == pytest.approx(durations[condition] - durations[CONDITIONS[0]], abs=8)
    for i_kr in (1.0, 0.5, 0.0):
        assert qt[Condition(600.0, i_kr)] < qt[Condition(1000.0, i_kr)]
    assert qt[Condition()] < qt[Condition(1000.0, 0.5)] < qt[Condition(1000.0, 0.0)]


def test_a_homogeneous_heart_reads_no_family(monkeypatch):
    def read(*_):
        raise AssertionError("the family was read")

    for module in ("ecg.membrane", "electrophysiology.repolarisation"):
        monkeypatch.setattr(f"einthoven.physics.{module}.family", read)
    found = simulate_ecg(activated_patient(), fields(), beat(), axis(duration_ms=100.0))
    assert np.isfinite(found.ecg).all()


def test_a_scenario_hands_its_settings_to_the_ecg():
    slow, quick = beat(), beat("sinus-600")
    assert (quick.cycle_length_ms, quick.i_kr_factor) == (600.0, 1.0)
    assert beat("sinus-ikr-blocked").i_kr_factor == 0.0
    np.testing.assert_array_equal(slow.activation_time, quick.activation_time)
    patient = activated_patient()
    one = simulate_ecg(patient, fields(), quick, axis(duration_ms=700.0))
    same = simulate_ecg(patient, fields(), under(Condition(600.0)), axis(duration_ms=700.0))
    assert one.ecg.tobytes() == same.ecg.tobytes()


def test_a_record_that_ends_too_early_is_refused():
    patient, blocked = activated_patient(), under(Condition(1000.0, 0.0))
    told = (
        r"scenario 1000ms_0ikr \(cycle_length_ms 1000, i_kr_factor 0\): the last cell repolarises "
        r"4\d\d ms after the first activation, the record ends at 379 ms; set ecg.duration_ms to"
    )
    with pytest.raises(BadInput, match=told) as error:
        simulate_ecg(patient, fields(), blocked, axis(duration_ms=400.0))
    enough = float(str(error.value).split()[-3])
    found = simulate_ecg(patient, fields(), blocked, axis(duration_ms=enough))
    assert found.time[-1] < enough
    # at the baseline a record of the QRS alone is nobody's mistake
    qrs = simulate_ecg(patient, fields(), beat(), axis(duration_ms=200.0))
    assert len(qrs.time) == 200


def test_an_unknown_condition_is_refused_by_its_scenario():
    odd = replace(beat(), scenario="sinus-800", cycle_length_ms=800.0)
    with pytest.raises(BadInput, match="scenario sinus-800: cycle_length_ms = 800"):
        simulate_ecg(activated_patient(), fields(), odd, axis(duration_ms=700.0))

"""Activation of a heart in one scenario."""

import numpy as np

from einthoven.base.config.electrophysiology import ActivationSettings as ActivationConfig
from einthoven.base.config.section import builtins_of
from einthoven.base.core.log import logger
from einthoven.data.patient.measured import MeasuredTissue
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation
from einthoven.physics.electrophysiology.capture import fired_sources, first_arrival, graph_of
from einthoven.physics.electrophysiology.eikonal import Eikonal, speed_tensor_sq
from einthoven.physics.electrophysiology.scenarios.kinds import built_in
from einthoven.physics.electrophysiology.scenarios.scenario import Scenario
from einthoven.physics.electrophysiology.substrate.effects import (
    dead_nodes,
    filled,
    speed_factor,
    without_dead,
)


def activate(patient: Patient, scenario: str | Scenario, config: ActivationConfig) -> Activation:
    """Activation times of a patient's heart in one scenario.

    Args:
        patient: with mesh, fibres and, if the scenario needs them, Purkinje trees and coordinates;
            with `config.capture` always with trees. A substrate slows or stops the wave; dead
            muscle gets the time of the nearest that lives. If its anatomy has activation times of
            an imported mesh in this scenario, these are used; if it has a fitted beat, that is the
            wave of every beat from the His bundle without blocks and at the usual speeds.
        scenario: name of a built-in one, such as sinus, lbbb or crt, or any other.
        config: speeds, the solver, pacing delay, and whether the muscle captures the trees.

    Returns:
        Activation times; the earliest is zero. Sources are those of the scenario and, with capture,
        the junctions at which a tree is earlier than the muscle.

    Raises:
        BadInput: unknown scenario, or stages that do not fit each other.
        StepFailed, NotConverged: from the eikonal solver.
    """
    beat = scenario if isinstance(scenario, Scenario) else built_in(scenario)
    measured = patient.anatomy.measured if patient.has("anatomy") else None
    if measured is not None and measured.time is not None and measured.scenario == beat.name:
        return _measured_activation(patient, measured, beat)
    if (fitted := patient.fitted) is not None and beat.is_usual:
        return _given_activation(patient, fitted.fitted_time, "fitted", beat)
    heart, factor = patient.heart, beat.settings.muscle_speed_factor
    speeds = speed_tensor_sq(
        patient.fibers.f0,
        cv_fiber=config.cv_fiber_mm_per_ms * factor,
        cv_transverse=config.cv_transverse_mm_per_ms * factor,
    )
    network, dead = beat.network(patient, config), None
    if (substrate := patient.diseased) is not None:
        speeds *= np.square(speed_factor(substrate, heart))[:, None, None]
        network = without_dead(network, substrate, patient)
        dead = dead_nodes(substrate, heart)
    eikonal = Eikonal.of(heart.points, heart.cells, speeds, config.backend)
    given = beat.sources(patient, config)
    wave = first_arrival(eikonal, graph_of(network, len(heart.points)), given)
    sources, first = fired_sources(wave, network, given), wave.activation_time.min()
    time = wave.activation_time
    if dead is not None:
        time = filled(time, dead, heart.points)
    return Activation(
        patient=patient.name,
        activation_time=(time - first).astype(np.float32),
        source_nodes=sources.nodes.astype(np.int32),
        source_times=sources.times - first,
        scenario=beat.name,
        backend=config.backend,
        residual_ms=eikonal.residual_ms(wave.activation_time, wave.start),
        n_updates=wave.n_updates,
        total_ms=float(time.max() - first),
        cycle_length_ms=float(beat.settings.cycle_length_ms),
        i_kr_factor=beat.settings.i_kr_factor,
        settings=builtins_of(config),
    )


def _measured_activation(patient: Patient, measured: MeasuredTissue, beat: Scenario) -> Activation:
    """Activation times of an imported heart, on the nodes of the patient's own mesh."""
    times, gap = measured.time_at(patient.heart.points)
    times -= times.min()
    logger.info("activation of the heart's own mesh, from at most %.1f mm away", gap.max())
    return _given_activation(patient, times, "measured", beat)


def _given_activation(
    patient: Patient, times: np.ndarray, backend: str, beat: Scenario
) -> Activation:
    """Activation at times [node] ms of another origin; the least is zero."""
    return Activation(
        patient=patient.name,
        activation_time=times.astype(np.float32),
        source_nodes=np.array([times.argmin()], np.int32),
        source_times=np.zeros(1),
        scenario=beat.name,
        backend=backend,
        total_ms=float(times.max()),
        cycle_length_ms=float(beat.settings.cycle_length_ms),
        i_kr_factor=beat.settings.i_kr_factor,
    )

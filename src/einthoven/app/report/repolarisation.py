"""Section on the repolarisation of one patient."""

import numpy as np
from matplotlib.figure import Figure

from einthoven.app.report.page import PageSection, Picture
from einthoven.app.report.patient_page import epicardial_map, heart_surface
from einthoven.app.report.run import SCENARIO_NAMES, FinishedRun
from einthoven.base.plots.heart_maps import heart_maps_figure
from einthoven.data.patient.patient import Patient
from einthoven.physics.electrophysiology.repolarisation import apd90_field, condition_of


def repolarisation_section(run: FinishedRun) -> PageSection:
    """Map of the first scenario."""
    patient = run.example
    scenario = next(iter(patient.activations))
    condition = condition_of(patient.activation(scenario))
    apd90 = apd90_field(patient, run.repolarisation, condition)
    caption = (
        f"{patient.name}, {SCENARIO_NAMES.get(scenario, scenario)}: repolarisation time "
        "(activation time + APD90) on the epicardium from four sides; star: the earliest."
    )
    if not np.ptp(apd90):
        caption += (
            f" APD90 is {apd90[0]:.0f} ms everywhere, so this is the order of activation, and T "
            "waves run against their QRS (docs/explanation/repolarisation.md)."
        )
    return PageSection("Repolarisation", "", [
        Picture(repolarisation_figure(patient, apd90, scenario), caption),
    ])  # fmt: skip


def repolarisation_figure(patient: Patient, apd90: np.ndarray, scenario: str = "sinus") -> Figure:
    """Repolarisation time from four sides and, where they differ, the durations below.

    Args:
        patient: with mesh and the scenario's activation.
        apd90: [heart node] ms, from `electrophysiology.repolarisation.apd90_field`.
        scenario: scenario of the activation.

    Raises:
        BadInput: there is no such scenario.
    """
    heart = heart_surface(patient)
    repolarisation_time = patient.activation(scenario).activation_time + apd90
    first = int(heart.nodes[repolarisation_time[heart.nodes].argmin()])
    maps = [epicardial_map(heart, "repolarisation", repolarisation_time,
                           "repolarisation time (ms)", [first])]  # fmt: skip
    if np.ptp(apd90):
        maps.append(epicardial_map(heart, "action-potential duration", apd90, "APD90 (ms)"))
    return heart_maps_figure(heart, maps)

"""Data of one patient in the page: surfaces, activation, scar, lead fields of electrodes, ECGs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from einthoven.app.report.run import SCENARIO_NAMES
from einthoven.app.report.viewer.methods import ShownMethod
from einthoven.app.report.viewer.packing import Packed
from einthoven.app.report.viewer.surface import HeartShown, thinned
from einthoven.base.core.errors import BadInput
from einthoven.base.core.names import LEADS, STANDARD_ELECTRODES
from einthoven.base.geometry.triangles import compact
from einthoven.base.metrics.fields import angular_error_deg
from einthoven.base.plots.heart_maps import Bands
from einthoven.data.patient.patient import Patient

PATIENT_BYTES = 1_000_000
"""Largest size of a patient in the page."""
SPARE_BYTES = 25_000
"""Reserve for names and numbers, and for surfaces slightly larger than requested."""
LEAST_NODES = 1_000
TORSO_NODES = 2_500
N_ARROWS = {"outer": 420, "endocardium": 260}
TIME_STEP_MS = 2.0
OHM = 1e3
"""Ohm in a kiloohm."""
DECADES = 4.0
"""Range of gradients shown, in powers of ten below the largest; weaker ones are clipped."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Content of the page.

    Attributes:
        arrays: by the names that the page's script uses.
        about: names, labels and single numbers.
    """

    arrays: Mapping[str, Packed]
    about: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """JSON that the page reads."""
        return {**self.about, "arrays": {k: v.to_json() for k, v in self.arrays.items()}}


def scene_of(patient: Patient, methods: Sequence[ShownMethod]) -> Scene:
    """Pack a patient; large hearts lose nodes until they fit into `PATIENT_BYTES`.

    Args:
        patient: with anatomy, mesh and activations.
        methods: one, or the reference and one to compare with it.

    Raises:
        BadInput: no scenario has an activation and an ECG of each method, or there are too many.
    """
    scenarios = [s for s in patient.activations if all(s in m.ecg for m in methods)]
    if not scenarios:
        raise BadInput(f"{patient.where}: no scenario has an activation and ECGs of all methods")
    heart, anatomy, scar = patient.heart, patient.anatomy, patient.diseased
    ecg = _ecgs(methods, scenarios)
    torso, skin = compact(anatomy.points, anatomy.skin)
    kept, faces, _ = thinned(torso, skin, TORSO_NODES)
    fixed = {
        "torso_points": Packed.of(torso[kept]),
        "torso_faces": Packed.of_ids(faces),
        "electrode_points": Packed.of(anatomy.twelve_lead_electrodes.points),
        **ecg,
    }
    shown = HeartShown.of(heart, _most_nodes(fixed, len(methods), len(scenarios), scar is not None))
    tau = np.stack([patient.activation(s).activation_time[shown.nodes] for s in scenarios])
    arrays = fixed | {
        "heart_points": Packed.of(heart.points[shown.nodes]),
        "outer_faces": Packed.of_ids(shown.outer),
        "endocardium_faces": Packed.of_ids(shown.endocardium),
        "activation_time": Packed.of(tau),
        **dict(_lead_fields(patient, shown, methods)),
    }
    if scar is not None:
        arrays["substrate"] = Packed.of(scar.level[shown.nodes], np.uint8)
    return Scene(arrays, _about(patient, methods, scenarios) | _rounding(arrays))


def _ecgs(methods: Sequence[ShownMethod], scenarios: Sequence[str]) -> dict[str, Packed]:
    """ECGs [method, scenario, lead, time] mV on one time axis of `TIME_STEP_MS` or more."""
    time = methods[0].time
    time = time[:: max(1, round(TIME_STEP_MS / float(time[1] - time[0])))]
    ecg = [
        [[np.interp(time, m.time, trace) for trace in m.ecg[s]] for s in scenarios] for m in methods
    ]
    return {"ecg": Packed.of(np.array(ecg)), "time": Packed.of(time)}


def _most_nodes(
    fixed: Mapping[str, Packed], n_methods: int, n_scenarios: int, has_scar: bool
) -> int:
    """Number of heart nodes that fit, with everything in base64 (4 characters for 3 bytes)."""
    n_electrodes = len(STANDARD_ELECTRODES)
    per_arrow = 2 + 3 * n_methods * n_electrodes
    taken = sum(packed.stored.nbytes for packed in fixed.values())
    taken += per_arrow * sum(N_ARROWS.values())
    point, triangles = 6, 2 * 6  # a closed surface has two triangles a node
    fields = n_electrodes * (n_methods + (n_methods > 1))
    per_node = point + triangles + 2 * n_scenarios + fields + has_scar
    most = int(((PATIENT_BYTES - SPARE_BYTES) * 3 / 4 - taken) / per_node)
    if most < LEAST_NODES:
        raise BadInput(
            f"{n_scenarios} scenarios: leave room for {max(most, 0)} nodes of the heart in "
            f"{PATIENT_BYTES / 1e6:g} MB; show fewer of them"
        )
    return most


def _lead_fields(
    patient: Patient, shown: HeartShown, methods: Sequence[ShownMethod]
) -> Iterator[tuple[str, Packed]]:
    """Magnitude and angle at the nodes, directions at some points; means of the cells around each.

    `magnitude` is [method, electrode, shown], log10 of Ohm/mm; `angle` is [electrode, shown] in
    degrees; `{surface}_arrows` is [method, electrode, place, 3], unit vectors.
    """
    heart = patient.heart
    mean = shown.cell_mean(heart)
    length = np.array([(mean @ np.linalg.norm(m.grad, axis=2).T).T for m in methods])
    length = OHM * np.maximum(length, length.max() * 10**-DECADES)
    yield "magnitude", Packed.of(np.log10(length), np.uint8)
    if len(methods) > 1:
        angle = angular_error_deg(methods[1].grad, methods[0].grad)
        yield "angle", Packed.of((mean @ angle.T).T, np.uint8)
    for surface, n in N_ARROWS.items():
        places = shown.places(heart, getattr(shown, surface), n)
        vectors = np.array([[mean[places] @ grad for grad in m.grad] for m in methods])
        length = np.linalg.norm(vectors, axis=-1, keepdims=True)
        yield f"{surface}_places", Packed.of_ids(places)
        directions = vectors / np.where(length > 0, length, 1)
        yield f"{surface}_arrows", Packed.of(directions, np.uint8)


def _rounding(arrays: Mapping[str, Packed]) -> dict[str, float]:
    """Half a step of the quantities shown as colours."""
    rounding = {
        "time_rounding_ms": arrays["activation_time"].step / 2,
        "magnitude_rounding_percent": 100 * (10 ** (arrays["magnitude"].step / 2) - 1),
    }
    if "angle" in arrays:
        rounding["angle_rounding_deg"] = arrays["angle"].step / 2
    return rounding


def _about(
    patient: Patient, methods: Sequence[ShownMethod], scenarios: Sequence[str]
) -> dict[str, Any]:
    """Names, labels and errors, of all cells of the heart."""
    bands = [Bands.of("", patient.activation(s).activation_time) for s in scenarios]
    about: dict[str, Any] = {
        "patient": patient.name,
        "electrodes": list(STANDARD_ELECTRODES),
        "leads": list(LEADS),
        "methods": [method.label for method in methods],
        "scenarios": [SCENARIO_NAMES.get(s, s) for s in scenarios],
        "band_edges": [band.edges for band in bands],
        "n_cells": len(patient.heart.cells),
    }
    if patient.diseased is not None:
        about["substrate"] = patient.diseased.section.kind
    if len(methods) > 1:
        reference, guess = (method.grad for method in methods)
        size = np.linalg.norm(reference, axis=2)
        difference = np.linalg.norm(guess - reference, axis=2)
        relative = difference / np.maximum(size, np.finfo(float).tiny)
        angle = angular_error_deg(guess, reference)
        about["mean_angle_deg"] = [round(float(a), 3) for a in angle.mean(axis=1)]
        about["mean_magnitude_rel"] = [round(float(r), 4) for r in relative.mean(axis=1)]
    return about

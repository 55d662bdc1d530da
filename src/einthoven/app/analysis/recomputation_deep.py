"""Numbers of a patient's store that take longer to compute: lead fields, samples, QRS, features."""

from collections.abc import Iterator

import numpy as np

from einthoven.base.config.models import LeadFieldSettings
from einthoven.base.geometry.signed_distance import signed_distances
from einthoven.base.geometry.surface_operators import lumped_areas
from einthoven.data.dataset.structure import Fault
from einthoven.data.patient.patient import Patient
from einthoven.numerics.fem.assembly import stiffness
from einthoven.physics.ecg.features import FEATURES, measured
from einthoven.physics.ecg.intervals import qrs_amplitude, qrs_duration
from einthoven.physics.leadfield.conductivity import of_body
from einthoven.physics.leadfield.neumann import electrode_weights, skin_faces

CURRENT_TOLERANCE_UA = 2e-3
"""Largest current at a node that is not balanced, for 1 uA (lead fields are float32)."""
GRADIENT_TOLERANCE = 1e-4
"""Difference of a stored from a recomputed gradient, as a part of the largest one."""
DISTANCE_TOLERANCE_MM = 1e-3
FRAME_TOLERANCE = 1e-3
FEATURE_TOLERANCE = 1e-4


def deep_faults(patient: Patient, settings: LeadFieldSettings | None) -> Iterator[Fault]:
    """Variable and fault of each number that disagrees with the others of a patient's store.

    Args:
        patient: from a store.
        settings: conductivities and kind of gradients; None: what needs them is left out.

    Raises:
        BadInput: stages that do not fit together.
    """
    yield from frame_faults(patient)
    yield from sample_faults(patient)
    yield from beat_faults(patient)
    everywhere = len(patient.lead_fields.lead_field[0]) == len(patient.mesh.points)
    if settings is not None and everywhere:
        yield from lead_field_faults(patient, settings)
        yield from gradient_faults(patient, settings)


def frame_faults(patient: Patient) -> Iterator[Fault]:
    """Fibre frames that are not orthonormal and right-handed."""
    fibers = patient.fibers
    off = np.abs(np.cross(fibers.f0, fibers.s0) - fibers.n0).max(axis=1)
    if bad := int((off > FRAME_TOLERANCE).sum()):
        yield "fibers/n0", f"is not f0 x s0 in {bad} cells; sheets and normals swapped?"


def lead_field_faults(patient: Patient, settings: LeadFieldSettings) -> Iterator[Fault]:
    """Lead fields against eq. (4): unit current enters at the electrode, leaves over the skin."""
    mesh, fields = patient.mesh, patient.lead_fields
    matrix = stiffness(mesh.points, mesh.cells, of_body(patient, settings))
    skin = skin_faces(mesh)
    areas = lumped_areas(mesh.points, skin)
    delta = electrode_weights(mesh.points, skin, fields.electrode_points, fields.electrode_names)
    for name, z, load in zip(fields.electrode_names.tolist(), fields.lead_field, delta.toarray()):
        off = np.abs(matrix @ z.astype(float) - (load - areas / areas.sum())).max()
        if off > CURRENT_TOLERANCE_UA:
            yield (
                "leadfield/lead_field",
                (
                    f"{name} does not satisfy eq. (4): {off:.2g} uA of 1 uA are lost at a node; "
                    "electrodes swapped, other conductivities or unit?"
                ),
            )


def gradient_faults(patient: Patient, settings: LeadFieldSettings) -> Iterator[Fault]:
    """Sampled gradients that are not those of the stored lead fields."""
    field = patient.field
    expected = patient.lead_fields.gradients_at(patient.mesh, field.field_cell, settings.gradient)
    for name, found, right in zip(field.electrode_names.tolist(), field.field_grad, expected):
        off = np.abs(found - right).max() / np.abs(right).max()
        if off > GRADIENT_TOLERANCE:
            yield (
                "field/field_grad",
                (
                    f"{name} differs from the gradient of its lead field by {100 * off:.2g} %; "
                    "electrodes swapped, or samples of another mesh?"
                ),
            )


def sample_faults(patient: Patient) -> Iterator[Fault]:
    """Sampled points, tissues, fibres and distances that are not those of mesh and surfaces."""
    mesh, field, sdf = patient.mesh, patient.field, patient.sdf
    middle = mesh.points[mesh.cells[field.field_cell]].mean(axis=1)
    if np.abs(middle - field.field_points).max() > DISTANCE_TOLERANCE_MM:
        yield "field/field_points", "are not the centroids of field_cell; of another mesh?"
    if (field.field_tissue != mesh.cell_tags[field.field_cell]).any():
        yield "field/field_tissue", "is not the tag of field_cell; of another mesh?"
    fibers = patient.fibers.f0
    fiber, inside = np.zeros_like(field.field_fiber), field.field_cell < len(fibers)
    fiber[inside] = fibers[field.field_cell[inside]]
    if np.abs(fiber - field.field_fiber).max() > FRAME_TOLERANCE:
        yield "field/field_fiber", "is not f0 of field_cell; of another mesh?"
    for key, points, found in (
        ("sdf/sdf", sdf.sdf_points, sdf.sdf),
        ("field/field_sdf", field.field_points, field.field_sdf),
    ):
        off = np.abs(signed_distances(patient.anatomy.surfaces, points) - found).max()
        if off > DISTANCE_TOLERANCE_MM:
            yield key, f"differs from the surfaces by {off:.3g} mm; other sign, unit or anatomy?"


def beat_faults(patient: Patient) -> Iterator[Fault]:
    """QRS and features that are not those of the stored ECGs."""
    ecg, time = patient.ecg.ecg, patient.ecg.time
    expected = {
        "qrs_duration": np.array([qrs_duration(beat, time) for beat in ecg]),
        "qrs_amplitude": np.stack([qrs_amplitude(beat, time) for beat in ecg]),
    }
    if tuple(patient.ecg.needed("feature").tolist()) == FEATURES:
        expected["ecg_features"] = measured(ecg, time, patient.ecg.cycle_length_ms)
    for name, values in expected.items():
        found = patient.ecg.needed(name)
        near = np.isclose(found, values, rtol=FEATURE_TOLERANCE, atol=1e-6, equal_nan=True)
        if not near.all():
            yield f"ecg/{name}", f"{int((~near).sum())} values are not those of ecg/ecg; edited?"

"""Tiny patients whose numbers agree: a cube of muscle in a cube, with all that follows from it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from einthoven.base.config.electrophysiology import RepolarisationSettings
from einthoven.base.config.models import Config, LeadFieldSettings
from einthoven.base.core.names import patient_name
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.signed_distance import signed_distances
from einthoven.data.patient.anatomy import Anatomy
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.stages import Activation, Fibers
from einthoven.physics.ecg.intervals import qrs_amplitude, qrs_duration
from einthoven.physics.ecg.leads import twelve_lead
from einthoven.physics.ecg.membrane import Membrane
from einthoven.physics.leadfield.pseudo import pseudo_lead_field_grad
from einthoven.physics.leadfield.solve import solve_lead_fields
from helpers.dataset import (
    ELECTRODES,
    SCENARIOS,
    stage_arrays,
    write_patient_store,
    write_stages,
)
from helpers.fem import boundary_faces, box_mesh, electrodes_at, heart_first

LEADFIELD = LeadFieldSettings()
TRUE_CONFIG = Config(repolarisation=RepolarisationSettings(field="homogeneous"))
SIZE_MM, N_SAMPLES = 200.0, 40
TIME_MS = np.arange(-20.0, 200.0, 2.0)
CONDITIONS = ({}, {"cycle_length_ms": 600.0, "i_kr_factor": 0.5})
"""Those of `write_stages`."""


def _mesh() -> TetMesh:
    """A cube of 4 x 4 x 4, of which the middle 2 x 2 x 2 are muscle: 27 nodes and 48 cells."""
    points, cells = box_mesh(4, SIZE_MM)
    middle = np.abs(points[cells].mean(axis=1) - SIZE_MM / 2).max(axis=1) < SIZE_MM / 4
    mesh = heart_first(points, cells, middle)
    faces = boundary_faces(mesh.cells[: mesh.n_heart_cells])
    centre = mesh.points[faces].mean(axis=1)
    tags = np.full(len(faces), Surface.EPI, np.int8)
    tags[centre[:, 0] == centre[:, 0].min()] = Surface.LV_ENDO
    tags[centre[:, 2] == centre[:, 2].max()] = Surface.BASE
    return replace(
        mesh,
        facets=np.concatenate([mesh.facets, faces.astype(np.int32)]),
        facet_tags=np.concatenate([mesh.facet_tags, tags]),
    )


def true_arrays(index: int) -> dict[str, dict]:
    """Changes of `stage_arrays` after which all numbers of a patient agree."""
    rng, mesh = generator(9, index), _mesh()
    n_nodes, n_cells = mesh.n_heart_nodes, mesh.n_heart_cells
    frames = np.linalg.qr(rng.normal(size=(n_cells, 3, 3)))[0]
    f0, s0 = frames[:, :, 0], frames[:, :, 1]
    fibers = Fibers(patient="p", f0=f0.astype(np.float32), s0=s0.astype(np.float32),
                    n0=np.cross(f0, s0).astype(np.float32))  # fmt: skip
    sites = rng.uniform(20, SIZE_MM - 20, (len(ELECTRODES) + 2, 3))
    sites[:, 1] = 0.0  # on one side of the skin
    electrodes = electrodes_at(sites[: len(ELECTRODES)], ELECTRODES)
    activations = [
        Activation(patient="p", scenario=name, source_nodes=np.zeros(1, int), **condition,
                   activation_time=rng.uniform(0, 90, n_nodes).astype(np.float32),
                   source_times=np.zeros(1))
        for name, condition in zip(SCENARIOS, CONDITIONS)
    ]  # fmt: skip
    patient = Patient.of(mesh, fibers, *activations)
    fields = solve_lead_fields(patient, electrodes, LEADFIELD, np.float32)
    base = stage_arrays(index)
    facets, tags = mesh.facets, mesh.facet_tags
    muscle = {"activation_time", "source_nodes", "source_times"}
    changes = {
        "anatomy": {"site_points": sites},
        "mesh": {"points": mesh.points, "cells": mesh.cells, "cell_tags": mesh.cell_tags,
                 "facets": facets, "facet_tags": tags},
        "fibers": fibers.arrays() | {
            name: rng.uniform(size=n_nodes) for name in ("uvc_rho", "uvc_z", "uvc_phi")
        } | {"uvc_nu": np.sign(rng.normal(size=n_nodes))},
        "purkinje": {"pmj_nodes": rng.integers(0, n_nodes, 4)},
        "sdf": {}, "field": {}, "ecg": {},
    }  # fmt: skip
    for activation in activations:
        arrays = activation.arrays()
        changes[f"activation_{activation.scenario}"] = {name: arrays[name] for name in muscle}
    for batch, part in enumerate((slice(0, 6), slice(6, None))):
        changes[f"leadfield_b{batch}"] = {
            "lead_field": fields.lead_field[part], "residual": fields.residual[part],
            "electrode_points": electrodes.points[part],
        }  # fmt: skip
    attrs = {"patient": "p", "split": "train", "volumes_ml": {}}
    anatomy = Anatomy.of(base["anatomy"] | changes["anatomy"], attrs, "memory")
    changes["sdf"]["sdf"] = _distances(anatomy, base["sdf"]["sdf_points"])
    cells = rng.choice(len(mesh.cells), N_SAMPLES, replace=False)
    points = mesh.points[mesh.cells[cells]].mean(axis=1).astype(np.float32)
    fiber = np.zeros((N_SAMPLES, 3), np.float32)
    fiber[cells < n_cells] = fibers.f0[cells[cells < n_cells]]
    changes["field"] = {
        "field_points": points, "field_cell": cells, "field_tissue": mesh.cell_tags[cells],
        "field_sdf": _distances(anatomy, points), "field_fiber": fiber,
        "field_grad": fields.gradients_at(mesh, cells, LEADFIELD.gradient),
        "electrode_points": electrodes.points,
    }  # fmt: skip
    changes["ecg"] = {"time": TIME_MS} | _beats(patient, fields, activations)
    return changes


def _distances(anatomy: Anatomy, points: np.ndarray) -> np.ndarray:
    return signed_distances(anatomy.surfaces, points).astype(np.float32)


def _beats(patient, fields, activations) -> dict[str, np.ndarray]:
    """Potentials by eq. (3) and eq. (11), leads, QRS."""
    heart, time = patient.heart, TIME_MS
    membrane = Membrane.of(patient, LEADFIELD, TRUE_CONFIG.repolarisation)
    grads = {
        "": fields.gradients(heart, LEADFIELD.gradient).grad,
        "_pseudo": pseudo_lead_field_grad(
            heart.centroids, fields.electrode_points, LEADFIELD.sigma_torso_s_per_m
        ),
    }
    found = {}
    for kind, grad in grads.items():
        potential = np.stack([
            membrane.during(a).potential(a.activation_time, grad, time) for a in activations
        ])  # fmt: skip
        found[f"electrode_potential{kind}"] = potential.astype(np.float32)
        found[f"ecg{kind}"] = twelve_lead(ELECTRODES, potential).astype(np.float32)
    found["qrs_duration"] = np.array([qrs_duration(ecg, time) for ecg in found["ecg"]])
    found["qrs_amplitude"] = np.stack([qrs_amplitude(ecg, time) for ecg in found["ecg"]])
    return found


def write_true_patient(folder: Path, index: int) -> Path:
    """Stage files and store of one patient; the store has the lead field at all nodes."""
    name = patient_name(index)
    path = folder / f"{name}.zarr.zip"
    files = write_stages(folder / name, index, true_arrays(index), settings=TRUE_CONFIG)
    write_patient_store(path, **files, whole_body=True)
    return path

"""Points at which a patient's lead-field gradient is stored for learning."""

import numpy as np

from einthoven.base.config.models import FieldSampleSettings as FieldConfig
from einthoven.base.core.errors import StepFailed
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.signed_distance import signed_distances, surface_distance
from einthoven.base.geometry.simplex import tet_volumes
from einthoven.data.patient.leadfields import LeadFields
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.samples import FieldSamples


def field_samples(
    patient: Patient, lead_fields: LeadFields, config: FieldConfig, gradient: str
) -> FieldSamples:
    """Sample the gradients of a patient's lead fields.

    Args:
        patient: with anatomy, mesh and fibres.
        lead_fields: at all nodes; gradient: their kind, as in `LeadFields.gradients_at`.

    Raises:
        StepFailed: the mesh has too few cells of a class.
    """
    mesh, f0 = patient.mesh, patient.fibers.f0
    cells = sample_cells(mesh, generator(config.seed, patient.name, "field"), config)
    points = mesh.points[mesh.cells[cells]].mean(axis=1).astype(np.float32)
    fiber = np.zeros((len(cells), 3), np.float32)
    fiber[cells < len(f0)] = f0[cells[cells < len(f0)]]
    return FieldSamples(
        patient=patient.name,
        field_points=points,
        field_cell=cells.astype(np.int32),
        field_tissue=mesh.cell_tags[cells].astype(np.int8),
        field_sdf=signed_distances(patient.anatomy.surfaces, points).astype(np.float32),
        field_fiber=fiber,
        field_grad=lead_fields.gradients_at(mesh, cells, gradient),
        electrode_names=lead_fields.electrode_names,
        electrode_points=lead_fields.electrode_points,
        conductivities=lead_fields.conductivities,
    )


def sample_cells(mesh: TetMesh, rng: np.random.Generator, config: FieldConfig) -> np.ndarray:
    """Choose cells, most of them in the myocardium, around the heart, or under the skin: [point].

    The gradient varies fastest at the interfaces (Dokuchaev 2026, section 2.3: about 80 % of the
    points within 10 mm of them), and only the heart enters eq. (3). The layer under the skin is ten
    times as large, so the heart's share is set separately: half of its points lie in the
    myocardium, half in blood or torso around its surface. Within a class, cells are drawn without
    replacement with probability proportional to volume. A point is its cell's centroid, where the
    gradient of a linear element is most accurate.

    Raises:
        StepFailed: the mesh has too few cells of a class.
    """
    n_near = int(round(config.near_fraction * config.n_points))
    n_heart = int(round(config.heart_share * n_near))
    wanted = {
        "myocardium": n_heart - n_heart // 2,
        "shell": n_heart // 2,
        "skin": n_near - n_heart,
        "far": config.n_points - n_near,
    }
    order = _by_volume(tet_volumes(mesh.points, mesh.cells), rng)
    kinds = _kinds(mesh, order, config.near_mm)
    picked = []
    for kind, n_wanted in wanted.items():
        ids = order[kinds == kind]
        if len(ids) < n_wanted:
            raise StepFailed(
                f"the mesh has {len(ids)} cells of the class '{kind}' (near_mm = "
                f"{config.near_mm:g}), {n_wanted} points are wanted there (n_points = "
                f"{config.n_points}, near_fraction = {config.near_fraction:g}, heart_share = "
                f"{config.heart_share:g}); fewer points or a finer mesh"
            )
        picked.append(ids[:n_wanted])
    return rng.permutation(np.concatenate(picked)).astype(np.int64)


def _kinds(mesh: TetMesh, order: np.ndarray, near_mm: float) -> np.ndarray:
    """Class of each cell by its centroid: myocardium, shell (of the heart), skin or far."""
    points = mesh.points
    centroids = points[mesh.cells[order]].mean(axis=1)
    surfaces = {name: mesh.surfaces.union(name) for name in ("epi", "torso")}
    kinds = np.where(mesh.cell_tags[order] == Tissue.MYOCARDIUM, "myocardium", "far")
    heart = points[np.unique(surfaces["epi"])]
    beyond = (centroids < heart.min(axis=0) - near_mm) | (centroids > heart.max(axis=0) + near_mm)
    candidates = {  # the exact distance is costly: computed only where a class can still change
        "epi": (kinds == "far") & ~beyond.any(axis=1),
        "torso": kinds == "far",
    }
    for name, kind in (("epi", "shell"), ("torso", "skin")):
        ids = np.flatnonzero(candidates[name] & (kinds == "far"))
        distance = np.abs(surface_distance(points, surfaces[name], centroids[ids]))
        kinds[ids[distance <= near_mm]] = kind
    return kinds


def _by_volume(volumes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All cells in the order of successive draws without replacement, weighted by volume.

    The smallest of exponential clocks with rates V comes first with probability V / sum(V), and the
    remaining ones are again such a race (Efraimidis, Spirakis, doi:10.1016/j.ipl.2005.11.003).
    """
    return np.argsort(rng.exponential(size=len(volumes)) / np.abs(volumes), kind="stable")

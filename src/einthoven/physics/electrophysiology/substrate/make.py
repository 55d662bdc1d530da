"""Scar or ischaemia of one heart, from its settings."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from einthoven.base.config.section import builtins_of
from einthoven.base.config.substrate import FieldRegionSettings, SubstrateSettings
from einthoven.base.core.errors import BadInput
from einthoven.base.core.seeds import generator
from einthoven.base.core.tags import Surface
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.patient import Patient
from einthoven.data.patient.segments import AHA_SEGMENTS, Regions, ventricular_segments
from einthoven.data.patient.substrate import BORDER, CORE, Substrate
from einthoven.numerics.fem.assembly import stiffness
from einthoven.numerics.fem.solvers import make_solver
from einthoven.physics.electrophysiology.repolarisation import node_volumes
from einthoven.physics.electrophysiology.substrate.regions import REGIONS, level_of_field

MOST_OF_LV = 0.6
"""Nobody lives with a larger scar: such a region is a mistake."""
FIELD_BORDER = 1e-3
"""A user's level within this of 1 is core."""


def make_substrate(patient: Patient, settings: SubstrateSettings) -> Substrate:
    """Scar or ischaemia of a patient.

    Args:
        patient: with mesh, fibres and ventricular coordinates.
        settings: the section for this patient (`SubstrateSettings.of_patient`).

    Returns:
        The substrate with its labels; all zero for kind none.

    Raises:
        BadInput: the region is not on this heart, too small for its mesh, or too large for anyone.
        NotConverged: the linear solver of the random field failed.
    """
    heart, stored = patient.heart, builtins_of(settings)
    if settings.kind == "none":
        zero = np.zeros(len(heart.cells), np.int8), np.zeros(len(heart.points), np.float32)
        return Substrate(patient=patient.name, tissue=zero[0], level=zero[1], settings=stored)
    region, segments = settings.regions[0], ventricular_segments(patient)
    if isinstance(region, FieldRegionSettings):
        level, name = level_of_field(region, patient), f"field {region.path}"
        of_cell = level[heart.cells].mean(axis=1)
        tissue = np.where(of_cell >= 1.0 - FIELD_BORDER, CORE, np.where(of_cell > 0, BORDER, 0))
    else:
        found = REGIONS[type(region)](region)
        edge, name = _edge(patient, settings, found.edge_distance(patient, segments)), found.name
        level = np.clip(1.0 + edge / settings.border_mm, 0.0, 1.0) if settings.border_mm else (
            (edge >= 0).astype(float))  # fmt: skip
        of_cell = edge[heart.cells].mean(axis=1)
        near = np.where(of_cell > -settings.border_mm, BORDER, 0)
        tissue = np.where(of_cell >= 0, CORE, near)
    if settings.kind == "scar" and settings.core_speed_share == 0:
        tissue = np.where(_main_body(heart, tissue != CORE), tissue, CORE)
    bare = Substrate(patient=patient.name, tissue=tissue.astype(np.int8), settings=stored,
                     level=level.astype(np.float32), region=name)  # fmt: skip
    return _labelled(bare, patient, segments)


def _edge(patient: Patient, settings: SubstrateSettings, edge: np.ndarray) -> np.ndarray:
    """Distance from the region's edge, made smaller, less deep and rough: [node] mm."""
    volumes, inside = node_volumes(patient.heart), np.flatnonzero(edge > 0)
    if len(inside) == 0:
        raise BadInput(f"substrate: no node of {patient.name}'s heart is in the region")
    if (size := settings.size[0]) < 1.0:
        order = inside[np.argsort(-edge[inside], kind="stable")]
        taken = np.searchsorted(np.cumsum(volumes[order]), size * volumes[inside].sum())
        edge = edge - edge[order[min(taken, len(order) - 1)]]
    if (part := settings.transmurality[0]) < 1.0:
        depth = (part - patient.coordinates.uvc_rho.astype(float)) * _wall_mm(patient)
        edge = np.minimum(edge, depth)
    if settings.roughness_mm > 0:
        edge = edge + settings.roughness_mm * random_field(patient, settings)
    return edge


def random_field(patient: Patient, settings: SubstrateSettings) -> np.ndarray:
    """A smooth random field of zero mean and unit variance, longer along the fibres: [node].

    White noise, diffused twice; it depends only on the seed, the patient's name and its mesh.
    """
    heart = patient.heart
    volumes = node_volumes(heart)
    white = generator(settings.seed, patient.name, "substrate", "grain").normal(size=len(volumes))
    squared = (settings.grain_mm / 2.0) ** 2
    along = np.einsum("ci,cj->cij", patient.fibers.f0, patient.fibers.f0)
    tensors = squared * (np.eye(3) + 3.0 * along)
    matrix = sp.csr_array(sp.diags_array(volumes) + stiffness(heart.points, heart.cells, tensors))
    solver = make_solver("auto", matrix, 1)
    smooth = solver.solve((np.sqrt(volumes) * white)[:, None]).x
    smooth = solver.solve(volumes[:, None] * smooth).x[:, 0]
    smooth -= np.average(smooth, weights=volumes)
    return smooth / np.sqrt(np.average(smooth**2, weights=volumes))


def _wall_mm(patient: Patient) -> np.ndarray:
    """Thickness of the wall at each node, mm: the distances from both of its surfaces."""
    heart = patient.heart
    in_lv = patient.coordinates.uvc_nu < 0

    def away(*tags: Surface) -> np.ndarray:
        nodes = np.unique(np.concatenate([heart.surface_nodes(tag) for tag in tags]))
        return cKDTree(heart.points[nodes]).query(heart.points)[0]

    left = away(Surface.LV_ENDO) + away(Surface.EPI, Surface.RV_ENDO)
    right = away(Surface.RV_ENDO) + away(Surface.EPI) if heart.has_rv else left
    return np.where(in_lv, left, right)


def _main_body(heart: Heart, conducting: np.ndarray) -> np.ndarray:
    """The largest connected part of the cells that conduct: [cell] bool; islands are cut off."""
    live = np.flatnonzero(conducting)
    if len(live) == 0:
        return conducting
    first, others = np.repeat(heart.cells[live, 0], 3), heart.cells[live, 1:].ravel()
    n_nodes = len(heart.points)
    touching = sp.csr_array((np.ones(len(first), np.int8), (first, others)), (n_nodes, n_nodes))
    _, part = sp.csgraph.connected_components(touching, directed=False)
    of_live = part[heart.cells[live, 0]]
    main = np.zeros(len(heart.cells), bool)
    main[live[of_live == np.bincount(of_live, heart.volumes[live]).argmax()]] = True
    return main


def _labelled(bare: Substrate, patient: Patient, segments: Regions) -> Substrate:
    """The substrate with its labels, checked to be of a size that occurs."""
    volumes, n_lv = patient.heart.volumes, len(AHA_SEGMENTS)
    core, of_cell = bare.tissue == CORE, segments.cell_region
    if not core.any():
        raise BadInput(
            f"substrate: {bare.region}: no tetrahedron of {patient.name}'s heart is in the core; "
            "a larger region, size or transmurality, or a smaller mesh.heart_edge_mm?"
        )
    whole = np.bincount(of_cell, volumes, len(segments.names))[:n_lv]
    dead = np.bincount(of_cell[core], volumes[core], len(segments.names))[:n_lv]
    if (of_lv := dead.sum() / whole.sum()) > MOST_OF_LV:
        raise BadInput(
            f"substrate: {bare.region}: the core is {of_lv:.0%} of {patient.name}'s left "
            f"ventricle, more than {MOST_OF_LV:.0%}; a smaller region or size?"
        )
    rho = patient.coordinates.uvc_rho[patient.heart.cells].mean(axis=1)[core]
    low, high = np.percentile(rho, [5.0, 95.0])
    return replace(
        bare,
        core_ml=float(volumes[core].sum() / 1e3),
        border_ml=float(volumes[bare.tissue == BORDER].sum() / 1e3),
        lv_percent=float(100.0 * of_lv),
        transmurality=float(min(1.0, (high - low) / 0.9)),
        segment_share=(dead / np.maximum(whole, 1e-9)).tolist(),
    )

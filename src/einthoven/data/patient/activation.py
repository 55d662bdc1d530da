"""Purkinje trees (purkinje.npz) and activation in one scenario (activation_{scenario}.npz)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from einthoven.data.patient.stage import Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class PurkinjeTree(Stage):
    """Purkinje trees of both ventricles and their junctions with the muscle (PMJ)."""

    stage = "purkinje"

    tree_points: np.ndarray
    """[tree_node, 3] mm."""
    tree_edges: np.ndarray
    """[tree_edge, 2] tree nodes."""
    tree_side: np.ndarray
    """[tree_node] -1 LV, +1 RV."""
    tree_roots: np.ndarray
    """[tree_root] tree nodes at which the fascicles end and the trees start."""
    root_times: np.ndarray
    """[tree_root] ms after the His bundle."""
    root_fascicle: np.ndarray
    """[tree_root] anterior, septal or posterior of the left bundle, or right."""
    pmj_nodes: np.ndarray
    """[pmj] heart nodes, sorted within a side."""
    pmj_times: np.ndarray
    """[pmj] ms after the His bundle."""
    pmj_side: np.ndarray
    """[pmj] -1 LV, +1 RV."""
    speed_mm_per_ms: float
    """Speed along the trees."""
    coverage_gap_mm: Sequence[float] = (math.nan, math.nan)
    """LV, RV: largest distance from the endocardium to its nearest junction."""
    draws: Sequence[int] = (1, 1)
    """LV, RV: number of trees drawn until one was valid."""
    settings: Mapping[str, Any] | None = None
    """The section `purkinje` for this patient."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Activation(Stage):
    """Activation times of the heart, and where the wave starts."""

    stage = "activation"

    activation_time: np.ndarray
    """[heart node] tau, ms; the smallest is zero."""
    source_nodes: np.ndarray
    """[source] heart nodes."""
    source_times: np.ndarray
    """[source] ms."""
    scenario: str
    backend: str = ""
    residual_ms: float = math.nan
    """Residual of the eikonal equation, ms."""
    n_updates: int = 0
    total_ms: float = math.nan
    """Time of the last activation, ms."""
    settings: Mapping[str, Any] | None = None
    """The section `activation` for this patient."""
    cycle_length_ms: float = 1000.0
    """Cycle length of the pacing train whose last beat this is."""
    i_kr_factor: float = 1.0
    """Factor on the conductance of I_Kr in all cells; 0 is blocked."""

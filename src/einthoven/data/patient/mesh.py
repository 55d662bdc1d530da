"""Tetrahedra of a patient: mesh.npz."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core.tags import Surface, Tissue
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.data.patient.stage import Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class TetMesh(Stage):
    """Tetrahedra and their tagged boundary, numbered myocardium first."""

    stage = "mesh"
    of_some = frozenset({"repair"})

    points: np.ndarray
    """[node, 3] mm; the myocardium's nodes are points[:n_heart_nodes]."""
    cells: np.ndarray
    """[cell, 4], positively oriented; the myocardium is cells[:n_heart_cells]."""
    cell_tags: np.ndarray
    """[cell] core.tags.Tissue."""
    facets: np.ndarray
    """[facet, 3], oriented as the surfaces."""
    facet_tags: np.ndarray
    """[facet] core.tags.Surface."""
    n_heart_nodes: int
    n_heart_cells: int
    n_flips: int = 0
    """Surface diagonals flipped."""
    n_moved: int = 0
    """Inner nodes moved for quality."""
    repair: str | None = None
    """Change of surfaces that could not be meshed as given, and how many mm vertices moved."""
    quality: dict[str, float] = field(default_factory=dict)
    """`quality_min`, `_p01` (first percentile) and `_mean` of gamma over all cells, and
    `surface_quality_min`, ... of the triangles' quality over all facets."""

    def attrs(self) -> dict[str, Any]:
        """Attributes, with the mesh quality measures among them."""
        found = super().attrs()
        return found | found.pop("quality")

    @classmethod
    def of(
        cls, arrays: Mapping[str, np.ndarray], attrs: Mapping[str, Any], where: str | Path
    ) -> Self:
        """The stage from arrays; the heart's counts follow from the tags if not given."""
        quality = {k: v for k, v in attrs.items() if "quality_" in k}
        uncounted = {"n_heart_nodes": -1, "n_heart_cells": -1}
        mesh = super().of(arrays, {**uncounted, **attrs, "quality": quality}, where)
        if mesh.n_heart_cells >= 0:
            return mesh
        muscle = mesh.cells[mesh.cell_tags == Tissue.MYOCARDIUM]
        n_nodes = int(muscle.max(initial=-1)) + 1
        return replace(mesh, n_heart_nodes=n_nodes, n_heart_cells=len(muscle))

    @cached_property
    def surfaces(self) -> Surfaces:
        """The tagged triangles as surfaces."""
        return Surfaces(self.points, self.facets, self.facet_tags)

    @cached_property
    def skin(self) -> np.ndarray:
        """Triangles of the skin: [facet, 3]."""
        return self.surfaces.tagged(Surface.SKIN)

"""Lead fields of a patient: leadfield_b{batch}.npz, and their gradients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from einthoven.base.core import check
from einthoven.base.core.errors import BadInput, extra
from einthoven.base.core.tags import Tissue
from einthoven.base.geometry.gradient_recovery import (
    apply_operator,
    gradient_operator,
    recovery_operator,
)
from einthoven.data.patient.anatomy import Electrodes
from einthoven.data.patient.heart import Heart
from einthoven.data.patient.mesh import TetMesh
from einthoven.data.patient.stage import Stage

POSITION_TOLERANCE_MM = 1e-3
MAX_GAP_MM = 45.0
"""A place in a lung takes the gradient of the nearest torso; one farther away is a mistake."""
TorsoGradients = Callable[[TetMesh, np.ndarray], np.ndarray]
"""Function of the patient's mesh and of places [place, 3] mm in the torso outside of the
ventricles: gradients [electrode, place, 3] kOhm/mm."""


@dataclass(frozen=True, eq=False)
class LeadFieldGradients:
    """Gradients in the heart by any method: finite elements, a surrogate, a formula."""

    electrode_names: np.ndarray
    """[electrode]."""
    electrode_points: np.ndarray
    """[electrode, 3] mm."""
    grad: np.ndarray
    """[electrode, heart cell, 3] kOhm/mm at the centroids."""
    torso: TorsoGradients | None = None
    """Gradients in the torso outside of the ventricles, which P waves need; or None."""

    def in_torso(self, mesh: TetMesh, places: np.ndarray) -> np.ndarray:
        """Gradients [electrode, place, 3] kOhm/mm at places [place, 3] mm of the torso.

        Raises:
            BadInput: these gradients are of the ventricles only.
        """
        if self.torso is None:
            raise BadInput(
                "these lead fields are known in the ventricles only, and a P wave needs them in "
                "the torso: set atria.enabled: false, or give LeadFields or a `torso`"
            )
        return self.torso(mesh, places)

    def gradients(self, heart: Heart, kind: str = "recovered") -> Self:
        """The gradients themselves; the same interface as `LeadFields.gradients`."""
        check.shape("grad", self.grad, (len(self.electrode_names), len(heart.cells), 3))
        return self


@dataclass(frozen=True, eq=False, kw_only=True)
class LeadFields(Stage):
    """Nodal lead fields of some electrodes."""

    stage = "leadfield"
    of_some = frozenset({"conductivities"})

    lead_field: np.ndarray
    """[electrode, node] kOhm, zero mean on the skin; in a store only at `kept_nodes`."""
    electrode_names: np.ndarray
    """[electrode]."""
    electrode_points: np.ndarray
    """[electrode, 3] mm."""
    residual: np.ndarray
    """[electrode] relative residual of the solve."""
    batch: int = 0
    """Number of the batch of electrodes."""
    solver: str = ""
    """Name of the solver."""
    kept_nodes: np.ndarray | None = None
    """Ids of the mesh's nodes, the heart's first; None for all."""
    conductivities: dict[str, float] | None = None
    """Name in section leadfield -> S/m, where they were drawn for this patient."""

    def attrs(self) -> dict[str, Any]:
        """Attributes without the kept nodes; a file has all nodes."""
        return {key: value for key, value in super().attrs().items() if key != "kept_nodes"}

    @property
    def electrodes(self) -> Electrodes:
        """Names and points of the electrodes."""
        return Electrodes(self.electrode_names, self.electrode_points)

    def row(self, electrode: str) -> int:
        """Index of an electrode.

        Raises:
            BadInput: there is no such electrode.
        """
        names = self.electrode_names.tolist()
        if electrode not in names:
            raise BadInput(f"{self.patient}: no electrode {electrode!r}; there are {names}")
        return names.index(electrode)

    def of_electrodes(self, names: Sequence[str]) -> Self:
        """Lead fields of some electrodes, in the order given.

        Raises:
            BadInput: there is no such electrode.
        """
        rows = [self.row(name) for name in names]
        arrays: dict[str, Any] = {name: values[rows] for name, values in self.arrays().items()}
        return replace(self, **arrays)

    def gradients(self, heart: Heart, kind: str = "recovered") -> LeadFieldGradients:
        """Gradients at the centroids of the heart's cells.

        They are 'recovered' (second order) or 'raw' (of the linear elements).
        """
        operator = gradient_operator(kind, heart.points, heart.cells)
        grad = apply_operator(operator, self.lead_field[:, : len(heart.points)])
        names, points = self.electrode_names, self.electrode_points
        return LeadFieldGradients(names, points, grad, self.gradients_in_torso)

    def gradients_at(self, mesh: TetMesh, cells: np.ndarray, kind: str = "recovered") -> np.ndarray:
        """Gradients at the centroids of some cells, each from the nodes of its own tissue only.

        cells [place] of the patient's mesh -> [electrode, place, 3] kOhm/mm, float32; `kind` as in
        `gradients`.

        Raises:
            BadInput: the lead field is not stored at all nodes.
        """
        check.shape("lead_field", self.lead_field, (None, len(mesh.points)))
        grad = np.empty((len(self.lead_field), len(cells), 3), np.float32)
        for tissue in np.unique(mesh.cell_tags[cells]):
            ids = np.flatnonzero(mesh.cell_tags == tissue)
            places = np.flatnonzero(mesh.cell_tags[cells] == tissue)
            which = np.searchsorted(ids, cells[places])
            operator = gradient_operator(kind, mesh.points, mesh.cells[ids], which)
            grad[:, places] = apply_operator(operator, self.lead_field)
        return grad

    def gradients_in_torso(self, mesh: TetMesh, places: np.ndarray) -> np.ndarray:
        """Gradients at places in the torso, of second order: linear between recovered nodal ones.

        Args:
            mesh: mesh of the same patient, with the body.
            places: [place, 3] mm outside of the ventricles; a place in a lung takes the gradient
                of the torso next to it.

        Returns:
            [electrode, place, 3] kOhm/mm.

        Raises:
            BadInput: the lead field is not stored at all nodes, or a place is not in the torso.
        """
        with extra("patients", "locating places in a mesh"):
            from einthoven.base.geometry.tet_places import TetPlaces
        check.shape("lead_field", self.lead_field, (None, len(mesh.points)))
        torso = mesh.cells[mesh.cell_tags == Tissue.TORSO]
        if not len(torso):
            raise BadInput(f"{self.patient}: the mesh has no torso around the heart")
        located = TetPlaces.of(mesh.points, torso, places)
        if (gap := float(located.gap.max(initial=0.0))) > MAX_GAP_MM:
            raise BadInput(
                f"{self.patient}: a place of the atria is {gap:.0f} mm away from the torso's "
                "tissue: do heart and torso fit? A smaller atria.size?"
            )
        nodes, which = np.unique(located.nodes, return_inverse=True)
        operator = recovery_operator(mesh.points, torso, at="nodes", chosen=nodes)
        nodal = np.moveaxis(apply_operator(operator, self.lead_field), 0, 1)
        local = TetPlaces(which.reshape(located.nodes.shape), located.weights, located.gap)
        return np.ascontiguousarray(np.moveaxis(local.on(nodal), 1, 0))

    @classmethod
    def gather(cls, paths: Sequence[str | Path], electrodes: Electrodes | None = None) -> Self:
        """Combine batch files by electrode name, whatever their order.

        Args:
            paths: `leadfield_b*.npz` files of one patient.
            electrodes: the electrodes wanted, in order, and their positions; None for all.

        Raises:
            BadInput: an electrode is missing, duplicate, or at another position; the files differ
                in patient or number of nodes.
        """
        if not paths:
            raise BadInput("no lead-field files to gather; run the leadfield rule")
        where = f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}"
        batches = [cls.load(path) for path in paths]
        sizes = sorted({batch.lead_field.shape[1] for batch in batches})
        patients = sorted({batch.patient for batch in batches})
        if len(sizes) > 1 or len(patients) > 1:
            raise BadInput(
                f"{where}: different patients or meshes (nodes {sizes}, patients {patients})"
            )
        found = [str(name) for batch in batches for name in batch.electrode_names]
        check.unique(f"{where}: electrodes", found)
        wanted = found if electrodes is None else [str(name) for name in electrodes.names]
        check.unique("electrode_names", wanted)
        if missing := [name for name in wanted if name not in set(found)]:
            raise BadInput(f"{where}: lacks {', '.join(missing[:8])}; stale batch files?")
        order = [found.index(name) for name in wanted]
        arrays: dict[str, Any] = {name: np.concatenate([b.arrays()[name] for b in batches])[order]
                  for name in batches[0].arrays()}  # fmt: skip
        first = batches[0]
        if any(batch.conductivities != first.conductivities for batch in batches):
            raise BadInput(f"{where}: different conductivities; re-run the leadfield rule")
        fields = cls(**arrays, patient=patients[0], solver=first.solver,
                     conductivities=first.conductivities)  # fmt: skip
        if electrodes is not None:
            fields._check_places(electrodes.points, where)
        return fields

    def _check_places(self, electrode_points: np.ndarray, where: str) -> None:
        """Check that electrodes are at the positions of the anatomy."""
        distance = np.linalg.norm(self.electrode_points - electrode_points, axis=1)
        if distance.max(initial=0.0) > POSITION_TOLERANCE_MM:
            worst = int(np.argmax(distance))
            raise BadInput(
                f"{where}: electrode {self.electrode_names[worst]} is {distance[worst]:.3g} mm "
                "from its position in the anatomy; re-run the leadfield rule"
            )

"""One patient as the physics rooms want it, read from its closed store."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.tags import Tissue
from einthoven.dataset.layout import PATIENT_FORMAT
from einthoven.dataset.store import open_store, values_of


@dataclass(frozen=True)
class Patient:
    """Arrays of one patient; mm, ms, kOhm; patient frame.

    Attributes:
        name: p0000..
        mesh: points [node, 3], cells [cell, 4], cell_tags, facets, facet_tags; heart first.
        f0: [heart cell, 3] fibre directions.
        electrode_names: [electrode].
        electrode_points: [electrode, 3].
        kept_nodes: [kept node] nodes at which the lead field is stored, the heart's first.
        lead_field: [electrode, kept node] kOhm, as stored (float32).
        activation: scenario -> [heart node] ms.
    """

    name: str
    mesh: dict[str, np.ndarray]
    f0: np.ndarray
    electrode_names: list[str]
    electrode_points: np.ndarray
    kept_nodes: np.ndarray
    lead_field: np.ndarray
    activation: dict[str, np.ndarray]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read results/dataset/patients/{patient}.zarr.zip.

        Raises:
            BadInput: not a patient store, or a broken one.
        """
        with open_store(path) as root:
            if root.attrs.get("format") != PATIENT_FORMAT:
                raise BadInput(
                    f"{path}: not the store of one patient; see results/dataset/patients"
                )
            names = ("points", "cells", "cell_tags", "facets", "facet_tags")
            scenarios = map(str, values_of(root, "activation/scenario"))
            return cls(
                name=str(root.attrs["patient"]),
                mesh={name: values_of(root, f"mesh/{name}") for name in names},
                f0=values_of(root, "fibers/f0"),
                electrode_names=[str(n) for n in values_of(root, "leadfield/electrode")],
                electrode_points=values_of(root, "anatomy/electrode_points"),
                kept_nodes=values_of(root, "leadfield/kept_nodes"),
                lead_field=values_of(root, "leadfield/lead_field"),
                activation=dict(zip(scenarios, values_of(root, "activation/activation_time"))),
            )

    @property
    def heart(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes [heart node, 3] and cells [heart cell, 4] of the myocardium."""
        n_cells = int((self.mesh["cell_tags"] == Tissue.MYOCARDIUM).sum())
        cells = self.mesh["cells"][:n_cells]
        return self.mesh["points"][: int(cells.max()) + 1], cells

    def tau(self, scenario: str) -> np.ndarray:
        """Activation times [heart node] ms of a scenario.

        Raises:
            BadInput: the store has no such scenario.
        """
        if scenario not in self.activation:
            known = ", ".join(self.activation)
            raise BadInput(f"{self.name}: no scenario {scenario!r}; the store has {known}")
        return self.activation[scenario]

"""The stages of one patient from its folder or its store, as far as they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from einthoven.core.errors import BadInput
from einthoven.core.files import load_arrays
from einthoven.dataset.layout import PATIENT_FORMAT, PATIENT_LAYOUT
from einthoven.dataset.store import open_store, values_of
from einthoven.leadfield.gather import gather_lead_fields

Group = Mapping[str, np.ndarray]
GROUPS = ("anatomy", "mesh", "fibers", "purkinje")


@dataclass(frozen=True)
class Stages:
    """Arrays as in docs/contracts.md; an empty group is a stage that is not there.

    Attributes:
        name: of the patient.
        anatomy, mesh, fibers, purkinje: the stage's arrays.
        activation: scenario -> [heart node] ms.
        lead_field: electrode -> [node] kOhm, NaN where the store does not keep it.
    """

    name: str
    anatomy: Group
    mesh: Group
    fibers: Group
    purkinje: Group
    activation: dict[str, np.ndarray] = field(default_factory=dict)
    lead_field: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read results/patients/{patient} or results/dataset/patients/{patient}.zarr.zip.

        Raises:
            BadInput: neither, or broken, or without a single stage.
        """
        path = Path(path)
        stages = cls._of_folder(path) if path.is_dir() else cls._of_store(path)
        if not stages.anatomy and not stages.mesh:
            raise BadInput(f"{path}: holds neither anatomy.npz nor mesh.npz; a patient's folder?")
        return stages

    @classmethod
    def _of_folder(cls, folder: Path) -> Self:
        groups = {
            name: load_arrays(folder / f"{name}.npz") if (folder / f"{name}.npz").exists() else {}
            for name in GROUPS
        }
        times = {
            file.stem.removeprefix("activation_"): load_arrays(file)["activation_time"]
            for file in sorted(folder.glob("activation_*.npz"))
        }
        files = sorted(folder.glob("leadfield_b*.npz"), key=lambda f: int(f.stem.split("_b")[1]))
        names = [str(n) for file in files for n in load_arrays(file)["electrode_names"]]
        fields = dict(zip(names, gather_lead_fields(files, names).lead_field)) if files else {}
        return cls(folder.resolve().name, **groups, activation=times, lead_field=fields)

    @classmethod
    def _of_store(cls, path: Path) -> Self:
        with open_store(path) as root:
            if root.attrs.get("format") != PATIENT_FORMAT:
                raise BadInput(f"{path}: not the store of one patient; results/dataset/patients")
            groups = {
                name: {v.name: values_of(root, f"{name}/{v.name}") for v in PATIENT_LAYOUT[name]}
                for name in GROUPS
            }
            anatomy = groups["anatomy"]
            anatomy["site_names"] = anatomy.pop("electrode")
            anatomy["site_points"] = anatomy.pop("electrode_points")
            scenarios = map(str, values_of(root, "activation/scenario"))
            times = dict(zip(scenarios, values_of(root, "activation/activation_time")))
            kept, z = (values_of(root, f"leadfield/{key}") for key in ("kept_nodes", "lead_field"))
            whole = np.full((len(z), len(groups["mesh"]["points"])), np.nan, np.float32)
            whole[:, kept] = z
            fields = dict(zip(map(str, values_of(root, "leadfield/electrode")), whole))
            name = str(root.attrs["patient"])
        return cls(name, **groups, activation=times, lead_field=fields)

    @property
    def n_heart(self) -> tuple[int, int]:
        """Nodes and cells of the myocardium."""
        cells = self.mesh["cells"][self.mesh["cell_tags"] == 1]
        return int(cells.max()) + 1, len(cells)

    def on_nodes(self) -> dict[str, np.ndarray]:
        """Everything that lives on nodes: [node], NaN where it is not defined."""
        n_heart, _ = self.n_heart
        values = {f"activation_{name}_ms": its for name, its in self.activation.items()}
        values |= {key: its for key, its in self.fibers.items() if key.startswith("uvc_")}
        padded = {}
        for name, its in values.items():
            padded[name] = np.full(len(self.mesh["points"]), np.nan, np.float32)
            padded[name][:n_heart] = its
        return padded | {f"lead_field_{name}_kohm": z for name, z in self.lead_field.items()}

    def on_cells(self) -> dict[str, np.ndarray]:
        """Fibre, sheet and normal direction [cell, 3], zero outside the myocardium."""
        _, n_heart = self.n_heart
        padded = {}
        for name in ("f0", "s0", "n0"):
            if name in self.fibers:
                padded[name] = np.zeros((len(self.mesh["cells"]), 3), np.float32)
                padded[name][:n_heart] = self.fibers[name]
        return padded

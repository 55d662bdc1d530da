"""Arrays of one patient of a finished run, read as they are, and what follows from them by hand."""

import runpy
from types import SimpleNamespace

import numpy as np

from einthoven.base.core.files import load_arrays
from einthoven.physics.electrophysiology.cells.template import template

ALONG_I, ACROSS_I, ALONG, ACROSS, TORSO = 0.3, 0.03, 0.6, 0.15, 0.2
"""mS/mm: intracellular, and together with the extracellular space; torso and blood."""
FOUR_PI = 4 * np.pi


class Stored:
    """Files of one patient of a finished run, and what follows from them by hand."""

    def __init__(self, folder):
        self.anatomy, self.mesh, self.fibers, self.ecg, self.field = (
            load_arrays(folder / f"{stage}.npz")
            for stage in ("anatomy", "mesh", "fibers", "ecg", "field")
        )
        self.tau = {
            name: load_arrays(folder / f"activation_{name}.npz")["activation_time"].astype(float)
            for name in ("sinus", "lbbb")
        }
        batches = [load_arrays(folder / f"leadfield_b{k}.npz") for k in (0, 1)]
        self.names = np.concatenate([batch["electrode_names"] for batch in batches]).tolist()
        self.places = np.concatenate([batch["electrode_points"] for batch in batches])
        self.z = np.concatenate([batch["lead_field"] for batch in batches]).astype(float)
        n_cells = int((self.mesh["cell_tags"] == 1).sum())
        self.cells = self.mesh["cells"][:n_cells]
        self.points = self.mesh["points"]
        self.n_nodes = int(self.cells.max()) + 1
        corners = self.points[self.cells]
        self.edges = corners[:, 1:] - corners[:, :1]
        self.volumes = np.abs(np.linalg.det(self.edges)) / 6
        self.middle = corners.mean(axis=1)

    def slopes(self, values):
        """Gradients of a linear function in the heart's cells: [cell, 3]."""
        rise = values[self.cells[:, 1:]] - values[self.cells[:, :1]]
        return np.linalg.solve(self.edges, rise[..., None])[..., 0]

    def conduct(self, along, across, vectors):
        """(across I + (along - across) f f^T) v."""
        f0 = self.fibers["f0"].astype(float)
        return across * vectors + (along - across) * (f0 * vectors).sum(1, keepdims=True) * f0

    def potential(self, scenario, grad, time, step=0.1):
        """Eq. (3), phi = - int G_i grad V_m . grad Z dx, for V_m = U(t - tau): [electrode, time].

        grad V_m = - U'(t - tau) grad tau. The share of a cell with tau > s is the sum over its
        nodes of (t_i - s)^3 / prod (t_i - t_j), where positive (divided differences).
        """
        tau = self.tau[scenario]
        flow = self.conduct(ALONG_I, ACROSS_I, self.slopes(tau)) * self.volumes[:, None]
        strength = np.einsum("eci,ci->ec", grad, flow)
        edges = np.arange(tau.min() - 1, tau.max() + 1, step)
        source = np.zeros((len(grad), len(edges) - 1))
        for some in np.array_split(np.arange(len(self.cells)), 20):
            # equal times are set apart a little
            nodal = np.sort(tau[self.cells[some]], axis=1) + 0.02 * np.arange(4)
            later = np.zeros((len(some), len(edges)))
            for i in range(4):
                apart = nodal[:, [i]] - np.delete(nodal, i, axis=1)
                rest = np.maximum(nodal[:, [i]] - np.maximum(edges, nodal[:, [0]]), 0)
                later += rest**3 / apart.prod(axis=1, keepdims=True)
            source -= strength[:, some] @ np.diff(later, axis=1)
        clock, beat = template(step)
        after = time[:, None] - edges
        slope = -np.diff(np.interp(after, clock, beat), axis=1) / step
        return source @ slope.T


def job_of(finished, rule):
    """Script of a rule, and its inputs for p0002 as the rule names them."""
    folder = finished / "results/patients/p0002"
    stages = {name: folder / f"{name}.npz" for name in ("anatomy", "mesh", "fibers")}
    several = {
        "activation": [folder / f"activation_{name}.npz" for name in ("sinus", "lbbb")],
        "leadfield": [folder / f"leadfield_b{k}.npz" for k in (0, 1)],
    }
    place = finished / f"workflow/scripts/{rule}.py"
    some = {"substrate": [], "beat": []}
    return runpy.run_path(str(place))["main"], SimpleNamespace(**stages, **several, **some)


def angles(a, b):
    """Between vectors: degrees."""
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))

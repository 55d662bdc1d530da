"""Which early sites and speeds give a normal QRS: random trials on patients of a finished run.

The endocardia conduct as thin sheets: the times there are shortest ways along the surface from a
few early sites, at the sheet's own speed, and all its nodes are sources of the eikonal equation in
the wall. A sheet has no thickness, so the right ventricle keeps its wave from inside outwards.
Places are ventricular coordinates (`patient.fibers.Coordinates`), after Durrer et al., Circulation
41:899 (1970), doi:10.1161/01.CIR.41.6.899: three sites of the left ventricle, one or two of the
right.

Usage: python studies/activation_roots.py RESULTS [--patients p0000 ...] [--trials N] [--json OUT]
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from einthoven.config.models import Leadfield
from einthoven.core.files import write_json
from einthoven.core.names import LEADS
from einthoven.core.seeds import generator
from einthoven.core.tags import Surface
from einthoven.ecg.forward import forward_potential
from einthoven.ecg.leads import lead_matrix
from einthoven.electrophysiology.cells.template import template
from einthoven.electrophysiology.eikonal import solve_eikonal, speed_tensor_sq
from einthoven.geometry.triangles import unique_edges
from einthoven.leadfield.conductivity import intracellular
from einthoven.patient.leadfields import LeadFields
from einthoven.patient.patient import Patient

SIDES = {"lv": Surface.LV_ENDO, "rv": Surface.RV_ENDO}
NAMES = ("I", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
CLOCK = np.arange(-10.0, 180.0)
BEAT_STEP_MS = 0.2
"""Coarser than that of the ECG stage: the QRS is judged by tenths of a millivolt."""
SITES = ("anterior", "septal", "posterior", "rv", "rv_septal")


class Site(NamedTuple):
    """An early site: side and sign of nu, height z, angle phi in rad, time in ms."""

    side: str
    nu: int
    z: float
    phi: float
    time: float


@dataclass(frozen=True)
class Trial:
    """Speeds in mm/ms, how far up the sheets reach (z), and the early sites."""

    lv_sheet: float
    rv_sheet: float
    lv_top: float
    rv_top: float
    fiber: float
    transverse: float
    sites: Mapping[str, Site]

    @classmethod
    def draw(cls, seed: int, index: int) -> "Trial":
        """Trial `index` of a seed; every third has an early site on the RV's side of the septum."""
        u = generator(seed, index, "trial").uniform
        sites = {
            "anterior": Site("lv", -1, u(0.5, 0.85), u(0.5, 1.2), u(0, 5)),
            "septal": Site("lv", -1, u(0.35, 0.65), u(-0.4, 0.4), u(0, 4)),
            "posterior": Site("lv", -1, u(0.25, 0.6), u(-1.2, -0.4), u(0, 5)),
            "rv": Site("rv", 1, u(0.2, 0.6), u(-1.0, 1.0), u(3, 15)),
        }
        if index % 3 == 0:
            sites["rv_septal"] = Site("rv", -1, u(0.2, 0.5), u(-0.5, 0.5), u(10, 30))
        low, high = np.array([[1.5, 1.2, 0.8, 0.8, 0.5, 0.22], [4.0, 4.0, 1.0, 1.0, 0.75, 0.4]])
        return cls(*u(low, high).tolist(), sites)

    def knobs(self) -> dict[str, float]:
        """What was drawn, by name, without the site that not all trials have."""
        values = {key: value for key, value in asdict(self).items() if key != "sites"}
        for name in SITES[:4]:
            site = self.sites[name]
            values |= {f"{name}_z": site.z, f"{name}_phi": site.phi, f"{name}_ms": site.time}
        return values | {"rv_septal": float("rv_septal" in self.sites)}


class Subject:
    """A patient with lead-field gradients of eight leads."""

    def __init__(self, folder: Path):
        files = {stage: folder / f"{stage}.npz" for stage in ("anatomy", "mesh", "fibers")}
        self.patient = Patient.of_files(**files)
        self.heart, self.uvc = self.patient.heart, self.patient.coordinates
        fields = LeadFields.gather(sorted(folder.glob("leadfield_b*.npz"))).gradients(self.heart)
        rows = lead_matrix(fields.electrode_names.tolist())[[LEADS.index(n) for n in NAMES]]
        self.grad = np.tensordot(rows, fields.grad, axes=1)
        self.sigma_i = intracellular(self.patient.fibers.f0, Leadfield())
        self.beat = template(BEAT_STEP_MS)

    def sheet_times(self, side: str, trial: Trial) -> np.ndarray:
        """First arrival on an endocardium, ms [heart node]; infinite elsewhere and above the top.

        Ways go along edges and along chords over two edges, which leaves them a few per cent long.
        """
        n = len(self.heart.points)
        edges, _ = unique_edges(self.heart.surface(SIDES[side]))
        ones = np.ones(2 * len(edges))
        graph = sp.csr_array((ones, (edges.ravel(), edges[:, ::-1].ravel())), shape=(n, n))
        i, j = (graph + graph @ graph).tocoo().coords
        below = np.maximum(self.uvc.uvc_z[i], self.uvc.uvc_z[j]) <= getattr(trial, f"{side}_top")
        i, j = i[below & (i != j)], j[below & (i != j)]
        steps = np.linalg.norm(self.heart.points[i] - self.heart.points[j], axis=1)
        ways = sp.csr_array((steps / getattr(trial, f"{side}_sheet"), (i, j)), shape=(n, n))
        times = np.full(n, np.inf)
        for site in (s for s in trial.sites.values() if s.side == side):
            start = self.node(site)
            times = np.minimum(times, site.time + dijkstra(ways, indices=start))
        return times

    def node(self, site: Site) -> int:
        """Node of the endocardium nearest to a site; heights count three times."""
        nodes = self.heart.surface_nodes(SIDES[site.side])
        nodes = nodes[self.uvc.uvc_nu[nodes] == site.nu]
        turn = np.angle(np.exp(1j * (self.uvc.uvc_phi[nodes] - site.phi)))
        away = (3.0 * (self.uvc.uvc_z[nodes] - site.z)) ** 2 + turn**2
        return int(nodes[away.argmin()])

    def activate(self, trial: Trial) -> np.ndarray:
        """Activation times [heart node], ms from the first."""
        times = np.minimum(*(self.sheet_times(side, trial) for side in SIDES))
        nodes = np.flatnonzero(np.isfinite(times))
        speeds = speed_tensor_sq(self.patient.fibers.f0, trial.fiber, trial.transverse)
        start = times[nodes] - times[nodes].min()
        points, cells = self.heart.points, self.heart.cells
        return solve_eikonal(points, cells, speeds, nodes, start).activation_time

    def features(self, trial: Trial) -> dict[str, float]:
        """Axis in degrees, last activation in ms, r and S of V1 in mV, R/S of V1 to V6 and I."""
        tau = self.activate(trial)
        ecg = forward_potential(self.heart, self.sigma_i, tau, self.grad, CLOCK, self.beat)
        qrs = ecg[:, CLOCK <= tau.max() + 5.0]
        v1, area = qrs[NAMES.index("V1")], qrs.sum(axis=1)
        up, down = np.maximum(qrs.max(axis=1), 0.0), np.maximum(-qrs.min(axis=1), 0.01)
        ratio = {f"rs_{name}": float(r / s) for name, r, s in zip(NAMES, up, down)}
        axis = np.degrees(np.arctan2(2.0 / np.sqrt(3.0) * area[1], area[0]))
        r_v1 = max(v1[: v1.argmin() + 1].max(), 0.0)
        return {"axis_deg": float(axis), "last_ms": float(tau.max()), "r_v1_mv": float(r_v1),
                "s_v1_mv": float(-v1.min())} | ratio  # fmt: skip


def is_normal(found: Mapping[str, float]) -> dict[str, bool]:
    """Which of six traits of a normal QRS these features have."""
    return {
        "axis": -30.0 <= found["axis_deg"] <= 90.0,
        "duration": 70.0 <= found["last_ms"] <= 100.0,
        "r in V1": found["r_v1_mv"] >= 0.05 and found["rs_V1"] < 1.0,
        "transition": found["rs_V2"] < 1.0 and max(found["rs_V4"], found["rs_V5"]) > 1.0,
        "V5 and V6": min(found["rs_V5"], found["rs_V6"]) > 1.0,
        "I": found["rs_I"] > 1.0,
    }


def correlations(trials: Sequence[Trial], values: np.ndarray) -> dict[str, float]:
    """Correlation of each knob with a feature over the trials, strongest first."""
    knobs = [trial.knobs() for trial in trials]
    found = {k: float(np.corrcoef([row[k] for row in knobs], values)[0, 1]) for k in knobs[0]}
    return dict(sorted(found.items(), key=lambda item: -abs(item[1])))


def study(subjects: Sequence[Subject], trials: Sequence[Trial]) -> dict[str, Any]:
    """Features of all trials and patients, shares of normal traits, and what moves them."""
    rows = [[subject.features(trial) for subject in subjects] for trial in trials]
    traits = [[is_normal(found) for found in row] for row in rows]
    shares = {k: float(np.mean([[t[k] for t in row] for row in traits])) for k in traits[0][0]}
    score = np.array([np.mean([sum(t.values()) for t in row]) for row in traits])
    best = np.argsort(-score, kind="stable")[:5]
    medians = {k: np.median([[f[k] for f in row] for row in rows], axis=1) for k in rows[0][0]}
    toward = np.sin(np.deg2rad(medians["axis_deg"] - 30.0))  # continuous across 180 degrees
    strongest = {"axis": toward, "last_ms": medians["last_ms"], "r_v1_mv": medians["r_v1_mv"]}
    return {
        "share_of_trials": shares,
        "correlation": {k: correlations(trials, v) for k, v in strongest.items()},
        "best": [
            {"traits_of_six": float(score[i]), "knobs": trials[i].knobs(), "patients": rows[i]}
            for i in best
        ],
    }


def main() -> None:
    """Run the trials, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of a run, with lead fields")
    parser.add_argument("--patients", nargs="+", default=["p0000", "p0007", "p0015"])
    parser.add_argument("--trials", type=int, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    subjects = [Subject(options.results / "patients" / name) for name in options.patients]
    trials = [Trial.draw(options.seed, index) for index in range(options.trials)]
    result = study(subjects, trials)
    print("share of trials with the trait:", result["share_of_trials"])
    for name, values in result["correlation"].items():
        print(name, {k: round(v, 2) for k, v in list(values.items())[:5]})
    for row in result["best"]:
        print(
            f"{row['traits_of_six']:.1f} of 6:", {k: round(v, 2) for k, v in row["knobs"].items()}
        )
        for found in row["patients"]:
            print("    ", {k: round(v, 2) for k, v in found.items()})
    if options.json:
        write_json(options.json, result)


if __name__ == "__main__":
    main()

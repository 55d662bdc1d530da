"""Numbers of a data set, computed again from its stores in plain NumPy; nothing of einthoven.

    python tests/independent/recompute.py results/dataset

prints what disagrees, and ends with status 1 if anything does. Each function takes a store (or
two) and returns what is wrong; each is a property of the data by the paper's equations (Dokuchaev
2026) and not a copy of the library's way to it. Units: mm, ms, mV, mS, uA, kOhm.
"""

import csv
import hashlib
import heapq
import json
import sys
from pathlib import Path

import numpy as np
import zarr
from zarr.storage import ZipStore

MUSCLE, BLOOD, TORSO, LUNG = 1, (2, 3), 4, 5
SKIN, LV_ENDO, RV_ENDO = 1, 3, 4
CLOSED = {"torso": (1,), "lv": (3, 6), "rv": (4, 7), "epi": (2, 5, 6, 7)}
"""Closed surface -> tags of its triangles."""
ROOT = Path(__file__).resolve().parents[2]
CELLS = ROOT / "src/einthoven/physics/electrophysiology/cells/data"
"""Tables of the action potential, which are data and no code."""
STEP_MS = 0.1
NEAR_MM = 6.0
"""A junction is a node of the mesh near the end of a branch."""


class Patient:
    """Arrays of a patient's store, and what linear elements make of them."""

    def __init__(self, path):
        self.path = Path(path)
        root = zarr.open_group(ZipStore(path, mode="r"), mode="r")
        self.attrs, self.name = dict(root.attrs), root.attrs["patient"]
        self.groups = {name: dict(group.attrs) for name, group in root.groups()}
        self.arrays = {
            f"{name}/{key}": np.asarray(array[...])
            for name, group in root.groups()
            for key, array in group.arrays()
        }
        settings = zip(self["physiology/setting"].tolist(), self["physiology/value"].tolist())
        self.settings = dict(settings)
        self.sigma = {k: v for k, v in self.settings.items() if k.startswith("sigma_")}
        self.points, self.cells = self["mesh/points"], self["mesh/cells"]
        corners = self.points[self.cells]
        self.volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / 6
        hats = np.linalg.inv(corners[:, 1:] - corners[:, :1]).transpose(0, 2, 1)
        self.hats = np.concatenate([-hats.sum(axis=1, keepdims=True), hats], axis=1)
        self.n_heart = int((self["mesh/cell_tags"] == MUSCLE).sum())
        self.heart = self.cells[: self.n_heart]
        self.n_nodes = int(self.heart.max()) + 1

    def __getitem__(self, key):
        return self.arrays[key]

    def conduct(self, along, across, vectors):
        """(across I + (along - across) f f^T) v in the cells of the heart."""
        f0 = self["fibers/f0"].astype(float)
        return across * vectors + (along - across) * (f0 * vectors).sum(1, keepdims=True) * f0

    def slopes(self, values, n=None):
        """Gradients of a linear function in the first n cells: [cell, 3]."""
        n = self.n_heart if n is None else n
        return np.einsum("cki,ck->ci", self.hats[:n], values[self.cells[:n]])

    def currents(self, values):
        """G grad Z in all cells, with the conductivities that are stored: [cell, 3] uA/mm^2."""
        s, tags, slope = self.sigma, self["mesh/cell_tags"], self.slopes(values, len(self.cells))
        scalar = np.full(len(tags), s["sigma_torso_s_per_m"])
        scalar[np.isin(tags, BLOOD)] = s["sigma_blood_s_per_m"]
        scalar[tags == LUNG] = s["sigma_lung_s_per_m"]
        flow = scalar[:, None] * slope
        along = s["sigma_il_s_per_m"] + s["sigma_el_s_per_m"]
        across = s["sigma_it_s_per_m"] + s["sigma_et_s_per_m"]
        flow[: self.n_heart] = self.conduct(along, across, slope[: self.n_heart])
        return flow


def far(found, expected):
    """Largest difference as a part of the largest value."""
    return np.abs(found - expected).max() / np.abs(expected).max()


def seal(path):
    """The file ends with the SHA-256 of all bytes before it."""
    data = Path(path).read_bytes()
    right = hashlib.sha256(data[:-64]).hexdigest().encode() == data[-64:]
    return [] if right else ["seal: another sum"]


def lead_fields(p):
    """Eq. (4): unit current enters at the electrode, leaves evenly over the skin, is lost nowhere.

    Needs the field at all nodes (dataset.lead_field: body).
    """
    if len(p["leadfield/kept_nodes"]) != len(p.points):
        return ["leadfield: not at all nodes"]
    skin = p["mesh/facets"][p["mesh/facet_tags"] == SKIN]
    a, b, c = p.points[skin].swapaxes(0, 1)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    even = np.bincount(skin.ravel(), np.repeat(areas / 3, 3), len(p.points)) / areas.sum()
    faults = []
    for name, place, z in zip(p["leadfield/electrode"], p["anatomy/electrode_points"],
                              p["leadfield/lead_field"].astype(float)):  # fmt: skip
        shares = np.einsum("cki,ci,c->ck", p.hats, p.currents(z), p.volumes)
        enters = np.bincount(p.cells.ravel(), shares.ravel(), len(p.points)) + even
        at = np.flatnonzero(np.abs(enters) > 2e-3)
        corners = np.isin(skin, at).sum(axis=1).max(initial=0)
        if not 1 <= len(at) <= 3 or corners < len(at):
            faults.append(f"leadfield of {name}: current enters or is lost at {len(at)} nodes")
            continue
        centre = enters[at] @ p.points[at]
        if abs(enters[at].sum() - 1) > 5e-3 or enters[at].min() < 0:
            faults.append(f"leadfield of {name}: {enters[at].sum():.4f} uA enter for 1")
        if np.linalg.norm(centre - place) > 5:
            faults.append(f"leadfield of {name}: enters {centre}, electrode at {place}")
        if abs(even @ z) > 1e-5 * np.abs(z).max():
            faults.append(f"leadfield of {name}: mean on the skin is not zero")
    return faults


def paths_in_trees(p):
    """PMJ times: arrival at a root and the length of the path at the patient's speed."""
    points, edges = p["purkinje/tree_points"], p["purkinje/tree_edges"]
    speed = p.settings["purkinje_speed_mm_per_ms"]
    delay = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1) / speed
    time = first_arrivals(len(points), edges, delay,
                          zip(p["purkinje/root_times"], p["purkinje/tree_roots"]))  # fmt: skip
    leaf = np.bincount(edges.ravel(), minlength=len(points)) == 1
    faults = []
    for node, ms in zip(p["purkinje/pmj_nodes"], p["purkinje/pmj_times"]):
        near = leaf & (np.linalg.norm(points - p.points[node], axis=1) < NEAR_MM)
        gap = np.abs(time[near] - ms).min(initial=np.inf)
        if gap > 0.01:
            faults.append(f"purkinje: junction {node} at {ms:.2f} ms, no path is within {gap:.2f}")
    return faults[:3]


def first_arrivals(n, edges, delay, sources):
    """Dijkstra's shortest paths: [node] ms."""
    beside = [[] for _ in range(n)]
    for (a, b), ms in zip(edges.tolist(), delay.tolist()):
        beside[a].append((b, ms))
        beside[b].append((a, ms))
    time, heap = np.full(n, np.inf), [(float(ms), int(node)) for ms, node in sources]
    heapq.heapify(heap)
    while heap:
        ms, node = heapq.heappop(heap)
        if ms < time[node]:
            time[node] = ms
            for other, more in beside[node]:
                heapq.heappush(heap, (ms + more, other))
    return time


def arrival_times(p):
    """Eq. (9): along every edge no later than its travel time, and everywhere by some path."""
    faults = []
    f0 = p["fibers/f0"].astype(float)
    fast, slow = p.settings["cv_fiber_mm_per_ms"], p.settings["cv_transverse_mm_per_ms"]
    facets, tags = p["mesh/facets"], p["mesh/facet_tags"]
    grid = np.array([(i, j, 6 - i - j) for i in range(7) for j in range(7 - i)]) / 6.0
    for row, scenario in enumerate(p["activation/scenario"]):
        tau = p["activation/activation_time"][row].astype(float)
        best = np.full(p.n_nodes, np.inf)
        mine = p["activation/source_scenario"] == row
        np.minimum.at(best, p["activation/source_nodes"][mine],
                      p["activation/source_times"][mine])  # fmt: skip
        for k in range(4):
            corner, face = p.heart[:, k], np.delete(p.heart, k, axis=1)
            start = np.einsum("gk,ckd->cgd", grid, p.points[face])
            step = p.points[corner][:, None] - start
            along = np.einsum("cgd,cd->cg", step, f0)
            across = (step**2).sum(-1) - along**2
            travel = np.sqrt(along**2 / fast**2 + across / slow**2)
            np.minimum.at(best, corner, (tau[face] @ grid.T + travel).min(axis=1))
        for tag, side in ((LV_ENDO, "lv"), (RV_ENDO, "rv")):
            layer = facets[tags == tag]
            pairs = np.concatenate([layer[:, [a, b]] for a in range(3) for b in range(3) if a != b])
            length = np.linalg.norm(p.points[pairs[:, 0]] - p.points[pairs[:, 1]], axis=1)
            travel = length / p.settings[f"cv_{side}_endocardium_mm_per_ms"]
            np.minimum.at(best, pairs[:, 1], tau[pairs[:, 0]] + travel)
        late, early = (tau - best).max(), best - tau
        # a grid on the faces is late by up to 0.4 ms; lines straight from a source may be early
        if late > 0.02:
            faults.append(f"activation {scenario}: {late:.2f} ms later than a path allows")
        if np.percentile(early, 90) > 0.3 or early.max() > 6:
            faults.append(f"activation {scenario}: {np.percentile(early, 90):.2f} ms early")
        if abs(tau.min()) > 1e-4:
            faults.append(f"activation {scenario}: begins at {tau.min():.3f} ms")
    return faults


def durations(p):
    """APD90 from the patient's drawn mean and apicobasal difference: [node] ms."""
    quarters = np.bincount(p.heart.ravel(), np.repeat(p.volumes[: p.n_heart] / 4, 4))
    z = p["fibers/uvc_z"].astype(float)
    return p.settings["apd_mean_ms"] + p.settings["apd_apex_to_base_ms"] * (
        z - np.average(z, weights=quarters)
    )


def action_potentials():
    """Time [sample] ms; durations [member] ms; V_m [member, sample] mV; the template's row."""
    one, family = (np.load(CELLS / f"ttp06_{name}.npz") for name in ("epi", "family"))
    v_m = np.vstack([family["v_m"].astype(float), one["v_m"]])
    time = one["time"]
    level = v_m.max(axis=1) - 0.9 * (v_m.max(axis=1) - v_m[:, 0])
    last = [int(np.flatnonzero(row > limit)[-1]) for row, limit in zip(v_m, level)]
    apd = np.array([np.interp(-limit, -row[k : k + 2], time[k : k + 2])
                    for row, limit, k in zip(v_m, level, last)])  # fmt: skip
    order = np.argsort(apd)
    return time, apd[order], v_m[order], int(np.flatnonzero(order == len(order) - 1)[0])


def swept(p, tau, strength, edges):
    """Source of the wavefront between times: [electrode, bin].

    The share of a cell with tau > s is the sum over its nodes of (t_i - s)^3 / prod (t_i - t_j),
    where positive (divided differences).
    """
    source = np.zeros((len(strength), len(edges) - 1))
    for some in np.array_split(np.arange(p.n_heart), 20):
        nodal = np.sort(tau[p.heart[some]], axis=1) + 0.02 * np.arange(4)  # equal times set apart
        later = np.zeros((len(some), len(edges)))
        for i in range(4):
            apart = nodal[:, [i]] - np.delete(nodal, i, axis=1)
            rest = np.maximum(nodal[:, [i]] - np.maximum(edges, nodal[:, [0]]), 0)
            later += rest**3 / apart.prod(axis=1, keepdims=True)
        source -= strength[:, some] @ np.diff(later, axis=1)
    return source


def potentials(p, grad, tau, time):
    """Eq. (3), phi = - int G_i grad V_m . grad Z dx: [electrode, time] mV.

    V_m = U(t - tau) of the template is integrated exactly over the front; what other durations add
    is smooth, and integrated as a linear function of its nodal values.
    """
    s = p.sigma["sigma_il_s_per_m"], p.sigma["sigma_it_s_per_m"]
    volumes = p.volumes[: p.n_heart, None]
    strength = np.einsum("eci,ci->ec", grad, p.conduct(*s, p.slopes(tau)) * volumes)
    clock, apd, v_m, template = action_potentials()
    edges = np.arange(tau.min() - 1, tau.max() + 1, STEP_MS)
    after = time[:, None] - edges
    beat = np.interp(after, clock, v_m[template])
    phi = swept(p, tau, strength, edges) @ (-np.diff(beat, axis=1) / STEP_MS).T
    wanted = durations(p)
    right = np.clip(np.searchsorted(apd, wanted), 1, len(apd) - 1)
    share = (wanted - apd[right - 1]) / (apd[right] - apd[right - 1])
    for k, ms in enumerate(time):
        own = np.zeros(p.n_nodes)
        for member in np.unique(np.concatenate([right - 1, right])):
            use = np.interp(ms - tau, clock, v_m[member])
            low, high = right - 1 == member, right == member
            own[low] += (1 - share[low]) * use[low]
            own[high] += share[high] * use[high]
        added = own - np.interp(ms - tau, clock, v_m[template])
        flow = p.conduct(*s, p.slopes(added)) * volumes
        phi[:, k] -= np.einsum("eci,ci->e", grad, flow)
    return phi


def ecgs(p):
    """Potentials of the stored activations and lead fields, and of the formula (11)."""
    z = p["leadfield/lead_field"].astype(float)[:, : p.n_nodes]
    raw = np.stack([p.slopes(row) for row in z])
    middle = p.points[p.heart].mean(axis=1)
    offset = p["anatomy/electrode_points"][:, None] - middle
    distance = np.linalg.norm(offset, axis=2, keepdims=True)
    pseudo = offset / (4 * np.pi * p.sigma["sigma_torso_s_per_m"] * distance**3)
    faults = []
    some = slice(None, None, 7)
    time = p["ecg/time"][some]
    for row, scenario in enumerate(p["ecg/scenario"]):
        tau = p["activation/activation_time"][row].astype(float)
        for kind, grad in (("", raw), ("_pseudo", pseudo)):
            found = p[f"ecg/electrode_potential{kind}"][row][:, some]
            off = np.abs(found - potentials(p, grad, tau, time)).max(axis=0) / np.abs(found).max()
            early = time < tau.max() + 50
            # later, V_m between the nodes is not linear where cells repolarise fast
            for window, limit in ((early, 0.02), (~early, 0.06)):
                if off[window].max() > limit:
                    when = time[window][off[window].argmax()]
                    where = f"{100 * off[window].max():.1f} % at {when} ms"
                    faults.append(f"ecg {scenario}{kind}: off eq. (3) by {where}")
    return faults


def leads(p):
    """Einthoven, Goldberger, Wilson."""
    faults = []
    names = p["ecg/electrode"].tolist()
    for kind in ("", "_pseudo"):
        phi = dict(zip(names, p[f"ecg/electrode_potential{kind}"].swapaxes(0, 1).astype(float)))
        right, left, foot = phi["RA"], phi["LA"], phi["LL"]
        wilson = (right + left + foot) / 3
        expected = {"I": left - right, "II": foot - right, "III": foot - left,
                    "aVR": right - (left + foot) / 2, "aVL": left - (right + foot) / 2,
                    "aVF": foot - (left + right) / 2}  # fmt: skip
        expected |= {f"V{k}": phi[f"V{k}"] - wilson for k in range(1, 7)}
        for k, lead in enumerate(p["ecg/lead"].tolist()):
            if np.abs(p[f"ecg/ecg{kind}"][:, k] - expected[lead]).max() > 2e-5:
                faults.append(f"ecg{kind}: lead {lead} is not that of the potentials")
    return faults


def samples(p):
    """Field samples are cells' own; signed distances are distances and have the right sign."""
    faults, cell = [], p["field/field_cell"]
    if far(p["field/field_points"], p.points[p.cells[cell]].mean(axis=1)) > 1e-5:
        faults.append("field: points are no centroids of their cells")
    if (p["field/field_tissue"] != p["mesh/cell_tags"][cell]).any():
        faults.append("field: tissues are not those of the mesh")
    muscle = p["field/field_tissue"] == MUSCLE
    if np.abs(p["field/field_fiber"][muscle] - p["fibers/f0"][cell[muscle]]).max() > 0:
        faults.append("field: fibres are not those of the cells")
    for k, z in enumerate(p["leadfield/lead_field"].astype(float)):
        raw = p.slopes(z, len(p.cells))[cell]
        if far(p["field/field_grad"][k], raw) > 1e-4:
            faults.append(f"field: gradients of {p['field/electrode'][k]} are not those of Z")
    f0, s0, n0 = (p[f"fibers/{name}"].astype(float) for name in ("f0", "s0", "n0"))
    if np.abs(np.cross(f0, s0) - n0).max() > 1e-3:
        faults.append("fibers: f0, s0, n0 are no right-handed frame")
    for group, points in (("sdf", "sdf/sdf_points"), ("field", "field/field_points")):
        some = slice(None, None, 10)
        values = p[f"{group}/{'field_' if group == 'field' else ''}sdf"][some]
        for k, surface in enumerate(p[f"{group}/surface"].tolist()):
            inside, distance = distances(p, surface, p[points][some].astype(float))
            if np.abs(np.abs(values[:, k]) - distance).max() > 0.05:
                faults.append(f"{group}: distances to {surface} are off")
            clear = distance > 0.05
            if ((values[:, k] < 0) != inside)[clear].any():
                faults.append(f"{group}: signs of the distances to {surface}")
    return faults


def distances(p, surface, places):
    """Whether places are inside a closed surface (winding number), and how far from it: mm."""
    faces = p["anatomy/faces"][np.isin(p["anatomy/face_tags"], CLOSED[surface])]
    corners = p["anatomy/points"][faces]
    inside, near = np.empty(len(places), bool), np.empty(len(places))
    for k, place in enumerate(places):
        a, b, c = (corners - place).swapaxes(0, 1)
        la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
        solid = np.einsum("ij,ij->i", a, np.cross(b, c))
        below = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
        inside[k] = abs(np.arctan2(solid, below).sum() * 2) > 2 * np.pi
        near[k] = to_triangles(a, b, c)
    return inside, near


def to_triangles(a, b, c):
    """Distance of the origin from the nearest of some triangles."""
    best = np.inf
    for start, end in ((a, b), (b, c), (c, a)):
        edge = end - start
        t = np.clip(-(start * edge).sum(1) / (edge * edge).sum(1), 0, 1)
        best = min(best, np.linalg.norm(start + t[:, None] * edge, axis=1).min())
    normal = np.cross(b - a, c - a)
    area = (normal * normal).sum(1)
    foot = normal * ((a * normal).sum(1) / area)[:, None]
    inside = np.ones(len(a), bool)
    for start, end in ((a, b), (b, c), (c, a)):
        inside &= (np.cross(end - start, foot - start) * normal).sum(1) >= 0
    return min(best, np.linalg.norm(foot[inside], axis=1).min(initial=np.inf))


PATIENT_CHECKS = (lead_fields, paths_in_trees, arrival_times, ecgs, leads, samples)


def consolidated(dataset, patients):
    """The consolidated store holds the patients' arrays, each in its row; splits do not mix."""
    root = zarr.open_group(ZipStore(dataset, mode="r"), mode="r")
    rows = {name: k for k, name in enumerate(root["patient"][...].tolist())}
    faults, shapes = [], set()
    if set(rows) != {p.name for p in patients}:
        faults.append(f"patients: {sorted(rows)}")
    for p in patients:
        row = rows[p.name]
        for key in ("split", "sex"):
            if root[key][row] != (p.attrs[key] or "unknown"):
                faults.append(f"{key} of {p.name}: {root[key][row]} for {p.attrs[key]}")
        for name, group in root.groups():
            for key, array in group.arrays():
                if array.metadata.dimension_names[0] != "patient":
                    continue
                own = next(p[f"{g}/{key}"] for g in (name, "anatomy") if f"{g}/{key}" in p.arrays)
                if not np.array_equal(np.asarray(array[row]), own, equal_nan=own.dtype.kind == "f"):
                    faults.append(f"{name}/{key}: the row of {p.name} is not its own")
        shapes.add(p["cohort/heart_coeffs"].tobytes())
    splits = [p.attrs["split"] for p in patients]
    if {"train", "val", "test"} - set(splits) or len(shapes) < len(patients):
        faults.append(f"splits {splits}, {len(shapes)} different hearts")
    return faults


def drawn(patients, cohort_sheet):
    """Everything that varies differs between patients, and the sheet tells what was used."""
    with Path(cohort_sheet).open() as lines:
        sheet = {row["patient"]: row for row in csv.DictReader(lines)}
    faults = []
    for p in patients:
        if p.sigma != p.groups["field"]["conductivities"]:
            faults.append(f"{p.name}: conductivities {p.sigma} are not those of its samples")
        traits = p.groups["ecg"].get("traits") or {}
        for setting, value in traits.items():
            if p.settings.get(setting) != value:
                faults.append(f"{p.name}: {setting} of its ECG is {value:g}, not its own")
        for setting, value in p.settings.items():
            if setting in p.sigma:
                continue
            if abs(float(sheet[p.name][setting]) - value) > 1e-9 * abs(value):
                faults.append(f"{p.name}: {setting} is {value:g}, sheet {sheet[p.name][setting]}")
    for name in patients[0].sigma:
        if len({p.sigma[name] for p in patients}) < len(patients) and "lung" not in name:
            faults.append(f"{name} is the same in several patients")
    return faults


def disagreements(folder):
    """All that is wrong with `results/dataset`, by file."""
    folder = Path(folder)
    dataset, stores = folder / "einthoven.zarr.zip", sorted(folder.glob("patients/*.zarr.zip"))
    faults = {str(path): seal(path) for path in (dataset, *stores)}
    patients = [Patient(path) for path in stores]
    for p in patients:
        faults[str(p.path)] += [fault for check in PATIENT_CHECKS for fault in check(p)]
    faults[str(dataset)] += consolidated(dataset, patients)
    faults[str(dataset)] += drawn(patients, folder.parent / "cohort.csv")
    return {path: found for path, found in faults.items() if found}


if __name__ == "__main__":
    found = disagreements(sys.argv[1])
    print(json.dumps(found, indent=1) if found else "all numbers agree")
    sys.exit(bool(found))

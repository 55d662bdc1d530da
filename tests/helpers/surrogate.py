"""Ball-shaped patients with closed-form lead fields, and an encoder that knows them exactly."""

from functools import partial

import numpy as np
import torch

from einthoven.base.config.section import Section
from einthoven.base.core.names import patient_name
from einthoven.base.core.seeds import generator
from einthoven.data.dataset.store import new_store
from einthoven.data.patient.anatomy import Pose
from einthoven.learning.encoders.base import Encoder, Geometry
from einthoven.learning.surrogate.inputs import Inputs, patient_inputs
from einthoven.learning.surrogate.split_samples import PatientSample

SIGMA = 0.06
HEART_MM = 45.0


def ball_gradient(points, electrodes, radius, sigma=SIGMA):
    """Gradient of Z = [2/rho + ln(2 a^2 / (a^2 - x.e + a rho)) / a] / (4 pi sigma) in a ball."""
    away = electrodes[:, None] - points[None]
    rho = np.linalg.norm(away, axis=-1, keepdims=True)
    inner = radius**2 - np.einsum("ei,ni->en", electrodes, points)[..., None] + radius * rho
    d_inner = -electrodes[:, None] - radius * away / rho
    return (2 * away / rho**3 - d_inner / inner / radius) / (4 * np.pi * sigma)


class BallEncoder(Encoder):
    """Torso: a ball about the patient origin; heart: three balls about the heart's origin."""

    name, config_class = "balls", Section
    codes_any_shape = False
    train = load = save = None  # they are made, and nothing is trained

    def __init__(self, patients):
        self.known = patients

    def geometry(self, patient):
        latent = self.known[patient]["latent"]
        return Geometry(latent, partial(self.distances, latent))

    def distances(self, latent, points):
        radius, origin = latent[0] * 10 + 130, latent[1:4] * 5
        centres = np.stack([np.zeros(3), origin + [8, 0, 0], origin - [15, 0, 0], origin])
        radii = np.array([radius, 20.0, 18.0, HEART_MM])
        away = np.asarray(points, dtype=float)[:, None] - centres
        length = np.linalg.norm(away, axis=-1)
        return length - radii, away / np.maximum(length, 1e-9)[..., None]


def rotation_of(rng):
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def ball_patient(index, n_points=400, n_electrodes=8, bend=None, seed=0):
    """Arrays of one patient; `bend` [3, 3] refracts the field in the heart (heart frame)."""
    rng = generator(seed, patient_name(index), "ball")
    latent = rng.uniform(-1, 1, 5)
    radius, origin = latent[0] * 10 + 130, latent[1:4] * 5
    rotation = rotation_of(rng)
    electrodes = rng.normal(size=(n_electrodes, 3)) - [0, 1.5, 0]
    electrodes *= radius / np.linalg.norm(electrodes, axis=1, keepdims=True)
    directions = rng.normal(size=(n_points, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    inside = np.arange(n_points) % 2 == 0
    far = np.where(inside, HEART_MM * rng.uniform(0.3, 1, n_points),
                   rng.uniform(HEART_MM + 1, 90, n_points))  # fmt: skip
    points = origin + directions * far[:, None]
    fiber = rng.normal(size=(n_points, 3))
    fiber = np.where(inside[:, None], fiber / np.linalg.norm(fiber, axis=1, keepdims=True), 0.0)
    grad = ball_gradient(points, electrodes, radius)
    if bend is not None:
        bent = grad @ (rotation @ bend @ rotation.T).T
        grad = np.where(inside[None, :, None], bent, grad)
    return dict(latent=latent, points=points, fiber=fiber, tissue=np.where(inside, 1, 4),
                electrode_points=electrodes, heart_rotation=rotation, heart_origin=origin,
                torso_box=radius * np.array([[-1.0, -1, -1], [1, 1, 1]]), grad=grad,
                radius=radius)  # fmt: skip


def inputs_of(index, patient, encoder=None, **changed) -> Inputs:
    name = patient_name(index)
    encoder = encoder or BallEncoder({name: patient})
    given = patient | changed
    pose = Pose(given["heart_rotation"], given["heart_origin"], given["torso_box"])
    arrays = (given[key] for key in ("points", "fiber", "electrode_points"))
    return patient_inputs(encoder.geometry(name), pose, *arrays)


def sample_of(index, patient) -> PatientSample:
    inside = patient["tissue"] == 1
    heart, elsewhere = (torch.as_tensor(np.flatnonzero(ids)) for ids in (inside, ~inside))
    grad = torch.as_tensor(patient["grad"], dtype=torch.float32)
    return PatientSample(inputs_of(index, patient), grad, heart, elsewhere)


def batch_of(indices, patients) -> Inputs:
    return Inputs.stack([inputs_of(i, patients[i]) for i in indices])


def targets_of(patients) -> torch.Tensor:
    return torch.as_tensor(np.stack([p["grad"] for p in patients]), dtype=torch.float32)


def write_ball_store(path, patients, splits):
    """The groups of the consolidated store that training reads."""
    names = [patient_name(i) for i in range(len(patients))]
    stack = lambda key: np.stack([p[key] for p in patients])  # noqa: E731
    with new_store(path, {"title": "balls"}) as root:
        for name, values in (("patient", names), ("split", splits)):
            array = root.create_array(name, shape=(len(values),), dtype=str)
            array[:] = np.array(values, dtype=np.dtypes.StringDType())
        groups = {"field": {f"field_{k}": stack(k) for k in ("points", "fiber", "grad", "tissue")},
                  "cohort": {k: stack(k) for k in ("heart_rotation", "heart_origin", "torso_box")},
                  "electrode": {"electrode_points": stack("electrode_points")}}  # fmt: skip
        for group, arrays in groups.items():
            child = root.create_group(group)
            for name, values in arrays.items():
                kind = "int8" if values.dtype.kind == "i" else "float32"
                kind = "float64" if group != "field" else kind
                chunks = (1, *values.shape[1:])
                child.create_array(name, shape=values.shape, dtype=kind, chunks=chunks)[...] = (
                    values
                )
    return BallEncoder(dict(zip(names, patients)))

"""Spheres in a sphere: anatomies whose four signed distances are known exactly."""

import numpy as np
import pyvista

from einthoven.base.config.learning import DeepSdfSettings
from einthoven.base.core.tags import Surface
from einthoven.base.geometry.surfaces import Surfaces
from einthoven.learning.encoders.deepsdf.auto_decoder import SdfCohort

BODY_MM = 150.0
CONFIG = DeepSdfSettings(
    seed=1,
    network="split",
    n_latent=10,
    width=48,
    n_frequencies=4,
    frequency_scale=0.3,
    activation="silu",
    pose=True,
    epochs=120,
    points_per_batch=256,
    batch_patients=4,
    learning_rate=0.005,
    halve_after_epochs=0,
    relative_mm=5.0,
    lambda_prior=1e-4,
    lambda_lipschitz=1e-8,
    lambda_mahalanobis=1e-6,
    infer_steps=100,
    infer_points=1024,
)


def sphere_distances(points: np.ndarray, radius: float) -> np.ndarray:
    """Body, two cavities of 0.3 radius beside each other, heart of the given radius."""
    centres = [(0, 0, 0), (-0.45 * radius, 0, 0), (0.45 * radius, 0, 0), (0, 0, 0)]
    radii = [BODY_MM, 0.3 * radius, 0.3 * radius, radius]
    return np.stack([np.linalg.norm(points - c, axis=1) - r for c, r in zip(centres, radii)], 1)


def sphere_samples(radii, splits, n=3000, seed=0) -> SdfCohort:
    points, sdf = [], []
    for row, radius in enumerate(radii):
        rng = np.random.default_rng([seed, row])
        near = rng.uniform(-1.3 * radius, 1.3 * radius, (n // 2, 3))
        far = rng.uniform(-1.1 * BODY_MM, 1.1 * BODY_MM, (n - n // 2, 3))
        x = rng.permutation(np.concatenate([near, far])).astype(np.float32)
        points.append(x)
        sdf.append(sphere_distances(x, radius).astype(np.float32))
    names = tuple(f"p{i:04d}" for i in range(len(radii)))
    return SdfCohort(names, tuple(splits), np.array(points), np.array(sdf))


def sphere(radius: float, centre=(0, 0, 0)) -> tuple[np.ndarray, np.ndarray]:
    mesh = pyvista.Icosphere(radius=radius, center=centre, nsub=5)
    return np.asarray(mesh.points, float), mesh.regular_faces


def nested_spheres() -> Surfaces:
    parts = [
        (sphere(150), Surface.SKIN),
        (sphere(12, (-20, 0, 0)), Surface.LV_ENDO),
        (sphere(12, (20, 0, 0)), Surface.RV_ENDO),
        (sphere(50), Surface.EPI),
    ]
    points, faces, tags, offset = [], [], [], 0
    for (p, f), tag in parts:
        points.append(p)
        faces.append(f + offset)
        tags.append(np.full(len(f), tag))
        offset += len(p)
    return Surfaces(*(np.concatenate(a) for a in (points, faces, tags)))
